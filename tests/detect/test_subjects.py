"""Subjects that fill a stream of a few headlines a day."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import numpy as np

from tasks.detect.detector import Stream
from tasks.detect.settings import DetectConfig
from tasks.detect.subject_alerts import subject_alerts
from tasks.detect.subjects import find_subjects
from tasks.monitor.state import MonitorState
from tasks.notify.message import body, title
from tests.monitor.conftest import batch_of

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.monitor.alert import Alert

CONFIG = DetectConfig()
FIRST = datetime.date(2022, 1, 1)
DAYS, SINCE = 130, 116
WORDS = [f"{one}{other}" for one in "bcdfgklmprst" for other in ("ank", "ill", "ore", "ade", "une", "ost", "ime", "ard")]
Document = tuple[int, str, float]


def stream(negative: float, *, a_day: int = 3, word: str = "flood") -> list[Document]:
    """Headlines of seven words; in the last two weeks one of three is about a flood, a little worse than the others."""
    source = np.random.default_rng(1)
    documents = []
    for day in range(DAYS):
        for number in range(a_day):
            words = [WORDS[place] for place in source.integers(len(WORDS), size=7)]
            is_about = day >= SINCE and number % 3 == 0
            text = " ".join([*words, word] if is_about else words)
            documents.append((day, text, negative if is_about else float(source.beta(1, 9))))
    return documents


def found(documents: list[Document]) -> list[tuple[str, int, tuple[str, ...]]]:
    days, texts, negative = zip(*documents, strict=True)
    subjects = find_subjects(days, texts, negative, range(80, DAYS), CONFIG)
    return [(each.severity, each.day, each.words) for each in subjects]


def test_a_subject_is_found_by_its_word_before_its_news_looks_bad() -> None:
    subjects = [each for each in found(stream(0.16)) if each[0] == "high"]
    assert [words for _, _, words in subjects] == [("flood",)]
    assert SINCE + 4 <= subjects[0][1] <= SINCE + 9


def test_good_news_of_one_subject_and_news_of_all_subjects_raise_nothing() -> None:
    assert found(stream(0.02)) == []
    assert found([each for each in stream(0.16) if "flood" not in each[1]]) == []


def alerts(tmp_path: Path, documents: list[Document], steps: list[int], config: DetectConfig = CONFIG) -> list[Alert]:
    """Those that a monitor stores which reads up to one day after another."""
    rows = [
        ((FIRST + datetime.timedelta(days=day)).isoformat(), text, "negative" if p > 0.5 else "positive", p)
        for day, text, p in documents
    ]
    last = -1
    with MonitorState.open(tmp_path, "desk") as state:
        for step in steps:
            with state.refresh(labels=["negative", "positive"]) as transaction:
                transaction.add(batch_of([row for row, (day, *_) in zip(rows, documents, strict=True) if last < day <= step]))
                state.store_alerts(subject_alerts(Stream(state, config, now=5.0)), cooldown_days=config.cooldown_days)
            last = step
        with state.refresh():
            assert subject_alerts(Stream(state, config, now=5.0)) == []  # nothing is new
        return state.alerts()


def test_day_by_day_comes_to_the_same_as_all_at_once_and_people_read_two_sentences(tmp_path: Path) -> None:
    documents = stream(0.16)
    (alert,) = [each for each in alerts(tmp_path / "whole", documents, [DAYS]) if each.severity == "high"]
    slowly = alerts(tmp_path / "slowly", documents, [SINCE, *range(SINCE + 1, DAYS)])
    assert [each for each in slowly if each.severity == "high"] == [alert]
    assert (
        title(alert) == f"[high] desk: bad news about flood more often than usual, {alert.window_start} to {alert.window_end}"
    )
    count = alert.facts["count"]
    assert (
        body(alert)
        .splitlines()[0]
        .startswith(
            f"\u201cflood\u201d is in {count} of the 42 documents of the 14 days to {alert.window_end}, and was in 0 of the "
        )
    )
    assert f"Those {count} are 16.0% negative on average; all before were " in body(alert)
    assert all("flood" in each["text"] for each in alert.evidence["headlines"])


def test_of_a_large_stream_no_subject_is_looked_for(tmp_path: Path) -> None:
    assert alerts(tmp_path, stream(0.16, a_day=9), [DAYS]) == []
    assert alerts(tmp_path / "off", stream(0.16), [DAYS], CONFIG.model_copy(update={"small_window_days": 0})) == []
