"""The same table is the same corpus, whichever form and place it comes from."""

from __future__ import annotations

import csv
import json
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.documents.in_order import rows_in_order
from tasks.fetch.files import fetch_files
from tasks.fetch.query import fetch_query
from tasks.fetch.settings import FetchConfig
from tasks.ingest.by_content import order_by_content
from tasks.ingest.corpus import write_corpus
from tasks.ingest.settings import IngestConfig
from tasks.ingest.task import ingest
from tasks.prepare.settings import PrepareConfig
from tasks.prepare.task import prepare
from tasks.store.artifact import Fingerprints, Store
from tasks.store.step import Run
from tests import steps
from tests.documents.test_saved_dataset import save
from tests.documents.test_sheets import workbook
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Row = tuple[str, str | None]

LETTERS = st.characters(blacklist_categories=["Cs", "Cc", "Cf", "Co", "Cn"])
WORDS = st.text(LETTERS, min_size=1, max_size=8).filter(lambda word: not word.isspace())
TEXTS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join).filter(lambda text: "_x" not in text)
TABLES = st.lists(st.tuples(TEXTS, st.sampled_from(["neg", "pos", None])), min_size=1, max_size=12)


def as_csv(folder: Path, rows: Sequence[Row]) -> Path:
    with (folder / "a.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *((text, label or "") for text, label in rows)])
    return folder / "a.csv"


def as_json_lines(folder: Path, rows: Sequence[Row]) -> Path:
    lines = [json.dumps({"label": label, "text": text}) for text, label in rows]
    (folder / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder / "a.jsonl"


def as_parquet(folder: Path, rows: Sequence[Row]) -> Path:
    table = pa.table({"text": [row[0] for row in rows], "label": pa.array([row[1] for row in rows], pa.string())})
    pq.write_table(table, folder / "a.parquet")
    return folder / "a.parquet"


def as_partitions(folder: Path, rows: Sequence[Row]) -> Path:
    for label in sorted({row[1] or "" for row in rows}):
        part = folder / "parts" / f"label={quote(label) or '__HIVE_DEFAULT_PARTITION__'}"
        part.mkdir(parents=True)
        pq.write_table(pa.table({"text": [text for text, other in rows if (other or "") == label]}), part / "part-0.parquet")
    return folder / "parts"


def as_saved_dataset(folder: Path, rows: Sequence[Row]) -> Path:
    return save(folder / "set", [(text, {"neg": 0, "pos": 1}.get(label or "", -1)) for text, label in rows])


def as_workbook(folder: Path, rows: Sequence[Row]) -> Path:
    pytest.importorskip("python_calamine")
    return workbook(folder / "a.xlsx", {"Rows": [["text", "label"], *map(list, rows)]})


def as_query(folder: Path, rows: Sequence[Row]) -> Path:
    with sqlite3.connect(folder / "a.db") as connection:
        connection.execute("CREATE TABLE news (text TEXT, label TEXT)")
        connection.executemany("INSERT INTO news VALUES (?, ?)", rows)
    (folder / "address").write_text(f"sqlite:///{folder}/a.db")
    (folder / "address").chmod(0o600)
    config = FetchConfig(query="SELECT * FROM news", database_file=folder / "address")
    fetch_query(config, ["text", "label"], folder / "rows.parquet")
    return folder / "rows.parquet"


def as_files(folder: Path, rows: Sequence[Row]) -> tuple[Path, ...]:
    for name, part in (("one", rows[::2]), ("two", rows[1::2])):
        (folder / name).mkdir()
        as_csv(folder / name, part)
    return (folder / "one/a.csv", folder / "two/a.csv")


FORMS: list[Callable[..., object]] = [
    as_csv,
    as_json_lines,
    as_parquet,
    as_partitions,
    as_saved_dataset,
    as_workbook,
    as_query,
    as_files,
]
MORE: list[Row] = [("a text of its own", "neg"), ("another text", "pos"), ("another text", "pos")]  # classes enough, and a copy


@examples(15)
@given(TABLES)
def test_the_same_table_is_the_same_corpus_whatever_brought_it(table: list[Row]) -> None:
    rows = [*table, *MORE]
    with tempfile.TemporaryDirectory() as name:
        found = set()
        for number, form in enumerate(FORMS):
            place, out = Path(name) / f"{number}", Path(name) / f"out-{number}"
            place.mkdir()
            out.mkdir()
            turned = rows if number % 2 else rows[::-1]
            report = write_corpus(IngestConfig.model_validate({"path": form(place, turned), "ids": "content"}), out)
            assert report["kept"] == len(rows), form
            found.add(((out / "corpus.parquet").read_bytes(), (out / "quarantine.parquet").read_bytes()))
        assert len(found) == 1
        corpus = pq.read_table(out / "corpus.parquet").to_pylist()
        assert len({row["id"] for row in corpus}) == len(rows)
        assert sorted((row["text"], row["label"] or "") for row in corpus) == sorted(
            (text, label or "") for text, label in rows
        )


def as_url(folder: Path, rows: Sequence[Row]) -> tuple[Path, ...]:
    as_files(folder, rows)
    pattern, memory = f"file://{folder}/*/a.csv", Fingerprints(folder / "memory.sqlite")
    return tuple(fetch_files(pattern, folder / "brought", folder / "copies", memory))


@pytest.mark.parametrize("form", [*FORMS[1:], as_url])
def test_prepare_has_done_already_what_another_source_brings(form: Callable[..., object], tmp_path: Path) -> None:
    table = [
        (f"The {('good', 'bad')[n % 2]} news of day {n} tells of {n * 7} things", ("pos", "neg")[n % 2]) for n in range(60)
    ]
    run, found = Run(Store(tmp_path / "data")), []
    (other := tmp_path / "other").mkdir()
    first, path = as_csv(tmp_path, table), form(other, table[::-1])
    for each in (first, path, path):
        config = IngestConfig.model_validate({"path": each, "ids": "content"})
        corpus = steps.alone(ingest)(run, config)
        found.append((corpus.name, steps.alone(prepare)(run, PrepareConfig(), corpus=corpus.data).name))
    assert found == [("Completed", "Completed"), ("Completed", "Cached"), ("Cached", "Cached")]


def test_columns_that_are_kept_stay_with_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label,day\n" + "".join(f"text {n},{'pn'[n % 2]},2024-01-{n + 1:02}\n" for n in range(20)))
    write_corpus(IngestConfig(path=path, keep=("day",), ids="content"), tmp_path)
    corpus, kept = (pq.read_table(tmp_path / name) for name in ("corpus.parquet", "kept/kept.parquet"))
    assert corpus.column("id").equals(kept.column("id"))
    assert corpus.column("source").unique().to_pylist() == ["content"]
    texts, days = corpus.column("text").to_pylist(), kept.column("keep:day").to_pylist()
    assert all(int(day[-2:]) == int(text.split()[1]) + 1 for text, day in zip(texts, days, strict=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "corpus.parquet", "kept", "quarantine.parquet"]


def test_equal_rows_come_in_the_order_of_what_is_kept_beside_them(tmp_path: Path) -> None:
    rows = [f"the same text,p,2024-01-{day:02}" for day in range(1, 9)] + ["another text,n,2024-01-01"]
    kept = []
    for number, some in enumerate((rows, rows[::-1])):
        (folder := tmp_path / str(number)).mkdir()
        (folder / "a.csv").write_text("\n".join(["text,label,day", *some]))
        write_corpus(IngestConfig(path=folder / "a.csv", keep=("day",), ids="content"), folder)
        kept.append((folder / "kept/kept.parquet").read_bytes())
    assert kept[0] == kept[1]


def test_rows_are_found_by_the_ids_that_they_had(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"text {n % 15},{'pn'[n % 2]}\n" for n in range(30)))
    write_corpus(IngestConfig(path=path), tmp_path)
    texts = {row["id"]: row["text"] for row in pq.read_table(tmp_path / "corpus.parquet").to_pylist()}
    renamed = order_by_content(tmp_path, {"a.csv:2", "a.csv:31"})
    now = {row["id"]: row["text"] for row in pq.read_table(tmp_path / "corpus.parquet").to_pylist()}
    assert {old: now[new] for old, new in renamed.items()} == {old: texts[old] for old in ("a.csv:2", "a.csv:31")}


def test_rows_are_taken_from_each_batch_of_a_file(tmp_path: Path) -> None:
    import numpy as np

    order = np.random.default_rng(1).permutation(1000)
    schema = pa.schema([("n", pa.int64())])
    with pa.OSFile(str(tmp_path / "a"), "wb") as file, pa.ipc.new_file(file, schema) as stream:
        for start in range(0, 1000, 77):
            stream.write_batch(pa.record_batch([pa.array(range(start, min(start + 77, 1000)))], schema=schema))
    found = list(rows_in_order(tmp_path / "a", order, 300))
    assert [len(table) for table in found] == [300, 300, 300, 100]
    assert pa.concat_tables(found).column("n").to_pylist() == order.tolist()
