"""Lines about what a refresh found, for the terminal and for Prefect's pages; `result` is what `refresh --json` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.monitor.alert_words import FEATURES
from tasks.monitor.silence import about_silence
from tasks.shown import inert
from tasks.today.change import change_in_words
from tasks.today.standing import standing_in_words
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from collections.abc import Mapping


def about(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is known of the model and of the stream today, and what can raise no alert: a word for each line, and the line."""
    return [*about_today(result["today"]), *about_silence(result), *_about_summary(result.get("summary"))]


def _about_summary(summary: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if not summary:
        return []
    days = said("{start:day} to {end:day}", start=summary["window_start"], end=summary["window_end"])
    return [(said("digest"), said("a summary of {days} for the channels", days=days))]


def about_today(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is `expected` of the model and what has `changed`, as far as the refresh could tell."""
    expected, changed = found["expected"], found["changed"]
    lines = [(said("today"), standing_in_words(expected))] if expected else []
    return [*lines, *([(said("changed"), change_in_words(changed))] if changed else [])]


def counted_in_words(result: Mapping[str, Any]) -> str:
    """The promise that no record disappears, with its numbers."""
    return said(
        "found {found:,} = scored {scored:,} + duplicates {duplicates:,} + quarantined {quarantined:,}",
        **{name: result[name] for name in ("found", "scored", "duplicates", "quarantined")},
    )


def drifted_in_words(result: Mapping[str, Any]) -> str:
    """The features that have drifted."""
    drifted = [FEATURES.get(drift["feature"], inert(drift["feature"])) for drift in result["drift"] if drift["drifted"]]
    return joined(", ", drifted) if drifted else said("nothing")
