"""Garbage collection of the store: what no recent run used, and what killed builds left behind. Pure."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.store.artifact import Store

if TYPE_CHECKING:
    from pathlib import Path

CHECKPOINT_DAYS = 7.0  # an interrupted run or search can be resumed for this long
SEARCHES = "tune"  # below the data root: the trials of each search of textmill tune, and its lock


def sweep(data_root: Path, *, keep_runs: int, dry_run: bool = False) -> dict[str, Any]:
    """Remove artifacts outside the last `keep_runs` finished runs of each model; say how many and how many MB.

    RequestError while a run is in progress: it may be about to read what looks unused.
    """
    store = Store(data_root)
    if not store.root.is_dir():
        return {"removed": 0, "kept": 0, "leftovers": 0, "freed_mb": 0.0, "dry_run": dry_run}
    with store.exclusive():
        roots = used_keys(data_root / "runs", keep_runs)
        artifacts = store.stored()
        unused = [store.place(*each) for each in artifacts if each not in roots]
        oldest = time.time() - CHECKPOINT_DAYS * 86400
        leftovers = store.leftovers(oldest) + _old_searches(data_root / SEARCHES, oldest)
        freed = sum(_size(path) for path in [*unused, *leftovers])
        if not dry_run:
            for path in [*unused, *leftovers]:
                _remove(path)
    return {
        "removed": len(unused),
        "kept": len(artifacts) - len(unused),
        "leftovers": len(leftovers),
        "freed_mb": round(freed / 1e6, 1),
        "dry_run": dry_run,
    }


def _old_searches(folder: Path, oldest: float) -> list[Path]:
    """The files of searches that nothing was written to since `oldest`; no search goes on while the store is held alone."""
    last: dict[str, float] = {}
    files = sorted(folder.glob("*")) if folder.is_dir() else []
    for path in files:
        search = path.name.partition(".")[0]
        last[search] = max(last.get(search, 0.0), path.lstat().st_mtime)
    return [path for path in files if last[path.name.partition(".")[0]] < oldest]


def used_keys(runs: Path, keep_runs: int) -> set[tuple[str, str]]:
    """(step, key) that the last finished runs of each model and verb used, and that an interrupted run may go on from."""
    finished: dict[tuple[str, str | None], list[tuple[str, list[tuple[str, str]]]]] = {}
    resumable = []
    oldest = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - CHECKPOINT_DAYS * 86400))
    for path in runs.glob("*.json"):
        try:
            record = json.loads(path.read_bytes())
            keys = list(record["keys"].items())
            keys += [(step, key) for step, several in record.get("parts", {}).items() for key in several]
            if record["status"] == "finished":
                finished.setdefault((record["name"], record.get("verb")), []).append((record["started"], keys))
            elif record["started"] > oldest:
                resumable.append(keys)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RequestError(
                f"{path} is not a record of a run ({type(error).__name__}); repair or remove it, then gc again"
            ) from error
    recent = [
        keys for records in finished.values() for _, keys in sorted(records, key=lambda r: r[0], reverse=True)[:keep_runs]
    ]
    return {each for keys in [*recent, *resumable] for each in keys}


def _size(path: Path) -> int:
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size
    return sum(os.lstat(os.path.join(root, name)).st_size for root, _, files in os.walk(path) for name in files)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
