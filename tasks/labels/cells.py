"""Cells that a spreadsheet opens: what it would take for a formula is marked as text, and the mark is removed when read back.

OWASP, "CSV Injection": a cell that begins with one of these signs is a formula to a spreadsheet, whatever quotes are around it.
"""

from __future__ import annotations

MARK = "'"
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # full-width signs count too


def defused(text: str) -> str:
    """The text as a cell that no spreadsheet calculates: one that begins like a formula, or marked, gets a mark before it."""
    bare = text.lstrip(" ")
    return MARK + text if bare.startswith((*FORMULAS, MARK)) else text


def restored(cell: str) -> str:
    """The text that `defused` made the cell of; a cell that it would not have made stays as it is."""
    rest = cell.removeprefix(MARK)
    return rest if rest != cell and defused(rest) == cell else cell
