import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import RequestError, UnavailableError
from tasks.register import registration
from tasks.register.contest import Contest
from tasks.register.ledger import Ledger
from tasks.register.models import list_models, load_champions, load_model, promote, rollback, verify_models
from tasks.register.seal import package_digest
from tasks.tracking import registry
from tasks.tracking.registry import RegistryOutage, TamperedModel
from tasks.tracking.tracker import Tracker
from tests.register.films import aliases, killed_at, ledger

Enrol = Callable[..., Any]


def test_the_first_model_becomes_champion_and_the_same_package_is_not_registered_again(
    tracker: Tracker, enrol: Enrol, trained: Any
) -> None:
    first = enrol(trained)
    assert (first.version, first.alias, first.decision) == (1, "champion", "first")
    again = enrol(trained)
    assert (again.version, again.alias, again.decision) == (1, "champion", "unchanged")
    assert len(tracker.registry.versions("films")) == 1
    assert aliases(tracker) == {"champion": 1}
    assert ledger(tracker) == [("first", None, 1)]
    version = tracker.registry.version("films", 1)
    assert version.package_digest == package_digest(trained.package)
    digests = json.loads(version.tags["sha256.0"] + version.tags.get("sha256.1", ""))
    assert digests["artifacts/package/package.json"] == version.package_digest


def test_a_model_that_holds_its_own_is_promoted_and_can_be_rolled_back(
    tracker: Tracker, enrol: Enrol, trained: Any, retrained: Any
) -> None:
    enrol(trained)
    # The tiny champion knows the retrained model's test rows about as well as it knows its own.
    second = enrol(retrained, accuracy=1.0, margin=0.1)
    assert (second.version, second.alias, second.decision) == (2, "champion", "promoted"), second.reason
    assert aliases(tracker) == {"champion": 2, "previous": 1}
    back = rollback(tracker, "films")
    assert (back.version, back.decision) == (1, "rollback")
    assert aliases(tracker) == {"champion": 1}
    assert ledger(tracker) == [("first", None, 1), ("promoted", 1, 2), ("rollback", 2, 1)]
    with pytest.raises(RequestError, match="no earlier champion"):
        rollback(tracker, "films")
    # What a person rolled back from is not promoted again by the same run.
    assert enrol(retrained, accuracy=1.0, margin=0.1).decision == "unchanged"


def test_a_worse_model_is_refused_and_decided_anew_when_the_gate_changes(
    tracker: Tracker, enrol: Enrol, trained: Any, retrained: Any
) -> None:
    enrol(trained)
    refused = enrol(retrained, accuracy=0.5)
    assert (refused.version, refused.alias, refused.decision) == (2, "challenger", "refused")
    assert "champion version 1" in refused.reason
    assert refused.figures["champion_challenger_accuracy"] == 0.5
    assert aliases(tracker) == {"champion": 1, "challenger": 2}
    again = enrol(retrained, accuracy=0.5)
    assert (again.decision, again.alias) == ("unchanged", "challenger")
    assert "refused before" in again.reason
    assert enrol(retrained, accuracy=0.5, margin=0.99).decision == "promoted"
    assert len(tracker.registry.versions("films")) == 2


def test_a_person_can_promote_a_refused_version(tracker: Tracker, enrol: Enrol, trained: Any, retrained: Any) -> None:
    enrol(trained)
    enrol(retrained, accuracy=0.5)
    made = promote(tracker, None, 2, "the new labels are right")
    assert (made.name, made.version, made.decision) == ("films", 2, "promoted")
    assert aliases(tracker) == {"champion": 2, "previous": 1}
    assert promote(tracker, "films", 2).decision == "unchanged"
    assert ledger(tracker)[-1] == ("promote", 1, 2)
    assert load_model(tracker).version == 2
    with pytest.raises(RequestError, match="no version '9'"):
        promote(tracker, "films", 9)


