"""An alert as its channels send it: JSON for programs, plain text for people; its headlines are inert in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.shown import inert, json_text, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.monitor.alert import Alert

NUM_HEADLINES = 5  # in a message to people; programs get all
NUM_WORDS = 10


def as_json(alert: Alert) -> str:
    """The alert as one line of JSON; characters that would steer a terminal stand in it by their numbers."""
    figures: dict[str, Any] = {**alert.summary(), "created": alert.created, "evidence": dict(alert.evidence)}
    return json_text(_shown(figures), sort_keys=True)


def title(alert: Alert) -> str:
    """One line that says what happened, for people."""
    series = inert(alert.series)
    if alert.kind != "surge":
        return f"[{alert.severity}] {alert.kind}: {series}"
    return f"[{alert.severity}] more negative news than usual: {series}, {alert.window_start} to {alert.window_end}"


def body(alert: Alert) -> str:
    """What is behind it, in plain text lines for people; the last one holds the alert's id."""
    lines = []
    if message := alert.evidence.get("message"):
        lines.append(inert(message))
    if alert.kind == "surge":
        lines.append(f"{alert.negative_share:.1%} negative of {alert.count} documents, {alert.baseline:.1%} before")
    words = [inert(word["word"]) for word in alert.evidence.get("words", ())]
    if words:
        lines.append(f"words: {', '.join(words[:NUM_WORDS])}")
    elif alert.kind == "surge":
        lines.append("no word stands out: there is more negative news, and it is about what it always was about")
    lines += [f"- {inert(headline['text'])}" for headline in alert.evidence.get("headlines", ())[:NUM_HEADLINES]]
    return "\n".join([*lines, f"alert {alert.id}"])


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return _shown_items(value)
    return [_shown(each) for each in value] if isinstance(value, list | tuple) else value


def _shown_items(items: Mapping[str, Any]) -> dict[str, Any]:
    return {visible(key): _shown(value) for key, value in items.items()}
