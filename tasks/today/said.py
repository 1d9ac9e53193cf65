"""Lines about how good the model is today and what has changed, for the terminal and for Prefect's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.today.change import change_in_words
from tasks.today.standing import standing_in_words

if TYPE_CHECKING:
    from collections.abc import Mapping


def about_today(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is `expected` of the model and what has `changed`, as far as the refresh could tell."""
    expected, changed = found["expected"], found["changed"]
    lines = [("today", standing_in_words(expected))] if expected else []
    return [*lines, *([("changed", change_in_words(changed))] if changed else [])]
