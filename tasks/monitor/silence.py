"""Lines about everything in a monitor that cannot raise an alert, for the terminal and for Prefect's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.monitor.watched import NotFound, not_found_in_words
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from collections.abc import Mapping


def about_silence(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Lines about series that are not judged (`mute`) and entries of the watch-list that were never found (`watch`).

    `result` is a refresh's, as `textmill refresh --json` prints it.
    """
    lines: list[tuple[str, str]] = []
    if line := result["not_judged"]["summary"]:
        lines.append((said("mute"), line))
    watch = result["watch_list"]
    missing = [NotFound(**each) for each in watch["not_found"]]
    return lines + [(said("watch"), line) for line in not_found_in_words(missing, watch["entries"])]
