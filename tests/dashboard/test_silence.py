"""The page says which series nobody judges and which names of the watch-list no document speaks of."""

from __future__ import annotations

import datetime
import hashlib
import re
from typing import TYPE_CHECKING

import pyarrow as pa

from tasks.config import RefreshConfig
from tasks.dashboard.content import gather_content
from tasks.dashboard.page import render_page
from tasks.monitor.state import MonitorState
from tasks.monitor.tables import SCORED_SCHEMA
from tasks.monitor.watched import begin_watching

if TYPE_CHECKING:
    from pathlib import Path


def page(folder: Path, num_days: int, names: list[str]) -> str:
    """Of a monitor with ten documents a day, one of which names 茅台 every twentieth day."""
    rows = []
    for day in range(num_days):
        for number in range(10):
            time = datetime.datetime(2022, 1, 1, 8, number, tzinfo=datetime.UTC) + datetime.timedelta(days=day)
            row = {"time": time, "day": time.date(), "text": f"茅台股价 {number}", "source": "made", "model": "news/1"}
            row |= {"id": hashlib.sha256(str(time).encode()).digest(), "label": "positive", "confidence": 0.8, "negative": 0.2}
            row |= {"tokens": 4, "unseen": 0, "topics": [], "names": ["茅台"] if number + day % 20 == 0 else []}
            rows.append(row)
    config = RefreshConfig.model_validate({"collect": {"name": "desk"}, "runtime": {"data_root": folder}})
    with MonitorState.open(folder, "desk") as state:
        with state.refresh() as transaction:
            transaction.add(pa.RecordBatch.from_pylist(rows, SCORED_SCHEMA))
            begin_watching(state, names, "2022-01-01")
        return render_page(gather_content(state, config, None, now=0.0))


def table(page: str, name: str) -> list[str]:
    found = re.search(rf'<table id="{name}">(.*?)</table>', page, re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", found[1], re.DOTALL) if found else []
    return [" ".join(re.sub("<[^>]*>", " ", row).split()) for row in rows]


def test_a_name_with_few_documents_and_one_with_none_are_told_apart(tmp_path: Path) -> None:
    made = page(tmp_path, 100, ["茅台", "腾讯<script>"])
    assert table(made, "unjudged") == ["茅台 1 of 2 documents"]
    assert table(made, "not-found") == ["腾讯&lt;script&gt; none of 1,000 documents since 2022-01-01"]
    assert "1 of 2 series are not judged" in made


def test_of_a_young_stream_the_page_says_one_thing(tmp_path: Path) -> None:
    made = page(tmp_path, 20, ["茅台"])
    assert "no series is judged yet: the whole stream has 13 of 60 days with documents before" in made
    assert table(made, "not-found") == []
