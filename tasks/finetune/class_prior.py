"""The share of each class where the model is used, as `finetune.class_prior` says it: `positive=0.5`, `negative=0.5`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.errors import RequestError
from tasks.shown import in_line, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 20  # labels of a message
OFF = 0.005  # that shares may differ from 1 when they are added up, since people round


def read_shares(written: Sequence[str]) -> dict[str, float]:
    """The share of each label, made to add up to 1; ValueError for what is no share of a label, or none of a whole."""
    shares: dict[str, float] = {}
    for each in written:
        label, equals, value = each.rpartition("=")
        try:
            share = float(value)
        except ValueError:
            share = -1.0
        if not (equals and label.strip() and 0.0 < share < 1.0):
            raise ValueError(f"{each!r} is no share of a class; write positive=0.5, a number between 0 and 1")
        if label.strip() in shares:
            raise ValueError(f"{label.strip()!r} has two shares; give it one")
        shares[label.strip()] = share
    total = sum(shares.values())
    if shares and abs(total - 1) > OFF:
        raise ValueError(f"the shares add up to {total:g}; give every class one, so that they add up to 1")
    return {label: share / total for label, share in shares.items()}


def shares_in_order(written: Sequence[str], labels: Sequence[str]) -> tuple[float, ...]:
    """The shares of these labels; RequestError if another label has one, or a label has none."""
    shares = read_shares(written)
    unknown, missing = shares.keys() - set(labels), set(labels) - shares.keys()
    if unknown or missing:
        wrong = f"{_named(min(unknown))} is no label of the train rows" if unknown else f"{_named(min(missing))} has no share"
        known = ", ".join(_named(label) for label in labels[:SHOWN]) + (", …" if len(labels) > SHOWN else "")
        raise RequestError(f"--finetune.class-prior: {wrong}; give a share to each of {known}")
    return tuple(shares[label] for label in labels)


def _named(label: str) -> str:
    return repr(shortened(in_line(label), 40))
