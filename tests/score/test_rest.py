"""The columns of an input that scoring reads past stay beside what the model says."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.ingest.settings import IngestConfig
from tasks.register.models import LoadedModel
from tasks.score.rest import free_names
from tasks.score.score import score_file

GOOD, BAD = "profit rose, strong growth", "loss fell, weak slump"
OWN = ["id", "text", "label", "confidence", "probabilities", "reason", "model"]


def scored(source: Path, loaded: LoadedModel, **options: Any) -> pa.Table:
    output = source.parent / "scored.parquet"
    score_file(source, output, reading=IngestConfig(**options), loaded=loaded)
    return pq.read_table(output)


def test_cells_of_a_csv_are_kept_in_order_and_a_row_without_columns_has_none(loaded: LoadedModel, tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text(f'url,headline,公司,label\nhttp://a/1,"{GOOD}",茅台,x\nshort\n"http://a/2, b","{BAD}",,y\n')
    table = scored(path, loaded, text="headline")
    assert table.column_names == [*OWN, "url", "公司", "input_label"]
    assert table.column("url").to_pylist() == ["http://a/1", None, "http://a/2, b"]
    assert table.column("公司").to_pylist() == ["茅台", None, ""]
    assert table.column("input_label").to_pylist() == ["x", None, "y"]
    assert table.column("label").to_pylist() == ["positive", None, "negative"]


def test_columns_without_a_header_are_named_by_their_position(loaded: LoadedModel, tmp_path: Path) -> None:
    path = tmp_path / "news.csv"
    path.write_text(f'7,"{GOOD}",2020-03-09\n8,"{BAD}",2020-03-10\n')
    table = scored(path, loaded, text="1", header=False)
    assert table.column_names == [*OWN, "0", "2"]
    assert table.column("2").to_pylist() == ["2020-03-09", "2020-03-10"]


def test_values_of_json_lines_are_kept_as_text(loaded: LoadedModel, tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    rows = [{"text": GOOD, "id": 7, "tags": ["a", "b"]}, {"text": BAD, "by": "茅台 \ud83d", "id": None}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = scored(path, loaded)
    assert table.column_names == [*OWN, "input_id", "tags", "by"]
    assert table.column("input_id").to_pylist() == ["7", ""]
    assert table.column("tags").to_pylist() == ['["a", "b"]', ""]
    assert table.column("by").to_pylist() == ["", "茅台 \\ud83d"]


def test_a_key_that_few_json_lines_have_is_kept_wherever_it_begins(loaded: LoadedModel, tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    rows: list[dict[str, Any]] = [{"text": GOOD, "id": number} for number in range(150)]
    rows[120] |= {"author": "Li", "text": BAD}
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "no JSON\n")
    table = scored(path, loaded)
    assert table.column_names == [*OWN, "input_id", "author"]
    assert table.column("author").to_pylist() == [*[""] * 120, "Li", *[""] * 29, None]
    assert table.column("label").to_pylist()[119:122] == ["positive", "negative", "positive"]


@pytest.mark.parametrize("row_group", [3, 1000, 5000])
def test_parquet_keeps_its_types_over_every_batch(loaded: LoadedModel, tmp_path: Path, row_group: int) -> None:
    number = 2500
    when = datetime(2020, 3, 9, tzinfo=UTC)
    source = pa.table(
        {
            "day": pa.array([when] * number, pa.timestamp("ns", "UTC")),
            "text": [GOOD, BAD] * (number // 2),
            "id": pa.array(range(number), pa.int64()),
            "price": pa.array([Decimal("1.50"), None] * (number // 2), pa.decimal128(10, 2)),
            "tags": pa.array([["a"], []] * (number // 2), pa.list_(pa.string())),
            "kind": pa.array(["x", "y"] * (number // 2)).dictionary_encode(),
        }
    )
    path = tmp_path / "news.parquet"
    pq.write_table(source, path, row_group_size=row_group)
    table = scored(path, loaded)
    assert table.column_names == [*OWN, "day", "input_id", "price", "tags", "kind"]
    assert table.column("input_id").to_pylist() == list(range(number))
    for name in ("day", "price", "tags", "kind"):
        assert table.column(name).type == pq.read_schema(path).field(name).type
        assert table.column(name).to_pylist() == source.column(name).to_pylist()
    assert table.column("label").to_pylist() == ["positive", "negative"] * (number // 2)


def test_texts_alone_have_no_other_columns(loaded: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text(f"{GOOD}\n{BAD}\n")
    assert scored(tmp_path / "news.txt", loaded).column_names == OWN
    pq.write_table(pa.table({"text": [GOOD]}), tmp_path / "only.parquet")
    assert scored(tmp_path / "only.parquet", loaded).column_names == OWN


def test_joined_columns_are_the_text_and_the_others_are_kept(loaded: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "news.csv").write_text(f'title,body,day\nToday,"{GOOD}",1\n')
    table = scored(tmp_path / "news.csv", loaded, text="title,body")
    assert table.column("text").to_pylist() == [f"Today\n{GOOD}"]
    assert table.column_names == [*OWN, "day"]


def test_every_name_is_free() -> None:
    assert free_names(["id", "url", "url", "", "input_id"], ["id"]) == ["input_id", "url", "url_2", "column_3", "input_id_2"]
