"""The store: what it promises about keys, damage, locks and killed builds."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.align.settings import AlignConfig
from tasks.errors import RequestError
from tasks.ingest.settings import IngestConfig
from tasks.store.artifact import MANIFEST, Artifact, DamagedArtifact, Fingerprints, Store, section_values
from tasks.store.sweep import SEARCHES, sweep

CHECKOUT = Path(__file__).parents[1]
KEY = "k" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def build(store: Store, files: dict[str, bytes], key: str = KEY) -> Artifact:
    with store.locked("demo", key), store.building("demo", key) as under_way:
        for name, content in files.items():
            path = under_way.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return store.commit(under_way, "demo", key, report={"rows": 1}, seconds=0.5, inputs={})


def test_what_was_committed_is_found(store: Store) -> None:
    made = build(store, {"a.bin": b"x" * 1000, "dataset/b.bin": b"y"})
    found = store.find("demo", KEY)
    assert found == made
    assert found.report == {"rows": 1}
    assert (store.folder(found) / "a.bin").read_bytes() == b"x" * 1000


def test_digest_covers_data_and_not_what_stands_beside(store: Store) -> None:
    one = build(store, {"a": b"1", "side/report.html": b"today"}, "k1")
    two = build(store, {"a": b"1", "side/report.html": b"tomorrow"}, "k2")
    three = build(store, {"a": b"2", "side/report.html": b"today"}, "k3")
    renamed = build(store, {"b": b"1"}, "k4")
    assert one.digest == two.digest
    assert len({one.digest, three.digest, renamed.digest}) == 3


def test_a_part_changes_only_with_its_own_files(store: Store) -> None:
    one = build(store, {"dataset/x": b"1", "holdout/x": b"2"}, "k1")
    two = build(store, {"dataset/x": b"1", "holdout/x": b"3"}, "k2")
    assert one.narrow("dataset").digest == two.narrow("dataset").digest
    assert one.narrow("holdout").digest != two.narrow("holdout").digest
    assert (store.folder(one.narrow("dataset")) / "x").read_bytes() == b"1"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "delete": Path.unlink,
    "truncate": truncate,
    "flip": flip_bit,
    "zero": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "empty": lambda path: path.write_bytes(b""),
    "folder": make_folder,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["a.bin", "dataset/b.bin", "side/report.html", MANIFEST])
def test_every_damage_is_found_and_set_aside(store: Store, damage: str, name: str) -> None:
    files = {"a.bin": b"abcdefgh" * 50, "dataset/b.bin": b"12345678", "side/report.html": b"<html>"}
    path = store.folder(build(store, files)) / name
    DAMAGES[damage](path)
    with pytest.raises(DamagedArtifact):
        store.verify("demo", KEY)
    assert store.find("demo", KEY) is None
    assert store.find("demo", KEY) is None
    build(store, files)
    assert store.find("demo", KEY) is not None


def test_damage_is_told_in_one_line_that_says_where_it_went(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    build(store, {"a": b"1"})
    (store.place("demo", KEY) / "a").write_bytes(b"2")
    store.find("demo", KEY)
    build(store, {"a": b"1"})
    build(store, {"a": b"1"})  # nobody looked whether it is there
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    for line, reason in zip(lines, ("damaged: ", f"demo/{KEY} was in the way of the build that makes it"), strict=True):
        assert line.startswith(reason)
        (aside,) = re.findall(r"set aside as (store/\.damaged/\S+/folder)", line)
        assert (store.data_root / aside / "a").is_file()


def test_a_stray_file_is_damage(store: Store) -> None:
    folder = store.folder(build(store, {"a": b"1"}))
    (folder / "b").write_bytes(b"2")
    with pytest.raises(DamagedArtifact, match="does not belong"):
        store.verify("demo", KEY)


def test_swapped_artifacts_are_damage(store: Store) -> None:
    one, two = store.folder(build(store, {"a": b"1"}, "k1")), store.folder(build(store, {"a": b"1"}, "k2"))
    aside = one.with_name("aside")
    shutil.move(one, aside)
    shutil.move(two, one)
    shutil.move(aside, two)
    for key in ("k1", "k2"):
        with pytest.raises(DamagedArtifact, match="another artifact"):
            store.verify("demo", key)


def test_an_edited_report_is_damage(store: Store) -> None:
    manifest = store.folder(build(store, {"a": b"1"})) / MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"report": {"rows": 2}}))
    with pytest.raises(DamagedArtifact, match="not what was written"):
        store.verify("demo", KEY)


KILLED_BUILD = """
import os, signal, sys
from pathlib import Path
from tasks.store.artifact import Store
store = Store(Path(sys.argv[1]))
with store.locked("demo", "k"), store.building("demo", "k") as build:
    (build.folder / "half").write_bytes(b"1")
    (build.scratch / "checkpoint").write_bytes(b"2")
    print("building", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_build_leaves_its_checkpoint_and_no_lock(store: Store) -> None:
    command = [sys.executable, "-c", KILLED_BUILD, str(store.data_root)]
    assert subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True).returncode == -9
    assert store.find("demo", "k") is None
    with store.locked("demo", "k"), store.building("demo", "k") as again:
        assert not list(again.folder.iterdir())
        assert (again.scratch / "checkpoint").read_bytes() == b"2"
        (again.folder / "whole").write_bytes(b"3")
        store.commit(again, "demo", "k", report={}, seconds=0, inputs={})
    assert not list((store.root / ".building").iterdir())
    assert not list((store.root / ".scratch").iterdir())


