"""Look through a data root for texts: the dry run, the plan of what is deleted, and the proof at the end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.forget.contents import contents
from tasks.forget.where import YOURS, Place, places
from tasks.places import matched
from tasks.progress import SILENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.forget.forms import Wanted
    from tasks.forget.where import Roots
    from tasks.progress import Progress


@dataclass(frozen=True)
class Found:
    """A file that holds some of the texts, by their numbers."""

    place: Place
    texts: frozenset[int]


@dataclass
class Looked:
    """How many files were looked through, those that hold a text, and those that could not be read, each with the reason."""

    files: int = 0
    found: list[Found] = field(default_factory=list)
    unread: dict[Path, str] = field(default_factory=dict)


def look(roots: Roots, wanted: Wanted, *, progress: Progress = SILENT) -> Looked:
    """Look through every file of a data root, and of the stores that belong to it."""
    return _look(places(roots), wanted, progress)


def look_at(paths: list[Path], wanted: Wanted, *, progress: Progress = SILENT) -> Looked:
    """Look through files of the user's, folders with all that is below them."""
    files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*"))) if file.is_file()]
    return _look((Place(path, YOURS, path) for path in files), wanted, progress)


def _look(every: Iterator[Place], wanted: Wanted, progress: Progress) -> Looked:
    looked = Looked()
    for place in every:
        try:
            faults: list[str] = []
            held = held_by_file(place.path, wanted, faults)
        except FileNotFoundError:  # a run's own, gone since it was listed
            continue
        except OSError as error:
            looked.unread[place.path] = error.strerror or type(error).__name__
            continue
        looked.files += 1
        if faults:
            looked.unread[place.path] = faults[0]
        if held:
            looked.found.append(Found(place, frozenset(held)))
        progress.advance(looked.files, None, "files", place.kind)
    return looked


def held_by_file(path: Path, wanted: Wanted, faults: list[str] | None = None) -> set[int]:
    """Which texts a file holds; `faults` is told what of it could not be read."""
    held: set[int] = set()
    for piece in contents(path, wanted.overlap, [] if faults is None else faults):
        held |= wanted.held_by(piece) if isinstance(piece, str) else wanted.held_by_bytes(piece)
    return held


def inputs_of_runs(data_root: Path) -> list[Path]:
    """The files and folders outside of a data root that the records of its runs name as their corpora, as far as they exist."""
    named: dict[Path, None] = {}
    for path in sorted((data_root / "runs").glob("*.json")):
        try:
            section: dict[str, Any] = json.loads(path.read_bytes())["config"]["ingest"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        for name in ("path", "archive", "test_path", "valid_path", "unlabelled"):
            given = section.get(name) or []
            named |= {path: None for each in ([given] if isinstance(given, str) else given) for path in _named(Path(each))}
    return [path for path in named if path.exists() and not path.is_relative_to(data_root)]


def _named(path: Path) -> tuple[Path, ...]:
    """A path, or what a pattern matches today."""
    try:
        return matched([path], "")
    except RequestError:
        return ()


def sources_of_monitors(data_root: Path) -> list[Path]:
    """The files and folders that monitors have read, as far as they are on this machine and outside of the data root."""
    from tasks.errors import UnavailableError
    from tasks.monitor.sources import SOURCES
    from tasks.monitor.state import MonitorState

    named: dict[Path, None] = {}
    for state_file in sorted((data_root / "monitor").glob("*/state.db")):
        try:
            with MonitorState.read(data_root, state_file.parent.name) as state:
                named |= {Path(source): None for source in json.loads(state.setting(SOURCES) or "[]")}
        except (RequestError, UnavailableError, ValueError):
            continue
    return [path for path in named if path.exists() and not path.is_relative_to(data_root)]
