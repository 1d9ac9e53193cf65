"""Whether this user may write: asked before work begins, so that a data root that is read-only is named in one line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks.errors import RequestError
from tasks.store.layout import LOCKS, STORE

if TYPE_CHECKING:
    from pathlib import Path

# The first folders that a run writes to, below the data root. Deeper ones have the same owner.
FOLDERS = ("mlflow", "monitor", "prefect", "runs", STORE, f"{STORE}/{LOCKS}")
REMEDY = "choose another, or make it writable for this user; predict, score, models list and models verify only read it"
FILES = ("mlflow/mlflow.db", "mlflow/mlflow.lock", "prefect/prefect.db", "prefect/users.lock", "services.json")


def writable(path: Path) -> bool:
    """Whether this user may write a file or to a folder, or make it and the folders above it where they are not there yet."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return os.access(path, os.W_OK | os.X_OK if path.is_dir() else os.W_OK)


def make_data_root(data_root: Path) -> None:
    """Make a data root that is not there; RequestError, which names the knob, if it cannot be made or written."""
    try:
        data_root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"--runtime.data-root {data_root} cannot be made ({error.strerror}); choose another") from None
    check_data_root(data_root)


def check_data_root(data_root: Path) -> None:
    """RequestError that names the first place of a data root that cannot be written, and the knob."""
    for path in (data_root, *(data_root / name for name in (*FOLDERS, *FILES))):
        if path.exists() and not writable(path):
            raise RequestError(f"--runtime.data-root {data_root} cannot be written ({path} is {reason(path)}); {REMEDY}")


def reason(path: Path) -> str:
    """Why a path cannot be written."""
    on_read_only = os.statvfs(path).f_flag & os.ST_RDONLY
    return "on a read-only disk" if on_read_only else f"not writable for user {os.geteuid()}"
