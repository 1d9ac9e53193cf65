"""A monitor whose last days differ from those before in a planted way."""

from __future__ import annotations

import datetime
import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from tasks.monitor.tables import SCORED_SCHEMA
from tasks.register.models import LoadedModel
from tasks.today.expected import Figures, Promised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.monitor.state import MonitorState

START = datetime.date(2023, 1, 1)
DAYS, A_DAY, LATEST = 100, 20, 28
WORDS = [
    f"{first}{second}" for first in ("ka", "lo", "mi", "ne", "pu") for second in ("ran", "sel", "tin", "vor", "wex", "zum")
]
SHARE = 0.35


class Reader(NamedTuple):
    """The labels of a model that nobody asks for more."""

    labels: tuple[str, ...] = ("negative", "positive")


def loaded(accuracy: float = 0.8) -> LoadedModel:
    """A model that was measured on 1,000 test rows, where its probabilities had expected the same."""
    figures = Figures(accuracy, accuracy)
    promised = Promised(1_000, figures, figures, {"negative": 0.5, "positive": 0.5})
    return LoadedModel("news", 1, Reader(), promised)


def documents(planted: str = "", *, sure: float = 0.8, days: Sequence[int] = range(DAYS)) -> list[dict[str, Any]]:
    """Twenty texts of made words a day; of the latest 28 days' a third is as planted: source, topic, encoding, world."""
    rows = []
    for day in days:
        source = np.random.default_rng(day)
        for number in range(A_DAY):
            text = " ".join(source.choice(WORDS, 8))
            other = day >= DAYS - LATEST and source.random() < SHARE
            row: dict[str, Any] = {"source": f"inbox/2023-{day:03}.csv", "topics": [("sections", "banks")], "names": []}
            if other and planted == "world":
                text = f"quarantine {text}"
            elif other and planted == "source":
                row["fields"] = [("Publisher", "The Newcomer")]
            elif other and planted == "topic":
                row["topics"] = [("sections", "energy")]
            elif other and planted == "encoding":
                text = f"caf\u00c3\u00a9 {text}"
            negative = sure if number % 2 else 1 - sure
            time = datetime.datetime.combine(START + datetime.timedelta(day), datetime.time(8, number), datetime.UTC)
            row |= {"text": text, "time": time, "day": time.date(), "model": "news/1", "tokens": 8, "unseen": 0}
            row |= {"id": hashlib.sha256(f"{time} {text}".encode()).digest(), "negative": negative, "confidence": sure}
            row |= {"label": "negative" if number % 2 else "positive", "probabilities": [negative, 1 - negative]}
            rows.append(row)
    return rows


def add(state: MonitorState, rows: list[dict[str, Any]]) -> None:
    """One refresh that scored these documents."""
    with state.refresh(model="news/1", labels=Reader().labels) as transaction:
        transaction.add(pa.RecordBatch.from_pylist(rows, SCORED_SCHEMA))
