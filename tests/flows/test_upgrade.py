"""A data root that textmill 0.1 made goes on working: its champion, its monitor and its schedules."""

import json
import sqlite3
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.config import PipelineConfig, RefreshConfig
from tasks.monitor.state import MonitorState
from tests.command_line import run_here

CHECKOUT = Path(__file__).parents[2]
ARCHIVE = CHECKOUT / "tests/data/root-of-0.1.tar.xz"
MADE_IN = "/tmp/textmill-0.1"  # where 0.1 wrote it: in its databases, records and files of options

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.timeout(0)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the data root, its corpus, inbox and files of options, as if 0.1 had been run in it."""
    folder = tmp_path_factory.mktemp("home")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    for path in [*folder.glob("*.toml"), *folder.glob("data/runs/*.json")]:
        path.write_text(path.read_text().replace(f"{MADE_IN}/textmill", str(CHECKOUT)).replace(MADE_IN, str(folder)))
    for path in folder.glob("data/*/*.db"):
        rename_in_database(path, folder)
    (folder / "channels.toml").chmod(0o600)
    return folder


def rename_in_database(path: Path, folder: Path) -> None:
    """Replace the folder in every text of a database."""
    with sqlite3.connect(path) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for _, column, kind, *_ in db.execute(f"PRAGMA table_info('{table}')").fetchall():
                if kind.upper().startswith(("VARCHAR", "TEXT", "JSON", "STRING", "CHAR")):
                    for old, new in ((f"{MADE_IN}/textmill", str(CHECKOUT)), (MADE_IN, str(folder))):
                        changed = f'"{column}" = replace("{column}", ?, ?) WHERE "{column}" LIKE ?'
                        db.execute(f'UPDATE "{table}" SET {changed}', (old, new, f"%{old}%"))
    db.close()


def deployed(home: Path) -> dict[str, dict[str, Any]]:
    """The parameters of the deployments that 0.1 made, by name."""
    db = sqlite3.connect(home / "data/prefect/prefect.db")
    rows = db.execute(
        "SELECT flow.name || '/' || deployment.name, deployment.parameters FROM deployment JOIN flow ON flow.id = flow_id"
    ).fetchall()
    db.close()
    return {name: json.loads(parameters) for name, parameters in rows}


def ids(path: Path) -> list[str]:
    """The ids of a file's rows, in order of their names."""
    found: list[str] = pq.read_table(path, columns=["id"])["id"].to_pylist()
    return sorted(found)


def textmill(home: Path, *arguments: str) -> Any:
    """Run the command and read its JSON."""
    done = run_here(*arguments, "--json", "--runtime.data-root", str(home / "data"))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_version_is_whole_and_the_champion_predicts(home: Path) -> None:
    assert textmill(home, "models", "verify")["whole"]
    answer = textmill(home, "predict", "Profit rose sharply this quarter", "...")
    assert answer["model"] == {"name": "news", "version": 2}
    first, second = answer["predictions"]
    assert first["label"] in ("negative", "neutral", "positive")
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert (second["label"], second["reason"]) == (None, "empty_after_cleaning")


@pytest.mark.long
def test_the_champion_scores_a_file(home: Path) -> None:
    output = home / "scored.parquet"
    report = textmill(home, "score", str(home / "inbox/a.csv"), str(output))
    assert report["found"] == report["scored"] == 480
    assert set(pq.read_table(output).column("model").to_pylist()) == {"news/2"}


@pytest.mark.long
def test_its_schedule_trains_a_night_that_meets_its_champion_in_the_gate(home: Path) -> None:
    from flows.train import train

    parameters = deployed(home)["train/news"]
    config = PipelineConfig.model_validate(parameters["config"])
    assert config.ingest.path == home / "corpus"
    tested = [tuple(ids(path)) for path in home.glob("data/mlflow/artifacts/news/*/artifacts/evaluate/predictions.parquet")]
    trained = [set(np.load(path)) for path in home.glob("data/mlflow/artifacts/news/models/*/**/training_hashes.npy")]
    result = train(config)
    assert result["split"] == {"rule": 1, "salt": None, "seed": 13}
    keys = {step: home / "data/store" / step / stage["key"] for step, stage in result["stages"].items() if "key" in stage}
    assert set(tested) == {tuple(ids(keys["prepare"] / "holdout/holdout.parquet"))}
    assert len(trained) == 2
    assert all(before == set(np.load(keys["package"] / "training_hashes.npy")) for before in trained)
    assert result["model"]["version"] == 3
    assert result["decision"] in ("promoted", "refused")
    assert "champion version 2" in result["reason"]
    again = train(config)
    assert again["decision"] == "unchanged"
    assert all(stage["cached"] for stage in again["stages"].values())


def test_its_file_of_options_asks_for_the_same_run(home: Path) -> None:
    options = PipelineConfig.model_validate(tomllib.loads((home / "night.toml").read_text()))
    stored = PipelineConfig.model_validate(deployed(home)["train/news"]["config"])
    assert (stored.finetune.ngrams, stored.finetune.bag.min_documents) == (3, 2)  # 0.1's defaults, written out; auto now
    as_before = options.finetune.model_copy(
        update={"ngrams": 3, "bag": options.finetune.bag.model_copy(update={"min_documents": 2})}
    )
    assert options.model_copy(update={"finetune": as_before}) == stored


@pytest.mark.long
def test_its_schedule_refreshes_the_monitor_and_counts_nothing_twice(home: Path) -> None:
    from flows.refresh import refresh

    config = RefreshConfig.model_validate(deployed(home)["refresh/desk"]["config"])
    with MonitorState.read(home / "data", "desk") as state:
        before = state.counts().to_pylist()
    assert before
    result = refresh(config)
    assert (result["found"], result["duplicates"], result["scored"]) == (480, 480, 0)
    (home / "inbox/b.csv").write_text("time,text\n2020-04-30 09:00,Sales fell and the company warned of a loss\n")
    result = refresh(config)
    assert (result["found"], result["duplicates"], result["scored"]) == (481, 480, 1)
    with MonitorState.read(home / "data", "desk") as state:
        after = state.counts().to_pylist()
    assert [row for row in after if row["day"] < "2020-04-30"] == before
    assert Path(result["report"]).is_file()


@pytest.mark.long
def test_rollback_brings_back_its_first_champion(home: Path) -> None:
    listed = {row["version"]: row["aliases"] for row in textmill(home, "models", "list")["models"]}
    (champion,) = [version for version, aliases in listed.items() if "champion" in aliases]
    rolled_back = textmill(home, "models", "rollback", "--name", "news")
    assert rolled_back["version"] == {2: 1, 3: 2}[champion]
    assert textmill(home, "predict", "Profit rose")["model"]["version"] == rolled_back["version"]
