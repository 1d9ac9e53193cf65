"""One set of readers: each format gives the same texts to ingest, to score and to collect, or one line says why it does not."""

import bz2
import csv
import gzip
import io
import json
import lzma
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.collect.collect import Collector
from tasks.collect.settings import CollectConfig
from tasks.errors import RequestError
from tasks.ingest.corpus import write_corpus
from tasks.ingest.settings import IngestConfig
from tasks.monitor.state import MonitorState
from tasks.score.texts import layout_of, read_texts

TEXTS = ["Profit rose at the bank", 'Loss widened, "shares" fell', "公司利润大幅增长"]
LABELS = ["good", "bad", "good"]
TIMES = ["2020-07-16", "2020-07-17", "2020-07-18"]
ROWS = [dict(zip(("text", "label", "time"), row, strict=True)) for row in zip(TEXTS, LABELS, TIMES, strict=True)]
CHANGED = 1_594_000_000  # July 2020


def cells(delimiter: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([list(ROWS[0]), *(row.values() for row in ROWS)])
    return out.getvalue().encode()


def json_lines() -> bytes:
    return "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), out)
    return out.getvalue()


def packed(mode: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for number, text in enumerate(TEXTS):
            info = tarfile.TarInfo(f"news/{number}.txt")
            info.size, info.mtime = len(text.encode()), CHANGED
            archive.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, text in enumerate(TEXTS):
            archive.writestr(f"news/{number}.txt", text)
    return out.getvalue()


def lines(*columns: list[str], between: str = "") -> bytes:
    return "".join(between.join(row) + "\n" for row in zip(*columns, strict=True)).encode()


TABLES: dict[str, bytes] = {
    "a.csv": cells(","),
    "a.tsv": cells("\t"),
    "a.jsonl": json_lines(),
    "a.parquet": parquet(),
    "a.csv.gz": gzip.compress(cells(",")),
    "a.tsv.bz2": bz2.compress(cells("\t")),
    "a.jsonl.xz": lzma.compress(json_lines()),
}
TEXT_FILES: dict[str, bytes] = {
    "a.tar": packed("w"),
    "a.tar.gz": packed("w:gz"),
    "a.tgz": packed("w:gz"),
    "a.tar.bz2": packed("w:bz2"),
    "a.tar.xz": packed("w:xz"),
    "a.zip": zipped(),
}
FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>News</title><item><title>Profit rose</title>
<pubDate>Sat, 18 Jul 2020 10:00:00 GMT</pubDate></item></channel></rss>"""


def put(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def ingested(path: Path, folder: Path, **options: Any) -> list[tuple[str, str | None]]:
    """Texts and labels of a corpus."""
    out = folder / "out"
    out.mkdir(exist_ok=True)
    write_corpus(IngestConfig(path=path, **options), out)
    return [(row["text"], row["label"]) for row in pq.read_table(out / "corpus.parquet").to_pylist()]


def unlabelled(path: Path, folder: Path, **options: Any) -> list[str]:
    """Texts that are read beside a corpus."""
    corpus = put(folder, "corpus.csv", cells(","))
    return [text for text, label in ingested(corpus, folder, unlabelled=path, **options) if label is None]


def scored(path: Path, folder: Path, **options: Any) -> list[str | None]:
    """Texts as score hands them to a model."""
    return [record.text for record in read_texts(layout_of(path, IngestConfig(**options)), [])]


def collected(path: Path, folder: Path, **options: Any) -> list[str]:
    """Texts of one refresh of a new monitor."""
    with MonitorState.open(folder / "root", "news") as state, state.refresh() as refresh:
        collector = Collector(CollectConfig(source=str(path), **options), refresh, now=time.time())
        rows = [row for batch in collector.batches() for row in batch.to_pylist()]
        refresh.scored = len(rows)
    assert collector.reasons == {}
    return [row["text"] for row in rows]


@pytest.mark.parametrize("name", TABLES)
def test_a_table(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, name, TABLES[name])
    assert ingested(path, tmp_path) == list(zip(TEXTS, LABELS, strict=True))
    assert unlabelled(path, tmp_path) == TEXTS
    assert scored(path, tmp_path) == TEXTS
    assert collected(path, tmp_path) == TEXTS


@pytest.mark.parametrize("name", TEXT_FILES)
def test_an_archive_of_texts(tmp_path: Path, name: str) -> None:
    path = put(tmp_path, name, TEXT_FILES[name])
    assert unlabelled(path, tmp_path) == TEXTS
    assert scored(path, tmp_path) == TEXTS
    assert collected(path, tmp_path) == TEXTS


def test_a_folder_of_texts(tmp_path: Path) -> None:
    for number, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True)):
        (tmp_path / "texts" / label).mkdir(parents=True, exist_ok=True)
        put(tmp_path / "texts" / label, f"{number}.txt", text.encode())
    by_name = sorted(zip(TEXTS, LABELS, strict=True), key=lambda row: row[1])
    texts = [text for text, _ in by_name]
    assert ingested(tmp_path / "texts", tmp_path) == by_name
    assert unlabelled(tmp_path / "texts", tmp_path) == texts
    assert scored(tmp_path / "texts", tmp_path) == texts
    assert collected(tmp_path / "texts", tmp_path) == texts


def test_lines_with_a_delimiter(tmp_path: Path) -> None:
    path = put(tmp_path, "a.txt", lines(TEXTS, LABELS, between="|"))
    assert ingested(path, tmp_path, delimiter="|") == list(zip(TEXTS, LABELS, strict=True))
    assert scored(path, tmp_path, delimiter="|") == TEXTS
    dated = put(tmp_path, "dated.txt", lines(TEXTS, TIMES, between="|"))
    assert collected(dated, tmp_path, delimiter="|", text="0", time="1") == TEXTS


def test_fasttext_lines(tmp_path: Path) -> None:
    path = put(tmp_path, "a.txt", lines([f"__label__{label}" for label in LABELS], TEXTS, between=" "))
    assert ingested(path, tmp_path) == list(zip(TEXTS, LABELS, strict=True))
    assert unlabelled(path, tmp_path) == TEXTS
    assert scored(path, tmp_path) == TEXTS
    with pytest.raises(RequestError, match=r"a\.txt: fastText's lines have labels and no times; give a table with a column"):
        collected(path, tmp_path)


def test_a_text_file_has_a_document_a_line_and_for_a_monitor_one(tmp_path: Path) -> None:
    path = put(tmp_path, "a.txt", lines(TEXTS))
    assert unlabelled(path, tmp_path) == TEXTS
    assert scored(path, tmp_path) == TEXTS
    assert collected(path, tmp_path) == ["\n".join(TEXTS) + "\n"]
    with pytest.raises(
        RequestError, match=r"say what separates text and label.*text without labels goes to --ingest.unlabelled"
    ):
        ingested(path, tmp_path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_text_file_of_one_line(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    name = {bytes: "a.txt", gzip.compress: "a.txt.gz", bz2.compress: "a.txt.bz2", lzma.compress: "a.txt.xz"}[pack]
    path = put(tmp_path, name, pack(TEXTS[0].encode()))
    assert unlabelled(path, tmp_path) == scored(path, tmp_path) == collected(path, tmp_path) == TEXTS[:1]


def test_a_feed_is_for_a_monitor(tmp_path: Path) -> None:
    path = put(tmp_path, "a.xml", FEED)
    assert collected(path, tmp_path) == ["Profit rose"]
    for read in (ingested, unlabelled, scored):
        with pytest.raises(RequestError, match=r"a\.xml: this file is an RSS or Atom feed; textmill refresh reads feeds"):
            read(path, tmp_path)


def test_an_archive_is_no_table_and_says_so(tmp_path: Path) -> None:
    path = put(tmp_path, "a.zip", zipped())
    with pytest.raises(RequestError, match=r"compressed \(zip\); unpack it first"):
        ingested(path, tmp_path)


def test_a_broken_archive_is_named_in_one_line(tmp_path: Path) -> None:
    path = put(tmp_path, "a.tar.gz", b"no archive")
    for read in (unlabelled, scored, collected):
        with pytest.raises(RequestError, match=r"a\.tar\.gz: not a readable archive; give \.tar, \.tar\.gz"):
            read(path, tmp_path)
