"""Notes that a full disk or a kill has left half-written."""

import json
import os
from pathlib import Path

import pytest

from flows.servers.notes import write_note


def test_a_full_disk_leaves_the_old_note_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs" / "one.json"
    write_note(path, {"status": "running"})

    def fails(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="No space"):
        write_note(path, {"status": "finished"})
    assert json.loads(path.read_text()) == {"status": "running"}
    assert list(path.parent.iterdir()) == [path]
