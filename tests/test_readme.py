"""The README cannot rot: its generated parts are compared, its commands are looked up."""

import re

from flows.commands.readme import README, fill
from flows.commands.settings import preset_names
from tasks.config import RefreshConfig


def test_generated_tables_are_current() -> None:
    text = README.read_text(encoding="utf-8")
    assert fill(text) == text, "run: python -m flows.commands.readme"


def test_every_verb_and_preset_it_names_exists() -> None:
    from typer.main import get_command

    from flows.commands.main import app

    text = README.read_text(encoding="utf-8")
    verbs = set(re.findall(r"(?m)(?:^|`)textmill ([a-z]+)", text))
    assert {"train", "predict", "score", "models", "doctor", "gc", "up"} <= verbs
    assert verbs <= set(get_command(app).commands)  # type: ignore[attr-defined]
    assert set(re.findall(r"--preset ([a-z-]+)", text)) <= {*preset_names(), *preset_names(RefreshConfig)}


def test_every_file_it_names_exists() -> None:
    text = README.read_text(encoding="utf-8")
    for name in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (README.parent / name).exists(), name
