"""Hosts that share a registry and a bucket decide one after the other; the aliases follow the ledger, whoever was killed."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tasks.errors import RequestError, UnavailableError
from tasks.register import decisions as room
from tasks.register.decisions import FOLLOWED_TAG, LEDGER_TAG, LedgerMoved, champion_of, decided_again
from tasks.register.ledger import Entry, Ledger
from tasks.register.models import list_models, promote, rollback, verify_models
from tasks.register.registration import Registrar
from tasks.register.settings import RegisterConfig
from tasks.register.shared_decisions import SharedDecisions
from tasks.store.shared import address
from tests.register.films import aliases, killed_at
from tests.registries import decided, host
from tests.s3 import BUCKET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.tracking.tracker import Tracker
    from tests.s3 import S3


@pytest.fixture
def prefix(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place in the bucket for one test, and the environment of its clients."""
    for name, value in s3.environment().items():
        monkeypatch.setenv(name, value)
    return f"{tmp_path.parent.name}/{tmp_path.name}"


@pytest.fixture
def start(four_versions: Path, tmp_path: Path, prefix: str) -> Callable[[int], Tracker]:
    """Hosts by number before one registry: 1, 2 and 3 were promoted, 4 was refused. Host 1 has the ledger of that."""
    shutil.copytree(four_versions / "mlflow", tmp_path / "server", ignore=shutil.ignore_patterns("*.lock"))
    (tmp_path / "1" / "mlflow").mkdir(parents=True)
    (tmp_path / "server" / "ledger.jsonl").rename(tmp_path / "1" / "mlflow" / "ledger.jsonl")

    def started(number: int, address: str | None = f"s3://{BUCKET}/{prefix}") -> Tracker:
        return host(tmp_path / "server" / "mlflow.db", tmp_path / str(number), address, experiment="films")

    return started


def moves(s3: S3, prefix: str) -> list[tuple[str, int | None, int | None]]:
    """The changes of champion in the bucket's ledger."""
    entries = [entry for each in decided(s3, prefix) for entry in each if entry["action"] != "refused"]
    return [(entry["action"], entry["from_version"], entry["to_version"]) for entry in entries]


FORMER = [("first", None, 1), ("promoted", 1, 2), ("promoted", 2, 3)]


