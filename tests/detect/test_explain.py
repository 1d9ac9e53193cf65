"""The headlines and words behind a surge, out of a real state."""

import datetime
import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.detect.detector import Stream
from tasks.detect.explain import COLUMNS, _distinct, evidence, gather_documents
from tasks.detect.read_days import ReadDays
from tasks.detect.settings import DetectConfig
from tasks.detect.surge_alerts import surge_alerts
from tasks.detect.surges import Surge
from tasks.monitor.state import MonitorState
from tasks.monitor.tables import SCORED_SCHEMA

FIRST = datetime.date(2022, 1, 1)
DAYS = 100
CONFIG = DetectConfig(baseline_days=60, min_baseline_days=30, num_headlines=3, num_words=5)
QUIET = [
    "Shares of the bank rose",
    "Sales at the grocer were flat",
    "The bank named a chief",
    "Profit at the bank fell a little",
]
BAD = ["Flood closes the harbour", "Insurers count flood losses", "Harbour flood ruins exporters", "FLOOD  closes\nthe harbour"]


def document(
    day: int, number: int, text: str, negative: float, *, topic: str = "banks", names: tuple[str, ...] = ()
) -> dict[str, Any]:
    date = FIRST + datetime.timedelta(days=day)
    return {
        "id": hashlib.sha256(f"{day}/{number}/{text}".encode()).digest(),
        "time": datetime.datetime.combine(date, datetime.time(8, number % 60), datetime.UTC),
        "day": date,
        "text": text,
        "source": "made",
        "model": "m/1",
        "label": "negative" if negative > 0.5 else "neutral",
        "confidence": max(negative, 1 - negative),
        "negative": negative,
        "tokens": 4,
        "unseen": 0,
        "topics": [("topic", topic)],
        "names": list(names),
    }


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitorState]:
    """A hundred quiet days, but for floods in the last four."""
    source = np.random.default_rng(1)
    rows = []
    for day in range(DAYS):
        for number in range(12):
            rows.append(document(day, number, QUIET[int(source.integers(4))], float(source.beta(1, 9))))
        if day >= DAYS - 4:
            for number in range(12, 22):
                rows.append(document(day, number, BAD[number % 4], 0.95, topic="weather/sea", names=("Harbour", "Port & Co")))
    with MonitorState.open(tmp_path_factory.mktemp("data"), "desk") as state:
        with state.refresh() as transaction:
            for start in range(0, len(rows), 500):
                transaction.add(pa.RecordBatch.from_pylist(rows[start : start + 500], schema=SCORED_SCHEMA))
        yield state


def surge_of(series: str) -> Surge:
    end = FIRST + datetime.timedelta(days=DAYS - 1)
    return Surge(series, "high", end - datetime.timedelta(days=6), end, 100, 0.4, 0.1, 5.0)


def test_an_alert_shows_each_headline_once_and_the_words_of_the_surge(state: MonitorState) -> None:
    alerts = surge_alerts(Stream(state, CONFIG, now=5.0))
    assert alerts
    alert = alerts[0]
    assert (alert.kind, alert.series, alert.created) == ("surge", "all", 5.0)
    assert alert.window_end >= (FIRST + datetime.timedelta(days=DAYS - 4)).isoformat()
    texts = [headline["text"] for headline in alert.evidence["headlines"]]
    assert len(texts) == 3
    assert len({text.casefold() for text in texts}) == 3
    assert all("flood" in text.casefold() for text in texts)
    assert all(headline["probability"] == 0.95 for headline in alert.evidence["headlines"])
    words = [word["word"] for word in alert.evidence["words"]]
    assert words[0] == "flood"
    assert not {"bank", "shares", "grocer"} & set(words)


def test_an_alert_that_is_stored_is_not_made_again(state: MonitorState) -> None:
    alerts = surge_alerts(Stream(state, CONFIG, now=5.0))
    stored = state.store_alerts(alerts, cooldown_days=CONFIG.cooldown_days)
    assert stored
    assert surge_alerts(Stream(state, CONFIG, now=6.0)) == []


