"""An alert as its channels send it: JSON for programs, plain text for people; its headlines are inert in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.monitor.alert_words import FEATURES, KINDS, SEVERITIES, copies_in_words, surge_in_words
from tasks.monitor.series import series_in_words
from tasks.monitor.state import WATCH_SUFFIX
from tasks.monitor.tables import NAME
from tasks.shown import inert, json_text, safe_link, visible
from tasks.wording.sentence import MESSAGE, SAID, joined, message_of, said
from tasks.wording.wording import wording_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.monitor.alert import Alert
    from tasks.wording.wording import Wording

NUM_HEADLINES = 5  # in a message to people; programs get all
NUM_WORDS = 10
NUM_PAST = 20  # alerts that a digest lists


def as_json(alert: Alert) -> str:
    """The alert as one line of JSON; characters that would steer a terminal are written as numbers.

    Its `title` and its evidence's `message` are in the alert's language.
    """
    evidence = {name: value for name, value in alert.evidence.items() if name != SAID}
    if message := message_of(alert.evidence):
        evidence[MESSAGE] = wording_in(alert.language)(message)
    figures: dict[str, Any] = {**alert.summary(), "created": alert.created, "evidence": evidence}
    figures |= {"monitor": alert.monitor, "title": title(alert)} | ({"link": alert.link} if alert.link else {})
    return json_text(_shown(figures), sort_keys=True)


def title(alert: Alert) -> str:
    """One line that says what happened, where and when, for people."""
    wording = wording_in(alert.language)
    severity = SEVERITIES[alert.severity]
    if not alert.monitor:
        return wording(said("[{severity}] {event}", severity=severity, event=_event(alert, wording)))
    monitor = inert(alert.monitor.removesuffix(WATCH_SUFFIX))
    return wording(said("[{severity}] {monitor}: {event}", severity=severity, monitor=monitor, event=_event(alert, wording)))


def _event(alert: Alert, wording: Wording) -> str:
    days = said("{start:day} to {end:day}", start=alert.window_start, end=alert.window_end)
    series = inert(wording(series_in_words(alert.series)))
    match alert.kind:
        case "surge" if alert.series.startswith(NAME):
            return said("more negative news than usual about {series}, {days}", series=series, days=days)
        case "surge":
            return said("more negative news than usual in {series}, {days}", series=series, days=days)
        case "subject":
            return said(
                "bad news about {subject} more often than usual, {days}", subject=inert(alert.figures["subject"]), days=days
            )
        case "drift":
            feature = FEATURES.get(alert.series, inert(alert.series))
            return said("drift of {feature}, {days}", feature=feature, days=days)
        case "expected":
            model = inert(alert.series)
            return said(
                "model {model} is probably less right than it was when it was registered, {days}", model=model, days=days
            )
        case "digest":
            return said("{count} alerts of the past, {days}", count=len(alert.evidence.get("alerts", ())), days=days)
        case "test":
            return said("a test of channel {channel}", channel=inert(alert.series))
        case _:
            return said("{kind}: {series}", kind=KINDS.get(alert.kind, alert.kind), series=inert(alert.series))


def body(alert: Alert) -> str:
    """The evidence in plain text lines for people; the last one holds the alert's id."""
    wording = wording_in(alert.language)
    lines = []
    if message := message_of(alert.evidence):
        lines.append(inert(wording(message)))
    if alert.kind == "surge":
        lines.append(inert(wording(surge_in_words(alert))))
    words = [inert(word["word"]) for word in alert.evidence.get("words", ())]
    if words:
        lines.append(wording(said("words: {words}", words=joined(", ", words[:NUM_WORDS]))))
    elif alert.kind == "surge":
        lines.append(wording(said("no word stands out: there is more negative news, on the usual subjects")))
    for headline in alert.evidence.get("headlines", ())[:NUM_HEADLINES]:
        copies = wording(said(" ({copies})", copies=told)) if (told := copies_in_words(headline)) else ""
        lines += [f"- {inert(headline['text'])}{copies}", *([f"  {link}"] if (link := safe_link(headline.get("link"))) else [])]
    past = alert.evidence.get("alerts", ())
    lines += [f"- {inert(each['title'])}" for each in past[:NUM_PAST]]
    if len(past) > NUM_PAST:
        lines.append(wording(said("and {count} more", count=len(past) - NUM_PAST)))
    if link := safe_link(alert.link):
        lines.append(wording(said("more: {link}", link=link)))
    return "\n".join([*lines, wording(said("alert {id}", id=alert.id))])


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return _shown_items(value)
    return [_shown(each) for each in value] if isinstance(value, list | tuple) else value


def _shown_items(items: Mapping[str, Any]) -> dict[str, Any]:
    return {visible(key): _shown(value) for key, value in items.items()}
