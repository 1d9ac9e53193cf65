"""The pictures of measured rows: whole files of SVG that name what they show."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.pictures import PICTURES, draw_pictures
from benchmarks.results import FAILED, MEASURED, Cost, Result, Results

NAMES = {
    "imdb": ["tutorial", "TF-IDF", "textmill imdb-fast"],
    "few_labels": ["yardstick", "frozen", "zero-shot"],
    "scaling": ["prepare", "finetune", "score"],
}


@pytest.fixture
def results() -> Results:
    """Rows of the three groups that have a picture, of another group, and one that failed."""
    found = Results(Path("unused"), False)

    def add(group: str, name: str, seconds: list[float], **figures: float) -> None:
        runs = tuple(Cost(each, each, 1.0, 1.0) for each in seconds)
        named = {key.replace("__", "."): value for key, value in figures.items()}
        found.rows.append(Result(group, name, "command", MEASURED, runs=runs, figures=named))

    for name, seconds, accuracy in (
        ("tutorial", [900.0], 0.88),
        ("TF-IDF", [30.0], 0.906),
        ("textmill imdb-fast", [28.0, 31.0, 30.0], 0.923),
    ):
        add("imdb", name, seconds, accuracy=accuracy)
    for name in ("yardstick", "frozen"):
        of_sizes = {f"{name}__{size}__accuracy": size / 100 for size in (8, 16)}
        add("few_labels", name, [1.0], **of_sizes, **{f"{name}__{size}__accuracy_deviation": 0.02 for size in (8, 16)})
    add("few_labels", "zero-shot", [1.0], **{"zero-shot__none__accuracy": 0.5})
    for times in (1, 4, 16):
        add(
            "scaling",
            f"{times}x",
            [1.0],
            corpus=25_000 * times,
            **{f"{stage}__seconds": 2.0 * times for stage in NAMES["scaling"]},
        )
    add("prepare", "one process", [1.0])
    found.rows.append(Result("imdb", "spaCy", "command", FAILED, "ended with 1"))
    return found


def test_pictures_name_what_they_show_and_are_the_same_again(results: Results, tmp_path: Path) -> None:
    drawn = draw_pictures(results, tmp_path / "pictures")
    assert {group: path for group, (path, _) in drawn.items()} == {group: f"pictures/{group}.svg" for group in NAMES}
    first = {group: (tmp_path / path).read_bytes() for group, (path, _) in drawn.items()}
    for group, names in NAMES.items():
        words = {text.strip() for text in ElementTree.fromstring(first[group]).itertext()}
        assert set(names) <= words
        assert "spaCy" not in words
    draw_pictures(results, tmp_path / "pictures")
    assert {group: (tmp_path / path).read_bytes() for group, (path, _) in drawn.items()} == first


def test_no_name_lies_on_another_or_on_the_range_of_its_runs(results: Results) -> None:
    for row in results.rows:
        if row.group == "scaling":  # two lines that end close together
            row.figures["score.seconds"] = row.figures["prepare.seconds"] * 1.02
    for group in NAMES:
        figure = Figure(figsize=(8.0, 4.4), layout="constrained")
        axes = figure.add_subplot()
        PICTURES[group][0](axes, [row for row in results.rows if row.group == group and row.status == MEASURED])
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in axes.texts]
        assert len(boxes) == len(NAMES[group])
        for place, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:place]), group
            assert box.y0 > axes.bbox.y0, group
        if group == "imdb":
            lines = [line.get_window_extent() for line in axes.lines if np.size(line.get_xdata()) > 1]
            assert lines
            assert not any(box.x0 < line.x1 and box.y0 < line.y0 < box.y1 for box in boxes for line in lines)


def test_what_was_not_measured_has_no_picture(results: Results, tmp_path: Path) -> None:
    results.rows = [row for row in results.rows if row.group == "prepare"]
    assert draw_pictures(results, tmp_path / "pictures") == {}
    assert not (tmp_path / "pictures").exists()
