import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.register.ledger import Action, Entry, Ledger, champions, last_moved

CHECKOUT = Path(__file__).parents[2]


def entry(action: Action, version: int, to: int | None, name: str = "films", since: int | None = None) -> Entry:
    return Entry(name, version, action, since, to, "because")


def test_entries_come_back_in_order_with_their_time(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "below" / "ledger.jsonl")
    assert ledger.entries() == []
    written = [ledger.append(entry("first", 1, 1)), ledger.append(entry("refused", 2, 1, since=1))]
    assert ledger.entries() == written
    assert written[0].time.endswith("Z")
    assert (tmp_path / "below" / "ledger.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_torn_last_line_is_left_out_and_does_not_swallow_the_next(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    first = ledger.append(entry("first", 1, 1))
    with ledger.path.open("ab") as file:
        file.write(b'{"name": "films", "ver')
    second = ledger.append(entry("promoted", 2, 2))
    assert ledger.entries() == [first, second]
    assert "line 2" in caplog.text


def test_a_change_that_was_begun_is_no_decision_until_it_is_one(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    first = ledger.append(entry("first", 1, 1))
    begun = ledger.append(replace(entry("promoted", 2, 2), begun=True))
    ledger.append(entry("first", 1, 1, name="news"))
    assert (ledger.entries("films"), ledger.begun("films"), ledger.begun("news")) == ([first], begun, None)
    made = ledger.append(replace(begun, begun=False))
    assert (ledger.entries("films"), ledger.begun("films")) == ([first, made], None)


def test_lines_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tasks.register.ledger import *\n"
        "for n in range(50): Ledger(Path(sys.argv[1])).append(Entry(sys.argv[2], n, 'refused', None, None, 'x' * 3000))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "ledger.jsonl")]
    for process in [subprocess.Popen([*command, f"model{n}"], cwd=CHECKOUT) for n in range(3)]:
        assert process.wait(60) == 0
    entries = Ledger(tmp_path / "ledger.jsonl").entries()
    assert len(entries) == 150
    assert [each.version for each in entries if each.name == "model1"] == list(range(50))


def test_champions_forget_what_was_rolled_back_from() -> None:
    history = [
        entry("first", 1, 1),
        entry("promoted", 2, 2, since=1),
        entry("refused", 3, 2, since=2),
        entry("promoted", 4, 4, since=2),
        entry("rollback", 2, 2, since=4),
        entry("promote", 5, 5, since=2),
    ]
    assert champions(history[:2]) == [1, 2]
    assert champions(history[:4]) == [1, 2, 4]
    assert champions(history[:5]) == [1, 2]
    assert champions(history) == [1, 2, 5]


def test_the_last_promoted_model_is_that_of_the_last_move() -> None:
    assert last_moved([]) is None
    entries = [entry("first", 1, 1, name="films"), entry("first", 1, 1, name="news"), entry("refused", 2, 1, name="films")]
    assert last_moved(entries) == "news"
    assert last_moved(entries, lambda name: name == "films") == "films"
