"""Processes label as this one does, byte for byte."""

from __future__ import annotations

import json
import pickle
import shutil
import types
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.documents.tally import Tally
from tasks.engine.local import LocalPool
from tasks.errors import RequestError
from tasks.ingest.settings import IngestConfig
from tasks.model.serving import TextClassifier
from tasks.register.handle import Handle
from tasks.register.load import open_package
from tasks.register.models import LoadedModel
from tasks.score.score import score_file
from tasks.score.stream import Scorer
from tasks.score.watch import WatchList
from tests.score.test_stream import collected

GOOD, BAD = "profit rose, strong growth", "loss fell, weak slump"
ENDINGS = [GOOD, BAD, "zyxwv qwertyuiop", "...", "", "growth slump", "公司"]


@pytest.fixture
def packaged(loaded: LoadedModel, tmp_path: Path) -> LoadedModel:
    """The model as a package's own code serves it, in a folder of the test's own."""
    folder = Path(shutil.copytree(loaded.model.folder, tmp_path / "package"))
    return LoadedModel("news", 3, open_package(folder).TextClassifier(folder))


def write_table(path: Path, rows: int) -> Path:
    texts = [f"{ENDINGS[number % len(ENDINGS)]} {number % 13}" if number % 7 else ENDINGS[4] for number in range(rows)]
    pq.write_table(pa.table({"n": range(rows), "text": texts, "label": ["x"] * rows}), path, row_group_size=30)
    return path


def test_processes_write_the_bytes_of_this_one(packaged: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("parts", "parquet_parts", "score"):
        monkeypatch.setattr(f"tasks.score.{module}.BATCH", 10)
    monkeypatch.setattr("tasks.score.score.PART_ROWS", 40)
    monkeypatch.setattr("tasks.score.score.FEW", 1)
    source = write_table(tmp_path / "news.parquet", 203)
    reports, files = [], []
    output = tmp_path / "scored.parquet"
    for workers in (0, 1, 2):
        engine = LocalPool(workers)
        with engine.started("tasks.score.parts"):  # no part is labelled here meanwhile
            asked: dict[str, Any] = {"reading": IngestConfig(), "loaded": packaged, "engine": engine if workers else None}
            report = score_file(source, output, **asked, explain=True, min_confidence=0.8)
        reports.append(report)
        files.append(output.read_bytes())
    assert reports[0] == reports[1] == reports[2]
    assert files[0] == files[1] == files[2]
    assert reports[0]["found"] == 203
    metadata = pq.read_metadata(tmp_path / "scored.parquet")
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [10] * 20 + [3]
    assert pq.read_table(tmp_path / "scored.parquet").column("n").to_pylist() == list(range(203))


def test_a_package_that_changes_under_way_is_not_believed(
    packaged: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.score.score.FEW", 0)
    monkeypatch.setattr("tasks.score.score.PART_ROWS", 1)
    labels = packaged.model.folder / "labels.json"
    labels.write_text(json.dumps({"labels": ["negative", "wonderful"]}))
    source, engine = write_table(tmp_path / "news.parquet", 50), LocalPool(2)
    changed = r"^news/3: .*labels\.json was changed while it was in use; run again$"
    output = tmp_path / "scored.parquet"
    with engine.started("tasks.score.parts"), pytest.raises(RequestError, match=changed):
        score_file(source, output, reading=IngestConfig(), loaded=packaged, engine=engine)
    assert not output.exists()


def test_a_model_without_a_package_labels_here(loaded: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.score.score.FEW", 0)

    class Given:
        labels = loaded.model.labels
        answer = loaded.model.answer

    source = write_table(tmp_path / "news.parquet", 20)
    given = LoadedModel("news", 3, Given())
    report = score_file(source, tmp_path / "scored.parquet", reading=IngestConfig(), loaded=given, engine=LocalPool(2))
    assert report["found"] == 20


def test_documents_of_a_monitor_are_scored_alike(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.score.stream.MANY", 1)
    names = WatchList({"Slump plc": ["slump"], "腾讯": ["腾讯"]}, {"warned": "profit warnings?"}, origin="names.toml")
    scorer = Scorer(loaded, "negative", (LoadedModel("topic", 7, TextClassifier(loaded.model.folder)),), names)
    batches = [collected([f"{ending} {number}" for ending in (*ENDINGS, "腾讯: profit warning")]) for number in range(9)]
    expected = list(scorer.score(batches))
    engine = LocalPool(2)
    with engine.started("tasks.score.stream"):
        assert list(scorer.score(batches, total=72, engine=engine)) == expected
    assert expected[0][0].column("names").to_pylist()[-1] == ["warned", "腾讯"]


def test_models_that_read_texts_keep_to_one_process(loaded: LoadedModel) -> None:
    assert not Handle.of(loaded).shares_no_lock
    reads: Any = types.SimpleNamespace(_classifier=types.SimpleNamespace(reads_text=True))
    assert Handle.of(LoadedModel("news", 3, reads)).shares_no_lock


def test_rows_of_parquet_are_judged_where_they_are_labelled(loaded: LoadedModel, tmp_path: Path) -> None:
    source = tmp_path / "news.parquet"
    texts = [GOOD.encode(), b"\xff broken", "crÃ¨me brÃ»lÃ©e".encode(), b"", None] * 9
    pq.write_table(pa.table({"text": pa.array(texts, pa.binary())}), source, row_group_size=7)
    report = score_file(source, tmp_path / "scored.parquet", reading=IngestConfig(), loaded=loaded)
    assert report["reasons"]["undecodable"] == 9
    assert [line for line in report["warnings"] if "once read as cp1252" in line]
    broken = pq.read_table(tmp_path / "scored.parquet").slice(1, 1).to_pylist()[0]
    assert (broken["id"], broken["text"], broken["reason"]) == ("news.parquet:1", None, "undecodable")
    worse = pa.array([b"\xff"] * 20 + [GOOD.encode()] * 30, pa.binary())
    pq.write_table(pa.table({"text": worse}), source, row_group_size=7)
    with pytest.raises(RequestError, match=r"byte 0 of news\.parquet is not utf-8, nor are 20 of 50 records"):
        score_file(source, tmp_path / "scored.parquet", reading=IngestConfig(), loaded=loaded)


def test_tallies_of_parts_are_that_of_the_whole() -> None:
    records = [(f"a{number}", number, text.encode(), text) for number, text in enumerate(["é", "plain", "brÃ»lÃ©e"] * 500)]
    whole, parts = Tally("latin-1", "--encoding"), [Tally("latin-1", "--encoding") for _ in range(7)]
    for place, (source, offset, data, text) in enumerate(records):
        bad = offset if place % 400 == 399 else None
        for tally in (whole, parts[place * 7 // len(records)]):
            tally.count(source, offset, data, None if bad else text, bad)
    for part in parts[1:]:
        parts[0].add(part)
    assert {name: value for name, value in vars(parts[0]).items() if name not in ("_bytes", "_undecodable")} == {
        name: value for name, value in vars(whole).items() if name not in ("_bytes", "_undecodable")
    }
    assert parts[0].warnings("news") == whole.warnings("news")


def test_each_of_many_models_is_opened_once_in_a_process(loaded: LoadedModel, tmp_path: Path) -> None:
    folders = [Path(shutil.copytree(loaded.model.folder, tmp_path / str(number))) for number in range(12)]
    sent = [pickle.dumps(Handle.of(LoadedModel(folder.name, 1, TextClassifier(folder)))) for folder in folders]
    first, again = ([pickle.loads(each).loaded for each in sent] for _ in range(2))
    assert all(one is other for one, other in zip(first, again, strict=True))
