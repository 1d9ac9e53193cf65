"""The one file of Python that reads an exported folder, cut out of the package's own code, and how it is opened here."""

from __future__ import annotations

import ast
import json
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tasks.checkout import CHECKOUT
from tasks.errors import RequestError
from tasks.export.bundle import Bundle, Definition, Missing
from tasks.register.load import CODE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

READER = "reader.py"
SERVED, MODEL = "tasks.export.served", "tasks.model."
CLASSES = {"numpy": ("model", "Model"), "onnx": ("onnx_model", "OnnxModel"), "fasttext": ("fasttext_model", "FasttextModel")}
NEEDS = {"numpy": "NumPy", "onnx": "NumPy, and ONNX Runtime to answer,", "fasttext": "NumPy, and fastText to answer,"}
CUT = Definition(f"{MODEL}text.tokenizers.word", "word_cut")  # what the program names; a package has its own in the place
HEAD = '''"""The reader of {title}: it opens the folder that it is in, and needs {needs} alone.

    python reader.py "a text" ...       one line of JSON for each text
    from reader import {name}
    {name}().predict(["a text"])

Made by textmill from the code that the model's package carries ({digest}); the headings name its files.
"""

from __future__ import annotations

'''
TAIL = '\n\nif __name__ == "__main__":\n    main({name})\n'


def reader_source(package: Path, form: str, reads: Sequence[str], *, title: str, digest: str) -> str:
    """The file for a verified package in that format, whose views read `reads`.

    RequestError if the package's code is not as this program knows it.
    """
    home = next((package / CODE).iterdir())
    tokenizer = json.loads((package / "text.json").read_text(encoding="utf-8"))["tokenizer"]
    module, name = CLASSES[form]
    program = Definition(f"{SERVED}.model", "VIEWS")

    def read(wanted: str) -> str:
        root = home if wanted.startswith(MODEL) else CHECKOUT / "tasks"
        return (root / f"{wanted.removeprefix('tasks.').replace('.', '/')}.py").read_text(encoding="utf-8")

    try:
        cut = Definition(f"{MODEL}text.tokenizers.{tokenizer}", _maker(read(f"{MODEL}text.tokenizers.{tokenizer}")))
        bundle = Bundle(read, {program: _only(read(program.module), reads)}, {CUT: cut})
        text = bundle.text([Definition(f"{SERVED}.{module}", name), Definition(f"{SERVED}.model", "main")])
    except (Missing, OSError) as error:
        raise RequestError(f"{title} was made by another version of this program ({error}); train the model again") from None
    return HEAD.format(title=title, needs=NEEDS[form], name=name, digest=digest[:12]) + text + TAIL.format(name=name)


def open_reader(folder: Path, form: str) -> Any:
    """The model of an exported folder, opened by the reader that is in it."""
    loader = _NoBytecode("exported_reader", str(folder / READER))
    module = ModuleType(loader.name)
    module.__file__ = str(folder / READER)
    loader.exec_module(module)
    return getattr(module, CLASSES[form][1])(folder)


class _NoBytecode(SourceFileLoader):
    """Leaves no `__pycache__` in the folder."""

    def set_data(self, path: str, data: object, *, _mode: int = 0o666) -> None:
        """Write nothing."""


def _maker(source: str) -> str:
    """The function that TOKENIZER of a tokenizer's module is made with."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "TOKENIZER":
            made = statement.value
            if isinstance(made, ast.Call) and made.args and isinstance(made.args[0], ast.Name):
                return made.args[0].id
    raise Missing("a tokenizer's module does not define TOKENIZER")


def _only(source: str, reads: Sequence[str]) -> str:
    """The table of views with the lines that a model needs."""
    table = next(
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "VIEWS" and isinstance(node.value, ast.Dict)
    )
    lines = [
        f'"{key.value}": {ast.unparse(value)}'
        for key, value in zip(table.keys, table.values, strict=True)
        if isinstance(key, ast.Constant) and key.value in reads and isinstance(key.value, str)
    ]
    return f"VIEWS = {{{', '.join(lines)}}}"
