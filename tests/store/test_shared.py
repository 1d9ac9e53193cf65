"""A store in front of a bucket: what hosts share, whose build counts, what damage, lost answers and outages do."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tasks.errors import RequestError, UnavailableError
from tasks.store.artifact import Store
from tasks.store.digests import canonical, sha256_text
from tasks.store.shared.bucket import Bucket, Unsure, Version
from tasks.store.shared.collect import GRACE, UNFINISHED, collect, forget, forget_unreachable, stored
from tasks.store.shared.entry import read_entry, written
from tasks.store.shared.layout import DATA, MANIFESTS, RUNS, data_place, lease_place, manifest_place
from tasks.store.shared.noted import shared_with
from tests.store.hosts import ADDRESS, KEY, LEASE_SECONDS, Memory, commit, content, make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from tasks.store.shared.bucket import Listed, Object

FILES = {"a.bin": b"abcdefgh" * 50, "dataset/b.bin": b"12345678", "side/report.html": b"<html>", "empty": b""}
OTHER = {**FILES, "a.bin": b"other", "side/report.html": b"<p>"}
MANIFEST_PLACE = manifest_place("demo", KEY)
NO_GRACE = timedelta(0)


@pytest.fixture
def memory() -> Memory:
    return Memory()


def test_what_one_host_built_another_is_handed(memory: Memory, tmp_path: Path) -> None:
    one, two = memory.host(tmp_path / "1"), memory.host(tmp_path / "2")
    made, built = make(one, FILES, rows=3)
    found, again = make(two, OTHER)
    assert (built, again) == (True, False)
    assert found == made
    assert found.report == {"rows": 3}
    assert content(two, found) == FILES
    assert Store(tmp_path / "2").verify("demo", KEY) == made  # its own store is whole without the bucket
    assert memory.places("leases") == []


def test_of_two_builds_the_first_to_be_committed_counts_on_both_hosts(memory: Memory, tmp_path: Path) -> None:
    slow, quick = memory.host(tmp_path / "1"), memory.host(tmp_path / "2")
    with slow.locked("demo", KEY):
        assert slow.find("demo", KEY) is None
        slow._leases["demo", KEY]._ended.set()  # it hangs
        first, built = make(quick, FILES)
        assert built
        late = commit(slow, OTHER)
    assert late == first
    assert content(slow, late) == FILES
    assert len({place.split("/")[3] for place in memory.places("data")}) == 1  # what lost is deleted
    assert len(list((slow.root / ".damaged").iterdir())) == 1  # on its host it is set aside


def test_another_waits_for_a_build_that_lives(memory: Memory, tmp_path: Path) -> None:
    one, two = memory.host(tmp_path / "1"), memory.host(tmp_path / "2")
    found: list[tuple[object, bool]] = []
    other = threading.Thread(target=lambda: found.append(make(two, OTHER)))
    with one.locked("demo", KEY):
        assert one.find("demo", KEY) is None
        other.start()
        other.join(LEASE_SECONDS * 4)  # it would have taken the lease of a dead owner over
        assert other.is_alive()
        made = commit(one, FILES)
    other.join()
    assert found == [(made, False)]


def test_a_failed_build_lets_go_of_its_lease(memory: Memory, tmp_path: Path) -> None:
    one = memory.host(tmp_path / "1", lease=600)

    def fail() -> None:
        with one.locked("demo", KEY):
            assert one.find("demo", KEY) is None
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert memory.places("leases") == []
    assert make(memory.host(tmp_path / "2", lease=600), FILES)[1]


def test_a_bucket_that_fails_behind_the_lease_leaves_it_to_the_next(memory: Memory, tmp_path: Path) -> None:
    class FailsOnce(Bucket):
        """Fails where the manifest is read for the second time."""

        reads = 0

        def read(self, place: str) -> Object | None:
            if place == manifest_place("demo", KEY):
                FailsOnce.reads += 1
                if FailsOnce.reads == 2:
                    raise UnavailableError("gone for a moment")
            return super().read(place)

    one = memory.host(tmp_path / "1", kind=FailsOnce, lease=600)
    with pytest.raises(UnavailableError, match="gone for a moment"), one.locked("demo", KEY):
        one.find("demo", KEY)
    assert memory.places("leases") == []
    assert make(memory.host(tmp_path / "2", lease=600), FILES)[1]


def test_what_was_built_before_is_handed_over(memory: Memory, tmp_path: Path) -> None:
    alone = Store(tmp_path / "1")
    with alone.locked("demo", KEY), alone.building("demo", KEY) as build:
        (build.folder / "a").write_bytes(b"1")
        made = alone.commit(build, "demo", KEY, report={}, seconds=1.0, inputs={})
    assert make(memory.host(tmp_path / "1"), OTHER) == (made, False)
    assert make(memory.host(tmp_path / "2"), OTHER) == (made, False)


def test_a_copy_that_is_another_than_the_buckets_is_set_aside(memory: Memory, tmp_path: Path) -> None:
    alone = Store(tmp_path / "2")
    with alone.locked("demo", KEY), alone.building("demo", KEY) as build:
        (build.folder / "a").write_bytes(b"1")
        alone.commit(build, "demo", KEY, report={}, seconds=1.0, inputs={})
    made, _ = make(memory.host(tmp_path / "1"), FILES)
    two = memory.host(tmp_path / "2")
    assert make(two, OTHER) == (made, False)
    assert content(two, made) == FILES


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1]) if data else b"\1"


DAMAGES: dict[str, Callable[[Memory, str, str], None]] = {
    "flip": lambda memory, place, other: memory.put(place, flip(memory.get(place))),
    "cut": lambda memory, place, other: memory.put(place, memory.get(place)[:-1] or b"\1"),
    "empty": lambda memory, place, other: memory.put(place, b"" if memory.get(place) else b"\1"),
    "remove": lambda memory, place, other: memory.delete(place),
    "swap": lambda memory, place, other: memory.put(
        place, memory.get(other) + b"\1" * (memory.get(other) == memory.get(place))
    ),
    "list": lambda memory, place, other: memory.put(place, b"[]"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["", *FILES])
def test_damage_in_the_bucket_is_never_handed_on_and_is_replaced_once(
    memory: Memory, tmp_path: Path, damage: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, built = make(memory.host(tmp_path / "1"), FILES)
    make(memory.host(tmp_path / "1"), OTHER, "other")
    (attempt,) = memory.places(f"data/demo/{KEY}/")[0].split("/")[3:4]
    place = f"data/demo/{KEY}/{attempt}/{name}" if name else MANIFEST_PLACE
    other = next(each for each in memory.places("data") if each != place) if name else manifest_place("demo", "other")
    DAMAGES[damage](memory, place, other)
    made, built = make(memory.host(tmp_path / "2"), FILES)
    assert built
    assert (made.key, made.digest) == (first.key, first.digest)
    assert make(memory.host(tmp_path / "3"), OTHER) == (made, False)
    one = memory.host(tmp_path / "1")
    assert content(one, make(one, OTHER)[0]) == FILES
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert all(line.startswith(f"damaged in {ADDRESS}: demo/{KEY}: ") for line in told)
    assert len(told) == (damage not in ("remove", "empty") or bool(name))  # a manifest that is not there is no damage


def test_a_manifest_writes_nowhere_but_into_its_folder(memory: Memory, tmp_path: Path) -> None:
    one = memory.host(tmp_path / "1")
    make(one, FILES)
    manifest = json.loads((one.place("demo", KEY) / "manifest.json").read_text())
    for name in ("../../evil", "/evil", "a/../../evil", "manifest.json", "", "a\0b"):
        changed = {each: value for each, value in manifest.items() if each != "checksum"}
        changed["files"] = {name: {"bytes": 1, "sha256": "0" * 64}}
        changed["checksum"] = sha256_text(canonical(changed))
        memory.put(MANIFEST_PLACE, written("attempt", changed))
        two = memory.host(tmp_path / "2")
        with two.locked("demo", KEY):
            assert two.find("demo", KEY) is None
    assert not list(tmp_path.rglob("evil"))


class LosesAnswers(Bucket):
    """Does every conditional write and loses the answer."""

    def write(self, place: str, data: bytes, *, over: Version | None) -> Version:
        super().write(place, data, over=over)
        raise Unsure("the answer was lost")


def test_a_write_whose_answer_was_lost_is_recognised(memory: Memory, tmp_path: Path) -> None:
    one = memory.host(tmp_path / "1", kind=LosesAnswers)
    made, built = make(one, FILES)
    assert built
    assert len(memory.places("data")) == len(FILES)
    assert memory.places("leases") == []
    assert make(memory.host(tmp_path / "2"), OTHER) == (made, False)


class NeverWrites(Bucket):
    """Takes no manifest, as long as it is told so."""

    broken = True

    def write(self, place: str, data: bytes, *, over: Version | None) -> Version:
        if self.broken and place.startswith(MANIFESTS):
            raise Unsure("it answers 500")
        return super().write(place, data, over=over)


def test_work_is_kept_where_the_bucket_is_gone_at_the_end(memory: Memory, tmp_path: Path) -> None:
    one = memory.host(tmp_path / "1", kind=NeverWrites)
    with pytest.raises(UnavailableError, match=f"^--runtime.store {ADDRESS} cannot be used \\(it answers 500\\); when it"):
        make(one, FILES)
    assert memory.places("leases") == []
    NeverWrites.broken = False
    made, built = make(one, OTHER)
    NeverWrites.broken = True
    assert not built
    assert content(one, made) == FILES
    assert make(memory.host(tmp_path / "2"), OTHER) == (made, False)


def test_conditions_are_proved_once_for_a_data_root(memory: Memory, tmp_path: Path) -> None:
    class IgnoresCreate(Bucket):
        def write(self, place: str, data: bytes, *, over: Version | None) -> Version:
            if over is None:
                self.overwrite(place, data)
                return self.read(place).version
            return super().write(place, data, over=over)

    class IgnoresVersions(Bucket):
        def write(self, place: str, data: bytes, *, over: Version | None) -> Version:
            if over is not None:
                self.overwrite(place, data)
                return self.read(place).version
            return super().write(place, data, over=over)

    for kind, condition in ((IgnoresCreate, "If-None-Match"), (IgnoresVersions, "If-Match")):
        with pytest.raises(RequestError, match=f"does not honour the condition {condition}"):
            memory.host(tmp_path / "1", kind=kind).prove()
    assert shared_with(tmp_path / "1") == []
    with memory.host(tmp_path / "1").reading():
        assert shared_with(tmp_path / "1") == [ADDRESS]
    memory.host(tmp_path / "1", kind=IgnoresCreate).prove()  # it is known already
    assert memory.places("probes") == []


def finish_run(memory: Memory, root: Path, run: str, *keys: str, started: str, name: str = "news") -> None:
    host = memory.host(root)
    host.begin_run(run, name, "train")
    for key in keys:
        make(host, {"a": key.encode()}, key)
    host.end_run("finished")
    place = f"{RUNS}/{run}"
    memory.put(place, json.dumps(json.loads(memory.get(place)) | {"started": started}).encode())


def test_gc_keeps_what_the_last_runs_of_any_host_used(memory: Memory, tmp_path: Path) -> None:
    finish_run(memory, tmp_path / "1", "old", "a", "b", started="2026-01-01")
    finish_run(memory, tmp_path / "2", "new", "b", "c", started="2026-01-02")
    finish_run(memory, tmp_path / "2", "other", "d", started="2025-01-02", name="reviews")
    assert collect(memory.bucket, keep_runs=1)["removed"] == 0  # a day has not passed
    would = collect(memory.bucket, keep_runs=1, dry_run=True, grace=NO_GRACE)
    assert (would["removed"], len(stored(memory.bucket))) == (1, 4)
    did = collect(memory.bucket, keep_runs=1, grace=NO_GRACE)
    assert {name: would[name] for name in would.keys() - {"dry_run"}} == {name: did[name] for name in did.keys() - {"dry_run"}}
    assert [key for _, key in stored(memory.bucket)] == ["b", "c", "d"]
    assert memory.places("data/demo/a") == []
    assert memory.places(RUNS) == [f"{RUNS}/new", f"{RUNS}/other"]
    assert not make(memory.host(tmp_path / "1"), {"a": b"2"}, "a")[1]  # a host that has it hands it over again
    assert make(memory.host(tmp_path / "3"), {"a": b"3"}, "a")[1] is False


def test_gc_puts_back_what_a_run_uses_meanwhile(memory: Memory, tmp_path: Path) -> None:
    finish_run(memory, tmp_path / "1", "old", "a", started="2026-01-01")
    finish_run(memory, tmp_path / "1", "new", "b", started="2026-01-02")

    class UsedMeanwhile(Bucket):
        """Has a run that begins when what runs use was read for the first time, and was there before the manifest went."""

        looked = 0

        def list(self, prefix: str) -> Iterator[Listed]:
            yield from super().list(prefix)
            if prefix == RUNS:
                UsedMeanwhile.looked += 1
                if UsedMeanwhile.looked == 1:
                    memory.host(tmp_path / "3").find("demo", "a")

    did = collect(UsedMeanwhile(ADDRESS, quick=memory.objects), keep_runs=1, grace=NO_GRACE)
    assert did["removed"] == 0
    assert [key for _, key in stored(memory.bucket)] == ["a", "b"]
    assert make(memory.host(tmp_path / "4"), {"a": b"4"}, "a")[1] is False


def whole(memory: Memory) -> list[str]:
    """The keys of all manifests; each has its files."""
    names = stored(memory.bucket)
    for step, key in names:
        entry = read_entry(memory.bucket.read(manifest_place(step, key)), step, key)
        assert memory.places(f"data/{step}/{key}/{entry.attempt}") == sorted(
            data_place(step, key, entry.attempt, name) for name in entry.files
        )
    return [key for _, key in names]


def test_what_another_gc_has_removed_is_not_put_back_without_its_files(memory: Memory, tmp_path: Path) -> None:
    finish_run(memory, tmp_path / "1", "old", "a", started="2026-01-01")
    finish_run(memory, tmp_path / "1", "new", "b", started="2026-01-02")

    class Slow(Bucket):
        """A gc that reads a manifest, and takes it away only when another gc and the beginning of a run are over."""

        waited = False

        def write(self, place: str, data: bytes, *, over: Version | None) -> Version:
            if place.startswith(MANIFESTS) and not self.waited:
                self.waited = True
                assert collect(memory.bucket, keep_runs=1, grace=NO_GRACE)["removed"] == 1
                memory.host(tmp_path / "3").find("demo", "a")
            return super().write(place, data, over=over)

    assert collect(Slow(ADDRESS, quick=memory.objects), keep_runs=1, grace=NO_GRACE)["removed"] == 0
    assert whole(memory) == ["b"]


def test_the_files_of_what_another_gc_may_put_back_are_left(memory: Memory, tmp_path: Path) -> None:
    finish_run(memory, tmp_path / "1", "old", "a", started="2026-01-01")
    finish_run(memory, tmp_path / "1", "new", "b", started="2026-01-02")

    class OldFiles(Bucket):
        """Files that were written two days ago."""

        def list(self, prefix: str) -> Iterator[Listed]:
            for each in super().list(prefix):
                yield replace(each, written=each.written - 2 * GRACE) if prefix == DATA else each

    class Slow(Bucket):
        """A gc that takes a manifest away, and looks what runs want when another gc and the beginning of a run are over."""

        looked = 0

        def list(self, prefix: str) -> Iterator[Listed]:
            if prefix == RUNS:
                self.looked += 1
                if self.looked == 2:
                    collect(OldFiles(ADDRESS, quick=memory.objects), keep_runs=1, grace=NO_GRACE)
                    memory.host(tmp_path / "3")._uses.add("demo", "a")
            yield from super().list(prefix)

    assert collect(Slow(ADDRESS, quick=memory.objects), keep_runs=1, grace=NO_GRACE)["removed"] == 0
    assert whole(memory) == ["a", "b"]
    forget_unreachable(memory.bucket)
    assert whole(memory) == ["a", "b"]


def test_forgetting_deletes_files_of_what_a_gc_has_removed_so_that_it_cannot_put_it_back(
    memory: Memory, tmp_path: Path
) -> None:
    finish_run(memory, tmp_path / "1", "old", "a", started="2026-01-01")

    class Slow(Bucket):
        looked = 0

        def list(self, prefix: str) -> Iterator[Listed]:
            if prefix == RUNS:
                self.looked += 1
                if self.looked == 2:
                    forget_unreachable(memory.bucket)
                    memory.host(tmp_path / "3")._uses.add("demo", "a")
            yield from super().list(prefix)

    collect(Slow(ADDRESS, quick=memory.objects), keep_runs=0, grace=NO_GRACE)
    assert whole(memory) == []


def test_a_damaged_record_of_a_run_goes_when_no_run_can_go_on_any_more(memory: Memory, tmp_path: Path) -> None:
    finish_run(memory, tmp_path / "1", "new", "b", started="2026-01-02")
    memory.put(f"{RUNS}/damaged", b"{")

    class Later(Bucket):
        def now(self) -> datetime:
            return super().now() + UNFINISHED + timedelta(seconds=5)

    collect(memory.bucket, keep_runs=5)
    assert memory.places(RUNS) == [f"{RUNS}/damaged", f"{RUNS}/new"]
    collect(Later(ADDRESS, quick=memory.objects), keep_runs=5, dry_run=True)
    assert memory.places(RUNS) == [f"{RUNS}/damaged", f"{RUNS}/new"]
    collect(Later(ADDRESS, quick=memory.objects), keep_runs=5)
    assert memory.places(RUNS) == [f"{RUNS}/new"]


def test_gc_removes_what_killed_uploads_and_dead_leases_left(memory: Memory, tmp_path: Path) -> None:
    finish_run(memory, tmp_path / "1", "new", "b", started="2026-01-02")
    memory.put("data/demo/c/attempt/a", b"half")
    memory.put(lease_place("demo", "c"), b"{}")
    assert collect(memory.bucket, keep_runs=1)["files"] == 0
    assert collect(memory.bucket, keep_runs=1, leftovers=NO_GRACE)["files"] == 1
    assert [place for place in memory.places("") if "demo/c" in place] == []
    assert not make(memory.host(tmp_path / "2"), {"a": b"2"}, "b")[1]


def test_gc_leaves_what_somebody_else_has_put_into_the_bucket(
    memory: Memory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    finish_run(memory, tmp_path / "1", "new", "b", started="2026-01-02")
    foreign = ["data/readme.txt", "data/demo/readme.txt", "manifests/readme.txt", "manifests/demo/b/readme.txt"]
    for place in foreign:
        memory.put(place, b"x" * 4096)
    for number, odd in enumerate(({"keys": [[["a"], "b"]]}, {"name": ["news"]}, {"started": 7})):
        held = json.loads(memory.get(f"{RUNS}/new")) | odd
        memory.put(f"{RUNS}/odd{number}", json.dumps(held).encode())
    assert collect(memory.bucket, keep_runs=5, grace=NO_GRACE, leftovers=NO_GRACE)["removed"] == 0
    assert set(foreign) <= set(memory.places(""))
    assert [key for _, key in stored(memory.bucket)] == ["b"]


def test_what_was_forgotten_is_handed_over_by_no_host(memory: Memory, tmp_path: Path) -> None:
    one, two = memory.host(tmp_path / "1"), memory.host(tmp_path / "2")
    make(one, FILES)
    make(two, FILES)
    assert forget(memory.bucket, [("demo", KEY), ("demo", "absent")]) == 1
    assert memory.places("data") == []
    with two.locked("demo", KEY):
        assert two.find("demo", KEY) is None
        assert not two.place("demo", KEY).exists()
        made = commit(two, OTHER)
    assert content(one, make(one, FILES)[0]) == OTHER
    assert make(memory.host(tmp_path / "3"), FILES) == (made, False)


def test_copies_of_what_was_forgotten_go_at_the_next_run_of_their_hosts(
    memory: Memory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, two, three = (memory.host(tmp_path / name) for name in "123")
    for each in (one, two, three):
        make(each, FILES)
        make(each, FILES, "other")
    (two.root / ".damaged" / f"demo-{KEY}-x" / "folder").mkdir(parents=True)
    (two.root / ".scratch" / f"demo-{KEY}").mkdir(parents=True)
    memory.put("forgotten/readme.txt", b"somebody else's")
    forget(memory.bucket, [("demo", KEY)])
    shutil.rmtree(one.place("demo", KEY))  # which forget did, where it was run
    with two.reading():
        assert not two.place("demo", KEY).exists()
        assert two.place("demo", "other").exists()
    assert list((two.root / ".damaged").iterdir()) == list((two.root / ".scratch").glob(f"*{KEY}")) == []
    assert f"demo/{KEY[:10]} held a text that another host forgot: deleted" in caplog.text
    made, built = make(one, OTHER)  # without the text
    assert built
    with three.reading():
        assert not three.place("demo", KEY).exists()
    assert make(two, FILES) == (made, False)
    caplog.clear()
    with two.reading():
        assert two.find("demo", KEY) == made
    assert caplog.text == ""


def test_a_lease_is_written_anew_while_its_owner_lives(memory: Memory, tmp_path: Path) -> None:
    one = memory.host(tmp_path / "1")
    seen = set[bytes]()
    with one.locked("demo", KEY):
        assert one.find("demo", KEY) is None
        place = lease_place("demo", KEY)
        while len(seen) < 3:
            seen.add(memory.get(place))
