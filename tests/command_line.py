"""Commands as tests run them: in a process of their own, or in this one, which has imported what they need."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from typing import TYPE_CHECKING
from unittest import mock

from tasks.checkout import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TEXTMILL = [sys.executable, "-m", "flows.commands"]
FOREIGN = ("PREFECT_", "MLFLOW_", "TEXTMILL_")  # variables that could name a server that other tests use


def train_command(corpus: Path, data_root: Path) -> list[str]:
    """`textmill train` on a corpus, into a data root."""
    return [*TEXTMILL, "train", "--ingest.path", str(corpus), "--runtime.data-root", str(data_root)]


def run_here(
    *words: str, given: bytes = b"", folder: Path = CHECKOUT, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `textmill` with these words in this process: a process of its own imports for seconds what is imported here.

    `given` is its standard input. With `variables` it has these beside those of this process that concern no server. Where it
    matters what is imported, how a process ends or what the streams are, a test starts one.
    """
    from flows.commands.main import main

    environment = dict(os.environ)
    if variables is not None:
        environment = {name: value for name, value in environment.items() if not name.startswith(FOREIGN)} | dict(variables)
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(sys, "argv", ["textmill", *words]),
        mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8")),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        contextlib.chdir(folder),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code
    return subprocess.CompletedProcess(words, int(code or 0), out.getvalue(), err.getvalue())
