"""Names of series for people."""

from __future__ import annotations

from tasks.monitor.tables import ALL, NAME, TOPIC
from tasks.wording.sentence import said

NAMES = said("names of the watch-list")
WHOLE = said("whole stream")


def titled(series: str) -> tuple[str, str]:
    """The title of a series, and the group it is listed under: a topic model, NAMES, or nothing for the whole stream."""
    if series.startswith(TOPIC):
        group, _, label = series.removeprefix(TOPIC).partition("/")
        return label, group
    if series.startswith(NAME):
        return series.removeprefix(NAME), NAMES
    return (WHOLE, "") if series == ALL else (series, "")


def series_in_words(series: str) -> str:
    """A series within a sentence: `the whole stream`, `Tesco`, `topic sport of model sections`."""
    title, group = titled(series)
    if series.startswith(TOPIC):
        return said("topic {title} of model {group}", title=title, group=group)
    return said("the whole stream") if series == ALL else title