def test_other_labels_are_refused(tracker: Tracker, enrol: Enrol, trained: Any, train_tiny: Any, tmp_path: Path) -> None:
    enrol(trained)
    words = {"bad": ["awful", "boring", "dull"], "good": ["great", "lovely", "fine"]}
    other = train_tiny(tmp_path / "other", labels=words, num_documents=200)
    made = enrol(other)
    assert made.decision == "refused"
    assert "textmill models promote 2" in made.reason


def test_a_run_that_ended_before_deciding_is_made_good(
    tracker: Tracker, enrol: Enrol, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Contest, "decide", killed)
    with pytest.raises(KeyboardInterrupt):
        enrol(trained)
    monkeypatch.undo()
    assert ledger(tracker) == []
    assert enrol(trained).decision == "first"
    assert len(tracker.registry.versions("films")) == 1


def test_a_champion_that_was_set_by_something_else_is_noticed(
    tracker: Tracker, enrol: Enrol, trained: Any, retrained: Any
) -> None:
    enrol(trained)
    enrol(retrained, accuracy=0.5)
    tracker.registry.set_alias("films", "champion", 2)
    assert promote(tracker, "films", 2).decision == "unchanged"
    assert ledger(tracker)[-1] == ("noticed", 1, 2)
    assert aliases(tracker) == {"champion": 2}
    assert rollback(tracker, "films").version == 1


def test_nothing_moves_where_the_ledger_cannot_be_written(
    tracker: Tracker, enrol: Enrol, trained: Any, retrained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(trained)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Ledger, "append", full)
    with pytest.raises(OSError, match="No space"):
        enrol(retrained, accuracy=1.0, margin=0.99)
    assert aliases(tracker) == {"champion": 1, "challenger": 2}


