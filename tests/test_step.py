"""The step decorator under a real Prefect server: hits, misses, failures, and each ingredient of the key."""

import json
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from tasks.align.settings import AlignConfig
from tasks.errors import RequestError
from tasks.ingest.settings import TextsConfig
from tasks.store.artifact import MANIFEST, Build, Store
from tasks.store.step import Choice, Run, library_versions, step, step_key
from tests.steps import alone

BUILT: list[str] = []


@step(libraries=("numpy",))
def first(build: Build, config: AlignConfig, run: Run) -> dict[str, int]:
    """Write the seed."""
    BUILT.append("first")
    (build.folder / "seed").write_text(str(config.seed % 2))
    return {"seed": config.seed}


@step()
def second(build: Build, config: AlignConfig, run: Run, upstream: Path, other: Path | None = None) -> dict[str, str]:
    """Copy what the first step wrote."""
    BUILT.append("second")
    (build.folder / "copy").write_text((upstream / "seed").read_text())
    return {"copied": (upstream / "seed").read_text()}


@flow
def both(root: str, seed: int = 1) -> list[tuple[str | None, Any]]:
    run = Run(Store(Path(root)))
    one = first(run, AlignConfig(seed=seed))
    two = second(run, AlignConfig(), upstream=one, other=None)
    return [(state.name, state.result()) for state in (one, two)]


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    BUILT.clear()


@pytest.mark.usefixtures("prefect_server")
def test_a_second_run_builds_nothing(tmp_path: Path) -> None:
    fresh, again = both(str(tmp_path)), both(str(tmp_path))
    assert [name for name, _ in fresh] == ["Completed", "Completed"]
    assert [name for name, _ in again] == ["Cached", "Cached"]
    assert [artifact for _, artifact in fresh] == [artifact for _, artifact in again]
    assert BUILT == ["first", "second"]
    assert again[0][1].report == {"seed": 1}


@pytest.mark.usefixtures("prefect_server")
def test_equal_bytes_cut_the_rebuild_short(tmp_path: Path) -> None:
    both(str(tmp_path), seed=1)
    states = both(str(tmp_path), seed=3)  # another key, the same bytes
    assert [name for name, _ in states] == ["Completed", "Cached"]


@pytest.mark.usefixtures("prefect_server")
def test_a_damaged_artifact_is_rebuilt(tmp_path: Path) -> None:
    before = both(str(tmp_path))
    (tmp_path / before[1][1].path / "copy").write_text("9")
    after = both(str(tmp_path))
    assert [name for name, _ in after] == ["Cached", "Completed"]
    assert before[1][1].digest == after[1][1].digest


@step()
def grows(build: Build, config: TextsConfig, run: Run) -> dict[str, int]:
    """Read a file to which somebody writes meanwhile."""
    assert config.path is not None
    (build.folder / "copy").write_bytes(config.path.read_bytes())
    with config.path.open("a") as file:
        file.write("one line more\n")
    return {}


def test_an_input_that_changes_while_it_is_read_is_told_and_nothing_is_kept(tmp_path: Path) -> None:
    store, path = Store(tmp_path / "data"), tmp_path / "texts.txt"
    path.write_text("one line\n")
    with pytest.raises(
        RequestError, match="grows: an input file changed while it was read, so it is still being written; wait"
    ):
        alone(grows)(Run(store), TextsConfig(path=path))
    assert store.stored() == []


LETTER = Choice(
    "tasks.finetune.kinds",
    lambda config, artifacts: [("tasks.model.views.bag", "tasks.model.views.mean")[config.seed % 2]],
    lambda config, artifacts: [("scipy", "gensim")[config.seed % 2]],
)
NUMBER = Choice(
    "tasks.prepare.tokenizers",
    lambda config, artifacts: [("tasks.model.text.tokenizers.word", "tasks.model.text.tokenizers.char")[config.seed // 2]],
    lambda config, artifacts: ["scipy", ("rjieba", "opencc")[config.seed // 2]],
)


@step(libraries=("numpy",), choices=(LETTER, NUMBER))
def third(build: Build, config: AlignConfig, run: Run) -> dict[str, int]:
    """Write nothing that depends on anything."""
    (build.folder / "same").write_text("same")
    return {}


@flow
def chosen(root: str, seed: int) -> dict[str, Any]:
    run = Run(Store(Path(root)))
    made = third(run, AlignConfig(seed=seed)).result()
    inputs: dict[str, Any] = json.loads((run.store.folder(made) / MANIFEST).read_text())["inputs"]
    return inputs


@pytest.mark.usefixtures("prefect_server")
def test_a_step_that_chooses_twice_has_the_code_and_the_libraries_of_both_in_its_key(tmp_path: Path) -> None:
    inputs = [chosen(str(tmp_path), seed) for seed in range(4)]
    assert [each["libraries"].keys() - {"numpy", "python"} for each in inputs] == [
        {"scipy", "rjieba"},
        {"gensim", "scipy", "rjieba"},
        {"scipy", "opencc"},
        {"gensim", "scipy", "opencc"},
    ]
    assert len({each["code"] for each in inputs}) == 4


def test_every_ingredient_changes_the_key() -> None:
    base: dict[str, Any] = {"step": "s", "section": {"a": 1}, "upstream": {"x": "d"}, "code": "c", "libraries": {"numpy": "1"}}
    keys = {step_key(**base)[0]}
    for name, value in [
        ("step", "t"),
        ("section", {"a": 2}),
        ("section", {"b": 1}),
        ("upstream", {"x": "e"}),
        ("upstream", {"y": "d"}),
        ("upstream", {}),
        ("code", "d"),
        ("libraries", {"numpy": "2"}),
    ]:
        keys.add(step_key(**(base | {name: value}))[0])
    assert len(keys) == 9
    assert step_key(**base) == step_key(**base)


def test_library_versions_name_python_too() -> None:
    assert library_versions(("numpy",)).keys() == {"numpy", "python"}
