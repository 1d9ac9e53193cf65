"""What comes of a run whose Prefect server goes away: by fakes here, by real servers in tests/faults/row_05_outages.py."""

import contextlib
import io
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import ConnectError
from prefect import flow
from prefect.exceptions import ParameterTypeError
from prefect.runtime import flow_run
from prefect.states import Completed, Failed, Pending, Running, State

from flows import killed
from flows.servers import outage
from flows.servers.outage import FREQUENCY_VARIABLE, Prefect, run_through, tell_late, without_heartbeat
from flows.servers.running import note_run
from tasks.config import PipelineConfig
from tasks.errors import RequestError, UnavailableError
from tasks.runtime import Runtime
from tasks.tracking.spool import Unreachable

ID = str(uuid4())
GONE = ConnectError("connection refused")


class Engine(Prefect):
    """In place of Prefect around a flow: calls its function and returns a state, or raises where it cannot tell one."""

    def __init__(self) -> None:
        self.states: list[tuple[str, str]] = []
        self.answers = False

    def begin(self, flow: Any, config: object) -> Any:
        return SimpleNamespace(id=UUID(ID))

    def run(self, flow: Any, begun: object, config: object) -> Any:
        return flow(config)

    def set_state(self, flow_run_id: UUID, state: Any) -> None:
        if not self.answers:
            raise GONE
        self.states.append((str(flow_run_id), state.type.value))

    def runs(self, function: Callable[[], dict[str, Any]], *, then: object) -> Any:
        """A flow that ends with a state, or with an exception that the engine raises."""

        class Run:
            def __init__(self) -> None:
                self.fn = lambda config: function()

            def __call__(self, config: object) -> object:
                if function is not never:
                    with contextlib.suppress(BaseException):
                        self.fn(config)
                if isinstance(then, Exception):
                    raise then
                return then

        return Run()


def never() -> dict[str, Any]:
    raise AssertionError("the function was called")


def ends_well() -> dict[str, Any]:
    return {"accuracy": 0.9}


def is_refused() -> dict[str, Any]:
    raise RequestError("no such label")


def is_interrupted() -> dict[str, Any]:
    raise KeyboardInterrupt


@pytest.fixture
def engine() -> Engine:
    return Engine()


def notes(root: Path) -> list[Path]:
    return list((root / "runs" / "running").glob("*"))


def kept_at(root: Path) -> list[Path]:
    return list((root / "runs" / "unreported").glob("*"))


def kept(root: Path) -> dict[str, Any]:
    (path,) = kept_at(root)
    assert path.name == f"{ID}.json"
    return dict(json.loads(path.read_text()))


def test_a_run_that_prefect_heard_of_reports_nothing_late(engine: Engine, tmp_path: Path) -> None:
    result = run_through(engine.runs(ends_well, then=Completed()), Runtime(), tmp_path, "http://prefect", prefect=engine)
    assert result == {"accuracy": 0.9, "unreported": {}}
    assert (engine.states, notes(tmp_path), kept_at(tmp_path)) == ([], [], [])


def test_a_result_outlives_the_server_and_is_told_to_the_same_server_later(engine: Engine, tmp_path: Path) -> None:
    result = run_through(engine.runs(ends_well, then=GONE), Runtime(), tmp_path, "http://prefect", prefect=engine)
    assert result == {"accuracy": 0.9, "unreported": {"prefect": str(tmp_path / "runs" / "unreported" / f"{ID}.json")}}
    assert kept(tmp_path)["state"] == "Completed"
    tell_late(tmp_path, "http://prefect", prefect=engine)
    assert kept(tmp_path)  # it does not answer yet
    engine.answers = True
    tell_late(tmp_path, "http://another", prefect=engine)
    assert kept(tmp_path)
    tell_late(tmp_path, "http://prefect", prefect=engine)
    assert engine.states == [(ID, "COMPLETED")]
    assert not list((tmp_path / "runs" / "unreported").iterdir())


def test_a_run_that_ended_well_is_not_left_as_failed(engine: Engine, tmp_path: Path) -> None:
    """Prefect's engine makes it Failed where Completed could not be told and the server is back a moment later."""
    engine.answers = True
    result = run_through(engine.runs(ends_well, then=Failed()), Runtime(), tmp_path, "http://prefect", prefect=engine)
    assert result["unreported"] == {}
    assert engine.states == [(ID, "COMPLETED")]


