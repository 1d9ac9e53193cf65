"""Clauses of one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.wording.sentence import said

if TYPE_CHECKING:
    from collections.abc import Iterable


def clauses(parts: Iterable[str]) -> str:
    """Clauses behind each other: other languages part them by another comma than the names of a list."""
    told, *rest = parts
    for more in rest:
        told = said("{told}, {more}", told=told, more=more)
    return told
