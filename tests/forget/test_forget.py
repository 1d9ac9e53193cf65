"""A text is in every kind of place before and in none after; what does not hold it stays, and it does not come back."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

import pytest

from flows.commands.main import main
from tasks.collect.collect import Collector
from tasks.collect.settings import CollectConfig
from tasks.durable import locked
from tasks.errors import RequestError, UnavailableError
from tasks.forget import where
from tasks.forget.forget import make_plan
from tasks.forget.forgotten import Forgotten, forgotten_list, remember
from tasks.forget.forms import Wanted
from tasks.forget.monitors import forget_documents
from tasks.ingest.settings import IngestConfig, TextsConfig, refusing
from tasks.ingest.texts import write_texts
from tasks.monitor.state import MonitorState
from tasks.store.artifact import Store
from tests.forget import root as roots
from tests.forget.planted import OTHER, TEXT
from tests.monitor.conftest import batch_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return roots.make_root(tmp_path_factory.mktemp("planted") / "root")


@pytest.fixture(scope="module")
def forgot(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A root that has forgotten the text, and what was said."""
    root = roots.copy(planted, tmp_path_factory.mktemp("forgot") / "root")
    return root, roots.forget(root)


def test_the_plan_names_every_kind_of_place_and_what_was_made_from_it(planted: Path) -> None:
    plan = make_plan(roots.roots_of(planted), [TEXT.replace(" ", "\n"), TEXT])
    kinds = {
        where.ARTIFACT,
        where.SET_ASIDE,
        where.LEFTOVER,
        where.RECORD,
        where.REPORT,
        where.REFUSED,
        where.SPOOL,
        where.MONITOR,
    }
    kinds |= {
        where.MLFLOW_DATABASE,
        where.MLFLOW_FILE,
        where.PREFECT_DATABASE,
        where.FETCHED,
        where.DOWNLOAD,
        where.LOG,
        where.EVENTS,
    }
    assert set(plan.holding()) == kinds
    assert {path.parent.name for path in plan.made_from} == {"finetune", "package"}
    assert [path.parent.name for path in plan.made_from] == ["package", "finetune"]  # what was made last goes first
    assert [each.place.path.name for each in plan.yours.found] == ["news.jsonl"]
    assert len(plan.wanted.texts) == 3  # the text, the row and the document that hold it
    assert plan.rows == 4
    assert roots.left_by(planted).keys() >= {"logs/worker.log"}


def test_nothing_holds_it_afterwards_and_the_rest_stays(planted: Path, forgot: tuple[Path, dict[str, Any]]) -> None:
    root, said = forgot
    assert said["left"] == said["kept_rows"] == []
    assert not make_plan(roots.roots_of(root), [TEXT]).looked.found
    assert not [path for path in root.rglob("*") if path.is_file() and b"Frau M" in path.read_bytes()]
    before, after = roots.left_by(planted), roots.left_by(root)
    others = [name for name in before if name.endswith("other.txt") and not name.startswith(("fetched", "store"))]
    assert len(others) == 5
    assert all(after[name] == before[name] for name in others)
    assert after["logs/worker.log"] == b"first line\nlast line\n"
    assert json.loads(after["runs/1.json"])["result"] == {"warnings": ["(forgotten)", OTHER]}
    assert OTHER.encode() in after["runs/spool/1.jsonl"]
    assert Store(root).stored() == [("weights", "0weights")]
    tables = {name: "\n".join(after[name]) for name in ("mlflow/mlflow.db", "prefect/prefect.db")}
    assert all(OTHER in table for table in tables.values())
    assert "'ingest.text','text'" in tables["mlflow/mlflow.db"]
    assert 'INSERT INTO "flow"' in tables["prefect/prefect.db"]
    assert 'INSERT INTO "task_run"' not in tables["prefect/prefect.db"]  # it was one of the run's
    assert roots.states_noted(root) == ["begun", "done"]
    assert (root / "forgotten/key").stat().st_mode & 0o777 == (root / "forgotten/texts").stat().st_mode & 0o777 == 0o600


