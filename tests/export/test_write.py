"""An exported folder answers as the package does, by itself, and is there whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import RequestError
from tasks.export.reader import open_reader
from tasks.export.write import Exported, write_export
from tasks.prepare.settings import PrepareConfig
from tests.export.conftest import TEXTS
from tests.register.conftest import Trained, train

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tasks.export.rows import Rows

# Runs the reader where nothing can be imported but the standard library, NumPy and what is named.
ALONE = """
import importlib.abc, runpy, sys
allowed = sys.stdlib_module_names | {{"numpy", "reader", *{also}}}
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in allowed:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Refuse())
sys.argv = [{path!r}, *{texts!r}]
runpy.run_path({path!r}, run_name="__main__")
"""


def alone(folder: Path, texts: list[str], also: tuple[str, ...] = ()) -> list[Any]:
    """What the command of an exported folder prints for texts, in a process that has NumPy alone."""
    code = ALONE.format(path=str(folder / "reader.py"), texts=texts, also=also)
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd="/")
    return [json.loads(line) for line in run.stdout.splitlines()]


def same(ours: Any, theirs: Any) -> bool:
    """Whether two predictions are one, but for the last digits of probabilities."""
    if ours["probabilities"] is None or theirs["probabilities"] is None:
        return ours == theirs
    near = all(abs(ours["probabilities"][name] - value) < 1e-5 for name, value in theirs["probabilities"].items())
    return near and (ours["label"], ours["reason"]) == (theirs["label"], theirs["reason"])


@pytest.fixture(scope="module")
def numpy_folder(exported: Exported, rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("numpy") / "made"
    write_export(exported, folder, "numpy", rows)
    return folder


@pytest.mark.parametrize("form", ["numpy", "onnx"])
def test_the_folder_gives_the_packages_labels_and_probabilities(
    exported: Exported, rows: Rows, tmp_path: Path, form: str
) -> None:
    certificate = write_export(exported, tmp_path / "made", form, rows)
    assert certificate["test"]["same_label"] == certificate["test"]["rows"] == len(rows.texts)
    assert certificate["test"]["largest_difference"] <= (0 if form == "numpy" else 1e-6)
    assert certificate["test"]["accuracy_of_export"] == certificate["test"]["accuracy_of_package"] > 0.9
    model: Any = exported.model
    found = open_reader(tmp_path / "made", form).predict(rows.texts)
    assert all(map(same, found, model.predict(rows.texts)))
    assert {each["reason"] for each in found} == {None, "empty_after_cleaning", "no_known_word"}


def test_the_reader_needs_numpy_alone(exported: Exported, numpy_folder: Path) -> None:
    texts = ["profit rose", "zyxwv", "<b>loss</b> & 漢字"]
    model: Any = exported.model
    assert all(map(same, alone(numpy_folder, texts), model.predict(texts)))
    assert not any("\n" in line or "\x1b" in line for line in alone(numpy_folder, ["\x1b[31mred\nprofit"])[0]["probabilities"])


def test_the_onnx_folder_needs_the_runtime_besides(exported: Exported, rows: Rows, tmp_path: Path) -> None:
    write_export(exported, tmp_path / "made", "onnx", rows)
    also = ("onnxruntime", "flatbuffers", "google", "packaging", "sympy", "coloredlogs")
    assert alone(tmp_path / "made", ["profit rose"], also)[0]["label"] == "positive"
    assert not [path for path in (tmp_path / "made").iterdir() if "weights" in path.name]


@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_text_reads_alike(exported: Exported, numpy_folder: Path, texts: list[str]) -> None:
    reader = open_reader(numpy_folder, "numpy")
    ours, theirs = reader.answer(texts), exported.model.answer(texts)
    assert np.array_equal(ours.probabilities, theirs.probabilities)
    assert np.array_equal(ours.blank, theirs.blank)
    assert np.array_equal(ours.tokens, theirs.tokens)


@pytest.mark.parametrize(
    "settings",
    [
        {"tokenizer": "char", "punctuation": "keep"},
        {"tokenizer": "char", "width": "fold", "numbers": "zero"},
        {"tokenizer": "whitespace", "lowercase": False, "numbers": "drop"},
        {"tokenizer": "basic_english", "html": False},
        {"tokenizer": "word", "stop_words": "english"},
    ],
)
def test_every_tokenizer_travels(
    settings: dict[str, Any], tmp_path: Path, exported_of: Callable[[Trained], Exported], rows: Rows
) -> None:
    prepare = PrepareConfig(near_duplicates=False, valid_share=0.2, **settings)
    made = exported_of(train(tmp_path / "trained", prepare=prepare, num_documents=120))
    certificate = write_export(made, tmp_path / "made", "numpy", rows)
    assert certificate["test"]["largest_difference"] == 0
    assert certificate["test"]["same_label"] == len(rows.texts)


def test_a_model_that_needs_a_library_to_cut_texts_is_refused_in_one_line(
    tmp_path: Path, exported_of: Callable[[Trained], Exported], rows: Rows
) -> None:
    prepare = PrepareConfig(near_duplicates=False, valid_share=0.2, tokenizer="jieba")
    made = exported_of(train(tmp_path / "trained", prepare=prepare, num_documents=60))
    with pytest.raises(RequestError, match=r"films/1 reads texts with rjieba, .*prepare.tokenizer char") as refused:
        write_export(made, tmp_path / "made", "numpy", rows)
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == [tmp_path / "trained"]


def test_a_folder_with_something_in_it_is_left_alone(exported: Exported, rows: Rows, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "notes").write_text("mine")
    with pytest.raises(RequestError, match="there is something already"):
        write_export(exported, tmp_path / "made", "numpy", rows)
    assert [path.name for path in tmp_path.rglob("*")] == ["made", "notes"]


def test_an_export_that_answers_otherwise_is_not_handed_out(exported: Exported, rows: Rows, tmp_path: Path) -> None:
    class Other:
        labels = exported.model.labels

        def answer(self, texts: Sequence[str]) -> Any:
            given = exported.model.answer(texts)
            return given._replace(probabilities=given.probabilities[:, ::-1])

    other = Exported(exported.title, Other(), exported.package, "")
    with pytest.raises(RequestError, match="answers otherwise than the model, by"):
        write_export(other, tmp_path / "made", "numpy", rows)
    assert list(tmp_path.iterdir()) == []


def test_equal_models_give_equal_bytes(exported: Exported, rows: Rows, numpy_folder: Path, tmp_path: Path) -> None:
    write_export(exported, tmp_path / "made", "numpy", rows)
    files = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in (numpy_folder, tmp_path / "made")]
    assert files[0] == files[1]
    assert TEXTS[2] not in files[0]["certificate.json"].decode()


def test_a_kill_leaves_nothing_half_at_the_place(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flows.commands", "models", "export", "films", str(tmp_path / "made"), "--format", "numpy"]
    environment = {**os.environ, "TEXTMILL_CRASH_AT": "export.flushed", "TEXTMILL_RUNTIME__DATA_ROOT": str(root)}
    assert subprocess.run(command, env=environment, capture_output=True).returncode == -9
    assert not (tmp_path / "made").exists()
    del environment["TEXTMILL_CRASH_AT"]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    assert list(tmp_path.iterdir()) == [tmp_path / "made"]
