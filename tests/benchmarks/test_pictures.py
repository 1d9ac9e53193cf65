"""The pictures of measured rows: whole files of SVG that name what they show."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.pictures import draw_pictures
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


def test_what_was_not_measured_has_no_picture(results: Results, tmp_path: Path) -> None:
    results.rows = [row for row in results.rows if row.group == "prepare"]
    assert draw_pictures(results, tmp_path / "pictures") == {}
    assert not (tmp_path / "pictures").exists()
