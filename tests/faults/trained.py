"""A small pipeline that was trained once in this process, for the trials that need every kind of artifact and a model."""

from __future__ import annotations

import atexit
import functools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tasks.checkout import CHECKOUT
from tests.command_line import train_command

KNOBS = [
    *("--finetune.model", "bag+mean", "--finetune.epochs", "4", "--finetune.network.max-len", "32", "--finetune.threads", "1"),
    *("--pretrain.dim", "8", "--pretrain.epoch", "1", "--pretrain.min-count", "1", "--pretrain.threads", "1"),
    *("--pretrain.minn", "3", "--pretrain.maxn", "3", "--pretrain.bucket", "500", "--align.min-count", "1"),
    *("--evaluate.bootstrap", "100", "--json"),
]


@functools.cache
def trained() -> Path:
    """The data root of a finished run; treat it as read-only and copy what a trial breaks."""
    folder = Path(tempfile.mkdtemp(prefix="textmill-trained-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    train(folder / "root", make_corpus(folder / "news"))
    return folder / "root"


def make_corpus(folder: Path, size: int = 60) -> Path:
    """A corpus of the first sentences of the embedded sample, a folder a label."""
    for label in ("positive", "negative", "neutral", "unlabelled"):
        (folder / label).mkdir(parents=True)
        for path in sorted((CHECKOUT / "data/sample" / label).glob("*.txt"))[:size]:
            shutil.copy(path, folder / label / path.name)
    return folder


def train(root: Path, corpus: Path, *knobs: str, variables: dict[str, str] | None = None) -> dict[str, Any]:
    """Run `textmill train` in a process of its own and return what it prints; RuntimeError with its last words if it fails."""
    command = train_command(corpus, root)
    done = textmill(root, [*command, "--runtime.workers", "1", *KNOBS, *knobs], variables)
    return json.loads(done.stdout)


def textmill(
    root: Path, command: list[str], variables: dict[str, str] | None = None, *, code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a command that has a home of its own and no server of the developer's; RuntimeError if it ends otherwise."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_", "TEXTMILL_"))
    }
    environment |= {"HOME": str(root.parent), "OMP_WAIT_POLICY": "PASSIVE"} | (variables or {})
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    if done.returncode != code:
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr[-1000:]}")
    return done
