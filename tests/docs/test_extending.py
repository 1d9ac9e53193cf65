"""Each recipe of docs/EXTENDING.md, done in a throw-away copy of the tree: its files, its lines in a table, its commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tasks.checkout import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (CHECKOUT / "docs/EXTENDING.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"(?ms)^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE))
BLOCK = re.compile(r"(?ms)^```(\w*)\n(?:# file: (\S+)\n)?(.*?)^```")
SHIPPED = ("flows", "tasks", "data/sample", "textmill.py", "pyproject.toml", "prefect.yaml")


def copy_tree(target: Path) -> None:
    """Copy what the command needs, without what runs have made."""
    for name in SHIPPED:
        source = CHECKOUT / name
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)


def blocks(recipe: str, language: str) -> list[tuple[str, str]]:
    """File and content of each fenced block of a language; commands have none."""
    return [(file, content) for found, file, content in BLOCK.findall(recipe) if found == language]


def apply(recipe: str, tree: Path) -> None:
    """Write the new files and change the lines of the tables; every old line must be there once."""
    for name, content in blocks(recipe, "python"):
        assert not (tree / name).exists(), f"{name} is there already"
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(content, encoding="utf-8")
    for name, diff in blocks(recipe, "diff"):
        text = (tree / name).read_text(encoding="utf-8")
        for hunk in diff.split("@@\n"):
            lines = hunk.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if line[0] in " -")
            new = "".join(line[1:] for line in lines if line[0] in " +")
            assert text.count(old) == 1, f"{name} does not have once: {old}"
            text = text.replace(old, new)
        (tree / name).write_text(text, encoding="utf-8")


def run(commands: str, tree: Path) -> None:
    """Run the commands of a recipe in the copy; each must end well."""
    bin_folder = tree / "bin"
    bin_folder.mkdir()
    (bin_folder / "textmill").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flows.commands "$@"\n')
    (bin_folder / "textmill").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_", "TEXTMILL_"))}
    environment = kept | {"PATH": f"{bin_folder}:{os.environ['PATH']}", "PYTHONPATH": str(tree)}
    done = subprocess.run(["/bin/sh", "-ec", commands], cwd=tree, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_there_are_recipes() -> None:
    assert set(RECIPES) >= {"A tokenizer", "A channel", "A source", "A model kind", "A step"}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_fits_the_tree(name: str, tmp_path: Path) -> None:
    copy_tree(tmp_path)
    apply(RECIPES[name], tmp_path)
    for changed, _ in [*blocks(RECIPES[name], "python"), *blocks(RECIPES[name], "diff")]:
        compile((tmp_path / changed).read_text(encoding="utf-8"), changed, "exec")


@pytest.mark.pages
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_works_as_it_is_written(name: str, tmp_path: Path) -> None:
    copy_tree(tmp_path)
    apply(RECIPES[name], tmp_path)
    run("".join(content for _, content in blocks(RECIPES[name], "")), tmp_path)
