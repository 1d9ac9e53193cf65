"""Every command and option that a page shows is one that the program takes: parsed here by the real command line, not run."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.main import get_command

from flows.commands.deploy import split_arguments
from flows.commands.main import VERBS, app
from flows.commands.options import Session
from flows.commands.serve import parted
from flows.commands.settings import (
    FLOWS,
    knobs,
    resolve,
    resolve_folds,
    resolve_language,
    resolve_refresh,
    resolve_serve,
    resolve_tune,
)
from flows.sweep import Axis, combinations
from tasks.checkout import CHECKOUT
from tests.docs.commands import Shown, shown_commands, shown_options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TARGETS = set(re.findall(r"(?m)^([a-z-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8")))
VARIABLES = set(re.findall(r"(?m)^([A-Z]+) \?=", (CHECKOUT / "Makefile").read_text(encoding="utf-8")))
KNOBS = {flag for model in FLOWS for flag, *_ in knobs(model)}
VERBS_OF_TYPER: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
OPTIONS_OF_VERBS = {option for verb in VERBS_OF_TYPER.values() for each in verb.params for option in each.opts}
COMMANDS = list({shown.words: shown for shown in reversed(shown_commands())}.values())


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the file of a configuration that pages name, and no data root."""
    (tmp_path / "run.toml").write_text("[finetune]\nepochs = 3\n")
    (tmp_path / "other.toml").write_text('[finetune]\nmodel = "bag"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEXTMILL_RUNTIME__DATA_ROOT", str(tmp_path / "data"))


def parse_textmill(words: Sequence[str]) -> None:
    """Parse what comes after `textmill`; click's errors and RequestError say what is wrong."""
    if list(words) == ["--version"]:
        return
    name, rest = words[0], list(words[1:])
    assert name in VERBS_OF_TYPER, f"there is no verb {name}"
    command = VERBS_OF_TYPER[name]
    if name == "label" and rest and rest[0] not in command.commands:
        rest = ["import", *rest]
    if hasattr(command, "commands") and rest:
        name, rest = f"{name} {rest[0]}", rest[1:]
        assert name in VERBS, f"there is no verb {name}"
        command = command.commands[name.split()[1]]
    if not rest:  # the name of a verb
        return
    try:
        context = command.make_context(name, rest, obj=Session())
    except typer.Exit:  # --help
        return
    given = context.params
    match name:
        case "train":
            resolve(context.args, preset=given["preset"], file=given["config"])
        case "folds":
            resolve_folds(context.args, preset=given["preset"], file=given["config"])
        case "sweep":
            for values in combinations([Axis.read(text) for text in given["over"]]):
                words = [*context.args, *(word for each in values.items() for word in (f"--{each[0]}", each[1]))]
                resolve(words, preset=given["preset"], file=given["config"])
        case "tune":
            resolve_tune(context.args, preset=given["preset"], file=given["config"])
        case "language train":
            resolve_language(context.args, preset=given["preset"], file=given["config"])
        case "refresh":
            days = [f"--collect.{name}={given[name]}" for name in ("since", "until") if given[name]]
            resolve_refresh([*context.args, *days], preset=given["preset"], file=given["config"])
        case "serve":
            if not given["help_"]:
                resolve_serve(parted(context.args)[1], file=given["config"])
        case "notify test" | "monitor digest":
            resolve_refresh(context.args, preset=given["preset"], file=given["config"])
        case "deploy":
            train, refresh = split_arguments(context.args)
            resolve(train, preset=given["train_preset"], file=given["train_config"])
            resolve_refresh(refresh, preset=given["refresh_preset"], file=given["refresh_config"])
        case _:
            assert not context.args


def parse_python(words: Sequence[str]) -> None:
    """Look for the program, and for its options in its source or among the knobs."""
    if words[0] == "-m" and words[1] == "benchmarks.measure":
        assert words[2] == "textmill"
        return parse_textmill(words[3:])
    place, rest = (CHECKOUT / words[1].replace(".", "/"), words[2:]) if words[0] == "-m" else (CHECKOUT / words[0], words[1:])
    files = [path for path in (place, place.with_suffix(".py"), place / "__main__.py") if path.is_file()]
    assert files, f"there is no program {words}"
    sources = files[0].read_text(encoding="utf-8") + (CHECKOUT / "benchmarks/peers/peer.py").read_text(encoding="utf-8")
    for word in rest:
        if word.startswith("--"):
            assert word.split("=")[0] in KNOBS or f'"{word.split("=")[0]}"' in sources, f"{files[0].name} takes no {word}"
    return None


def parse_make(words: Sequence[str]) -> None:
    """Look for the target and its variables in the Makefile."""
    assert words[0] in TARGETS, f"the Makefile has no target {words[0]}"
    for word in words[1:]:
        assert word.split("=")[0] in VARIABLES, f"the Makefile reads no {word}"


@pytest.mark.parametrize("shown", [shown for shown in COMMANDS if shown.words[0] != "mlflow"], ids=str)
def test_a_command_of_a_page_is_one_that_the_program_takes(shown: Shown) -> None:
    {"textmill": parse_textmill, "python": parse_python, "make": parse_make}[shown.words[0]](shown.words[1:])


@pytest.mark.filterwarnings("ignore::UserWarning:mlflow")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_mlflows_commands_are_ones_that_it_takes() -> None:
    from mlflow.cli import cli

    for words in (shown.words for shown in COMMANDS if shown.words[0] == "mlflow"):
        command: Any = cli
        rest = list(words[1:])
        while hasattr(command, "get_command") and rest:
            command = command.get_command(None, rest.pop(0))
        if rest:
            command.make_context("mlflow", rest)


@pytest.mark.parametrize("page", sorted({page for page, _ in shown_options()}))
def test_every_option_that_a_page_names_is_there(page: str) -> None:
    lost = [
        word
        for each, span in shown_options()
        for word in shlex.split(span.replace("'", ""))
        if each == page and word.startswith("--") and word.split("=")[0] not in KNOBS | OPTIONS_OF_VERBS
    ]
    assert lost == []


def test_commands_are_found() -> None:
    assert len(COMMANDS) > 100
    assert {shown.page for shown in shown_commands()} >= {"README.md", "README.zh-CN.md", "VECTORS.md", "OPERATING.md"}
