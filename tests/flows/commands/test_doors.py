"""An error names the door that a value came through: a flag, a variable or a file."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from flows.commands.doors import Doors
from flows.commands.settings import check_train, resolve, resolve_refresh
from tasks.checkout import CHECKOUT
from tasks.errors import RequestError
from tests.command_line import TEXTMILL

if TYPE_CHECKING:
    from pathlib import Path

WRONG = (
    ({"finetune.model": "bag", "finetune.bag.lr": "-1"}, "finetune.bag.lr", "'-1': Input should be greater than 0"),
    ({"finetune.model": "cnn", "finetune.bag.lr": "0.5"}, "finetune.bag.lr", "0.5 is for bag, not cnn"),
    ({"finetune.model": "nope"}, "finetune.model", "'nope': unknown model 'nope'; choose from"),
    ({"finetune.model": "bag", "finetune.lr": "-1"}, "finetune.lr", "'-1': Input should be greater than 0"),
    ({"finetune.epochs": "2", "finetune.network.frozen_epochs": "5"}, "finetune.network.frozen_epochs", "5 leaves none"),
    ({"prepare.test_share": "a"}, "prepare.test_share", "'a': Input should be a valid number"),
    ({"align.vectors": "x.vec", "finetune.model": "tfidf"}, "align.vectors", "is for models that read word vectors"),
    ({"runtime.tracking_uri": "http://u:p@x/"}, "runtime.tracking_uri", "holds a password"),
    ({"ingest.path": "~nobody-of-that-name/x"}, "ingest.path", "'~nobody-of-that-name/x' starts with ~"),
    ({"name": "a/b"}, "name", "'a/b': 'a/b' is not a valid name"),
    ({"finetune": "3"}, "finetune", "'3': it is a section of settings; give one of them"),
    ({"ingest.path": "/absent"}, "ingest.path", "/absent: No such file or directory; check the path"),
    ({"ingest.path": "/", "ingest.label_names": "/absent"}, "ingest.label_names", "/absent: no such file"),
)
CASES = pytest.mark.parametrize(
    ("given", "wrong", "reason"), WRONG, ids=[f"{wrong} {reason[:12]}" for _, wrong, reason in WRONG]
)


def refusal(arguments: list[str], file: Path | None = None) -> str:
    """The line that refuses what the doors give."""
    with pytest.raises(RequestError) as refused, Doors() as doors:
        check_train(resolve(arguments, file=file, doors=doors))
    line = str(refused.value)
    assert "\n" not in line
    return line


def variable(place: str) -> str:
    """The variable of a setting."""
    return f"TEXTMILL_{place.replace('.', '__')}".upper()


def toml(given: dict[str, str]) -> str:
    """The settings as a file has them."""
    return "".join(f'{place} = "{value}"\n' for place, value in given.items())


@CASES
def test_a_value_of_the_command_line_is_named_by_its_flag(given: dict[str, str], wrong: str, reason: str) -> None:
    line = refusal([f"--{place.replace('_', '-')}={value}" for place, value in given.items()])
    value = "3" if wrong == "finetune" else None  # argparse has read the number
    assert line.startswith(f"--{wrong.replace('_', '-')} {reason.replace(repr('3'), value) if value else reason}")


@CASES
def test_a_value_of_the_environment_is_named_by_its_variable(
    given: dict[str, str], wrong: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, value in given.items():
        monkeypatch.setenv(variable(place), value)
    line = refusal([])
    assert line.startswith(f"{variable(wrong)} {reason.replace(repr('3'), '3')}")


@CASES
def test_a_value_of_a_file_is_named_by_the_file(given: dict[str, str], wrong: str, reason: str, tmp_path: Path) -> None:
    (file := tmp_path / "run.toml").write_text(toml(given))
    assert refusal([], file).startswith(f"{file}: {wrong} {reason}")


def test_the_door_that_wins_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file := tmp_path / "run.toml").write_text("finetune.epochs = 0\n")
    monkeypatch.setenv("TEXTMILL_FINETUNE__EPOCHS", "-1")
    assert refusal([], file).startswith("TEXTMILL_FINETUNE__EPOCHS '-1'")
    assert refusal(["--finetune.epochs", "-2"], file).startswith("--finetune.epochs '-2'")


def test_two_settings_that_exclude_each_other_are_each_named_by_their_door(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('ingest.archive = "a.tar.gz"\n')
    line = refusal(["--ingest.path", "x"], tmp_path / "run.toml")
    assert line.startswith(f"{tmp_path / 'run.toml'}: ingest.archive and --ingest.path are both given")


def test_an_unknown_name_is_told_with_the_file(tmp_path: Path) -> None:
    (file := tmp_path / "run.toml").write_text("[finetun]\nepochs = 2\n")
    assert refusal([], file).startswith(f"{file}: finetun is not a setting; textmill train --help lists them all")
    file.write_text("[finetune.bag]\nrate = 2\n")
    assert refusal([], file).startswith(f"{file}: finetune.bag.rate is not a setting; did you mean finetune.bag.lr?")


def test_a_section_in_json_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_FINETUNE", '{"bag": {"lr": -1}}')
    assert refusal([]).startswith("TEXTMILL_FINETUNE: bag.lr -1: Input should be greater than 0")
    monkeypatch.setenv("TEXTMILL_FINETUNE", '{"bag": ')
    assert refusal([]).startswith(
        "TEXTMILL_FINETUNE '{\"bag\": ' is not JSON; correct it, or give one variable for each setting"
    )


def test_a_list_that_a_variable_does_not_give_as_json_is_told_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_INGEST__LABELS", "good,bad")
    assert refusal([]) == """TEXTMILL_INGEST__LABELS 'good,bad' is not JSON; write a list as ["a", "b"]"""


def test_a_preset_is_named_too() -> None:
    with pytest.raises(RequestError, match=r"^preset imdb-best: pretrain\.minn 4 is larger than maxn 3"):
        resolve(["--pretrain.maxn", "3"], preset="imdb-best")


def test_a_refresh_names_doors_as_a_training_does(tmp_path: Path) -> None:
    (file := tmp_path / "desk.toml").write_text("[detect]\nbaseline_days = 8\nwindow_days = 7\n")
    with pytest.raises(RequestError, match=rf"^{file}: detect\.baseline_days 8 is too short"):
        resolve_refresh([], file=file)


def test_what_is_wrong_once_a_run_begins_names_the_door_too(tmp_path: Path) -> None:
    (tmp_path / "text.csv").write_text("text,label\n" + "a good day,good\na bad day,bad\n" * 20)
    (tmp_path / "run.toml").write_text('ingest.path = "text.csv"\nruntime.data_root = "text.csv/data"\n')
    command, env = [*TEXTMILL, "train", "--config", "run.toml"], os.environ | {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].startswith("textmill: run.toml: runtime.data_root ")
