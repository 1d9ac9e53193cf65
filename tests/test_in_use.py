"""What another program holds or has not finished writing is told so: wait, and never repair it or move it away."""

import errno
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.commands.settings import check_paths
from tasks.collect.files import file_sources
from tasks.collect.settings import CollectConfig
from tasks.config import PipelineConfig
from tasks.documents.parquet import parquet_columns
from tasks.errors import RequestError, UnavailableError
from tasks.in_use import find_writer, is_forbidden, is_held, unreadable
from tasks.ingest.settings import IngestConfig
from tasks.monitor.state import MonitorState
from tasks.store.artifact import Fingerprints
from tasks.tracking.client import open_client
from tasks.tracking.home import tracking_home

HOLDS = """
import sys
file = open(sys.argv[1], "ab")
file.write(sys.argv[2].encode()), file.flush()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def half(tmp_path: Path) -> Path:
    """A Parquet file without its end."""
    path = tmp_path / "corpus.parquet"
    pq.write_table(pa.table({"text": ["a good day", "a bad one"], "label": ["good", "bad"]}), path)
    path.write_bytes(path.read_bytes()[:-20])
    return path


@pytest.fixture
def writer(half: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another program that has the file open for writing."""
    with subprocess.Popen([sys.executable, "-c", HOLDS, half, ""], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        yield process


def complaint(path: Path) -> str:
    with pytest.raises(RequestError) as refused:
        parquet_columns(path, IngestConfig().reading)
    return str(refused.value)


def test_a_parquet_file_without_its_end_is_still_being_written_while_somebody_writes_it(
    half: Path, writer: subprocess.Popen[bytes]
) -> None:
    said = complaint(half)
    assert f"process {writer.pid} (python" in said
    assert "is still writing it: wait until that is done, and run it again" in said
    assert "copy" not in said


def test_one_that_was_changed_a_moment_ago_may_be_and_an_old_one_is_not(half: Path) -> None:
    assert "if it is still being written, wait until that is done, and run it again; else get a whole copy" in complaint(half)
    import os

    os.utime(half, (1e9, 1e9))
    assert complaint(half).endswith("; get a whole copy")
    assert "wait" not in complaint(half)


def test_a_file_that_is_read_is_not_taken_for_one_that_is_written(half: Path) -> None:
    reads = "import sys; file = open(sys.argv[1]); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", reads, half], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        assert find_writer(half) == ""


@pytest.mark.parametrize(
    ("error", "held", "forbidden"),
    [
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), True, False),
        (OSError(errno.ETXTBSY, "Text file busy"), True, False),
        (OSError("The process cannot access the file because it is being used by another process"), True, False),
        (sqlite3.OperationalError("database is locked"), True, False),
        (PermissionError(errno.EACCES, "Permission denied"), False, True),
        (OSError(errno.EROFS, "Read-only file system"), False, True),
        (OSError(errno.EIO, "Input/output error"), False, False),
        (sqlite3.DatabaseError("file is not a database"), False, False),
        (ValueError("Parquet magic bytes not found in footer"), False, False),
    ],
)
def test_locks_and_permissions_are_told_from_damage(tmp_path: Path, error: Exception, held: bool, forbidden: bool) -> None:
    assert (is_held(error), is_forbidden(error)) == (held, forbidden)
    outer = RuntimeError("cannot be opened")
    outer.__cause__ = error
    assert (is_held(outer), is_forbidden(outer)) == (held, forbidden)
    said = unreadable(tmp_path / "absent", error)
    assert ("in use by another program: wait" in said) == held
    assert ("check its permissions" in said) == forbidden
    assert ("damaged" in said) == (not held and not forbidden)


def test_a_monitor_that_is_locked_is_not_to_be_moved_away(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk"):
        pass
    with pytest.raises(UnavailableError) as told, MonitorState.open(tmp_path, "desk"):
        raise sqlite3.OperationalError("database is locked")
    assert str(told.value).endswith(
        "database is locked; it is in use by another program: wait until that is done, and run it again"
    )
    with pytest.raises(UnavailableError, match=r"move .* away"), MonitorState.open(tmp_path, "desk"):
        raise sqlite3.DatabaseError("database disk image is malformed")


def test_a_tracking_database_that_is_locked_is_waited_for_and_a_damaged_one_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking import MlflowClient

    home = tracking_home(None, tmp_path, tmp_path / "checkout")
    open_client(home)
    with monkeypatch.context() as patch:

        def fails(*arguments: object, **keywords: object) -> None:
            from sqlalchemy.exc import OperationalError

            raise OperationalError("SELECT", {}, sqlite3.OperationalError("database is locked"))

        patch.setattr(MlflowClient, "search_experiments", fails)
        with pytest.raises(UnavailableError, match="it is in use by another program: wait until that is done"):
            open_client(home)
    assert home.database
    home.database.write_bytes(b"no database" * 1000)
    with pytest.raises(RequestError, match="repair it, or move it away"):
        open_client(home)


def test_the_memory_of_fingerprints_that_is_locked_is_kept(tmp_path: Path) -> None:
    (tmp_path / "corpus.csv").write_text("text,label\n")
    fingerprints = Fingerprints(tmp_path / "memory.db")
    digest = fingerprints.of(tmp_path / "corpus.csv")
    with pytest.MonkeyPatch.context() as patch, closing(sqlite3.connect(tmp_path / "memory.db")) as other:
        patch.setattr("tasks.store.artifact.MEMORY_SECONDS", 0.0)
        other.execute("BEGIN EXCLUSIVE")
        assert fingerprints.of(tmp_path / "corpus.csv") == digest
    with closing(sqlite3.connect(tmp_path / "memory.db")) as memory:
        memory.execute("SELECT * FROM seen")  # it is still there


def test_a_line_that_somebody_is_still_writing_is_left_for_the_next_refresh(tmp_path: Path) -> None:
    inbox = tmp_path / "news.csv"
    inbox.write_text("time,text\n2020-01-01,Sales rose\n2020-01-02,Sales fe")

    def found() -> tuple[list[str | None], str | None, bool]:
        (source,) = file_sources(CollectConfig(source=str(inbox)))
        return [record.text for record in source.records], source.warning, source.watermark is None

    arguments = [sys.executable, "-c", HOLDS, str(inbox), "ll"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        texts, warning, again = found()
        assert (texts, again) == (["Sales rose"], True)
        assert warning
        assert f"process {process.pid}" in warning
        assert "is still writing its last line, which is left for the next refresh" in warning
    assert found()[:2] == (["Sales rose", "Sales fell"], None)  # it has ended, without a line end


def test_a_corpus_that_a_program_has_open_for_writing_is_read_with_a_warning(
    half: Path, writer: subprocess.Popen[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    check_paths(PipelineConfig.model_validate({"name": "x", "ingest": {"path": half}}))
    (said,) = caplog.messages
    assert said.startswith(f"--ingest.path {half}: process {writer.pid}")
    assert said.endswith("has it open for writing; if it is not whole yet, wait until that is done, and run it again")
