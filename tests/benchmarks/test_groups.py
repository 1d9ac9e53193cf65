"""Every row of every group: its command is one that its program takes."""

import importlib
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import rows, targets
from benchmarks.__main__ import GROUPS
from benchmarks.groups import corpus
from benchmarks.results import FAILED, MEASURED, NOT_MEASURED, Cost, Result, Results
from benchmarks.rows import Group
from flows.commands.settings import resolve


def groups(quick: bool) -> list[Group]:
    found = [importlib.import_module(f"benchmarks.groups.{name}").group(quick) for name in GROUPS]
    return [*found, corpus.group(Path("/a/my corpus.csv"), "the text", "label", None)]


@pytest.mark.parametrize("quick", [False, True])
def test_names_are_unique_and_bases_exist(quick: bool) -> None:
    for group in groups(quick):
        names = [row.name for row in group.rows]
        assert len(names) == len(set(names))
        assert set(group.base) <= set(names)
        assert group.name in (*GROUPS, "corpus")


@pytest.mark.parametrize("quick", [False, True])
def test_programs_exist_and_train_takes_its_options(quick: bool, tmp_path: Path) -> None:
    places = {"DATA": tmp_path, "WEIGHTS": tmp_path, "OWN": tmp_path, "GROUP": tmp_path}
    for group in groups(quick):
        for command in {each for row in group.rows for each in (*row.setup, row.command)}:
            words = rows.command_words(command, places)
            assert "$" not in " ".join(words)
            if words[0] == "python":
                assert words[1] == "-m"
                assert hasattr(importlib.import_module(words[2]), "__file__")
            else:
                assert words[:2] in (["textmill", "train"], ["textmill", "score"])
            if words[1] == "train" and rows.missing(rows.Row("r", command.replace("$DATA", "")), tmp_path) is None:
                preset = words[words.index("--preset") + 1] if "--preset" in words else None
                options = [word for at, word in enumerate(words[2:-1], 2) if word != "--preset" and words[at - 1] != "--preset"]
                assert resolve(options, preset=preset).runtime.data_root
                assert words[-1] == "--json"


def test_corpus_paths_are_quoted() -> None:
    (setup,) = {row.setup for row in groups(False)[-1].rows}
    assert "/a/my corpus.csv" in shlex.split(setup[0])
    assert "the text" in shlex.split(setup[0])


@pytest.fixture
def measured() -> Callable[..., Results]:
    """Every row of every group measured, with one figure for all names."""

    def make(figure: float, seconds: float = 10.0, growth: float = 1.0) -> Results:
        results = Results(Path("unused"), False, {"m": {"cores": 2}})
        for group in groups(False):
            for row in group.rows:
                figures = dict.fromkeys(row.figures, figure)
                if group.name == "scaling":
                    times = int(row.name.removesuffix("x"))
                    figures |= {name: 25_000 * times for name in figures if name == "corpus"}
                    figures |= {name: 4.0 * times**growth for name in figures if name.endswith(".seconds")}
                cost = Cost(seconds if "textmill" in row.name else 100.0, 1.0, 50.0, 60.0)
                results.rows.append(Result(group.name, row.name, row.command, MEASURED, "", (cost,), figures, machine="m"))
        return results

    return make


def verdicts(results: Any) -> dict[str, Any]:
    return {target: met for target, _, met in targets.judge(results)}


def test_targets_read_rows_that_exist(measured: Callable[..., Results]) -> None:
    assert targets.UNKNOWN not in verdicts(measured(0.95)).values()


def test_targets_can_say_no(measured: Callable[..., Results]) -> None:
    low = verdicts(measured(0.5, seconds=1000.0, growth=1.2))
    assert low["`imdb-fast`: accuracy at least 0.922"] == targets.NO
    assert low["`imdb`: wall at most 0.35 times the tutorial's"] == targets.NO
    assert low["cached run of `imdb`: at most 12 s"] == targets.NO
    assert low["prepare: ten times 100,000 documents cost at most 20% more than ten times as much"] == targets.NO
    high = verdicts(measured(0.95, seconds=5.0))
    assert high["`imdb-fast`: accuracy at least 0.922"] == targets.YES
    assert high["`imdb`: wall at most 0.35 times the tutorial's"] == targets.YES
    assert high["cached run of `imdb`: at most 12 s"] == targets.YES
    assert high["prepare: ten times 100,000 documents cost at most 20% more than ten times as much"] == targets.YES


def test_what_was_not_measured_is_never_met(measured: Callable[..., Results]) -> None:
    results = measured(0.95, seconds=5.0)
    results.rows = [Result(row.group, row.name, row.command, NOT_MEASURED, "no data") for row in results.rows]
    found = targets.judge(results)
    assert {met for _, _, met in found} == {targets.UNKNOWN}
    assert "no data" in found[0][1]


def test_a_row_that_failed_is_no_excuse(measured: Callable[..., Results]) -> None:
    results = measured(0.95, seconds=5.0)
    results.rows = [Result(row.group, row.name, row.command, FAILED, "ended with 1") for row in results.rows]
    assert {met for _, _, met in targets.judge(results)} == {targets.NO}


def test_imports_do_not_hide_a_cost_that_grows(measured: Callable[..., Results]) -> None:
    results, target = measured(0.95), "finetune: ten times 100,000 documents cost at most 20% more than ten times as much"
    assert verdicts(results)[target] == targets.YES
    for row in results.rows:
        if row.group == "scaling":
            times = int(row.name.removesuffix("x"))
            row.figures["finetune.seconds"] = 5.0 + 2.0 * times**1.2
    four, forty = (results.find("scaling", times).figures["finetune.seconds"] for times in ("4x", "40x"))
    assert forty < 1.2 * 10 * four
    assert verdicts(results)[target] == targets.NO


def test_a_peak_that_was_missed_and_too_many_cores_are_not_measured(measured: Callable[..., Results]) -> None:
    results = measured(0.95)
    results.rows = [replace(row, runs=tuple(replace(run, tree_peak_mb=0.0) for run in row.runs)) for row in results.rows]
    results.machines = {"m": {"cores": 8}}
    found = verdicts(results)
    assert found["aligning with a text file: memory does not grow with the file"] == targets.UNKNOWN
    assert found["scoring (bag): at least 5,000 IMDB reviews a second, the model loaded"] == targets.UNKNOWN


def test_scoring_slower_than_fasttext_is_said(measured: Callable[..., Results]) -> None:
    results = measured(0.95)
    target = "scoring (bag): at least as many reviews a second as fastText's predict, both models loaded"
    assert verdicts(results)[target] == targets.YES
    results.find("score", "fastText predict, model loaded").figures["documents_per_second"] *= 1.1
    assert verdicts(results)[target] == targets.NO


def test_alignment_must_give_the_same_numbers(measured: Callable[..., Results]) -> None:
    results = measured(0.95)
    for number, row in enumerate(results.rows):
        if row.group == "align":
            slow = 30.0 if row.name.startswith("gensim") else 1.0
            results.rows[number] = Result(**{**vars(row), "figures": {"read_seconds": slow, "sum": slow}})
    for format_ in ("", ", binary"):
        shown, met = targets.align(format_, 5)(results)
        assert not met
        assert "other numbers" in shown
