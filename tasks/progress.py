"""How long work tells how far it has come. Nothing depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Progress(Protocol):
    """The calls by which a step shows its progress; both are cheap and may be dropped."""

    def advance(self, done: float, total: float | None, unit: str, note: str = "") -> None:
        """Say that `done` of `total` units (documents, words, batches) are finished; `note` is a short remark."""

    def log(self, metrics: Mapping[str, float], at: int) -> None:
        """Report metrics by full name (`finetune/loss`) at a step number (epoch or batch)."""


class NoProgress:
    """Progress that goes nowhere; the default of every pure function."""

    def advance(self, done: float, total: float | None, unit: str, note: str = "") -> None:
        """Drop it."""

    def log(self, metrics: Mapping[str, float], at: int) -> None:
        """Drop it."""


SILENT = NoProgress()