def test_hosts_decide_in_one_ledger_which_begins_with_that_of_the_first(
    start: Callable[..., Tracker], s3: S3, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    one, two, three = start(1), start(2), start(3, None)
    Ledger(two.home.ledger).append(Entry("films", 2, "noticed", None, 2, "of another time"))
    assert promote(one, "films", 4).decision == "promoted"
    assert len(Ledger(one.home.ledger).entries()) == 4  # it stays as it was
    assert [len(each) for each in decided(s3, prefix)] == [4, 1]
    made = rollback(two, "films", "4 is bad")
    assert (made.version, aliases(two)) == (3, {"champion": 3, "previous": 2})
    assert promote(three, None, 1).decision == "promoted"  # it was given no address: the registry names it
    assert moves(s3, prefix) == [*FORMER, ("promote", 3, 4), ("rollback", 4, 3), ("promote", 3, 1)]
    assert aliases(one) == {"champion": 1, "previous": 3}
    for tracker in (one, two, three):
        listed = list_models(tracker, "films")
        assert [each.action for each in listed] == ["promote", "promoted", "rollback", "promote"]
    assert all(each.whole for each in verify_models(three))
    assert "ledger.jsonl" not in caplog.text


def test_a_ledger_that_comes_later_is_told_of_and_stays(
    start: Callable[..., Tracker], s3: S3, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert promote(start(2), "films", 4).decision == "promoted"
    registry = start(1).registry
    registry._change("delete_registered_model_tag", "films", LEDGER_TAG)  # as if both had come at once
    assert rollback(start(1), "films").version == 3
    assert moves(s3, prefix) == [("noticed", None, 3), ("promote", 3, 4), ("rollback", 4, 3)]
    assert "4 decisions in" in caplog.text


POINTS = ["taken_over", "named", "entered", "previous_set", "champion_set", "promoted", "recorded"]


@pytest.mark.parametrize("point", POINTS)
def test_a_promotion_that_was_killed_is_completed_once_by_another_host(
    start: Callable[..., Tracker], s3: S3, prefix: str, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    with monkeypatch.context() as patched:
        killed_at(patched, f"register.{point}")
        with pytest.raises(KeyboardInterrupt):
            promote(start(1), "films", 4, "it is right")
    two = start(2)
    assert champion_of(two, "films") == (3 if point in POINTS[:2] else 4)
    made = promote(two, "films", 4, "it is right")
    assert (made.version, made.decision) == (4, "unchanged" if point == "recorded" else "promoted")
    assert aliases(two) == {"champion": 4, "previous": 3}
    assert moves(s3, prefix) == [*FORMER, ("promote", 3, 4)]
    assert rollback(start(1), "films").version == 3


@pytest.mark.parametrize("point", ["entered", "champion_set"])
def test_a_rollback_that_was_killed_is_made_once_though_two_repeat_it(
    start: Callable[..., Tracker], s3: S3, prefix: str, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    one = start(1)
    with monkeypatch.context() as patched:
        killed_at(patched, f"register.{point}")
        with pytest.raises(KeyboardInterrupt):
            rollback(one, "films", "3 is bad")
    made = rollback(start(2), "films")
    assert (made.version, made.reason) == (2, "3 is bad")
    assert aliases(one) == {"champion": 2, "previous": 1, "challenger": 4}
    assert moves(s3, prefix) == [*FORMER, ("rollback", 3, 2)]


def test_an_alias_behind_the_ledger_is_told_of_and_set_by_the_next_registration(
    start: Callable[..., Tracker],
    candidacy: Callable[..., Any],
    trained: Any,
    monkeypatch: pytest.MonkeyPatch,
    s3: S3,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patched:
        killed_at(patched, "register.entered")
        with pytest.raises(KeyboardInterrupt):
            rollback(start(1), "films")
    two = start(2)
    assert aliases(two)["champion"] == 3
    verify_models(two, "films", "champion")
    assert "films: version 2 is champion by the ledger" in caplog.text
    caplog.clear()
    made = Registrar(two, RegisterConfig()).register(candidacy(trained, accuracy=0.1))  # version 1 again
    assert (made.version, aliases(two)["champion"]) == (1, 2)
    list_models(two, "films")
    assert "by the ledger;" not in caplog.text


def test_a_registration_is_decided_again_where_another_host_was_quicker(
    start: Callable[..., Tracker], candidacy: Callable[..., Any], train_tiny: Any, tmp_path: Path, s3: S3, prefix: str
) -> None:
    one, two, address = start(1), start(2), f"s3://{BUCKET}/{prefix}"
    promote(one, "films", 2)
    model, quicker = train_tiny(tmp_path / "fifth", seed=5), [True]

    def started() -> None:
        if quicker.pop():  # as if our lease had been lost
            quicker.append(False)
            SharedDecisions(two, "films", address).change(Entry("films", 1, "promote", 2, 1, "by another host"))

    made = Registrar(one, RegisterConfig(margin=0.99)).register(candidacy(model, accuracy=1.0), started=started)
    assert (made.version, made.decision) == (5, "promoted")
    assert moves(s3, prefix)[3:] == [("promote", 3, 2), ("promote", 2, 1), ("promoted", 1, 5)]
    assert aliases(one) == {"champion": 5, "previous": 1, "challenger": 4} or aliases(one) == {"champion": 5, "previous": 1}


def test_who_was_not_the_first_moves_nothing(start: Callable[..., Tracker], s3: S3, prefix: str) -> None:
    one, two, address = start(1), start(2), f"s3://{BUCKET}/{prefix}"
    promote(one, "films", 2)
    ours, theirs = SharedDecisions(one, "films", address), SharedDecisions(two, "films", address)
    theirs.change(Entry("films", 1, "promote", 2, 1, "quicker"))
    with pytest.raises(LedgerMoved):
        ours.change(Entry("films", 4, "promote", 2, 4, "too late"))
    assert aliases(one)["champion"] == 1
    assert len(decided(s3, prefix)) == 3


def test_an_alias_that_was_set_outside_is_noted_and_one_that_was_removed_is_set_again(
    start: Callable[..., Tracker], s3: S3, prefix: str
) -> None:
    one = start(1)
    promote(one, "films", 4)
    one.registry.set_alias("films", "champion", 1)
    two = start(2)
    assert champion_of(two, "films") == 1
    assert promote(two, "films", 1).decision == "unchanged"
    assert moves(s3, prefix)[3:] == [("promote", 3, 4), ("noticed", 4, 1)]
    assert aliases(two) == {"champion": 1, "previous": 4}
    two.registry.delete_alias("films", "champion")
    assert promote(one, "films", 1).decision == "unchanged"
    assert aliases(one)["champion"] == 1


def test_decisions_that_are_gone_are_told_of_and_the_alias_counts(
    start: Callable[..., Tracker], s3: S3, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    promote(start(1), "films", 4)
    for place in s3.places(f"{prefix}/ledger/"):
        s3.delete(place)
    assert promote(start(2), "films", 4).decision == "unchanged"
    assert "films: decision 2 and others are gone from s3://" in caplog.text
    assert moves(s3, prefix) == [("noticed", None, 4)]


def test_a_first_model_begins_its_ledger_in_the_bucket(
    tmp_path: Path, prefix: str, s3: S3, candidacy: Callable[..., Any], trained: Any, retrained: Any, tracker: Tracker
) -> None:
    database, address = tmp_path / "mlflow" / "mlflow.db", f"s3://{BUCKET}/{prefix}"
    one, two = (host(database, tmp_path / name, address, experiment="films") for name in "12")
    made = Registrar(one, RegisterConfig()).register(candidacy(trained))
    assert (made.version, made.decision) == (1, "first")
    made = Registrar(two, RegisterConfig()).register(candidacy(retrained, accuracy=0.1))
    assert (made.version, made.decision) == (2, "refused")
    made = Registrar(one, RegisterConfig()).register(candidacy(retrained, accuracy=0.1))
    assert (made.version, made.decision) == (2, "unchanged")
    assert [each[0]["action"] for each in decided(s3, prefix)] == ["first", "refused"]
    assert not one.home.ledger.exists()
    model = one.registry.model("films")
    assert model is not None
    assert model.tags[LEDGER_TAG] == address
    assert model.tags[FOLLOWED_TAG] == "1"


def test_without_an_address_or_with_a_file_as_registry_decisions_are_the_hosts_own(
    start: Callable[..., Tracker], s3: S3, prefix: str
) -> None:
    alone = start(1, None)
    assert promote(alone, "films", 4).decision == "promoted"
    own = start(1)
    own.home = replace(own.home, database=own.home.folder / "mlflow.db")
    assert promote(own, "films", 3).decision == "promoted"
    assert s3.places(f"{prefix}/") == []
    assert len(Ledger(own.home.ledger).entries("films")) == 6


def test_a_bucket_that_is_gone_is_one_line_and_an_address_that_is_none_too(
    start: Callable[..., Tracker], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = start(1)
    promote(one, "films", 4)
    one.registry.set_model_tag("films", LEDGER_TAG, "s3://absent/x")
    for ask in (lambda: promote(one, "films", 3), lambda: list_models(one), lambda: rollback(one, "films")):
        with pytest.raises(UnavailableError, match=r"s3://absent/x cannot be used \(there is no such bucket\)"):
            ask()
    one.registry.set_model_tag("films", LEDGER_TAG, "https://example.org/x")
    with pytest.raises(RequestError, match=f"its tag {LEDGER_TAG} in sqlite:.* is no address of a bucket"):
        promote(one, "films", 3)
    assert aliases(one)["champion"] == 4


def test_a_host_without_the_library_for_buckets_is_told_what_it_needs(
    start: Callable[..., Tracker], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = start(2, None)
    one.registry.set_model_tag("films", LEDGER_TAG, "s3://team/x")
    monkeypatch.setattr(address, "find_spec", lambda name: None)
    for ask in (lambda: promote(one, "films", 3), lambda: list_models(one), lambda: champion_of(one, "films")):
        with pytest.raises(
            RequestError, match="about model films are in s3://team/x, and the package obstore is not installed"
        ):
            ask()


def test_whoever_is_never_the_first_ends_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    left = [3]

    def moved() -> int:
        left[0] -= 1
        if left[0]:
            raise LedgerMoved("quicker")
        return 7

    with caplog.at_level(logging.INFO):
        assert decided_again(moved) == 7
    assert caplog.text.count("deciding again") == 2
    left[0] = -1
    with pytest.raises(UnavailableError, match=f"other hosts decided about the same model {room.TRIES} times"):
        decided_again(moved)
