"""The campaign itself: what it counts, where it goes on after a kill, and what it writes."""

import contextlib
import signal
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.faults.__main__ import _hangs, main, run
from tests.faults.results import BEGIN, END, FILE, PAGE, Outcome, read, render, table, write
from tests.faults.rows import Row, load_row, load_rows


def row(trial: Any, count: int = 6, **more: Any) -> Row:
    return Row(99, "It | holds.", count, "all: 6 of 6", {"": trial}, lambda folder: contextlib.nullcontext(), **more)


def test_what_goes_wrong_is_counted_whether_it_is_told_or_raised(tmp_path: Path) -> None:
    def trial(random: Random, folder: Path) -> Any:
        assert list(folder.parent.iterdir()) == [folder]  # what the trial before left is gone
        (folder / "locked").mkdir(mode=0)
        if folder.name == "2":
            raise OSError("broken")
        return "two lines\nof it" if folder.name == "4" else None

    outcome, saved = Outcome(99, 6), []
    run(row(trial), outcome, lambda: saved.append(outcome.tried))
    assert (outcome.tried, len(outcome.wrong)) == (6, 2)
    assert "OSError: broken (test_campaign.py" in outcome.wrong[0]
    assert outcome.wrong[1] == "row 99, trial 4: two lines of it"
    assert saved == [3, 5, 6]


def test_what_trials_measure_is_kept_and_shown() -> None:
    figures = []
    outcome = Outcome(99, 2)
    measured = row(lambda random, folder: figures.append(f"trial {folder.name} took long"), 2, figures=figures)
    run(measured, outcome, lambda: None)
    assert outcome.figures == ["trial 0 took long", "trial 1 took long"]
    assert "- row 99: trial 1 took long" in table([measured], {outcome.key: outcome})


def test_a_row_may_have_a_limit_of_its_own() -> None:
    def trial(random: Random, folder: Path) -> None:
        time.sleep(60)

    outcome = Outcome(99, 1)
    before = signal.signal(signal.SIGALRM, _hangs)
    try:
        run(row(trial, 1, limit_seconds=1), outcome, lambda: None)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert "TimeoutError: the trial ran longer than it may" in outcome.wrong[0]
    assert load_row("row_16_load").limit_seconds > load_row("row_09_records").limit_seconds


def test_a_campaign_goes_on_where_it_stopped_with_the_same_random_numbers(tmp_path: Path) -> None:
    def drawn(stop: Any) -> tuple[Any, ...]:
        numbers: list[float] = []

        def trial(random: Random, folder: Path) -> None:
            if len(numbers) == stop:
                raise KeyboardInterrupt
            numbers.append(random.random())

        return numbers, row(trial)

    whole, alone = drawn(None)
    run(alone, Outcome(99, 6), lambda: None)
    first, interrupted = drawn(2)
    outcome = Outcome(99, 6)
    with pytest.raises(KeyboardInterrupt):
        run(interrupted, outcome, lambda: None)
    second, resumed = drawn(None)
    run(resumed, outcome, lambda: None)
    assert first + second == whole
    assert len(set(whole)) == 6


def test_the_table_shows_finished_rows_and_every_figure(tmp_path: Path) -> None:
    rows = [row(print), Row(98, "Unfinished.", 6, "", {"": print}, lambda folder: contextlib.nullcontext())]
    lost = Outcome(99, 6, 6, ["row 99, trial 1: lost"], 12.3, "abc", "2026-01-01")
    elsewhere = Outcome(99, 6, 6, [], 45.6, "abc", "2026-01-01", ["it was slow"], server="seaweedfs")
    write(tmp_path / "found.json", {each.key: each for each in (elsewhere, lost, Outcome(98, 6, 3))})
    shown = table(rows, read(tmp_path / "found.json"))
    assert "| 99 | It / holds. | 6 | 1 | `make faults ROW=99` | 12 | all: 6 of 6 |" in shown
    assert '| 99 | The same with seaweedfs | 6 | 0 | `make faults ROW=99 ARGS="--server seaweedfs"` | 46 |  |' in shown
    assert "- row 99 with seaweedfs: it was slow" in shown
    assert "Unfinished" not in shown
    assert "- went wrong: row 99, trial 1: lost" in shown
    page = render(f"before\n{BEGIN}\nstale\n{END}\nafter\n", shown)
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "stale" not in page
    with pytest.raises(ValueError, match="no place"):
        render("nothing", shown)


def test_an_unknown_row_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["faults", "--row", "77"])
    assert main() == 2
    assert "no row 77" in capsys.readouterr().err


def test_the_page_has_the_figures_of_the_file() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert render(page, table(load_rows(), read(FILE))) == page
