"""How pretrain is shown: its figures, a look at its own vectors, and its learning curve."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tasks.pretrain.report import FILE
from tasks.pretrain.vectors import CURVE_FILE
from tasks.store.presentation import Point, Presentation, numbers_of
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """The vocabulary, the size and the speed."""
    return said(
        "{vocabulary:,} words of {tokens:,} tokens, {size:,.0f} MB, {rate:,.0f} words/s",
        vocabulary=report["vocabulary"],
        tokens=report["tokens"],
        size=report["model_mb"],
        rate=report["words_per_second"],
    )


def metrics(report: Report) -> dict[str, float]:
    """The numbers of the report, those of each set of words that the vectors were measured on among them."""
    return numbers_of(report, report["intrinsic"])


def page(report: Report, folder: Path) -> dict[str, Any]:
    """Nearest neighbours, and the results on sets of words."""
    return {"vectors": {name: report[name] for name in ("neighbours", "class_neighbours", "intrinsic")}}


def points_of(curve: Mapping[str, Sequence[float]]) -> Iterator[Point]:
    """The curves of `side/curve.json`: `pretrain/<figure>` by words read."""
    for figure in ("loss", "learning_rate"):
        for words, value in zip(curve["words"], curve[figure], strict=True):
            yield Point(f"pretrain/{figure}", int(words), float(value))


def curves(folder: Path) -> Iterator[Point]:
    """Loss and learning rate."""
    return points_of(json.loads((folder / CURVE_FILE).read_text(encoding="utf-8")))


SHOWN = Presentation(says=says, metrics=metrics, page=page, files=(FILE,), curves=curves)
