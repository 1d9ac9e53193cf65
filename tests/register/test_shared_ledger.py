"""The numbered decisions in a bucket: created once, read back, copied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tasks.errors import UnavailableError
from tasks.register.decisions import LedgerMoved
from tasks.register.ledger import Entry
from tasks.register.shared_ledger import SharedLedger, sealed
from tasks.store.shared.bucket import Bucket, Unsure, Version
from tests.store.hosts import Memory

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.shared.bucket import Object

NAME, CREATED = "新闻", 1_700_000_000_000
FOLDER = f"ledger/{NAME}/{CREATED}"
FIRST = Entry(NAME, 1, "first", None, 1, "no champion yet", {"accuracy": 0.1 + 0.2}, {"margin": 0.01}, "2026-01-01T00:00:00Z")
SECOND = Entry(NAME, 2, "promoted", 1, 2, "it is better", time="2026-01-02T00:00:00Z")


class LosesAnswers(Bucket):
    """Does every conditional write and loses the answer."""

    def write(self, place: str, data: bytes, *, over: Version | None) -> Version:
        super().write(place, data, over=over)
        raise Unsure("the answer was lost")


class NeverWrites(Bucket):
    """Takes nothing."""

    def write(self, place: str, data: bytes, *, over: Version | None) -> Version:
        raise Unsure("it answers 500")


class Counts(Bucket):
    """Counts the objects that are read."""

    reads = 0

    def read(self, place: str) -> Object | None:
        self.reads += 1
        return super().read(place)


def ledger(memory: Memory, root: Path, kind: type[Bucket] = Bucket) -> SharedLedger:
    return SharedLedger(kind("s3://memory/tests", quick=memory.objects), NAME, CREATED, root / "decisions" / "copies.json")


def test_decisions_come_back_in_order_on_every_host(tmp_path: Path) -> None:
    memory = Memory()
    one, two = ledger(memory, tmp_path / "1"), ledger(memory, tmp_path / "2")
    assert one.read().last == 0
    one.append([FIRST], after=0)
    two.append([SECOND, FIRST], after=1, taken_over=True)
    history = one.read()
    assert (history.last, history.entries) == (2, [FIRST, SECOND, FIRST])
    assert history.after(0) == [FIRST]  # what was taken over is no change that waits for its aliases
    assert history.after(1) == []
    assert (one.is_last(1), one.is_last(2)) == (False, True)


def test_of_two_that_decide_at_once_the_second_is_refused(tmp_path: Path) -> None:
    memory = Memory()
    one, two = ledger(memory, tmp_path / "1"), ledger(memory, tmp_path / "2")
    one.append([FIRST], after=0)
    with pytest.raises(LedgerMoved):
        two.append([SECOND], after=0)
    assert two.read().entries == [FIRST]


def test_a_write_whose_answer_was_lost_is_recognised(tmp_path: Path) -> None:
    memory = Memory()
    ledger(memory, tmp_path, LosesAnswers).append([FIRST], after=0)
    assert ledger(memory, tmp_path).read().entries == [FIRST]
    with pytest.raises(LedgerMoved):  # the same decision of another host is another's
        ledger(memory, tmp_path, LosesAnswers).append([FIRST], after=0)
    with pytest.raises(UnavailableError, match=r"cannot be used \(it answers 500\)"):
        ledger(memory, tmp_path, NeverWrites).append([SECOND], after=1)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"entries": []}'])
def test_what_is_not_what_was_written_is_told_of_and_left_out(
    tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    memory = Memory()
    one = ledger(memory, tmp_path)
    one.append([FIRST], after=0)
    one.append([SECOND], after=1)
    memory.put(f"{FOLDER}/readme.txt", b"somebody else's")
    changed = json.loads(memory.get(f"{FOLDER}/000000000001"))
    changed["entries"][0]["to_version"] = 7
    for damaged in (data, json.dumps(changed).encode()):
        memory.put(f"{FOLDER}/000000000001", damaged)
        assert one.read().entries == [SECOND]
        assert "decision 1 in s3://memory/tests/ledger/" in caplog.text
    memory.delete(f"{FOLDER}/000000000001")
    assert one.read().entries == [SECOND]
    assert "1 of the 2 decisions" in caplog.text


def test_copies_are_read_instead_of_the_bucket_until_an_object_is_replaced(tmp_path: Path) -> None:
    memory = Memory()
    one = ledger(memory, tmp_path, Counts)
    bucket = one._bucket
    assert isinstance(bucket, Counts)
    for number in range(20):
        one.append([SECOND if number else FIRST], after=number)
    assert len(one.read().entries) == 20
    assert (bucket.reads, len(one.read().entries), bucket.reads) == (20, 20, 20)
    values = json.loads(memory.get(f"{FOLDER}/000000000001"))
    values["entries"][0]["reason"] = "(forgotten)"
    memory.put(f"{FOLDER}/000000000001", sealed(values))
    assert (one.read().entries[0].reason, bucket.reads) == ("(forgotten)", 21)
    assert b"no champion yet" not in (tmp_path / "decisions/copies.json").read_bytes()
    (tmp_path / "decisions/copies.json").write_text('{"1": 3}')
    assert (len(one.read().entries), bucket.reads) == (20, 41)