def test_what_failed_the_run_is_told_and_not_the_outage(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no such label"):
        run_through(engine.runs(is_refused, then=GONE), Runtime(), tmp_path, "http://prefect", prefect=engine)
    assert kept(tmp_path)["state"] == "Failed"
    assert "no such label" in kept(tmp_path)["message"]


def test_an_interruption_stays_one(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_through(engine.runs(is_interrupted, then=GONE), Runtime(), tmp_path, "http://prefect", prefect=engine)
    assert kept(tmp_path)["state"] == "Crashed"


def test_a_server_that_goes_before_the_run_begins_is_a_clear_error(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="http://prefect stopped answering before the run began"):
        run_through(engine.runs(never, then=GONE), Runtime(), tmp_path, "http://prefect", prefect=engine)
    assert not kept_at(tmp_path)


def test_what_is_no_note_of_a_run_is_left_alone(engine: Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine.answers = True
    folder = tmp_path / "runs" / "unreported"
    folder.mkdir(parents=True)
    for name, text in {
        "a": "no JSON",
        "b": "[]",
        "c": '{"server": "http://prefect", "state": "Paused", "message": ""}',
    }.items():
        (folder / f"{name}.json").write_text(text)
    with caplog.at_level(logging.WARNING, "flows.servers.outage"):
        tell_late(tmp_path, "http://prefect", prefect=engine)
    assert len(caplog.messages) == len(list(folder.iterdir())) == 3
    assert engine.states == []


def test_prefect_says_nothing_of_each_event_that_is_lost() -> None:
    from flows.servers.quiet import quiet_prefect

    internal, terminal, raising = logging.getLogger("prefect._internal"), io.StringIO(), logging.raiseExceptions
    handler = logging.StreamHandler(terminal)
    internal.addHandler(handler)
    try:
        with quiet_prefect():
            logging.getLogger("prefect._internal.concurrency").error("Service %r failed to process item", "EventsWorker")
            assert not logging.raiseExceptions
        assert (terminal.getvalue(), logging.raiseExceptions) == ("", raising)
        logging.getLogger("prefect._internal.concurrency").error("shown again")
        assert terminal.getvalue() == "shown again\n"
    finally:
        internal.removeHandler(handler)


def test_parameters_are_validated_as_those_of_the_flow_itself() -> None:
    from flows.train import train

    watched = outage.Ending().of(train)
    assert watched.validate_parameters({"config": PipelineConfig(name="news")})["config"].name == "news"
    with pytest.raises(ParameterTypeError, match="finetune"):
        watched.validate_parameters({"config": {"finetune": {"epochs": "many"}}})


@flow(name="measured", persist_result=False)
def measured(config: Runtime) -> dict[str, Any]:
    """Return what it was given, and what Prefect and the notes say of it meanwhile."""
    (note,) = notes(config.data_root)
    return {"workers": config.workers, "id": str(flow_run.get_id()), "note": note.name}


@pytest.mark.usefixtures("prefect_server")
def test_a_real_flow_is_noted_while_it_runs_and_is_set_late(tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client

    result = run_through(measured, Runtime(workers=3, data_root=tmp_path), tmp_path, "home")
    assert (result["workers"], result["unreported"], notes(tmp_path)) == (3, {}, [])
    assert result["note"].startswith(f"{result['id']}.{os.getpid()}.")
    with get_client(sync_client=True) as client:
        ended = client.read_flow_run(UUID(result["id"]))
        assert (ended.state_name, ended.parameters["config"]["workers"]) == ("Completed", 3)
        folder = tmp_path / "runs" / "unreported"
        folder.mkdir(parents=True)
        for identity in (result["id"], ID):  # the server does not know the second
            (folder / f"{identity}.json").write_text('{"server": "home", "state": "Crashed", "message": "stopped"}')
        tell_late(tmp_path, "home")
        assert not kept_at(tmp_path)
        found = client.read_flow_run(UUID(result["id"])).state
    assert found is not None
    assert (found.name, found.message) == ("Crashed", "stopped")


@pytest.mark.usefixtures("prefect_server")
def test_a_run_that_was_killed_before_its_first_word_does_not_run_for_ever(tmp_path: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterId

    with get_client(sync_client=True) as client:
        states: list[State[Any]] = [Pending(), Running(), Completed()]
        for state in states:
            run = client.create_flow_run(measured, parameters={}, state=state)
            note_run(tmp_path / "runs", str(run.id)).rename(tmp_path / "runs" / "running" / f"{run.id}.{os.getpid()}.0")
        tell_late(tmp_path, "home")
        flow_id = client.read_flow_run(run.id).flow_id
        found = client.read_flow_runs(flow_filter=FlowFilter(id=FlowFilterId(any_=[flow_id])))
        runs = [each for each in found if not each.parameters]
    assert sorted(str(each.state_name) for each in runs) == ["Completed", "Crashed", "Crashed"]
    assert notes(tmp_path) == []


class Tracking:
    """Stands for MLflow: two runs of the killed one have no end there."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str]] = []
        self.answers = False

    def running(self, experiment: str, tags: dict[str, str]) -> list[str]:
        if not self.answers:
            raise Unreachable("no answer")
        return ["parent", "child"] if (experiment, tags) == ("news", {"prefect.flow_run_id": ID}) else []

    def finish(self, run_id: str, status: str) -> None:
        self.ended.append((run_id, status))


def test_a_killed_run_keeps_its_record_until_both_servers_can_be_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(flow_run_id: str) -> None:
        raise GONE

    path = tmp_path / f"{ID}.json"
    mine = {"id": ID, "name": "news", "mlflow_run_id": None}
    path.write_text(json.dumps(mine | {"status": "running", "process": [os.getpid(), "another start"]}))
    tracker: Any = Tracking()
    monkeypatch.setattr(killed, "crash_in_prefect", refuse)
    assert killed.mark_killed(tmp_path, tracker) == []
    monkeypatch.setattr(killed, "crash_in_prefect", lambda flow_run_id: True)
    assert killed.mark_killed(tmp_path, tracker) == []
    assert (json.loads(path.read_text())["status"], tracker.ended) == ("running", [])
    tracker.answers = True
    assert killed.mark_killed(tmp_path, tracker) == [ID]
    assert (json.loads(path.read_text())["status"], tracker.ended) == ("killed", [("parent", "KILLED"), ("child", "KILLED")])


def test_a_command_sends_no_heartbeat_unless_it_is_told_how_often(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, get_current_settings, temporary_settings

    monkeypatch.delenv(FREQUENCY_VARIABLE, raising=False)
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: 45}):
        with without_heartbeat():
            assert get_current_settings().flows.heartbeat_frequency is None
        monkeypatch.setenv(FREQUENCY_VARIABLE, "45")
        with without_heartbeat():
            assert get_current_settings().flows.heartbeat_frequency == 45
