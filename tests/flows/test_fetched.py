"""A run whose rows come from a database: nothing is trained anew while they are the same, whatever brought them."""

from __future__ import annotations

import csv
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from tasks.config import PipelineConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("prefect_server")


def train(data_root: Path, ingest: Mapping[str, Any] | None = None, **fetch: Any) -> dict[str, Any]:
    from flows.train import train as flow

    values = {
        "name": "asked",
        "fetch": fetch,
        "ingest": {"text": "title", "label": "mood", "keep": ["day"], **(ingest or {})},
        "finetune": {"threads": 1, "model": "tfidf"},
        "evaluate": {"bootstrap": 200, "yardstick": False},
        "register": {"evidence": "test"},
        "runtime": {"data_root": data_root, "workers": 1},
    }
    return flow(PipelineConfig.model_validate(values))


@pytest.mark.long
def test_unchanged_rows_train_nothing_and_new_ones_do(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        (path.read_text(encoding="utf-8"), path.parent.name, f"2024-02-{1 + number % 28:02}")
        for number, path in enumerate(sorted(corpus.glob("[pn]*/*.txt")))
    ]
    database, root = tmp_path / "news.db", tmp_path / "data"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE news (title TEXT, mood TEXT, day TEXT)")
        connection.executemany("INSERT INTO news VALUES (?, ?, ?)", rows[:-6])
    monkeypatch.setenv("NEWS", f"sqlite:///{database}")
    first = train(root, query="SELECT * FROM news", database_variable="NEWS")
    assert first["equation"].startswith(f"found {len(rows) - 6} = ")
    again = train(root, query="SELECT day, mood, title FROM news ORDER BY title DESC", database_variable="NEWS")
    assert all(stage["cached"] for name, stage in again["stages"].items() if name != "register")
    with sqlite3.connect(database) as connection:
        connection.executemany("INSERT INTO news VALUES (?, ?, ?)", rows[-6:])
    grown = train(root, query="SELECT * FROM news", database_variable="NEWS")
    assert grown["equation"].startswith(f"found {len(rows)} = ")
    assert not grown["stages"]["ingest"]["cached"]
    assert {path.name for path in (root / "fetched/asked").glob("*/*")} == {"rows.parquet"}
    by_content = train(root, {"ids": "content"}, query="SELECT * FROM news", database_variable="NEWS")
    (tmp_path / "parts").mkdir()
    for name, part in (("b.csv", rows[::2]), ("a.csv", rows[1::2])):
        with (tmp_path / "parts" / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("title", "mood", "day"), *part])
    from_files = train(root, {"ids": "content"}, url=f"file://{tmp_path}/parts/*.csv")
    assert by_content["equation"] == from_files["equation"] == grown["equation"]
    assert [name for name, stage in from_files["stages"].items() if not stage["cached"]] in (["ingest"], ["ingest", "register"])
    (tmp_path / "valid.csv").write_text(
        "title,mood,day\nProfits rose sharply this quarter.,positive,\nSales fell by half.,negative,\n"
    )
    asked = train(root, {"path": f"{tmp_path}/parts/*.csv", "valid_path": tmp_path / "valid.csv"})
    assert asked["stages"]["prepare"]["cached"] is False
    assert asked["labels"]["valid"] == {"negative": 1, "positive": 1}
