"""What cannot be read is named, so that `found in 0` says no more than it knows."""

from __future__ import annotations

import contextlib
import gzip
import shutil
import sqlite3
from typing import TYPE_CHECKING

import pytest

from flows.commands.health import forgotten_texts
from tasks.errors import RequestError
from tasks.forget.asked import read_list
from tasks.forget.forgotten import remember
from tasks.forget.forms import Wanted
from tasks.forget.rewriting import rewrite_log, rewrite_record
from tasks.forget.search import held_by_file, look
from tests.forget.planted import OTHER, PLANTED, TEXT
from tests.forget.root import roots_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ["rows.parquet", "rows.zip", "news.tar.gz", "page.gz", "page.xz", "spool.arrow", "notes.db"])
def test_a_damaged_file_is_named(name: str, tmp_path: Path) -> None:
    PLANTED[name](tmp_path / name)
    data = (tmp_path / name).read_bytes()
    cut = data[: len(data) * 2 // 3] if name != "notes.db" else data[:4096] + bytes(len(data) - 4096)
    (tmp_path / name).write_bytes(cut)
    looked = look(roots_of(tmp_path), Wanted([TEXT]))
    assert looked.files == 1
    assert looked.unread[tmp_path / name].startswith("damaged: ")


def test_a_database_that_is_held_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.forget.contents.WAIT_SECONDS", 0.1)
    PLANTED["notes.db"](tmp_path / "notes.db")
    with contextlib.closing(sqlite3.connect(tmp_path / "notes.db", isolation_level=None)) as db:
        db.execute("BEGIN EXCLUSIVE")
        assert look(roots_of(tmp_path), Wanted([TEXT])).unread == {tmp_path / "notes.db": "in use by another program"}


def test_a_text_on_several_lines_of_a_log_takes_all_of_it(tmp_path: Path) -> None:
    wanted, log = Wanted([TEXT]), tmp_path / "worker.log"
    log.write_text(f"begin\n{TEXT}\nend\n")
    rewrite_log(log, wanted)
    assert log.read_text() == ""
    log.write_text(f"begin\nagain {' '.join(TEXT.split())}\nend\n")
    rewrite_log(log, wanted)
    assert log.read_text() == "begin\nend\n"
    (tmp_path / "worker.log.1.gz").write_bytes(gzip.compress(TEXT.encode()))
    rewrite_log(tmp_path / "worker.log.1.gz", wanted)
    assert not (tmp_path / "worker.log.1.gz").exists()


def test_a_record_that_cannot_do_without_the_text_is_removed(tmp_path: Path) -> None:
    wanted, record = Wanted([TEXT]), tmp_path / "1.json"
    PLANTED["words.json"](record)
    rewrite_record(record, wanted)
    assert not record.exists()
    shutil.copy(__file__, record)  # not JSON
    with record.open("a") as file:
        file.write(f"\n{TEXT!r}\n")
    rewrite_record(record, wanted)
    assert held_by_file(record, wanted) == set()
    assert "def test_a_damaged_file_is_named" in record.read_text()


def test_a_list_is_lines_or_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{OTHER}\n\n{OTHER}, again\n")
    assert read_list(tmp_path / "a.txt").texts == [OTHER, f"{OTHER}, again"]
    (tmp_path / "a.tsv").write_text('id\ttext\n7\t\n\t"two\nlines"\n8\tboth\n')
    assert read_list(tmp_path / "a.tsv") == (["two\nlines", "both"], ["7"])
    for name, content, told in (("b.csv", "body\nx\n", "no column is called text or id"), ("c.txt", " \n", "no text is in it")):
        (tmp_path / name).write_text(content)
        with pytest.raises(RequestError, match=told):
            read_list(tmp_path / name)
    with pytest.raises(RequestError, match="no such file"):
        read_list(tmp_path / "absent.txt")


def test_doctor_counts_the_texts_and_misses_the_key(tmp_path: Path) -> None:
    assert forgotten_texts(tmp_path) == "none"
    remember(tmp_path, [TEXT, OTHER, TEXT])
    assert forgotten_texts(tmp_path) == "2 refused"
    (tmp_path / "forgotten/key").write_text("short")
    with pytest.raises(RequestError, match="restore it from a backup"):
        forgotten_texts(tmp_path)
