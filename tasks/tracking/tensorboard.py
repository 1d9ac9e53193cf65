"""A run as TensorBoard event files: the curves of its training, its final figures, its hyper-parameters.

They are written when a run is over, from the records of its steps, so that a step taken from the store has its curves too.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tasks.store.presentation import Point

PACKAGE = "tensorboardX"


def check_installed() -> None:
    """Raise RequestError, which says how to install it, where the optional package is missing."""
    if find_spec(PACKAGE) is None:
        raise RequestError(
            f"runtime.tensorboard needs the package {PACKAGE}, which is not installed; "
            "run pip install 'textmill[tensorboard]', or leave runtime.tensorboard out"
        )


def write_events(
    folder: Path, points: Iterable[Point], metrics: Mapping[str, float], parameters: Mapping[str, Any], command: str
) -> Path:
    """Write one event file into `folder`, which is made; returns the folder.

    `metrics` are the run's final figures, `parameters` its flattened configuration; TensorBoard's HPARAMS shows both in one
    table of all runs. A value that is not finite is left out of the curves.
    """
    from tensorboardX import SummaryWriter
    from tensorboardX.summary import hparams

    folder.mkdir(parents=True, exist_ok=True)
    with SummaryWriter(logdir=str(folder)) as writer:
        for summary in hparams({name: _plain(value) for name, value in parameters.items()}, dict(metrics)):
            writer.file_writer.add_summary(summary)
        for point in points:
            if math.isfinite(point.value):
                writer.add_scalar(point.curve, point.value, point.at)
        for name, value in metrics.items():
            writer.add_scalar(name, value, 0)
        writer.add_text("command", f"`{command}`", 0)
    return folder


def _plain(value: Any) -> bool | float | str:
    """A value as a table of hyper-parameters holds it."""
    return value if isinstance(value, bool | int | float | str) else "" if value is None else str(value)
