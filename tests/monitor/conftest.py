import datetime
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest

from tasks.monitor.tables import SCORED_SCHEMA

MakeBatch = Callable[..., pa.RecordBatch]


def batch_of(documents: Sequence[tuple[str, str, str, float]], **columns: Any) -> pa.RecordBatch:
    """Scored documents from (day, text, label, probability of negative) and other columns by name."""
    rows = []
    for day, text, label, negative in documents:
        time = datetime.datetime.fromisoformat(day).replace(hour=12, tzinfo=datetime.UTC)
        row = {"time": time, "day": time.date(), "text": text, "label": label, "negative": negative}
        row |= {"source": "made", "model": "news/3", "confidence": max(negative, 1 - negative)}
        row |= {"tokens": len(text.split()), "unseen": 0, "topics": [], "names": []}
        rows.append(row | {"id": hashlib.sha256(f"{day} {text}".encode()).digest()} | columns)
    return pa.RecordBatch.from_pylist(rows, SCORED_SCHEMA)


@pytest.fixture
def make_batch() -> MakeBatch:
    """See `batch_of`."""
    return batch_of
