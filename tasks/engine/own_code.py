"""What a process runs: this project's code and the libraries on which bytes depend. Two that are equal make the same bytes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOM = Path(__file__).resolve().parents[1]  # tasks/: workers run nothing else
SUFFIXES = frozenset({".py", ".toml", ".j2", ".txt", ".css", ".js"})
# What tokenizes, labels and writes. A library that the driver has not is not asked for.
LIBRARIES = (
    "numpy",
    "pyarrow",
    "scipy",
    "safetensors",
    "torch",
    "fasttext-community",
    "rjieba",
    "opencc",
    "onnxruntime",
    "tokenizers",
    "distributed",  # its wire is of one version
)
MOST_NAMED = 2  # files that differ
_VERSION = re.compile(r"^Version: *(\S+)", re.MULTILINE)


class Code(NamedTuple):
    """The SHA-256 of each file by its path below the project, and versions by name: Python's, the processor's, libraries'."""

    files: dict[str, str]
    versions: dict[str, str]

    @property
    def digest(self) -> str:
        """SHA-256, in hex, of all of it."""
        return hashlib.sha256(json.dumps([self.files, self.versions], sort_keys=True).encode()).hexdigest()

    def plain(self) -> dict[str, Any]:
        """The same of plain values, for another process."""
        return self._asdict()


@cache
def installed() -> tuple[str, ...]:
    """Those of LIBRARIES that this environment had when this was first called."""
    return tuple(name for name in LIBRARIES if _version(name))


@cache
def own_code(libraries: tuple[str, ...]) -> Code:
    """The code that this process runs, as its files were when this was first called, and the versions of these libraries."""
    return read_code(libraries)


def read_code(libraries: tuple[str, ...], room: Path = ROOM) -> Code:
    """The code as its files are now, and the versions of these libraries."""
    files = {
        os.path.relpath(path, room.parent): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder, _, names in os.walk(room)  # several times as fast as rglob
        for path in (Path(folder, name) for name in names)
        if path.suffix in SUFFIXES and path.is_file()
    }
    versions = {name: version for name in libraries if (version := _version(name))}
    versions["Python"] = ".".join(platform.python_version_tuple()[:2])
    versions["processor"] = platform.machine()
    return Code(files, versions)


def difference(ours: Code, theirs: Code) -> str:
    """What another process has that differs from ours, in words; empty where it would make the same bytes."""
    for name in sorted(ours.versions, key=lambda name: (name != "Python", name)):
        here, there = ours.versions[name], theirs.versions.get(name)
        if there != here:
            return f"{name} {there}, and here it is {here}" if there else f"no {name}, which is {here} here"
    other = sorted(path for path in ours.files.keys() | theirs.files.keys() if ours.files.get(path) != theirs.files.get(path))
    if not other:
        return ""
    more = f" and {len(other) - MOST_NAMED} more files" if len(other) > MOST_NAMED else ""
    return f"other code: {', '.join(other[:MOST_NAMED])}{more}"


def _version(library: str) -> str | None:
    """The installed version; read from the text, of which importlib.metadata would parse every line."""
    try:
        found = importlib.metadata.distribution(library)
    except importlib.metadata.PackageNotFoundError:
        return None
    said = _VERSION.search(found.read_text("METADATA") or "")
    return said[1] if said else found.version
