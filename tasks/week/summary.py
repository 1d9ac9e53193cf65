"""The facts of some days of a monitor, against as many days before, as the evidence of an alert of kind `summary`.

It is stored and sent as alerts are: a summary of the same days always has the same id, and is stored once.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from tasks.detect.explain import COLUMNS, gather_documents, headlines_of
from tasks.errors import RequestError
from tasks.monitor.alert import Alert
from tasks.monitor.changes import deviates
from tasks.monitor.known import Knowledge, known
from tasks.monitor.state import MonitorState, watch_name
from tasks.monitor.tables import ALL, NAME, SCORED_SCHEMA
from tasks.notify.event import SUMMARY
from tasks.today.kept import CHANGE, STANDING, read_kept
from tasks.week.span import span_due
from tasks.wording.sentence import as_evidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tasks.config import RefreshConfig
    from tasks.detect.settings import DetectConfig
    from tasks.week.span import Span

MOST_SERIES, MOST_NEW, MOST_ALERTS = 10, 10, 50  # that are kept of each
MOST_STORIES, MOST_NEGATIVE = 6, 4  # new stories with most copies, and then the most negative headlines
CANDIDATES = 200  # stories with many copies on these days, of which some may be older


def summary_due(state: MonitorState, config: RefreshConfig, now: float) -> Alert | None:
    """The summary that a refresh at `now` has to store; None where none is asked for, or it is stored, or was never due.

    A week that was over before the monitor was begun has none. Of several that were missed only the last one is made up for.
    """
    span = span_due(config.notify, now, config.collect.timezone)
    began = min((row["started"] for row in state.refreshes()), default=now)
    if span is None or span.moments()[1] <= began or is_stored(state, span):
        return None
    return summarize(state, span, config.detect, config.runtime.data_root, now)


def is_stored(state: MonitorState, span: Span) -> bool:
    """Whether the summary of these days is stored."""
    return state.is_stored(SUMMARY, _series(span), "low", span.end.isoformat(), cooldown_days=0)


def summarize(state: MonitorState, span: Span, detect: DetectConfig, data_root: Path, now: float) -> Alert:
    """Gather the facts; `now` in seconds since 1970. Memory: the sums of all series, and the headlines that are shown."""
    stories = detect.count == "stories"
    sums, before = (_totals(state, each, stories=stories) for each in (span, span.before))
    (count, share), (count_before, share_before) = (each.get(ALL, (0, 0.0)) for each in (sums, before))
    week = {
        "days": span.days,
        "before_start": span.before.start.isoformat(),
        "before_end": span.before.end.isoformat(),
        "counted": detect.count,
        "newest": None if count else max(state.days(), default=None),
        "series": changed_series(sums, before),
        "new": new_series(sums, before),
        "alerts": _alerts(state, span, data_root, detect.cooldown_days),
        "muted": [_fields(mute) for mute in known(state).mutes if mute.holds(now)],
        "expected": _of_these_days(read_kept(state, STANDING), span),
        "changed": _without_headlines(_of_these_days(read_kept(state, CHANGE), span)),
        "refused": state.refused(*span.moments()),
    }
    return Alert.make(
        state.name,
        kind=SUMMARY,
        series=_series(span),
        severity="low",
        window=(span.start.isoformat(), span.end.isoformat()),
        created=now,
        facts={"count": count, "negative_share": share, "baseline": share_before, "baseline_count": count_before},
        evidence={"week": week, "headlines": new_stories(state, span, stories=stories)},
    )


def _series(span: Span) -> str:
    return f"{span.days} days"


def _totals(state: MonitorState, span: Span, *, stories: bool) -> dict[str, tuple[int, float]]:
    """Documents and mean probability of the negative label, by series."""
    rows = state.totals(span.start.isoformat(), span.end.isoformat(), stories=stories)
    return {series: (documents, mass / documents) for series, documents, mass in rows if documents}


def changed_series(
    sums: Mapping[str, tuple[int, float]], before: Mapping[str, tuple[int, float]], most: int = MOST_SERIES
) -> list[dict[str, Any]]:
    """The topics and names of both spans, the surest change first: `deviate` is the difference in standard errors."""
    both = sorted(series for series in sums if series in before and series != ALL)
    now, then = ([each[series] for series in both] for each in (sums, before))
    deviate = deviates([n for n, _ in now], [n * share for n, share in now], [n for n, _ in then], [n * p for n, p in then])
    order = sorted(range(len(both)), key=lambda row: (-abs(deviate[row]), both[row]))
    return [
        {
            "series": both[row],
            "count": now[row][0],
            "negative_share": round(now[row][1], 6),
            "baseline_count": then[row][0],
            "baseline": round(then[row][1], 6),
            "deviate": round(float(deviate[row]), 2),
        }
        for row in order[:most]
    ]


def new_series(
    sums: Mapping[str, tuple[int, float]], before: Mapping[str, tuple[int, float]], most: int = MOST_NEW
) -> list[dict[str, Any]]:
    """The names that are in the news now and were not before, those with most documents first."""
    new = [(series, *sums[series]) for series in sums if series.startswith(NAME) and series not in before]
    new.sort(key=lambda each: (-each[1], -each[2], each[0]))
    return [{"series": series, "count": count, "negative_share": round(share, 6)} for series, count, share in new[:most]]


def _alerts(state: MonitorState, span: Span, data_root: Path, live_days: int) -> dict[str, Any]:
    """What was raised on these days by the monitor and its watchdog, the newest first, with what people have said of it."""
    raised = [*_raised(state, span, live_days)]
    with contextlib.suppress(RequestError), MonitorState.read(data_root, watch_name(state.name)) as watchdog:
        raised += _raised(watchdog, span, live_days)
    raised.sort(key=lambda each: (each[0].window_end, each[0].severity == "high", each[0].id), reverse=True)
    muted = sum(knowledge.muted(alert.series, alert.created) is not None for alert, knowledge in raised)
    return {
        "raised": len(raised),
        "high": sum(alert.severity == "high" for alert, _ in raised),
        "muted": muted,
        "acknowledged": sum(alert.id in knowledge.seen for alert, knowledge in raised),
        "listed": [alert.summary() | as_evidence(knowledge.remark(alert)) for alert, knowledge in raised[:MOST_ALERTS]],
    }


def _raised(state: MonitorState, span: Span, live_days: int) -> Iterator[tuple[Alert, Knowledge]]:
    knowledge = known(state)
    for alert in state.alerts():
        if alert.kind != SUMMARY and span.has(day_of(alert, live_days, span)):
            yield alert, knowledge


def day_of(alert: Alert, live_days: int, span: Span) -> str:
    """The day that an alert belongs to: when it was noticed, or of one about older news the last day of its window."""
    noticed = _day(alert.created, span.timezone)
    late = (date.fromisoformat(noticed) - date.fromisoformat(alert.window_end)).days
    return noticed if late <= live_days else alert.window_end


def _day(when: float, timezone: str) -> str:
    return datetime.fromtimestamp(when, UTC).astimezone(ZoneInfo(timezone)).date().isoformat()


def _of_these_days(held: dict[str, Any] | None, span: Span) -> dict[str, Any] | None:
    """What the last refresh found, unless that is about other days than a summary of this span should tell of."""
    latest = span._replace(days=2 * span.days, end=date.fromordinal(span.end.toordinal() + span.days))
    return held if held and latest.has(held["window_end"]) else None


def _without_headlines(changed: dict[str, Any] | None) -> dict[str, Any] | None:
    if changed is None:
        return None
    causes = [{name: value for name, value in cause.items() if name != "headlines"} for cause in changed["causes"]]
    return {name: value for name, value in changed.items() if name != "made_of"} | {"causes": causes}


def _fields(mute: Any) -> dict[str, Any]:
    return {name: value for name, value in mute._asdict().items() if name in ("series", "until", "by", "note")}


def new_stories(state: MonitorState, span: Span, *, stories: bool) -> list[dict[str, Any]]:
    """Headlines as the evidence of a surge holds them: stories that came on these days in most copies, then the worst ones."""
    end = span.end.isoformat()
    named = [date.fromordinal(span.end.toordinal() - back).isoformat() for back in range(span.days)]
    largest = state.most_copied(named, CANDIDATES)
    told = state.stories_of(largest, until=end)
    wanted = {story.first: story for story in told.values()}
    schema = pa.schema([SCORED_SCHEMA.field(name) for name in COLUMNS])
    ids = pa.array(sorted(wanted), pa.binary(32))
    found = [
        batch.filter(pc.is_in(batch.column("id"), value_set=ids.cast(batch.column("id").type)))
        for batch in (state.documents(set(named), COLUMNS) if wanted else ())
    ]
    rows = pa.Table.from_batches(found, schema)
    weight = [(-wanted[id_].sources, -wanted[id_].documents, id_) for id_ in rows["id"].to_pylist()]
    order = sorted(range(rows.num_rows), key=weight.__getitem__)
    copied = headlines_of(state, rows.take(pa.array(order, pa.int64())), MOST_STORIES, until=end)
    worst = gather_documents(state, named, ALL, MOST_STORIES + MOST_NEGATIVE, stories=stories).top
    seen = {_text(each) for each in copied}
    others = [each for each in headlines_of(state, worst, worst.num_rows, until=end) if _text(each) not in seen]
    return copied + others[:MOST_NEGATIVE]


def _text(headline: Mapping[str, Any]) -> str:
    return str(headline["text"]).casefold()
