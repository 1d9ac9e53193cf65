"""Several files that are read as one: patterns that name them, and what each is called beside the others.

A file is called by its path below the folder that holds them all, so a corpus that was moved has the same names.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARKS = "*?["
_LEFT_BEHIND = "~$"  # an office program's lock beside an open file


def is_pattern(path: Path) -> bool:
    """Whether a path is a pattern such as `news/*.csv`, and not the name of something that is there."""
    return any(mark in str(path) for mark in _MARKS) and not os.path.lexists(path)


def matched(paths: Sequence[Path], option: str) -> tuple[Path, ...]:
    """The paths with what each pattern matches in its place, each once, in the order of their names.

    `**` is any number of folders. A pattern is for files, and for folders where it matches no file. RequestError, which names
    `option`, for one that matches nothing.
    """
    found: list[Path] = []
    for path in paths:
        found += _matches(path, option) if is_pattern(path) else [path]
    found = list({os.path.abspath(path): path for path in found}.values())  # noqa: PTH100
    return tuple(path for _, path in sorted(zip(map(os.fsencode, names_of(found)), found, strict=True)))


def names_of(paths: Sequence[Path]) -> list[str]:
    """What each of different paths is called: its path below the deepest folder that holds all of them, with `/`."""
    if len(paths) < 2:
        return [path.name for path in paths]
    above = os.path.commonpath([Path(os.path.abspath(path)).parent for path in paths])  # noqa: PTH100 links stay
    return [Path(os.path.relpath(path, above)).as_posix() for path in paths]


def _matches(pattern: Path, option: str) -> list[Path]:
    found = [
        Path(name)
        for name in glob.glob(str(pattern), recursive=True)  # noqa: PTH207 Path.glob takes no absolute pattern
        if not os.path.basename(name).startswith(_LEFT_BEHIND)  # noqa: PTH119
    ]
    files = [path for path in found if path.is_file()]
    if not found:
        raise RequestError(f"{option} {pattern}: no file matches; correct the pattern, or give the file's own name")
    return files or found
