from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from tasks.errors import RequestError
from tasks.ingest.corpus import check_request, write_corpus
from tasks.ingest.settings import IngestConfig
from tasks.ingest.task import keep_refused

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nothing to read"),
        ({"source": "table"}, "nothing to read"),
        ({"path": "absent.csv"}, "--ingest.path .*absent.csv: No such file"),
        ({"path": "folder", "source": "table"}, "a folder; give the table's file"),
        ({"path": "a.csv", "source": "folder"}, "not a folder"),
        ({"path": "a.csv", "test_path": "absent"}, "--ingest.test-path .*absent"),
        ({"path": "a.csv", "test_path": "split"}, "give the folder of the labels"),
        ({"path": "split", "test_path": "a.csv"}, "--ingest.test-path: split has train/ or test/ below; leave the option out"),
        ({"path": "a.csv", "label_names": "absent"}, "--ingest.label-names .*absent: no such file"),
        ({"path": "/dev/null"}, "neither a file nor a folder"),
    ],
)
def test_wrong_requests_end_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("text,label\na,b\n")
    for name in ("folder", "split/train/a", "split/train/b"):
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(RequestError, match=message) as caught:
        check_request(IngestConfig(**options))
    assert "\n" not in str(caught.value)


@pytest.mark.long
@pytest.mark.parametrize("labels", [(), ("p", "q")], ids=["kept", "a third quarantined"])
def test_memory_grows_by_no_more_than_100_bytes_a_document(tmp_path: Path, labels: tuple[Any, ...]) -> None:
    peaks = []
    for number in (8_192, 24_576):
        path = tmp_path / "a.csv"
        path.write_text("text,label\n" + "".join(f"a text of some length {n},{'pqn'[n % 3]}\n" for n in range(number)))
        tracemalloc.start()
        try:
            write_corpus(IngestConfig(path=path, labels=labels), tmp_path)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] - peaks[0] < 100 * (24_576 - 8_192)


def test_equal_inputs_give_equal_bytes_in_another_process(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\ngood,p\nbad,n\n\0,n\n")
    script = (
        "import sys; from pathlib import Path; from tasks.config import IngestConfig;"
        "from tasks.ingest.corpus import write_corpus; write_corpus(IngestConfig(path=sys.argv[1]), Path(sys.argv[2]))"
    )
    outputs: list[list[bytes]] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        subprocess.run(
            [sys.executable, "-c", script, path, tmp_path / name], check=True, env={"PYTHONHASHSEED": str(len(outputs) + 1)}
        )
        outputs.append([(tmp_path / name / file).read_bytes() for file in ("corpus.parquet", "quarantine.parquet")])
    assert outputs[0] == outputs[1]


def test_the_report_is_json(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\ngood,p\nbad,n\n,n\n")
    report = write_corpus(IngestConfig(path=path), tmp_path)
    assert (
        json.loads(json.dumps(report, allow_nan=False))
        == report
        == {
            "found": 3,
            "kept": 2,
            "duplicates": 0,
            "quarantined": 1,
            "labels": {"n": 1, "p": 1},
            "splits": {"unsplit": 2},
            "reasons": {"empty": 1},
            "unlabelled": 0,
            "passed_over": {},
            "warnings": [],
        }
    )


def test_what_was_refused_of_a_corpus_that_failed_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"text {n},maybe\n" for n in range(5)))
    with pytest.raises(RequestError, match="none of 5 records"):
        write_corpus(IngestConfig(path=path, labels=("yes", "no")), tmp_path)
    kept = keep_refused(tmp_path / "quarantine.parquet", tmp_path / "runs" / "refused.parquet")
    assert pq.read_table(kept).column("reason").to_pylist() == ["unknown_label"] * 5
    path.write_text("text,label\na,x\nb,x\n")
    with pytest.raises(RequestError, match="one class only"):
        write_corpus(IngestConfig(path=path), tmp_path)
    assert keep_refused(tmp_path / "quarantine.parquet", tmp_path / "other.parquet") is None
