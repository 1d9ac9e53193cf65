"""How the step `adapt` is shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tasks.store.presentation import Presentation
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.store.presentation import Report


def says(report: Report) -> str:
    """What the training was worth: the loss of pieces of the validation rows' texts before and after it."""
    before, after = report["valid_loss_before"], report["valid_loss_after"]
    first, last = (math.exp(min(value, 99.0)) for value in (before, after))
    return said(
        "{kind}: loss of a piece {before:.3f} -> {after:.3f} (perplexity {first:,.1f} -> {last:,.1f}), {pieces:,} pieces",
        kind=report["kind"],
        pieces=report["pieces"],
        before=before,
        after=after,
        first=first,
        last=last,
    )


def warnings(report: Report, folder: Path) -> Iterator[str]:
    """A head that is new, and training that was in vain."""
    if report["new_head"]:
        yield said(
            "pretrain.kind {kind}: these weights brought no head that tells pieces, so one of random numbers was trained with "
            "them; the loss before says nothing about the weights",
            kind=report["kind"],
        )
    elif report["valid_loss_after"] >= report["valid_loss_before"]:
        yield said(
            "pretrain.kind {kind}: the loss did not fall on the validation rows; lower pretrain.adapt.lr, or leave "
            "pretrain.kind out",
            kind=report["kind"],
        )


SHOWN = Presentation(says=says, warnings=warnings)
