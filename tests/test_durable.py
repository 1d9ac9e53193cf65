import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.durable import append_line, flush_tree, locked, num_cores, replaced, sweep_partials
from tasks.processes import start_time

HOLDER = """
import sys
from pathlib import Path
from tasks.durable import locked
with locked(Path(sys.argv[1]), shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path, kind: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_lock_is_held_against_others_and_ends_with_a_killed_process(tmp_path: Path) -> None:
    process = holder(tmp_path / "lock", "alone")
    try:
        with pytest.raises(BlockingIOError), locked(tmp_path / "lock", wait=False):
            pass
        with pytest.raises(BlockingIOError), locked(tmp_path / "lock", shared=True, wait=False):
            pass
    finally:
        process.kill()
    told: list[str] = []
    with locked(tmp_path / "lock", waiting=lambda: told.append("waits")):
        assert told in ([], ["waits"])  # the kernel may still be ending it
    process.communicate()


def test_readers_share_a_lock(tmp_path: Path) -> None:
    process = holder(tmp_path / "lock", "shared")
    try:
        with locked(tmp_path / "lock", shared=True, wait=False):
            pass
        with pytest.raises(BlockingIOError), locked(tmp_path / "lock", wait=False):
            pass
    finally:
        process.communicate("")


def test_who_waits_is_told_once(tmp_path: Path) -> None:
    process = holder(tmp_path / "lock", "alone")
    told: list[str] = []

    def waits() -> None:
        told.append("waits")
        process.communicate("")  # the holder ends only now

    with locked(tmp_path / "lock", waiting=waits):
        assert told == ["waits"]


@pytest.mark.parametrize("name", ["note.json", "a [b]*?.html", "数据 #1"])
def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    for text in ("first", "second"):
        with replaced(target, flushed=True) as partial:
            partial.write_text(text)
            assert partial.parent == tmp_path
        assert target.read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == [name]


def fill(partial: Path) -> None:
    partial.write_text("half")
    raise OSError(28, "No space left on device")


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "note.json"
    target.write_text("old")
    with pytest.raises(OSError, match="No space"), replaced(target) as partial:
        fill(partial)
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["note.json"]


def test_a_private_file_is_private_from_its_first_byte(tmp_path: Path) -> None:
    with replaced(tmp_path / "password", mode=0o600) as partial:
        assert partial.stat().st_mode & 0o077 == 0
    assert (tmp_path / "password").stat().st_mode & 0o077 == 0


def test_the_next_writer_removes_what_killed_ones_left_and_nothing_else(tmp_path: Path) -> None:
    mine, parent = os.getpid(), os.getppid()
    dead = [f".note.json.{mine}-0.part", f".note.json.{mine}-0.part-journal", ".note.json.99999999-5.part"]
    others = [f".note.json.{parent}-{start_time(parent)}.part", ".note.json.draft.part", ".other.json.99999999-5.part"]
    for name in (*dead, *others):
        (tmp_path / name).write_text("begun")
    with replaced(tmp_path / "note.json") as partial:
        partial.write_text("new")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "note.json"])
    sweep_partials(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others[:2], "note.json"])
    sweep_partials(tmp_path / "is not there")


def test_a_tree_is_flushed_to_its_last_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a", "deep/b"):
        (tmp_path / name).write_text(name)
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))
    flush_tree(tmp_path)
    assert sorted(flushed) == sorted(path.stat().st_ino for path in [tmp_path, *tmp_path.rglob("*")])


def test_cores_are_those_that_this_process_may_use() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert num_cores() == 1
    finally:
        os.sched_setaffinity(0, before)


def test_a_line_that_was_cut_short_is_ended_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "alerts.jsonl"
    append_line(path, "茅台".encode())
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes("茅台\n腾讯".encode()[:-1])
    append_line(path, b"third")
    assert path.read_text(encoding="utf-8") == "茅台\n腾\nthird\n"


def test_a_link_is_not_appended_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="link"):
        append_line(tmp_path / "link", b"line")
    assert not (tmp_path / "elsewhere").exists()
