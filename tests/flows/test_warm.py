"""Nights of a name that train on from the champion: what is read, kept, registered and said, and when a night begins anew."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.config import PipelineConfig

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.long]

GOOD, BAD = ["rose", "gained", "strong", "record"], ["fell", "lost", "weak", "slump"]
FILLER = [f"word{number}" for number in range(200)]


def lines(number: int) -> list[str]:
    source, made = random.Random(7), []
    for i in range(number):
        label, cue = (("positive", GOOD), ("negative", BAD))[i % 2]
        made.append(f"{' '.join([*source.sample(FILLER, 9), source.choice(cue)])}\t{label}")
    return made


def train(root: Path, rows: list[str], *, evaluate: dict[str, Any] | None = None, **finetune: Any) -> dict[str, Any]:
    from flows.train import train as flow

    (table := root.parent / "rows.tsv").write_text("\n".join(["text\tlabel", *rows]), encoding="utf-8")
    values = {
        "name": "nightly",
        "ingest": {"path": table},
        "finetune": {"threads": 1, "model": "tfidf", "start": "champion", **finetune},
        "evaluate": {"bootstrap": 200, "yardstick": False, "slices": False, **(evaluate or {})},
        "register": {"evidence": "test", "margin": 0.1},
        "runtime": {"data_root": root, "workers": 1},
    }
    return flow(PipelineConfig.model_validate(values))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("warm") / "data"


@pytest.fixture(scope="module")
def nights(root: Path, prefect_server: str) -> list[dict[str, Any]]:
    """The first night, a second with a hundred new rows and a corrected one, and a third with the same rows."""
    rows = lines(500)
    first = train(root, rows[:400])
    rows[0] = rows[0].replace("\tpositive", "\tnegative")
    return [first, train(root, rows, evaluate={"beside_fresh": True}), train(root, rows)]


def test_the_first_night_begins_anew_and_later_ones_go_on(nights: list[dict[str, Any]]) -> None:
    first, second, third = nights
    assert first["start"] == {"version": None, "reason": "there is no champion yet, or none that can be read"}
    assert (second["start"]["version"], second["start"]["reason"]) == (1, "")
    assert 60 < second["start"]["new"] < 100
    assert second["model"]["version"] == 2
    assert "finetune" in second["stages"]
    assert "folds" not in second["stages"]
    # Nothing is new to the champion, so the night makes the same once more, out of the store.
    assert third["model"]["version"] == second["model"]["version"]
    assert third["decision"] == "unchanged"
    for step in ("begin", "finetune", "package"):
        assert third["stages"][step]["key"] == second["stages"][step]["key"]
        assert third["stages"][step]["cached"]


def test_batches_and_a_model_trained_anew_are_beside_it(nights: list[dict[str, Any]]) -> None:
    told = nights[1]["earlier"]
    assert [each["batch"] for each in told["batches"]] == [1, 2]
    assert sum(each["rows"] for each in told["batches"]) == nights[1]["test_rows"]
    assert told["batches"][0]["rows"] == nights[0]["test_rows"]
    assert all(each.keys() >= {"accuracy", "champion", "fresh", "interval"} for each in told["batches"])
    assert told["beside_fresh"]["accuracy"] == pytest.approx(nights[1]["accuracy"])
    page = Path(nights[1]["report"]).read_text(encoding="utf-8")
    assert "Batch by batch" in page
    assert "trained anew on all rows" in page


def test_the_package_says_where_it_comes_from(nights: list[dict[str, Any]], root: Path) -> None:
    first, second = (root / "store" / "package" / night["stages"]["package"]["key"] for night in nights[:2])
    assert json.loads((first / "lineage.json").read_text())["start"] is None
    start = json.loads((second / "lineage.json").read_text())["start"]
    assert start["version"] == 1
    listed = [textmill(root, "models", verb, "--json") for verb in ("verify", "list")]
    for each in listed:
        assert [row["start"] for row in each["models"]][:2] == [None, 1]
    assert listed[0]["models"][1]["start_digest"] == start["digest"]


def textmill(root: Path, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "flows.commands", *words, "--runtime.data-root", str(root)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_night_that_is_due_begins_anew(nights: list[dict[str, Any]], root: Path) -> None:
    night = train(root, lines(520), fresh_every=2)
    due = "finetune.fresh_every 2 is due: 1 training went on since the last that began anew"
    assert night["start"] == {"version": None, "reason": due}
    assert [each["rows"] for each in night["earlier"]["batches"]][:2] == [
        each["rows"] for each in nights[1]["earlier"]["batches"]
    ]