WAITING_BUILD = """
import sys, time
from pathlib import Path
from tasks.store.artifact import Store
store = Store(Path(sys.argv[1]))
with store.locked("demo", "k"):
    if store.find("demo", "k"):
        print("reused")
    else:
        with store.building("demo", "k") as build:
            time.sleep(0.5)
            (build.folder / "a").write_bytes(b"1")
            store.commit(build, "demo", "k", report={}, seconds=0, inputs={})
        print("built")
"""


def test_processes_at_once_build_once(store: Store) -> None:
    command = [sys.executable, "-c", WAITING_BUILD, str(store.data_root)]
    running = [subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = sorted(process.communicate()[0].strip() for process in running)
    assert said == ["built", "reused", "reused"]


def test_fingerprints_follow_content_not_names(tmp_path: Path) -> None:
    prints = Fingerprints(tmp_path / "memory.sqlite")
    corpus = tmp_path / "corpus"
    (corpus / "pos").mkdir(parents=True)
    (corpus / "pos" / "1.txt").write_text("good")
    first = prints.of(corpus)
    shutil.copytree(corpus, tmp_path / "moved")
    assert prints.of(tmp_path / "moved") == first
    (corpus / "pos" / "1.txt").write_text("goof")
    changed = prints.of(corpus)
    assert changed != first
    (corpus / "pos" / "1.txt").rename(corpus / "pos" / "2.txt")
    assert prints.of(corpus) not in {first, changed}


def test_fingerprints_remember_and_survive_damage(tmp_path: Path) -> None:
    file = tmp_path / "archive.bin"
    file.write_bytes(b"1" * 100)
    past = time.time() - 100
    os.utime(file, (past, past))
    prints = Fingerprints(tmp_path / "memory.sqlite")
    first = prints.of(file)
    (tmp_path / "memory.sqlite").write_bytes(b"no database" * 100)
    assert prints.of(file) == first
    assert prints.of(file) == first
    with pytest.raises(RequestError, match="absent"):
        prints.of(tmp_path / "absent")


def test_a_folder_with_links_and_fifos_is_fingerprinted_without_following(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "loop").symlink_to(corpus)
    (corpus / "gone").symlink_to("nowhere")
    os.mkfifo(corpus / "pipe")
    assert len(Fingerprints(tmp_path / "memory.sqlite").of(corpus)) == 64


def test_a_section_enters_a_key_by_content(tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text("same")
    prints = Fingerprints(tmp_path / "memory.sqlite")
    one, two = (section_values(IngestConfig(path=tmp_path / name), prints) for name in ("one.txt", "two.txt"))
    assert one == two
    assert str(tmp_path) not in json.dumps(one)
    assert section_values(AlignConfig(min_count=2), prints) != section_values(AlignConfig(min_count=3), prints)


def test_gc_keeps_what_recent_runs_used(store: Store) -> None:
    for key in ("old", "new"):
        build(store, {"a": key.encode()}, key)
    runs = store.data_root / "runs"
    runs.mkdir()
    for number, key in enumerate(("old", "new")):
        record = {"name": "n", "status": "finished", "started": f"2026-01-0{number + 1}", "keys": {"demo": key}}
        (runs / f"{key}.json").write_text(json.dumps(record))
    assert sweep(store.data_root, keep_runs=1, dry_run=True)["removed"] == 1
    assert store.find("demo", "old")
    assert sweep(store.data_root, keep_runs=1)["removed"] == 1
    assert store.find("demo", "old") is None
    assert store.find("demo", "new")


def test_gc_removes_searches_that_have_rested_for_a_week(store: Store) -> None:
    build(store, {"a": b"1"})
    folder = store.data_root / SEARCHES
    folder.mkdir()
    long_ago = time.time() - 8 * 86400
    for name in ("old.db", "old.lock", "going.db", "going.lock"):
        (folder / name).write_bytes(b"x")
        if name != "going.db":
            os.utime(folder / name, (long_ago, long_ago))
    assert sweep(store.data_root, keep_runs=0, dry_run=True)["leftovers"] == 2
    assert sweep(store.data_root, keep_runs=0)["leftovers"] == 2
    assert sorted(path.name for path in folder.iterdir()) == ["going.db", "going.lock"]


def test_gc_refuses_while_a_run_reads(store: Store) -> None:
    build(store, {"a": b"1"})
    with store.reading(), pytest.raises(RequestError, match="try again"):
        sweep(store.data_root, keep_runs=0)
    assert store.find("demo", KEY)


def test_the_memory_of_fingerprints_is_its_owners_alone(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    store.fingerprints.of(tmp_path / "file")
    assert store.fingerprints.memory.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["a", MANIFEST])
def test_a_pipe_or_a_link_in_the_place_of_a_file_is_damage_and_never_waited_for(store: Store, name: str) -> None:
    for put in (os.mkfifo, lambda path: path.symlink_to(path.with_name("b"))):
        path = store.folder(build(store, {"a": b"same", "b": b"same"})) / name
        path.unlink()
        put(path)
        with pytest.raises(DamagedArtifact, match="cannot be read"):
            store.verify("demo", KEY)
        assert store.find("demo", KEY) is None
