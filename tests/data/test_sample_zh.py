"""The Chinese example keeps the promises its README makes."""

import re
import unicodedata
from itertools import combinations
from pathlib import Path

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample-zh"
LABELS = ("财经", "体育", "科技", "教育")


def headlines() -> dict[str, str]:
    return {path.relative_to(SAMPLE).as_posix(): path.read_text(encoding="utf-8") for path in SAMPLE.glob("*/*.txt")}


def test_the_folders_are_the_labels_and_the_readme_counts_right() -> None:
    assert {path.name for path in SAMPLE.iterdir() if path.is_dir()} == set(LABELS)
    rows = dict(re.findall(r"(?m)^\| `(\w+)` \|.*\| (\d+) \|$", (SAMPLE / "README.md").read_text(encoding="utf-8")))
    assert {label: int(count) for label, count in rows.items()} == {
        label: len(list((SAMPLE / label).glob("*.txt"))) for label in LABELS
    }
    for label in LABELS:
        names = sorted(path.name for path in (SAMPLE / label).iterdir())
        assert names == [f"{number:04d}.txt" for number in range(1, len(names) + 1)]


def test_each_file_is_one_clean_line_of_chinese() -> None:
    for name, text in headlines().items():
        assert re.fullmatch(r"\S(.*\S)?\n", text), name
        assert unicodedata.is_normalized("NFC", text), name
        assert 8 <= len(re.findall(r"[\u4e00-\u9fff]", text)) <= 40, name


def test_no_headline_occurs_twice_or_nearly() -> None:
    pairs = {name: {text[i : i + 2] for i in range(len(text) - 2)} for name, text in headlines().items()}
    assert len(pairs) >= 150
    near = [
        (a, b) for a, b in combinations(sorted(pairs), 2) if len(pairs[a] & pairs[b]) > 0.5 * min(len(pairs[a]), len(pairs[b]))
    ]
    assert near == []
