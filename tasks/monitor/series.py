"""Names of series for people."""

from __future__ import annotations

from tasks.monitor.tables import ALL, NAME, TOPIC

NAMES = "names of the watch-list"


def titled(series: str) -> tuple[str, str]:
    """The title of a series, and the group it is listed under: a topic model, NAMES, or nothing for the whole stream."""
    if series.startswith(TOPIC):
        group, _, label = series.removeprefix(TOPIC).partition("/")
        return label, group
    if series.startswith(NAME):
        return series.removeprefix(NAME), NAMES
    return ("whole stream", "") if series == ALL else (series, "")


def series_in_words(series: str) -> str:
    """A series within a sentence: `the whole stream`, `Tesco`, `topic sport of model sections`."""
    title, group = titled(series)
    if series.startswith(TOPIC):
        return f"topic {title} of model {group}"
    return f"the {title}" if series == ALL else title
