"""The dashboard's content, gathered from the monitor's state; nothing here knows HTML."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from tasks.dashboard.companies import changed_names, series_of
from tasks.dashboard.curves import Axis, Curve, make_curves
from tasks.detect.unjudged import find_unjudged, unjudged_in_words
from tasks.errors import RequestError
from tasks.monitor.alert_words import FEATURES, copies_in_words, surge_in_words
from tasks.monitor.known import known
from tasks.monitor.series import titled
from tasks.monitor.state import MonitorState, watch_name
from tasks.monitor.stories import story_figures
from tasks.monitor.tables import ALL, NAME, TOPIC
from tasks.monitor.watched import NotFound, not_found, num_watched
from tasks.notify.event import SUMMARY
from tasks.today.kept import CHANGE, STANDING, read_kept
from tasks.wording.sentence import message_of, said
from tasks.wording.wording import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from tasks.config import RefreshConfig
    from tasks.dashboard.companies import ChangedName
    from tasks.monitor.alert import Alert
    from tasks.monitor.stories import Story
    from tasks.wording.wording import Language

MAX_ALERTS = 300  # the latest; each may carry a dozen headlines
DRAWN = 4  # one of so many series is one whose news have changed most, where not all are drawn
MAX_TOWARDS = 6  # names that are told with a headline


@dataclass(frozen=True)
class ShownSeries:
    """A curve with its title; `group` is the topic model or NAMES, empty for the whole stream."""

    curve: Curve
    title: str
    group: str


@dataclass(frozen=True)
class ModelMark:
    """The first day on which a model version scored most of the documents."""

    day: str
    title: str


@dataclass(frozen=True)
class ShownAlert:
    """An alert as the page tells it; `number` is its series' place on the page, -1 if the series is not drawn.

    `remark` is what people have said of it: that it is muted, or was seen.
    """

    alert: Alert
    number: int
    title: str
    message: str
    words: tuple[str, ...]
    headlines: tuple[Mapping[str, Any], ...]
    remark: str = ""


@dataclass(frozen=True)
class Toward:
    """What a document says of a name in it: whether that is negative, the probability of it, and the name's place or -1."""

    name: str
    is_negative: bool
    probability: float
    number: int


@dataclass(frozen=True)
class ShownHeadline:
    """A document; `time` is UTC to the minute, `copies` its story in words.

    `numbers` are the places of the series in which it is negative: of the names in it those towards which it is.
    """

    day: str
    time: str
    text: str
    source: str
    probability: float
    numbers: tuple[int, ...]
    copies: str = ""
    towards: tuple[Toward, ...] = ()


@dataclass(frozen=True)
class DriftedFeature:
    """One feature's drift now, and the most that chance explains; `ratios` are value / threshold on the days of the history."""

    title: str
    value: float
    threshold: float
    drifted: bool
    ratios: tuple[float, ...]


@dataclass(frozen=True)
class DriftHistory:
    """Drift on some days (YYYY-MM-DD), the last of them now, of the `window` days before each against `reference`."""

    days: list[str]
    features: tuple[DriftedFeature, ...]
    reference: str
    window: int


@dataclass(frozen=True)
class Content:
    """Everything on the page, ready to be written; series 0 is the whole stream. Its sentences are for `wording_in(language)`.

    `changed_names` are those whose news have changed most, and `places` those of the drawn ones among the series.
    `expected` and `changed` are what the last refresh found; see tasks/today.
    `unjudged` are titles of series and the reason for each, `not_found` the entries of the watch-list that no document speaks
    of.
    """

    name: str
    negative: str
    made: str
    window: int
    baseline: int
    num_documents: int
    first_day: str
    last_day: str
    axis: Axis | None
    series: tuple[ShownSeries, ...]
    models: tuple[ModelMark, ...]
    alerts: tuple[ShownAlert, ...]
    headlines: tuple[ShownHeadline, ...]
    drift: DriftHistory | None
    unjudged: tuple[tuple[str, str], ...] = ()
    unjudged_line: str = ""
    not_found: tuple[NotFound, ...] = ()
    num_watched: int = 0
    expected: Mapping[str, Any] | None = None
    changed: Mapping[str, Any] | None = None
    language: Language = ENGLISH
    changed_names: tuple[ChangedName, ...] = ()
    places: Mapping[str, int] = field(default_factory=dict)


