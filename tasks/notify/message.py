"""An alert as its channels send it: JSON for programs, plain text for people; its headlines are inert in both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.monitor.alert_words import SEVERITIES, copies_in_words, surge_in_words
from tasks.monitor.state import WATCH_SUFFIX
from tasks.notify.event import SUMMARY, event
from tasks.shown import inert, json_text, safe_link, visible
from tasks.week.told import week_in_words
from tasks.wording.sentence import MESSAGE, SAID, joined, message_of, said
from tasks.wording.wording import wording_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.monitor.alert import Alert

NUM_HEADLINES = 5  # in a message to people; programs get all
NUM_WORDS = 10
NUM_PAST = 20  # alerts that a digest lists


def as_json(alert: Alert) -> str:
    """The alert as one line of JSON; characters that would steer a terminal are written as numbers.

    Its `title` and its evidence's `message` are in the alert's language.
    """
    evidence = _plain(alert.evidence)
    if message := message_of(alert.evidence):
        evidence[MESSAGE] = wording_in(alert.language)(message)
    figures: dict[str, Any] = {**alert.summary(), "created": alert.created, "evidence": evidence}
    figures |= {"monitor": alert.monitor, "title": title(alert)} | ({"link": alert.link} if alert.link else {})
    return json_text(_shown(figures), sort_keys=True)


def title(alert: Alert) -> str:
    """One line that says what happened, where and when, for people."""
    wording = wording_in(alert.language)
    severity = SEVERITIES[alert.severity]
    if alert.kind == SUMMARY:
        return wording(said("{monitor}: {event}", monitor=inert(alert.monitor), event=event(alert, wording)))
    if not alert.monitor:
        return wording(said("[{severity}] {event}", severity=severity, event=event(alert, wording)))
    monitor = inert(alert.monitor.removesuffix(WATCH_SUFFIX))
    return wording(said("[{severity}] {monitor}: {event}", severity=severity, monitor=monitor, event=event(alert, wording)))


def body(alert: Alert) -> str:
    """The evidence in plain text lines for people; the last one holds the alert's id."""
    wording = wording_in(alert.language)
    if alert.kind == SUMMARY:
        more = [wording(said("more: {link}", link=link))] if (link := safe_link(alert.link)) else []
        return "\n".join([*week_in_words(alert, wording), "", *more, wording(said("summary {id}", id=alert.id))])
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


def _plain(value: Any) -> Any:
    """The same without sentences that are there for another language."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if name != SAID}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return _shown_items(value)
    return [_shown(each) for each in value] if isinstance(value, list | tuple) else value


def _shown_items(items: Mapping[str, Any]) -> dict[str, Any]:
    return {visible(key): _shown(value) for key, value in items.items()}
