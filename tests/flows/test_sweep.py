"""What a sweep runs, and what its runs come to side by side; tests/flows/servers has one on real workers."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.sweep import Axis, Wanted, called, combinations, over_seeds, parameters_of, plan_for
from tasks.config import FoldsConfig, PipelineConfig
from tasks.errors import RequestError
from tests.command_line import run_here


@given(st.integers(-1000, 1000), st.integers(0, 499))
def test_a_range_has_both_its_ends(first: int, more: int) -> None:
    axis = Axis.read(f"finetune.seed={first}..{first + more}")
    assert axis == Axis("finetune.seed", tuple(str(number) for number in range(first, first + more + 1)))


def test_every_combination_is_a_run_in_the_order_in_which_it_was_asked_for() -> None:
    axes = [Axis.read("--finetune.model=tfidf, bag+cnn"), Axis.read("pretrain.min_count=1,5")]
    assert [called(each) for each in combinations(axes)] == [
        "finetune.model=tfidf, pretrain.min-count=1",
        "finetune.model=tfidf, pretrain.min-count=5",
        "finetune.model=bag+cnn, pretrain.min-count=1",
        "finetune.model=bag+cnn, pretrain.min-count=5",
    ]


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ([], "a sweep needs --over"),
        (["finetune.seed"], "write SECTION.SETTING=VALUES"),
        (["=1,2"], "write SECTION.SETTING=VALUES"),
        (["finetune.seed=8..1"], "1 is less than 8; turn them round"),
        (["finetune.seed=1..10000"], "has 10,000 values; a sweep has at most 500 runs"),
        (["finetune.seed=1,,2"], "has an empty value"),
        (["finetune.seed=1,2,1"], "has 1 twice"),
        (["finetune.seed=1,2", "finetune.seed=3"], "--over finetune.seed was given twice"),
        (["finetune.seed=1..30", "prepare.seed=1..30"], "these are 900 runs, and a sweep has at most 500"),
        (["ingest.path=a,b"], "this is the same for all runs of a sweep; give --ingest.path once"),
        (["name=a,b"], "give --name once"),
    ],
)
def test_what_is_no_sweep_is_refused_in_one_line(over: list[str], message: str) -> None:
    with pytest.raises(RequestError) as refused:
        combinations([Axis.read(text) for text in over])
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--over", "finetune.seed=1,many"], "--finetune.seed 'many'"),
        (["--over", "finetune.sead=1,2"], "did you mean --finetune.seed?"),
        (["--over", "finetune.seed=1,2", "--finetune.seed", "3"], "--finetune.seed is given beside --over finetune.seed"),
        (["--over", "finetune.seed=1,2"], "textmill up"),
        (["--over", "fold-seed=1,2"], "--fold-seed"),
    ],
)
def test_nothing_starts_of_a_wrong_request_or_without_a_server(words: list[str], message: str, tmp_path: Path) -> None:
    ended = run_here("sweep", *words, "--runtime.data-root", str(tmp_path / "root"), variables={})
    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_deployment_is_named_for_what_is_asked_for() -> None:
    def plan(*seeds: int, folds: bool = False) -> Any:
        model = FoldsConfig if folds else PipelineConfig
        configs = [model.model_validate({"name": "news", "finetune": {"seed": seed}}) for seed in seeds]
        wanted = [Wanted({"finetune.seed": str(seed)}, config) for seed, config in zip(seeds, configs, strict=True)]
        assert json.loads(json.dumps(parameters_of(wanted))) == parameters_of(wanted)
        return plan_for(wanted, 3)

    assert plan(1, 2).full_name == plan(1, 2).full_name != plan(1, 3).full_name
    assert plan(1, 2).full_name.startswith("train/news-sweep-")
    assert plan(1, folds=True).full_name.startswith("folds/news-sweep-")
    assert (plan(1).limit, plan(1).schedules) == (3, ())


def row(accuracy: float | None, **settings: str) -> dict[str, Any]:
    return {
        "settings": {name.replace("_", "."): value for name, value in settings.items()},
        "accuracy": accuracy,
        "macro_f1": accuracy,
    }


def test_means_are_taken_over_seeds_alone_and_of_runs_that_were_measured() -> None:
    rows = [row(0.7, finetune_seed="1", a="x"), row(0.9, finetune_seed="2", a="x"), row(None, finetune_seed="1", a="y")]
    (found,) = over_seeds(rows)
    assert (found["settings"], found["runs"]) == ({"a": "x"}, 2)
    assert found["accuracy"] == {
        "mean": pytest.approx(0.8),
        "deviation": pytest.approx(statistics.stdev([0.7, 0.9])),
        "least": 0.7,
        "most": 0.9,
    }
    assert over_seeds([row(0.7, a="x"), row(0.9, a="y")]) == []