def gather_content(state: MonitorState, config: RefreshConfig, drift: DriftHistory | None, *, now: float) -> Content:
    """Read the content of the page; `now` in seconds since 1970. Memory: the aggregates and the headlines that are shown."""
    detect = config.detect
    counts = state.counts(stories=detect.count == "stories")
    names = changed_names(counts, window=detect.window_days, baseline=detect.baseline_days, most=config.dashboard.companies)
    axis, curves = make_curves(
        counts,
        window=detect.window_days,
        baseline=detect.baseline_days,
        max_days=config.dashboard.days,
        max_series=config.dashboard.max_series,
        chosen=series_of(names)[: config.dashboard.max_series // DRAWN],
    )
    series = tuple(ShownSeries(curve, *titled(curve.series)) for curve in curves)
    place = {shown.curve.series: number for number, shown in enumerate(series)}
    whole = counts.filter(pc.equal(counts.column("series"), ALL))
    days = whole.column("day").to_pylist()
    negative = state.negative() or detect.negative
    unjudged = find_unjudged(counts, detect)
    latest = state.latest(config.dashboard.headlines, label=negative)
    return Content(
        name=state.name,
        negative=negative,
        made=said("{time:minute} UTC", time=time.strftime("%Y-%m-%d %H:%M", time.gmtime(now))),
        window=detect.window_days,
        baseline=detect.baseline_days,
        num_documents=pc.sum(whole.column("documents")).as_py() or 0,
        first_day=min(days, default=""),
        last_day=max(days, default=""),
        axis=axis,
        series=series,
        models=model_marks(state.models()),
        alerts=tuple(shown_alert(alert, place, remark) for alert, remark in latest_alerts(state, config)),
        headlines=tuple(shown_headlines(latest, place, state.stories_of(latest["id"].to_pylist()), negative)),
        drift=drift,
        unjudged=tuple((titled(each.series)[0], each.reason) for each in unjudged),
        unjudged_line=unjudged_in_words(unjudged, pc.count_distinct(counts.column("series")).as_py(), detect),
        not_found=tuple(not_found(state)),
        num_watched=num_watched(state),
        expected=read_kept(state, STANDING),
        changed=read_kept(state, CHANGE),
        language=config.dashboard.language,
        changed_names=tuple(names),
        places={series.removeprefix(NAME): number for series, number in place.items() if series.startswith(NAME)},
    )


def latest_alerts(state: MonitorState, config: RefreshConfig) -> list[tuple[Alert, str]]:
    """The latest alerts of the monitor and of its watchdog, newest first, each with what people have said of it."""
    alerts = _remarked(state)
    with contextlib.suppress(RequestError), MonitorState.read(config.runtime.data_root, watch_name(state.name)) as watchdog:
        alerts += _remarked(watchdog)
    return sorted(alerts, key=lambda each: (each[0].window_end, each[0].created, each[0].id), reverse=True)[:MAX_ALERTS]


def _remarked(state: MonitorState) -> list[tuple[Alert, str]]:
    knowledge = known(state)
    return [(alert, knowledge.remark(alert)) for alert in state.alerts() if alert.kind != SUMMARY]


def model_marks(models: pa.Table) -> tuple[ModelMark, ...]:
    """The days on which another model version takes over: the one that scored most of a day's documents counts."""
    leading: dict[str, tuple[int, str]] = {}
    for row in models.to_pylist():
        leading[row["day"]] = max(leading.get(row["day"], (0, "")), (row["documents"], row["model"]))
    marks: list[ModelMark] = []
    for day, (_, model) in sorted(leading.items()):
        if not marks or marks[-1].title != model:
            marks.append(ModelMark(day, model))
    return tuple(marks)


def shown_alert(alert: Alert, place: Mapping[str, int], remark: str = "") -> ShownAlert:
    """An alert with the evidence that its kind carries."""
    words = tuple(str(word["word"]) for word in alert.evidence.get("words", ()))
    headlines = tuple(alert.evidence.get("headlines", ()))
    message = surge_in_words(alert) if alert.kind == "surge" else message_of(alert.evidence)
    title = FEATURES.get(alert.series, titled(alert.series)[0]) if alert.kind == "drift" else titled(alert.series)[0]
    number = place.get(alert.series, 0 if alert.kind != "surge" else -1)
    return ShownAlert(alert, number, title, message, words, headlines, remark)


def shown_headlines(
    latest: pa.Table, place: Mapping[str, int], stories: Mapping[bytes, Story], negative: str
) -> list[ShownHeadline]:
    """Scored documents in their order, each with the series that are drawn and in which it is negative, and with its copies."""
    return [
        ShownHeadline(
            day=row["day"].isoformat(),
            time=row["time"].strftime("%Y-%m-%d %H:%M"),
            text=row["text"],
            source=row["source"],
            probability=row["negative"],
            numbers=tuple(place[name] for name in _series_of(row, negative) if name in place),
            copies=copies_in_words(story_figures(stories.get(row["id"]))),
            towards=_towards(row, place, negative),
        )
        for row in latest.to_pylist()
    ]


def _series_of(row: Mapping[str, Any], negative: str) -> Sequence[str]:
    """The series in which a document is negative; without a sentiment of their own towards all of its names, or none."""
    is_negative = row["label"] == negative
    topics = [f"{TOPIC}{model}/{label}" for model, label in row["topics"] or ()] if is_negative else []
    names = row["names"] if row["towards"] is None and is_negative else ()
    names = names or [each["name"] for each in row["towards"] or () if each["label"] == negative]
    return [*([ALL] if is_negative else []), *topics, *(f"{NAME}{name}" for name in names)]


def _towards(row: Mapping[str, Any], place: Mapping[str, int], negative: str) -> tuple[Toward, ...]:
    """The sentiment towards the names of a document; nothing of a single one, towards which it is that of the text."""
    told = row["towards"] or ()
    if all(each["from"] == "text" for each in told):
        return ()
    return tuple(
        Toward(each["name"], each["label"] == negative, each["negative"], place.get(f"{NAME}{each['name']}", -1))
        for each in told[:MAX_TOWARDS]
    )