@pytest.mark.parametrize("series", ["topic:topic/weather/sea", "name:Harbour", "name:Port & Co"])
def test_a_series_shows_its_own_documents_alone(state: MonitorState, series: str) -> None:
    shown = evidence(state, surge_of(series), CONFIG)
    assert shown["headlines"]
    assert all("flood" in headline["text"].casefold() for headline in shown["headlines"])
    assert evidence(state, surge_of("topic:topic/unknown"), CONFIG) == {"headlines": [], "words": []}
    assert evidence(state, surge_of("name:Harb"), CONFIG) == {"headlines": [], "words": []}


def test_a_sample_of_the_baseline_is_enough(state: MonitorState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.detect.explain.MAX_DOCUMENTS", 60)
    shown = evidence(state, surge_of("all"), CONFIG)
    assert shown["words"][0]["word"] == "flood"
    assert len({headline["text"] for headline in shown["headlines"]}) == 3


def test_no_more_documents_are_held_than_are_shown_and_counted(state: MonitorState, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [(FIRST + datetime.timedelta(days=day)).isoformat() for day in range(DAYS - 7, DAYS)]
    whole = gather_documents(state, days, "all", 1000).top
    assert whole.num_rows == 7 * 12 + 4 * 10
    monkeypatch.setattr("tasks.detect.explain.MAX_DOCUMENTS", 25)
    few = gather_documents(state, days, "all", 8)
    assert few.top == whole.slice(0, 8)
    assert 20 <= few.sample.num_rows <= 25
    assert len(set(few.sample["time"].cast("date32").to_pylist())) == 7


def test_words_of_chinese_headlines_are_no_whole_clauses() -> None:
    texts = ["云帆银行亏损扩大，股价下跌", "Profit-taking: 银行股 don't"]
    words = _distinct(pa.table({"text": texts}))
    assert {"银行", "亏损", "股价", "下跌"} < set(words.to_pylist())
    assert {"profit", "taking"} < set(words.to_pylist())


def test_a_headline_links_to_its_document_where_the_source_gave_an_address() -> None:
    from tasks.detect.explain import COLUMNS, _headlines

    row = {
        "id": b"1" * 32,
        "time": datetime.datetime(2020, 7, 18, tzinfo=datetime.UTC),
        "negative": 0.9,
        "topics": [],
        "names": [],
    }
    rows = [
        row | {"text": "Sales fell", "fields": [("id", "7"), ("URL", "https://example.org/7")]},
        row | {"text": "Costs rose", "fields": [("id", "8")]},
        row | {"text": "Stored before", "fields": None},
    ]
    schema = pa.schema([SCORED_SCHEMA.field(name) for name in COLUMNS])
    found = _headlines(pa.Table.from_pylist(rows, schema), 9)
    assert [headline.get("link") for headline in found] == ["https://example.org/7", None, None]


def test_days_that_are_held_explain_as_those_that_are_read(state: MonitorState) -> None:
    surges = [surge_of(series) for series in ("all", "name:Harbour", "name:Port & Co", "name:Harb", "topic:topic/weather/sea")]
    held = ReadDays(state, COLUMNS)
    alone = [evidence(state, surge, CONFIG) for surge in surges]
    assert [evidence(state, surge, CONFIG, held) for surge in surges * 2] == alone * 2


def test_no_more_days_are_held_than_there_is_room_for(state: MonitorState) -> None:
    days = [(FIRST + datetime.timedelta(days=day)).isoformat() for day in range(8)]
    sizes = [sum(batch.nbytes for batch in state.documents({day}, COLUMNS)) for day in days]
    held = ReadDays(state, COLUMNS, most_bytes=max(sizes) * 3)
    whole = pa.Table.from_batches(state.documents(set(days), COLUMNS))
    for _ in range(2):
        assert pa.Table.from_batches(held.batches(days)) == whole
        assert 0 < sum(held.sizes()) <= max(sizes) * 3
    assert list(ReadDays(state, COLUMNS, most_bytes=1).batches(days[:1]))
    assert list(held.batches(days, "nobody")) == []
