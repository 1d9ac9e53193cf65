"""The detector `subject`: one subject fills a stream of a few headlines a day, in bad news."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.detect.explain import COLUMNS, MOST_NEGATIVE, distinct_words, headlines_of
from tasks.detect.judged import SHARED
from tasks.detect.small import has_few
from tasks.detect.subjects import find_subjects
from tasks.detect.surges import blocks
from tasks.monitor.alert import Alert
from tasks.monitor.alert_words import COUNTED
from tasks.monitor.tables import ALL, SCORED_SCHEMA
from tasks.wording.sentence import as_evidence, joined, said

if TYPE_CHECKING:
    from tasks.detect.detector import Stream
    from tasks.detect.settings import DetectConfig
    from tasks.detect.subjects import Subject
    from tasks.monitor.state import MonitorState

_FIRST = date(1970, 1, 1)


def subject_alerts(stream: Stream) -> list[Alert]:
    """Alerts of the days from the first one on to which the open refresh has added documents."""
    state, config = stream.state, stream.config
    touched = state.touched_days()
    if not touched:
        return []
    since = (date.fromisoformat(min(touched)) - _FIRST).days - config.cooldown_days - 1  # an alarm before silences the first
    judged = [day for day in judged_days(state.counts(ALL, stories=config.count == "stories"), config) if day >= since]
    if not judged:
        return []
    documents = _documents(state, _iso(min(judged) - config.small_window - config.baseline_days), config)
    days = documents["day"].cast(pa.int32()).to_pylist()
    texts, negative = documents["text"].to_pylist(), documents["negative"].to_pylist()
    return [_alert(stream, subject, documents) for subject in find_subjects(days, texts, negative, judged, config)]


def judged_days(counts: pa.Table, config: DetectConfig) -> list[int]:
    """The days, as numbers, on which the whole stream is small and old enough; `counts` are its counts."""
    if not config.small_window or not counts.num_rows:
        return []
    ((_, first, documents_SD, _),) = blocks(counts)
    numbers = np.arange(documents_SD.shape[1])
    chosen = has_few(documents_SD, config)[0] & (documents_SD[0] > 0)
    chosen &= numbers - config.small_window + 1 >= config.min_baseline_days
    days: list[int] = ((first - _FIRST).days + numbers[chosen]).tolist()
    return days


def _documents(state: MonitorState, since: str, config: DetectConfig) -> pa.Table:
    """The documents from a day on, by day."""
    days = [day for day in state.days() if day >= since]
    schema = pa.schema([SCORED_SCHEMA.field(name) for name in [*COLUMNS, "day"]])
    documents = pa.Table.from_batches(list(state.documents(days, schema.names)), schema)
    if config.count == "stories" and (copies := state.copies(days)):
        documents = documents.filter(pa.array([identity not in copies for identity in documents["id"].to_pylist()], pa.bool_()))
    return documents


def _alert(stream: Stream, subject: Subject, documents: pa.Table) -> Alert:
    config, state, end = stream.config, stream.state, _iso(subject.day)
    begin = _FIRST + timedelta(days=subject.day - config.small_window + 1)
    window = documents.filter(
        pc.and_(pc.greater_equal(documents["day"], begin), pc.less_equal(documents["day"], date.fromisoformat(end)))
    )
    has_word = [subject.words[0] in distinct_words(text) for text in window["text"].to_pylist()]
    about = state.one_of_each_story(window.filter(pa.array(has_word, pa.bool_())).sort_by(MOST_NEGATIVE))
    accepted = SHARED * (config.false_alarms_high if subject.severity == "high" else config.false_alarms_low)
    facts: dict[str, Any] = {"count": subject.count, "negative_share": subject.negative_share, "baseline": subject.baseline}
    facts |= {"counted": config.count, "false_alarms": accepted, "subject": subject.words[0]}
    return Alert.make(
        state.name,
        kind="subject",
        series=ALL,
        severity=subject.severity,
        window=(begin.isoformat(), end),
        created=stream.now,
        facts=facts,
        evidence={
            **as_evidence(describe(subject, config)),
            "words": [{"word": word} for word in subject.words],
            "headlines": headlines_of(state, about, config.num_headlines, until=end),
        },
    )


def describe(subject: Subject, config: DetectConfig) -> str:
    """A subject in two sentences with its figures, for a message."""
    often = said(
        "\u201c{word}\u201d is in {count:,} of the {documents:,} {counted} of the {days} days to {end:day}, and was in "
        "{count_before:,} of the {documents_before:,} before.",
        word=subject.words[0],
        count=subject.count,
        documents=subject.documents,
        counted=COUNTED[config.count],
        days=config.small_window,
        end=_iso(subject.day),
        count_before=subject.count_before,
        documents_before=subject.documents_before,
    )
    bad = said(
        "Those {count:,} are {share:.1%} negative on average; all before were {baseline:.1%}.",
        count=subject.count,
        share=subject.negative_share,
        baseline=subject.baseline,
    )
    return joined(" ", [often, bad])


def _iso(day: int) -> str:
    return (_FIRST + timedelta(days=day)).isoformat()
