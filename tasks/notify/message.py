"""An alert as its channels send it: JSON for programs, plain text for people; its headlines are inert in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.monitor.alert_words import copies_in_words, surge_in_words
from tasks.monitor.series import series_in_words
from tasks.monitor.state import WATCH_SUFFIX
from tasks.monitor.tables import NAME
from tasks.shown import inert, json_text, safe_link, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.monitor.alert import Alert

NUM_HEADLINES = 5  # in a message to people; programs get all
NUM_WORDS = 10
NUM_PAST = 20  # alerts that a digest lists


def as_json(alert: Alert) -> str:
    """The alert as one line of JSON; characters that would steer a terminal are written as numbers."""
    figures: dict[str, Any] = {**alert.summary(), "created": alert.created, "evidence": dict(alert.evidence)}
    figures |= {"monitor": alert.monitor, "title": title(alert)} | ({"link": alert.link} if alert.link else {})
    return json_text(_shown(figures), sort_keys=True)


def title(alert: Alert) -> str:
    """One line that says what happened, where and when, for people."""
    monitor = f"{inert(alert.monitor.removesuffix(WATCH_SUFFIX))}: " if alert.monitor else ""
    return f"[{alert.severity}] {monitor}{_event(alert)}"


def _event(alert: Alert) -> str:
    days = f"{alert.window_start} to {alert.window_end}"
    match alert.kind:
        case "surge":
            about = "about" if alert.series.startswith(NAME) else "in"
            return f"more negative news than usual {about} {inert(series_in_words(alert.series))}, {days}"
        case "subject":
            return f"bad news about {inert(alert.figures['subject'])} more often than usual, {days}"
        case "drift":
            return f"drift of {inert(alert.series)}, {days}"
        case "expected":
            return f"model {inert(alert.series)} is probably less right than it was when it was registered, {days}"
        case "digest":
            return f"{len(alert.evidence.get('alerts', ()))} alerts of the past, {days}"
        case "test":
            return f"a test of channel {inert(alert.series)}"
        case _:
            return f"{alert.kind}: {inert(alert.series)}"


def body(alert: Alert) -> str:
    """The evidence in plain text lines for people; the last one holds the alert's id."""
    lines = []
    if message := alert.evidence.get("message"):
        lines.append(inert(message))
    if alert.kind == "surge":
        lines.append(inert(surge_in_words(alert)))
    words = [inert(word["word"]) for word in alert.evidence.get("words", ())]
    if words:
        lines.append(f"words: {', '.join(words[:NUM_WORDS])}")
    elif alert.kind == "surge":
        lines.append("no word stands out: there is more negative news, on the usual subjects")
    for headline in alert.evidence.get("headlines", ())[:NUM_HEADLINES]:
        copies = f" ({told})" if (told := copies_in_words(headline)) else ""
        lines += [f"- {inert(headline['text'])}{copies}", *([f"  {link}"] if (link := safe_link(headline.get("link"))) else [])]
    past = alert.evidence.get("alerts", ())
    lines += [f"- {inert(each['title'])}" for each in past[:NUM_PAST]]
    if len(past) > NUM_PAST:
        lines.append(f"and {len(past) - NUM_PAST} more")
    if link := safe_link(alert.link):
        lines.append(f"more: {link}")
    return "\n".join([*lines, f"alert {alert.id}"])


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return _shown_items(value)
    return [_shown(each) for each in value] if isinstance(value, list | tuple) else value


def _shown_items(items: Mapping[str, Any]) -> dict[str, Any]:
    return {visible(key): _shown(value) for key, value in items.items()}
