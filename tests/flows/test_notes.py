"""Notes that a full disk or a kill has left half-written."""

import json
import os
from pathlib import Path

import pytest

from flows import notes
from flows.notes import sweep_notes, write_note
from flows.processes import start_time


def test_a_full_disk_leaves_the_old_note_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs" / "one.json"
    write_note(path, {"status": "running"})

    def fails(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(notes.os, "replace", fails)
    with pytest.raises(OSError, match="No space"):
        write_note(path, {"status": "finished"})
    assert json.loads(path.read_text()) == {"status": "running"}
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_process_had_begun_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    mine, started = os.getpid(), start_time(os.getpid())
    living = tmp_path / f"one.json.{mine}.{started}.tmp"
    dead = [tmp_path / name for name in (f"one.json.{mine}.0.tmp", "0b7e.4242.tmp", "short.tmp", ".tmp")]
    note = tmp_path / "one.json"
    for path in (living, note, *dead):
        path.touch()
    sweep_notes(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted((living, note))
    sweep_notes(tmp_path / "is not there")