def test_a_monitor_goes_on_without_the_document(forgot: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    root, _ = forgot
    (tmp_path / "new.csv").write_text(
        f'time,text\n2020-03-05,"{TEXT.replace(chr(34), chr(34) * 2)}"\n2020-03-05,Something new to read\n'
    )
    with MonitorState.open(root, "desk") as state:
        assert [text.as_py() for batch in state.documents() for text in batch.column("text")] == [roots.STAYS]
        assert [row["reason"] for row in state.quarantined()] == ["empty"]
        (alert,) = state.alerts()
        assert [headline["text"] for headline in alert.evidence["headlines"]] == [roots.STAYS]
        assert len(state.waiting()) == 1
        listed = forgotten_list(root)
        assert listed is not None
        with state.refresh(model="news/1") as transaction:
            collector = Collector(
                CollectConfig(source=str(tmp_path / "new.csv")), transaction, now=2e9, forgotten=Forgotten.read(listed)
            )
            found = [text for batch in collector.batches() for text in batch.column("text").to_pylist()]
        assert found == ["Something new to read"]
        assert collector.reasons == {"forgotten": 1}
        assert {row["reason"]: row["bytes"] for row in state.quarantined()}["forgotten"] == b""


def test_a_file_that_has_not_changed_is_read_again_and_the_text_in_it_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.collect.files.RACY_SECONDS", -1)  # so that it is not read again anyway
    (tmp_path / "new.csv").write_text(f"time,text\n2020-03-05,{OTHER.replace(',', '')}\n2020-03-05,Something new to read\n")
    config = CollectConfig(source=str(tmp_path / "new.csv"))

    def read(forgotten: Forgotten | None) -> tuple[int, dict[str, int]]:
        with state.refresh(model="news/1") as transaction:
            collector = Collector(config, transaction, now=2e9, forgotten=forgotten)
            for batch in collector.batches():
                transaction.add(batch_of([("2020-03-05", text, "negative", 0.9) for text in batch.column("text").to_pylist()]))
        return transaction.duplicates, dict(collector.reasons)

    with MonitorState.open(tmp_path, "desk") as state:
        assert read(None) == (0, {})
        assert read(None) == (2, {})
        assert forget_documents(state, Wanted([OTHER])) == 1
        assert read(remember(tmp_path, [OTHER.replace(",", "")])) == (1, {"forgotten": 1})


def test_the_next_run_refuses_it_and_counts_it(planted: Path, forgot: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    root = roots.copy(forgot[0], tmp_path / "root")
    (tmp_path / "news.jsonl").write_bytes((planted.parent / "news.jsonl").read_bytes())
    corpus, *_ = roots.build(root, tmp_path / "news.jsonl")
    report = corpus.report
    assert report["reasons"] == {"forgotten": 2}
    assert report["found"] == report["kept"] + report["quarantined"] == 60
    assert not make_plan(roots.roots_of(root), [TEXT]).looked.found
    (tmp_path / "texts.txt").write_text(f"{' '.join(TEXT.split())}\n{OTHER}\n")
    config = refusing(TextsConfig(path=tmp_path / "texts.txt"), root)
    assert isinstance(config, TextsConfig)
    assert write_texts(config, tmp_path)["reasons"] == {"forgotten": 1}


def test_a_key_has_the_list_only_where_something_was_forgotten(tmp_path: Path) -> None:
    config = IngestConfig(path=tmp_path, keep=("a",))
    assert refusing(config, tmp_path) is config
    remember(tmp_path, [])
    assert refusing(config, tmp_path) is config
    remember(tmp_path, [TEXT])
    keyed = refusing(config, tmp_path)
    assert keyed.model_dump() == config.model_dump() | {"forgotten": forgotten_list(tmp_path)}
    (tmp_path / "forgotten/key").unlink()
    with pytest.raises(RequestError, match="restore it from a backup"):
        Forgotten.read(tmp_path / "forgotten/texts")


def test_a_record_that_is_refused_for_another_reason_keeps_no_forgotten_bytes(tmp_path: Path) -> None:
    forgotten = remember(tmp_path, ["one text, and more"])
    assert forgotten.in_record("", b'7;"one  text, and more";x', "utf-8")
    assert forgotten.in_record("", b'{"a": [{"t": "one text, and more"}]}', "utf-8")
    assert not forgotten.in_record("", b'7;"one  text";x', "utf-8")
    assert not forgotten.in_record("one text", b"one text, and more", "utf-8")


@pytest.fixture
def textmill(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["textmill", "forget", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


def test_the_command_tells_first_and_deletes_when_told_to(planted: Path, tmp_path: Path, textmill: Any) -> None:
    root = roots.copy(planted, tmp_path / "root")
    at = ("--runtime.data-root", str(root))
    before = roots.left_by(root)
    code, out, _ = textmill("--text", TEXT, *at)
    assert code == 0
    assert "nothing is deleted: add --yes" in out
    assert roots.left_by(root) == before
    (tmp_path / "list.csv").write_text(f"id\n{corpus_id(root)}\n")
    code, out, _ = textmill("--file", str(tmp_path / "list.csv"), "--yes", "--json", *at)
    told = json.loads(out)
    assert (code, told["left"], told["texts"], told["rows"]) == (0, [], 3, 4)
    code, out, _ = textmill("--text", TEXT, *at)
    assert "found in 0" in out
    code, out, _ = textmill("--file", str(tmp_path / "list.csv"), "--yes", *at)
    assert code == 0
    assert "forgotten before" in out
    code, _, err = textmill("--id", "nobody", *at)
    assert code == 2
    assert err.startswith("textmill: --id nobody: no corpus in")


def corpus_id(root: Path) -> str:
    import pyarrow.parquet as pq

    (path,) = root.glob("store/ingest/*/corpus.parquet")
    return str(next(row["id"] for row in pq.read_table(path).to_pylist() if row["text"] == TEXT))


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("store/.locks/store.lock", "a run is using"),
        ("monitor/desk/lock", "a refresh of desk is in progress"),
        ("services.lock", "textmill up or down is at work"),
        ("mlflow/mlflow.lock", "a run is writing to"),
    ],
)
def test_what_is_in_use_is_named_and_nothing_is_deleted(place: str, told: str, planted: Path, tmp_path: Path) -> None:
    root = roots.copy(planted, tmp_path / "root")
    before = roots.left_by(root)
    with locked(root / place), pytest.raises(RequestError, match=told):
        roots.forget(root)
    assert roots.left_by(root) == before


def test_a_database_that_another_program_holds_is_named_and_the_same_command_goes_on(
    planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.forget.databases.WAIT_SECONDS", 0.1)
    root = roots.copy(planted, tmp_path / "root")
    with contextlib.closing(sqlite3.connect(root / "prefect/prefect.db", isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match=r"prefect\.db: database is locked; it is in use by another program"):
            roots.forget(root)
        db.execute("ROLLBACK")
    assert roots.forget(root)["left"] == []
