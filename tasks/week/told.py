"""A summary as plain text for people: a mail, a message in a chat. Whatever comes from outside is inert there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.monitor.alert import Alert
from tasks.monitor.alert_words import COUNTED, SEVERITIES, copies_in_words
from tasks.monitor.series import series_in_words, titled
from tasks.notify.event import event
from tasks.shown import inert, safe_link
from tasks.today.change import cause_in_words
from tasks.today.standing import standing_in_words
from tasks.wording.sentence import joined, message_of, said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks.wording.wording import Wording

MOST_ALERTS = 20  # in a message; programs get more
MOST_CAUSES = 3
CLEAR = 2.0  # standard errors from which a change is no everyday one


def week_in_words(alert: Alert, wording: Wording) -> list[str]:
    """The lines of a summary, an empty one before each heading."""
    week = alert.evidence["week"]
    sections = [
        (said("What changed most (in brackets the documents)"), _changed(week)),
        (said("In the news now and not in the days before"), _new(week)),
        (_alerts_heading(week["alerts"]), [*_alerts(week, wording)] or [""]),
        (said("The model"), _model(week, wording)),
        (said("New stories, and the worst news"), _stories(alert.evidence["headlines"])),
        (said("Refused"), _refused(week["refused"])),
    ]
    lines = [wording(_whole(alert, week))]
    for heading, body in sections:
        if told := [wording(line) for line in body]:
            lines += ["", wording(heading), *filter(None, told)]
    return lines


def _whole(alert: Alert, week: Mapping[str, Any]) -> str:
    figures = alert.figures
    days = said("{start:day} to {end:day}", start=alert.window_start, end=alert.window_end)
    if not figures["count"]:
        newest = week["newest"]
        told = said("No document of {days}.", days=days)
        return joined(" ", [told, said("The newest is of {day:day}.", day=newest)]) if newest else told
    told = said(
        "{days}: {count:,} {counted}, {share:.1%} negative on average.",
        days=days,
        count=figures["count"],
        counted=COUNTED[week["counted"]],
        share=figures["negative_share"],
    )
    if not figures["baseline_count"]:
        return joined(" ", [told, said("None in as many days before.")])
    before = said(
        "In as many days before: {count:,}, {share:.1%} negative.",
        count=figures["baseline_count"],
        share=figures["baseline"],
    )
    return joined(" ", [told, before])


def _changed(week: Mapping[str, Any]) -> Iterator[str]:
    for each in week["series"]:
        values = {
            "series": inert(series_in_words(each["series"])),
            "share": each["negative_share"],
            "count": each["count"],
            "baseline": each["baseline"],
            "before": each["baseline_count"],
            "mark": said("(!) ") if abs(each["deviate"]) >= CLEAR else "",
        }
        yield said("- {mark}{series}: {share:.0%} negative ({count:,}), before {baseline:.0%} ({before:,})", **values)
    if any(abs(each["deviate"]) >= CLEAR for each in week["series"]):
        yield said("(!) two standard errors or more: one name in twenty is so by chance")


def _new(week: Mapping[str, Any]) -> Iterator[str]:
    for each in week["new"]:
        values = {"series": inert(titled(each["series"])[0]), "share": each["negative_share"], "count": each["count"]}
        yield said("- {series}: {share:.0%} negative ({count:,})", **values)


def _alerts_heading(alerts: Mapping[str, Any]) -> str:
    if not alerts["raised"]:
        return said("Alerts: none")
    told = [said("{count} raised", count=alerts["raised"]), said("{count} of them high", count=alerts["high"])]
    told += [said("{count} muted", count=alerts["muted"])] if alerts["muted"] else []
    told += [said("{count} acknowledged", count=alerts["acknowledged"])] if alerts["acknowledged"] else []
    return said("Alerts: {told}", told=joined(", ", told))


def _alerts(week: Mapping[str, Any], wording: Wording) -> Iterator[str]:
    listed = week["alerts"]["listed"]
    for each in listed[:MOST_ALERTS]:
        known = Alert.__dataclass_fields__.keys()
        facts = {name: value for name, value in each.items() if name not in known}
        alert = Alert(created=0.0, facts=facts, **{name: value for name, value in each.items() if name in known})
        told = said("- [{severity}] {event}", severity=SEVERITIES[alert.severity], event=event(alert, wording))
        remark = message_of(each)
        yield said("{told} ({remark})", told=told, remark=inert(wording(remark))) if remark else told
    if (more := week["alerts"]["raised"] - min(len(listed), MOST_ALERTS)) > 0:
        yield said("and {count} more", count=more)
    for mute in week["muted"]:
        note = said(" ({note})", note=inert(mute["note"])) if mute["note"] else ""
        values = {"series": inert(series_in_words(mute["series"])), "until": mute["until"], "by": inert(mute["by"])}
        yield said("- muted until {until:day} by {by}: {series}{note}", note=note, **values)


def _model(week: Mapping[str, Any], wording: Wording) -> Iterator[str]:
    if week["expected"]:
        yield said("- {line}", line=inert(wording(standing_in_words(week["expected"]))))
    if week["changed"]:
        causes = [cause_in_words(cause, words=True) for cause in week["changed"]["causes"][:MOST_CAUSES]]
        for cause in causes or [said("what is written of: nothing that is more than usual")]:
            yield said("- {line}", line=inert(wording(cause)))


def _stories(headlines: list[Mapping[str, Any]]) -> Iterator[str]:
    for headline in headlines:
        told = said("{share:.0%} negative", share=headline["probability"])
        if copies := copies_in_words(headline):
            told = joined("; ", [told, copies])
        yield said("- {text} ({told})", text=inert(headline["text"]), told=told)
        if link := safe_link(headline.get("link")):
            yield f"  {link}"


def _refused(refused: Mapping[str, int]) -> Iterator[str]:
    if refused:
        reasons = joined(", ", [said("{count:,} {reason}", count=count, reason=reason) for reason, count in refused.items()])
        yield said("- {count:,} documents: {reasons}", count=sum(refused.values()), reasons=reasons)