def test_a_registration_goes_on_when_the_server_is_back(
    tracker: Tracker, enrol: Enrol, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    set_alias = tracker.registry.set_alias

    def goes_away_twice(*arguments: Any) -> None:
        if len(waited) < 2:
            raise RegistryOutage("MLflow store http://mlflow failed: connection refused")
        set_alias(*arguments)

    def comes_back(deadline: float) -> bool:
        waited.append(deadline)
        return True

    monkeypatch.setattr(tracker.registry, "set_alias", goes_away_twice)
    monkeypatch.setattr(tracker, "answers_before", comes_back)
    assert enrol(trained).decision == "first"
    assert len(tracker.registry.versions("films")) == 1
    assert aliases(tracker)["champion"] == 1
    assert len(waited) == 2
    assert waited[0] == waited[1]  # two outages are not waited for longer than one


def test_a_registration_without_its_server_promotes_nothing_and_says_so(
    tracker: Tracker, enrol: Enrol, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*arguments: Any) -> None:
        raise RegistryOutage("MLflow store http://mlflow failed: connection refused")

    monkeypatch.setattr(tracker.registry, "set_alias", gone)
    monkeypatch.setattr(tracker, "answers_before", lambda deadline: False)
    with pytest.raises(UnavailableError, match="films is not complete and no promotion is recorded") as raised:
        enrol(trained)
    assert not isinstance(raised.value, RegistryOutage)
    assert tracker.home.uri in str(raised.value)
    assert (aliases(tracker), ledger(tracker)) == ({}, [])


def test_small_losses_are_measured_against_the_best_champion(
    tracker: Tracker, enrol: Enrol, trained: Any, retrained: Any, thirdly_trained: Any
) -> None:
    enrol(trained, accuracy=1.0)
    enrol(retrained, accuracy=0.5, margin=0.99)  # promoted, but measured as worse
    third = enrol(thirdly_trained, accuracy=0.9, margin=0.3)
    assert third.decision == "promoted"
    # Both know all of the third corpus' test rows.
    assert third.figures["champion_accuracy"] == third.figures["best_accuracy"] == 1.0
    assert third.figures["best_lower_95"] < -0.05


def test_a_changed_file_stops_loading_promoting_and_comparing(
    tracker: Tracker, enrol: Enrol, trained: Any, retrained: Any
) -> None:
    enrol(trained)
    folder = tracker.registry.verify(tracker.registry.version("films", 1))
    (folder / "artifacts" / "package" / "code" / "more.py").write_text("raise SystemExit")
    with pytest.raises(TamperedModel, match=r"more\.py was not registered"):
        load_model(tracker, "films@champion")
    made = enrol(retrained)
    assert made.decision == "refused"
    assert "cannot" in made.reason or "will not be loaded" in made.reason
    promote(tracker, "films", 2)
    with pytest.raises(TamperedModel):
        rollback(tracker, "films")
    with pytest.raises(TamperedModel):
        promote(tracker, "films", 1)
    assert aliases(tracker)["champion"] == 2


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_the_same_model_takes_the_place_of_a_champion_whose_files_are_gone(
    tracker: Tracker, enrol: Enrol, trained: Any, damage: str
) -> None:
    enrol(trained)
    assert load_champions(tracker) == {"films/1": None}
    folder = tracker.registry.verify(tracker.registry.version("films", 1))
    if damage == "gone":
        shutil.rmtree(folder)
    else:
        (folder / "MLmodel").write_text("")
    (problem,) = load_champions(tracker).values()
    assert problem is not None
    assert "films version 1" in problem
    assert str(folder) in problem
    again = enrol(trained)
    assert (again.version, again.alias, again.decision) == (2, "champion", "promoted")
    assert "the same model as version 1" in again.reason
    assert load_model(tracker, "films").version == 2
    assert load_champions(tracker) == {"films/2": None}
    assert enrol(trained).decision == "unchanged"


@pytest.mark.parametrize("name", ["pyfunc_model.py", "MLmodel", "artifacts/package/model/weights.safetensors"])
def test_every_file_of_a_version_is_compared(tracker: Tracker, enrol: Enrol, trained: Any, name: str) -> None:
    enrol(trained)
    folder = tracker.registry.verify(tracker.registry.version("films", 1))
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    with pytest.raises(TamperedModel, match="was changed"):
        load_model(tracker, "films")


def test_models_are_found_by_alias_number_and_default(tracker: Tracker, enrol: Enrol, trained: Any) -> None:
    with pytest.raises(RequestError, match="no model has a champion yet"):
        load_model(tracker)
    enrol(trained)
    for wanted in (None, "films", "films@champion", "films/1"):
        loaded = load_model(tracker, wanted)
        assert loaded.title == "films/1"
    assert loaded.model.predict(["strong growth rose"])[0]["label"] == "positive"
    for wanted, message in (("books", "known: films"), ("films@best", "aliases"), ("films/7", "no version '7'")):
        with pytest.raises(RequestError, match=message):
            load_model(tracker, wanted)


def test_the_list_shows_figures_and_the_last_decision(tracker: Tracker, enrol: Enrol, trained: Any, retrained: Any) -> None:
    enrol(trained, accuracy=0.75)
    enrol(retrained, accuracy=0.5)
    first, second = list_models(tracker, "films")
    assert (first.version, first.aliases, first.accuracy, first.action) == (1, ("champion",), 0.75, "first")
    assert (second.aliases, second.action) == (("challenger",), "refused")
    assert list_models(tracker) == [first, second]
    with pytest.raises(RequestError, match="known: films"):
        list_models(tracker, "books")


def test_the_registered_model_holds_no_path_of_this_machine_and_no_pickle(tracker: Tracker, enrol: Enrol, trained: Any) -> None:
    enrol(trained)
    folder = tracker.registry.verify(tracker.registry.version("films", 1))
    text = (folder / "MLmodel").read_text() + (folder / "requirements.txt").read_text() + (folder / "conda.yaml").read_text()
    assert str(Path(registration.__file__).parents[2]) not in text
    assert "safetensors==" in text
    assert "+cpu" not in text
    assert not [path for path in folder.rglob("*") if path.suffix in (".pkl", ".pickle", ".pth", ".pt")]


def test_pyfunc_loads_without_pickle_and_refuses_a_damaged_package(tracker: Tracker, enrol: Enrol, trained: Any) -> None:
    enrol(trained)
    folder = tracker.registry.verify(tracker.registry.version("films", 1))
    code = """
import sys, warnings
from pathlib import Path
warnings.filterwarnings("ignore", message=".*Any type hint")
import mlflow
print(mlflow.pyfunc.load_model(sys.argv[1]).predict([{"text": "profit rose"}]).to_dict("records")[0]["label"])
Path(sys.argv[1], "artifacts/package/text.json").write_text("{}")
try:
    mlflow.pyfunc.load_model(sys.argv[1])
except mlflow.MlflowException as error:
    print(error)
"""
    environment = {"PATH": "", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-P", "-c", code, str(folder)]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    label, error = done.stdout.splitlines()
    assert label == "positive"
    assert "text.json was changed; the model is not loaded" in error


def test_a_registration_that_was_killed_at_its_aliases_is_recorded_with_its_figures(
    tracker: Tracker, enrol: Enrol, trained: Any, retrained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(trained)
    killed_at(monkeypatch, "register.champion_set")
    with pytest.raises(KeyboardInterrupt):
        enrol(retrained, accuracy=1.0, margin=0.1)
    monkeypatch.undo()
    assert aliases(tracker) == {"champion": 2, "previous": 1, "challenger": 2}
    assert enrol(retrained, accuracy=1.0, margin=0.1).decision == "unchanged"
    assert aliases(tracker) == {"champion": 2, "previous": 1}
    assert ledger(tracker) == [("first", None, 1), ("promoted", 1, 2)]
    assert Ledger(tracker.home.ledger).entries("films")[-1].figures["champion_challenger_accuracy"] == 1.0


def test_a_registration_that_was_killed_leaves_no_second_copy_of_its_package(
    tracker: Tracker, enrol: Enrol, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(registry, "crash_point", killed)
    with pytest.raises(KeyboardInterrupt):
        enrol(trained)
    monkeypatch.undo()
    packages = tracker.home.folder / "artifacts"
    assert len(list(packages.rglob("package.json"))) == 1
    assert enrol(trained).decision == "first"
    assert len(list(packages.rglob("package.json"))) == 1


def test_every_version_is_verified_and_the_whole_ones_beside_a_broken_one_too(
    tracker: Tracker, enrol: Enrol, trained: Any, retrained: Any, thirdly_trained: Any
) -> None:
    assert verify_models(tracker) == []
    for model in (trained, retrained, thirdly_trained):
        enrol(model, accuracy=0.5, margin=0.99)
    versions = tracker.registry.versions("films")
    (tracker.registry.verify(versions[0]) / "MLmodel").unlink()
    shutil.rmtree(tracker.registry.verify(versions[1]))
    first, second, third = verify_models(tracker)
    assert (first.version, first.whole, "MLmodel is missing" in str(first.problem)) == (1, False, True)
    assert not second.whole
    assert re.fullmatch("films version 2: its files are missing: .*", str(second.problem))
    assert (third.aliases, third.whole, third.problem) == (("champion",), True, None)
    assert verify_models(tracker, "films") == [first, second, third]
    assert verify_models(tracker, "films", "champion") == verify_models(tracker, "films", 3) == [third]
    with pytest.raises(RequestError, match="known: films"):
        verify_models(tracker, "books")


def test_a_server_that_does_not_answer_is_no_broken_model(
    tracker: Tracker, enrol: Enrol, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(trained)

    def gone(*arguments: Any) -> None:
        raise RegistryOutage("MLflow store http://mlflow failed: connection refused")

    monkeypatch.setattr(tracker.registry, "verify_at_source", gone)
    with pytest.raises(RegistryOutage):
        verify_models(tracker)
