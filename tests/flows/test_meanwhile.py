"""Modules are imported, and processes started, beside a step that leaves a processor idle."""

import multiprocessing
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from flows import meanwhile
from flows.meanwhile import imported_meanwhile, processes_for_prepare, trains_vectors
from tasks.config import PipelineConfig
from tasks.engine.local import LocalPool
from tasks.store.artifact import Store
from tasks.store.step import Run
from tests.patience import until


def test_modules_are_there_when_the_block_ends_and_one_that_is_missing_is_passed_over() -> None:
    for name in ("sndhdr_of_nobody", "colorsys"):
        sys.modules.pop(name, None)
    with imported_meanwhile("sndhdr_of_nobody", "colorsys"):
        pass
    assert "colorsys" in sys.modules
    assert not [thread for thread in threading.enumerate() if thread.name == "imports"]


def test_an_error_of_the_block_is_the_caller_s() -> None:
    with pytest.raises(KeyError), imported_meanwhile("json"):
        raise KeyError("of the step")


@pytest.mark.parametrize(
    ("sections", "trains"),
    [
        ({"finetune": {"model": "bag+cnn"}}, True),
        ({"finetune": {"model": "bag"}}, False),
        ({"finetune": {"model": "auto"}}, False),
        ({"finetune": {"model": "cnn"}, "pretrain": {"enabled": False}}, False),
        ({"finetune": {"model": "cnn"}, "align": {"vectors": "vectors.vec"}}, False),
    ],
)
def test_word_vectors_are_trained_for_a_model_that_reads_them_and_is_given_none(sections: dict[str, Any], trains: bool) -> None:
    assert trains_vectors(PipelineConfig.model_validate({"ingest": {"path": "rows.csv"}} | sections)) is trains


class Tables(NamedTuple):
    """What the two contexts look at: a small and a large corpus."""

    small: PipelineConfig
    large: PipelineConfig


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tables:
    monkeypatch.setattr(meanwhile, "MUCH", 1000)
    paths = tmp_path / "small.csv", tmp_path / "large.csv"
    for path, lines in zip(paths, (1, 200), strict=True):
        path.write_text("text,label\n" + "fine,good\n" * lines)
    sections = {"runtime": {"data_root": tmp_path / "data"}}
    return Tables(*(PipelineConfig.model_validate(sections | {"ingest": {"path": path}}) for path in paths))


def test_processes_start_early_for_a_large_corpus_alone(tables: Tables, tmp_path: Path) -> None:
    run = Run(Store(tmp_path / "data"), LocalPool(2))
    with processes_for_prepare(tables.small, run):
        assert not multiprocessing.active_children()
    with processes_for_prepare(tables.large, replace(run, engine=LocalPool(1))):
        assert not multiprocessing.active_children()
    with processes_for_prepare(tables.large, run):
        assert len(multiprocessing.active_children()) == 2
    # They have ended; the pool's thread may have been told so, and not have written it down yet.
    until(lambda: not multiprocessing.active_children(), "the end of both")
