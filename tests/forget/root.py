"""A data root in which a text is in every kind of place, and what is left of one."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

from flows.servers.alone import alone
from flows.servers.server import make_database as make_prefect
from tasks.forget.forget import carry_out, make_plan
from tasks.forget.forgotten import FOLDER, remember
from tasks.forget.where import Roots
from tasks.ingest.settings import IngestConfig, refusing
from tasks.ingest.task import ingest
from tasks.monitor.alert import Alert
from tasks.monitor.state import MonitorState
from tasks.monitor.transaction import Refused
from tasks.prepare.settings import PrepareConfig
from tasks.prepare.task import prepare
from tasks.store.artifact import Artifact, Store
from tasks.store.step import Run
from tasks.template import template_of
from tasks.tracking.client import make_database as make_mlflow
from tests import steps
from tests.forget.planted import OTHER, PLANTED, TEXT
from tests.monitor.conftest import batch_of

ID = "news.csv:7"
STAYS = "a headline that stays as it is"


def roots_of(root: Path) -> Roots:
    """Its own folders, as the command finds them."""
    return Roots(root, root / "mlflow", root / "prefect", root / "mlflow/mlflow.db")


def write_table(path: Path) -> Path:
    """A corpus of sixty rows, the seventh of which is the text; another holds it within a longer one."""
    rows = [
        (f"Row {number} of the {label} news tells of {number * 7} things", label)
        for number in range(30)
        for label in ("good", "bad")
    ]
    rows[6] = (TEXT, "good")
    rows[20] = (f"As we wrote: {TEXT} So far the letter.", "bad")
    path.write_text("".join(f"{json.dumps({'text': text, 'label': label})}\n" for text, label in rows), encoding="utf-8")
    return path


def build(root: Path, table: Path) -> list[Artifact]:
    """Ingest and prepare the table as a run does; and an artifact made from the train rows, one made from that, and another."""
    store = Store(root)
    run = Run(store)
    corpus = steps.alone(ingest)(run, refusing(IngestConfig(path=table), root)).data
    dataset = steps.alone(prepare)(run, PrepareConfig(), corpus=corpus).data
    model = _made(store, "finetune", {"dataset": dataset.narrow("dataset").digest})
    package = _made(store, "package", {"model": model.digest})
    return [corpus, dataset, model, package, _made(store, "weights", {})]


def _made(store: Store, step: str, upstream: dict[str, str]) -> Artifact:
    key = f"{len(upstream)}{step}"
    with store.locked(step, key), store.building(step, key) as making:
        (making.folder / "made.json").write_text(json.dumps(upstream))
        return store.commit(making, step, key, report={}, seconds=0.0, inputs={"upstream": upstream})


def make_root(root: Path) -> Path:
    """Plant the text in every kind of place, beside others that stay."""
    root.mkdir()
    build(root, write_table(root.parent / "news.jsonl"))
    _make_monitor(root)
    _make_databases(root)
    folders = [
        root / "runs/1",
        root / "logs",
        root / "raw",
        root / "fetched/news/0123",
        root / "fetched/news/.before-0123",
        root / "store/.damaged/x/folder",
    ]
    folders += [root / "mlflow/artifacts/1/2/artifacts", root / "tensorboard/news", root / "store/.scratch/finetune-1"]
    for folder in folders:
        folder.mkdir(parents=True)
        for name in ("rows.parquet", "report.html", "rows.zip"):
            PLANTED[name](folder / name)
        (folder / "other.txt").write_text(OTHER)
    (root / "logs/worker.log").write_text(f"first line\ngot {TEXT!a}\nlast line\n")
    record = {
        "name": "news",
        "status": "finished",
        "started": "2026-01-01T00:00:00Z",
        "keys": {},
        "result": {"warnings": [TEXT, OTHER]},
    }
    record["config"] = {"ingest": {"path": [str(root.parent / "news.jsonl"), "absent.csv"], "valid_path": None}}
    (root / "runs/1.json").write_text(json.dumps(record))
    PLANTED["rows.parquet"](root / "runs/refused.parquet")
    lines = [{"method": "set_tag", "value": TEXT}, {"method": "set_tag", "value": OTHER}]
    (root / "runs/spool").mkdir()
    (root / "runs/spool/1.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (root / "mlflow/ledger.jsonl").write_text(f"{json.dumps({'name': 'news', 'reason': TEXT})}\n")
    remember(root, [])
    return root


def _make_monitor(root: Path) -> None:
    day = "2020-03-01"
    documents = [(day, TEXT, "negative", 0.9), (day, STAYS, "positive", 0.1), ("2020-03-02", f"Told: {TEXT}", "negative", 0.8)]
    with MonitorState.open(root, "desk") as state:
        with state.refresh(model="news/1", labels=["negative", "positive"]) as transaction:
            transaction.add(batch_of(documents))
            transaction.quarantine(
                [Refused("a.csv", 3, "missing_time", f"{TEXT},\n".encode()), Refused("a.csv", 4, "empty", b" ")]
            )
        headlines = [
            {"id": "1", "time": day, "text": TEXT, "probability": 0.9},
            {"id": "2", "time": day, "text": STAYS, "probability": 0.8},
        ]
        alert = Alert.make(
            "desk",
            kind="surge",
            series="all",
            severity="high",
            window=(day, day),
            created=1.0,
            evidence={"headlines": headlines},
        )
        state.store_alerts([alert], cooldown_days=1, channels=["team"])
    PLANTED["report.html"](root / "monitor/desk/dashboard.html")
    PLANTED["spool.arrow"](root / "monitor/desk/incoming.arrow")


def _make_databases(root: Path) -> None:
    for folder in ("mlflow", "prefect"):
        (root / folder).mkdir()
    make_mlflow(root / "mlflow/mlflow.db", template_of("mlflow"))
    with contextlib.closing(sqlite3.connect(root / "mlflow/mlflow.db")) as db, db:
        names = "run_uuid, name, source_type, status, lifecycle_stage, experiment_id"
        db.execute(f"INSERT INTO runs ({names}) VALUES ('1', 'a', 'LOCAL', 'FINISHED', 'active', 0)")
        db.executemany("INSERT INTO tags VALUES (?, ?, '1')", [("textmill.warnings", TEXT), ("textmill.error", OTHER)])
        db.execute("INSERT INTO params VALUES ('ingest.text', 'text', '1')")
    before = dict(os.environ)
    os.environ["PREFECT_HOME"] = str(root / "prefect")
    make_prefect(root / "prefect", template_of("prefect"))
    os.environ.clear()
    os.environ.update(before)
    with contextlib.closing(sqlite3.connect(root / "prefect/prefect.db")) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executemany(
            "INSERT INTO log (name, level, message, timestamp) VALUES ('a', 20, ?, '2026-01-01')", [(TEXT,), (OTHER,)]
        )
        db.execute("INSERT INTO artifact (key, data) VALUES ('alerts', ?)", (json.dumps([{"text": TEXT}]),))
        db.execute("INSERT INTO flow (id, name) VALUES ('f', 'train')")
        db.execute(
            "INSERT INTO flow_run (id, name, flow_id, parameters) VALUES ('r', 'news', 'f', ?)", (json.dumps({"config": TEXT}),)
        )
        db.execute(
            "INSERT INTO task_run (id, name, task_key, dynamic_key, flow_run_id) VALUES ('t', 'ingest', 'ingest', '0', 'r')"
        )


def forget(root: Path, text: str = TEXT) -> dict[str, Any]:
    """What the command does once it has read its options."""
    with alone(root, root / "mlflow", waiting=lambda: None) as states:
        return carry_out(make_plan(roots_of(root), [text]), states)


def left_by(root: Path) -> dict[str, Any]:
    """Every file but the list's record, databases as statements."""
    left: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_dir() or name.endswith((".lock", "/lock", "-shm", "-wal", "record.jsonl")):
            continue
        if path.suffix == ".db":
            with contextlib.closing(sqlite3.connect(path)) as db:
                left[name] = sorted(db.iterdump())  # VACUUM puts tables in another order
        else:
            left[name] = path.read_bytes()
    return left


def copy(root: Path, target: Path) -> Path:
    """A copy of a root, with the times of its files."""
    return Path(shutil.copytree(root, target, symlinks=True))


def states_noted(root: Path) -> list[str]:
    """What the record says happened, in order."""
    return [json.loads(line)["state"] for line in (root / FOLDER / "record.jsonl").read_text().splitlines()]
