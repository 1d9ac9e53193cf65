"""Stories of a real monitor: in whatever order documents come, after a failure, after forgetting, and in an alarm."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.detect.detector import Stream
from tasks.detect.settings import DetectConfig
from tasks.detect.stories import KEY, follow_stories
from tasks.detect.surge_alerts import surge_alerts
from tasks.detect.surges import find_surges
from tasks.forget.forms import Wanted
from tasks.forget.monitors import forget_documents
from tasks.monitor.alert_words import copies_in_words
from tasks.monitor.state import MonitorState
from tasks.monitor.stories import LOOK_AGAIN
from tests.monitor.conftest import batch_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG = DetectConfig(story_days=3)
FIRST = datetime.date(2022, 1, 1)
LOSS = "Harbour company warns of a heavy loss after the flood"
Document = tuple[str, str, str, float]  # day, text, label, probability


def on(day: int, text: str, negative: float = 0.9) -> Document:
    return ((FIRST + datetime.timedelta(days=day)).isoformat(), text, "negative" if negative > 0.5 else "positive", negative)


STREAM = [
    on(0, LOSS),
    on(0, "Bank opens a branch in the old town hall", 0.1),
    on(1, f"UPDATE 1-{LOSS}"),
    on(3, f"{LOSS} - Reuters"),
    on(4, "Bank opens a branch in the old town hall", 0.2),  # four days after: news again
    on(6, LOSS.upper()),  # three days after the one before, six after the first
    on(10, LOSS),
]


def refresh(state: MonitorState, documents: list[Document], then: Callable[[], None] = lambda: None, **columns: Any) -> int:
    with state.refresh(labels=["negative", "positive"]) as transaction:
        transaction.add(batch_of(documents, **columns))
        number = follow_stories(state, CONFIG)
        then()
        return number


def full_disk() -> None:
    raise RuntimeError("full disk")


def kept(state: MonitorState) -> list[Any]:
    return [state.db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in ("copies", "copy_counts")]


@pytest.fixture
def whole(tmp_path: Path) -> list[Any]:
    """What is kept of the stream when it is read at once."""
    with MonitorState.open(tmp_path, "whole") as state:
        assert refresh(state, STREAM) == 3
        return kept(state)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0], [5, 0, 6, 2, 4, 1, 3]])
def test_in_whatever_order_documents_come_the_stories_are_the_same(tmp_path: Path, whole: list[Any], order: list[int]) -> None:
    with MonitorState.open(tmp_path, "slowly") as state:
        for place in order:
            refresh(state, [STREAM[place]])
        assert kept(state) == whole


def test_stories_count_once_on_the_day_of_the_first(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        refresh(state, STREAM, names=["Harbour"])
        days = [(FIRST + datetime.timedelta(days=day)).isoformat() for day in (0, 4, 10)]
        rows = state.counts("name:Harbour", stories=True).to_pylist()
        assert [(row["day"], row["documents"], row["negative"]) for row in rows] == list(
            zip(days, (2, 1, 1), (1, 0, 1), strict=True)
        )
        assert rows[0]["negative_millionths"] == 1_000_000
        assert sum(state.counts("all")["documents"].to_pylist()) == len(STREAM)


def test_a_story_knows_when_it_was_first_seen_and_how_often_by_a_day(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        for number, document in enumerate(STREAM):
            refresh(state, [document], source=f"feed {number % 2}", fields=[("Publisher", "Reuters")] if number == 3 else [])
        ids = {row["text"]: row["id"] for batch in state.documents() for row in batch.to_pylist()}
        (story,) = state.stories_of([ids[LOSS.upper()]]).values()
        assert (story.documents, story.sources) == (4, 3)
        assert datetime.datetime.fromtimestamp(story.seen / 1e6, datetime.UTC).date() == FIRST
        assert state.stories_of([ids[LOSS.upper()]], until="2022-01-02")[ids[LOSS.upper()]].documents == 2
        assert state.stories_of([ids["Bank opens a branch in the old town hall"]]) == {}
        shown = state.latest(10, label="negative")["text"].to_pylist()
        assert shown == [LOSS, LOSS.upper()]


def test_a_refresh_that_fails_keeps_nothing(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        refresh(state, STREAM[:3])
        before = kept(state)
        with pytest.raises(RuntimeError, match="full disk"):
            refresh(state, STREAM[3:], then=full_disk)
        assert kept(state) == before


def test_other_settings_look_through_all_days_again(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        refresh(state, STREAM)
        before = kept(state)
        with state.refresh():
            assert follow_stories(state, CONFIG) == 0  # nothing is new
        assert kept(state) == before
        with state.refresh():
            assert follow_stories(state, CONFIG.model_copy(update={"story_days": 6})) == 5


def test_a_monitor_of_an_earlier_version_gets_its_stories(tmp_path: Path, whole: list[Any]) -> None:
    with MonitorState.open(tmp_path, "old") as state:
        refresh(state, STREAM[:-1])
        for table in ("copies", "copy_counts"):
            state.db.execute(f"DROP TABLE {table}")
        state.db.execute("DELETE FROM settings WHERE key = 'stories'")
    with MonitorState.read(tmp_path, "old") as state:
        assert state.counts(stories=True) == state.counts()
        assert state.latest(10).num_rows == len(STREAM) - 1
    with MonitorState.open(tmp_path, "old") as state:
        refresh(state, STREAM[-1:])
        assert kept(state) == whole


def test_nothing_is_kept_of_a_forgotten_document(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        refresh(state, STREAM)
        ids = [row["id"] for batch in state.documents() for row in batch.to_pylist() if LOSS in row["text"]]
        forget_documents(state, Wanted([LOSS]))
        assert not [each for each in state.documents() if LOSS in each["text"].to_pylist()]
    raw = (tmp_path / "monitor/desk/state.db").read_bytes()
    assert not [identity for identity in ids if identity in raw]


def by_day(state: MonitorState, series: str = "all") -> dict[str, tuple[int, int]]:
    """Stories and negative ones of each day."""
    rows = state.counts(series, stories=True).to_pylist()
    return {row["day"]: (row["documents"], row["negative"]) for row in rows}


def test_a_forgotten_copy_does_not_become_a_story_when_its_day_is_judged_anew(tmp_path: Path) -> None:
    letter = "a reader writes that the harbour company owes him money"
    others = [
        on(0, f"Letter of the day, {letter}"),
        on(1, f"Letter of the day: {letter}"),
        on(1, f"The letter of the day: {letter}"),
    ]
    with MonitorState.open(tmp_path, "desk") as state:
        refresh(state, [*others, on(1, LOSS), on(2, LOSS)], names=["Harbour"])
        before = by_day(state), by_day(state, "name:Harbour")
        assert before[0] == {"2022-01-01": (1, 1), "2022-01-02": (1, 1)}
        assert forget_documents(state, Wanted([letter])) == 3
        assert (by_day(state), by_day(state, "name:Harbour")) == before
        late = [on(day, text, 0.1) for day, text in ((0, "Bank opens a branch"), (1, "Shop closes in the old town hall"))]
        refresh(state, late)
        assert by_day(state) == {"2022-01-01": (2, 1), "2022-01-02": (2, 1)}
        refresh(state, [])
        with state.refresh():
            follow_stories(state, CONFIG.model_copy(update={"story_days": 2}))  # all days are looked through
        assert by_day(state) == {"2022-01-01": (2, 1), "2022-01-02": (2, 1)}


def test_where_the_first_of_a_story_is_forgotten_the_next_one_counts_in_its_place(tmp_path: Path) -> None:
    text = " ".join(f"word{chr(97 + number % 26)}{chr(97 + number // 26)}" for number in range(60))
    reader = "writes our reader Jane Miller of Seven Oaks"
    with MonitorState.open(tmp_path, "desk") as state:
        assert refresh(state, [on(0, f"{text}, {reader}"), on(1, text), on(1, text.upper())]) == 2
        assert by_day(state) == {"2022-01-01": (1, 1)}
        assert forget_documents(state, Wanted([reader])) == 1
        assert json.loads(state.setting(LOOK_AGAIN) or "") == ["2022-01-02"]
        for _ in range(2):
            assert refresh(state, []) in (0, 1)
            assert by_day(state) == {"2022-01-02": (1, 1)}
        assert forget_documents(state, Wanted([text])) == 2  # with them goes the story, but for its count
        refresh(state, [on(1, "Bank opens a branch in the old town hall", 0.1)])
        assert by_day(state) == {"2022-01-02": (2, 1)}


def wave(days: int = 120) -> list[Document]:
    """Quiet news, and in the last week one bad story thirty times a day."""
    source = np.random.default_rng(1)
    words = [f"{one}{other}" for one in "bcdfgklm" for other in ("ank", "ill", "ore", "ade", "une", "ost", "ime", "ard")]
    documents = []
    for day in range(days):
        for number in range(12):
            text = " ".join(words[place] for place in source.integers(len(words), size=9))
            documents.append(on(day, f"{text} {number}", float(source.beta(1, 9))))
        if day >= days - 7:
            documents += [
                on(day, f"{LOSS} - Wire {chr(97 + number % 26)}{chr(97 + number // 26)}", 0.95) for number in range(30)
            ]
    return documents


def test_a_wave_of_copies_raises_no_alarm_where_stories_count(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        refresh(state, wave())
        stories, documents = (find_surges(state.counts(stories=each), CONFIG) for each in (True, False))
        last = FIRST + datetime.timedelta(days=113)
        assert [surge for surge in documents if surge.severity == "high" and surge.window_end >= last]
        assert not [surge for surge in stories if surge.window_end >= last]
        (alert,) = [
            a for a in surge_alerts(Stream(state, CONFIG, now=5.0)) if a.severity == "high" and a.window_end >= str(last)
        ]
        headline = alert.evidence["headlines"][0]
        copies = (datetime.date.fromisoformat(alert.window_end) - last).days + 1
        assert copies_in_words(headline) == f"in {30 * copies} copies from 1 source, first seen 2022-04-24 12:00"
        assert len({LOSS in each["text"] for each in alert.evidence["headlines"][1:]} - {False}) == 0


def test_a_damaged_file_is_told_and_the_rest_is_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        refresh(state, STREAM[:1])
        (path,) = (state.folder / "documents").rglob("*.parquet")
        path.write_bytes(b"damaged")
        assert refresh(state, STREAM[2:4]) == 1
        assert "copies of documents of 2022-01-01 are not looked for" in caplog.text


def test_what_was_found_outlives_a_file_that_cannot_be_read_for_a_while(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        refresh(state, STREAM[:4])
        found = state.db.execute("SELECT * FROM copies ORDER BY id").fetchall()
        assert found
        days = sorted((state.folder / "documents").rglob("*.parquet"))
        held = {path: path.read_bytes() for path in days}
        for path in days:
            path.write_bytes(b"damaged")
        state.keep_setting(KEY, "another rule")
        refresh(state, [])
        assert state.db.execute("SELECT * FROM copies ORDER BY id").fetchall() == found
        for path, data in held.items():
            path.write_bytes(data)
        state.db.execute("DELETE FROM copies")
        refresh(state, [])
        assert state.db.execute("SELECT * FROM copies ORDER BY id").fetchall() == found
        assert state.setting(LOOK_AGAIN) == "[]"
