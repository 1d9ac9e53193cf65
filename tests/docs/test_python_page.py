"""docs/PYTHON.md runs as it is written, in a data root of its own, inside a running event loop as in a notebook."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import textmill
from tasks.checkout import CHECKOUT

PAGE = CHECKOUT / "docs/PYTHON.md"
BLOCKS = re.findall(r"(?ms)^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"))


DRIVER = """
import asyncio, json, sys
blocks, names = json.loads(sys.stdin.read()), {}
async def notebook():
    for block in blocks:
        exec(compile(block, 'docs/PYTHON.md', 'exec'), names)
asyncio.run(notebook())
scored, frame = names['scored'], names['frame']
assert list(scored.index) == list(frame.index)
assert set(scored.label.dropna()) <= {'negative', 'neutral', 'positive'}
assert names['run'].status == 'finished'
"""


def run_blocks(blocks: list[str], data_root: Path) -> "subprocess.CompletedProcess[str]":
    """Execute blocks one after the other in one process, as cells of a notebook; it must end well."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    environment |= {"TEXTMILL_RUNTIME__DATA_ROOT": str(data_root), "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-c", DRIVER]
    done = subprocess.run(command, input=json.dumps(blocks), cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.long
def test_the_page_runs(tmp_path: Path) -> None:
    assert "no column 'bodi'" in run_blocks(BLOCKS, tmp_path / "data").stdout


def test_every_block_compiles_and_calls_what_there_is() -> None:
    for block in BLOCKS:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "textmill":
                assert hasattr(textmill, node.attr)
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("textmill."):
                inspect.signature(getattr(textmill, ast.unparse(node.func)[9:].split("(")[0].split(".")[0])).bind_partial(
                    **{keyword.arg: None for keyword in node.keywords if keyword.arg}
                )


def test_the_door_imports_no_heavy_library() -> None:
    heavy = "{'torch', 'prefect', 'mlflow', 'pandas', 'pyarrow', 'pydantic'}"
    code = f"import sys, textmill; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True).stdout.strip() == "[]"


def test_the_door_is_shipped() -> None:
    packaged = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "textmill" in packaged["tool"]["setuptools"]["py-modules"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("package/0123456789", "there is no such artifact"),
        ("finetune/0123456789", "there is no such artifact"),
        ("nobody", "no model is registered yet"),
        (Path("nowhere"), "there is no package.json in it"),
    ],
)
def test_a_model_that_is_not_there_is_named(wanted: str | Path, message: str, tmp_path: Path) -> None:
    with pytest.raises(textmill.RequestError, match=message):
        textmill.load(wanted, data_root=tmp_path)


def test_an_unknown_setting_is_answered_as_on_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(textmill.RequestError, match=r"unknown option --finetune\.epoch; did you mean --finetune\.epochs\?"):
        textmill.train(preset="sample", settings={"finetune.epoch": 3}, data_root=tmp_path)


def test_a_package_that_was_changed_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"files": {"a": "00"}, "module": "m", "entry": "e"}')
    (tmp_path / "a").write_text("x")
    with pytest.raises(textmill.RequestError, match="was changed"):
        textmill.load(tmp_path)
