"""A name's nights by a split of time: the cut is chosen once, is kept, and moves to a later day alone."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.config import PipelineConfig
from tasks.errors import RequestError

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.long]

GOOD, BAD = ["rose", "gained", "strong", "record"], ["fell", "lost", "weak", "slump"]
FILLER = [f"word{number}" for number in range(200)]


def write_rows(path: Path, number: int) -> None:
    source, first = random.Random(7), date(2024, 1, 1)
    lines = ["text\tlabel\tday\ttopic"]
    for i in range(number):
        label, cue = (("positive", GOOD), ("negative", BAD))[i % 2]
        text = " ".join([*source.sample(FILLER, 9), source.choice(cue)])
        lines.append(f"{text}\t{label}\t{first + timedelta(days=i // 4)}\ttopic {i % 7}")
    path.write_text("\n".join(lines), encoding="utf-8")


def train(data_root: Path, table: Path, evaluate: dict[str, Any] | None = None, **prepare: Any) -> dict[str, Any]:
    from flows.train import train as flow

    values = {
        "name": "dated",
        "ingest": {"path": table, "keep": ["day", "topic"]},
        "prepare": {"split": "time", "split_column": "day", **prepare},
        "finetune": {"threads": 1, "model": "tfidf"},
        "evaluate": {"bootstrap": 200, "yardstick": False, **(evaluate or {})},
        "register": {"evidence": "test"},
        "runtime": {"data_root": data_root, "workers": 1},
    }
    return flow(PipelineConfig.model_validate(values))


def test_the_cut_is_kept_with_the_name_and_moves_to_a_later_day_alone(tmp_path: Path) -> None:
    table, root = tmp_path / "rows.tsv", tmp_path / "data"
    write_rows(table, 400)
    first = train(root, table, {"beside_time": "day"})
    cut = first["split"]["from"]
    assert cut == "2024-03-21"  # the last 20 of 100 days
    assert first["test_rows"] == 80
    beside = first["beside"]
    assert (beside["of_run"], beside["column"], beside["from"]) == ("time", "day", cut)
    assert beside["by_time"]["accuracy"] == first["accuracy"]
    assert beside["at_random"]["test_rows"] > 40
    page = Path(first["report"]).read_text(encoding="utf-8")
    assert "By time and at random" in page
    assert beside["meaning"] in page

    write_rows(table, 480)  # twenty days later: all of them are test rows
    second = train(root, table)
    assert second["split"]["from"] == cut
    assert second["test_rows"] == 160

    third = train(root, table, test_from="2024-04-10")
    assert third["split"]["from"] == "2024-04-10"
    with pytest.raises(
        RequestError, match=r"--prepare.test-from 2024-03-01: dated version \d.* was trained on rows from before"
    ):
        train(root, table, test_from="2024-03-01")

    drawn = train(tmp_path / "drawn", table, {"beside_time": "day"}, split="hash", split_column=None)
    assert (drawn["beside"]["of_run"], drawn["beside"]["by_time"]["test_rows"]) == ("hash", 96)
    assert drawn["beside"]["at_random"]["accuracy"] == drawn["accuracy"]

    by_topic = train(root, table, split="group", split_column="topic")
    assert any("was split by time of 'day'" in line for line in by_topic["warnings"])
