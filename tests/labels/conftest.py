from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.labels.content import content_key
from tasks.review.schema import Chosen, as_rows

TEXTS = {
    "a/1": "Profit rose to EUR 3.1m",
    "a/2": '=HYPERLINK("http://evil.example","Sales fell")',
    "a/3": "-5% after the warning, said Caf\u00e9 AG",
    "a/4": "利润增长 10%",
    "a/5": "'Strong' demand\nlifted margins",
}
Write = Callable[..., Path]


def chosen(label: str | None = "negative") -> list[Chosen]:
    """A row for each of TEXTS, as a review chooses them."""
    return [
        Chosen("uncertain" if at else "random", text, label, "positive", 0.75, 0.5, row, "news.csv", content_key(text))
        for at, (row, text) in enumerate(TEXTS.items())
    ]


@pytest.fixture
def filled() -> list[dict[str, Any]]:
    """The rows of a review that two people have filled in, all but the last."""
    rows = as_rows(chosen(), "news/4")
    for row, label, who in zip(rows, ("positive", "positive", "negative", "neutral"), "abab", strict=False):
        row["new_label"], row["annotator"] = label, who
    return rows


@pytest.fixture
def table(tmp_path: Path) -> Write:
    """A small table of labels: rows of text, label, annotator, labelled_at."""

    def write(name: str, *rows: tuple[str, str, str, str]) -> Path:
        path = tmp_path / name
        lines = ["text,label,annotator,labelled_at", *(",".join(row) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write
