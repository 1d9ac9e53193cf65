"""Two lanes of training: what each makes, and that neither goes on when the other cannot."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from tasks.errors import RequestError
from tasks.finetune.job import Job, Trained
from tasks.finetune.kind import Kind
from tasks.finetune.lanes import train_kinds
from tasks.finetune.ngram_rows import NgramRows
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.progress import SILENT
from tests.patience import HANGS_SECONDS
from tests.writers import write_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

NOTHING = Trained(np.zeros((0, 2)), np.zeros(0), {})


def kind(name: str, train: Callable[[Job], None], *, beside: bool) -> Kind:
    def trained(job: Job, epochs_before: int) -> list[Trained]:
        train(job)
        return [NOTHING]

    return Kind(name, "ngrams", trained, {}, beside=beside)


def job(*kinds: Kind, threads: int = 2) -> Job:
    config: Any = SimpleNamespace(kinds=kinds)
    return Job(
        cast(FinetuneConfig, config),
        [],
        Path(),
        None,
        Path(),
        Path(),
        threads,
        SILENT,
        ngram_rows=NgramRows(Path(), [], Path(), []),
    )


def test_the_outcome_is_in_the_order_of_the_sum() -> None:
    seen: dict[str, tuple[str, int]] = {}

    def note(name: str) -> Callable[[Job], None]:
        return lambda given: seen.update({name: (threading.current_thread().name, given.threads)})

    kinds = [
        kind("one", note("one"), beside=True),
        kind("two", note("two"), beside=False),
        kind("three", note("three"), beside=True),
    ]
    trained, seconds = train_kinds(job(*kinds))
    assert list(trained) == list(seconds) == ["one", "two", "three"]
    main = threading.current_thread().name
    assert seen == {"one": ("beside", 1), "two": (main, 2), "three": ("beside", 1)}
    train_kinds(job(*kinds, threads=1))
    assert seen == dict.fromkeys(("one", "two", "three"), (main, 1))


@pytest.mark.parametrize("fails", [True, False], ids=["the second lane", "the first lane"])
def test_an_error_of_one_lane_stops_the_other(fails: bool) -> None:
    stopped, started = threading.Event(), threading.Event()

    def fail(given: Job) -> None:
        assert started.wait(HANGS_SECONDS)
        raise RequestError("too few rows")

    def work(given: Job) -> None:
        started.set()
        try:
            for done in range(10**9):
                given.progress.advance(done, None, "steps")
        finally:
            stopped.set()

    failing, working = kind("failing", fail, beside=fails), kind("working", work, beside=not fails)
    with pytest.raises(RequestError, match="too few rows"):
        train_kinds(job(failing, working))
    assert stopped.is_set()


def test_lanes_give_equal_weights_each_time(tmp_path: Path) -> None:
    labels = ("great", "poor")
    rows = [
        (f"{number}", "train" if number < 60 else "valid", labels[number % 2], ["plot", labels[number % 2], str(number % 7)])
        for number in range(80)
    ]
    dataset = write_dataset(tmp_path / "dataset", rows, labels)
    made = []
    for number in range(2):
        for name in ("model", "scratch"):
            (tmp_path / f"{name}{number}").mkdir()
        config = FinetuneConfig(model="bag+ca", threads=2)
        write_model(config, dataset, None, tmp_path / f"model{number}", tmp_path / f"scratch{number}")
        made.append((tmp_path / f"model{number}" / "weights.safetensors").read_bytes())
    assert made[0] == made[1]
