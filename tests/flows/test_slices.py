from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks.config import PipelineConfig
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCES = ("wire", "desk", "blog", "forum")


def write_table(path: Path, source_of: Callable[[int], str] = lambda number: SOURCES[number % 4]) -> Path:
    """Reviews whose words tell the label, but in those of `blog` that are tested the labels are swapped."""
    generator = random.Random(5)
    filler = [f"word{number}" for number in range(60)]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "site", "day"])
        for number in range(1200):
            label, other = generator.sample(["good", "bad"], 2)
            source = SOURCES[number % 4]
            text = " ".join([*generator.sample(filler, 8), label, f"n{number}"])
            swapped = source == "blog" and generator.random() < 0.5
            writer.writerow([text, other if swapped else label, source_of(number), f"{number % 28 + 1}.{number % 6 + 1}.2020"])
    return path


def run(path: Path, data_root: Path, *, evaluate: dict[str, Any] | None = None, **register: Any) -> dict[str, Any]:
    from flows.train import train

    config = PipelineConfig.model_validate(
        {
            "name": "sites",
            "ingest": {"path": path, "keep": ["site", "day"]},
            "finetune": {"model": "tfidf"},
            "evaluate": {"yardstick": False, "bootstrap": 100, "slice_draws": 499} | (evaluate or {}),
            "register": register,
            "runtime": {"data_root": data_root, "workers": 1},
        }
    )
    return train(config)


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Path:
    return tmp_path_factory.mktemp("sites")


@pytest.fixture(scope="module")
def first(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run(write_table(tmp_path_factory.mktemp("table") / "sites.csv"), data_root)


def test_a_source_with_swapped_labels_is_named_first(first: dict[str, Any], data_root: Path) -> None:
    weak = first["slices"]["weak"]
    assert (weak[0]["column"], weak[0]["value"]) == ("site", "blog")
    assert [each["value"] for each in weak] == ["blog"]
    page = Path(first["report"]).read_text()
    assert '<a href="#slices">Slices</a>' in page
    assert "blog" in page


def test_other_kept_values_train_nothing(first: dict[str, Any], data_root: Path, tmp_path: Path) -> None:
    changed = run(write_table(tmp_path / "sites.csv", lambda number: "one"), data_root)
    assert [step for step, stage in changed["stages"].items() if not stage["cached"]] == ["ingest", "slices"]
    assert changed["stages"]["prepare"]["key"] == first["stages"]["prepare"]["key"]
    assert changed["decision"] == "unchanged"
    assert changed["slices"]["weak"] == []


@pytest.mark.usefixtures("first")
def test_the_gate_watches_a_slice_and_one_without_rows_is_one_line(data_root: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "sites.csv")
    with pytest.raises(RequestError, match=r"--register.must-not-lose site=nowhere: none of the \d+ test rows"):
        run(table, data_root, must_not_lose=["site=nowhere"])
    kept = run(table, data_root, must_not_lose=["site=wire", "day=2020-03"])
    assert kept["decision"] == "unchanged"


@pytest.mark.usefixtures("first")
def test_the_package_labels_changed_texts_in_a_cached_step(data_root: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "sites.csv")
    (words := tmp_path / "words.tsv").write_text("good\tbad\n")
    asked = {"robustness": ["upper", "full_width"], "exchange": words, "robustness_rows": 100}
    made = run(table, data_root, evaluate=asked)
    assert [step for step, stage in made["stages"].items() if not stage["cached"]] == ["robustness"]
    found = made["robustness"]["changes"]
    assert {name: each["rows"] for name, each in found.items()} == {"upper": 100, "full_width": 100, "exchange": 100}
    assert found["upper"]["flips"] == 0
    assert found["exchange"]["share"] > 0.9  # the words are all that tells the labels apart
    page = Path(made["report"]).read_text()
    assert '<a href="#robustness">Robustness</a>' in page
    assert "exchange: 3 of" in page
    again = run(table, data_root, evaluate=asked)
    assert all(stage["cached"] for stage in again["stages"].values())
