"""The promises that are tested by breaking things, one module a row.

A row's module has

    NUMBER, PROMISE, COUNT      its place in the table, one sentence, and how many trials the campaign makes
    TAKEN_OUT                   which protection was taken out once, and how many trials then failed
    trial(random, folder)       breaks something in the empty `folder`; returns what went wrong, or None if the promise was kept
    CASES                       instead of `trial`: name -> such a function, for what is listed and not drawn
    prepare(folder)             optional context manager around all trials of a process; each gets `folder/<number>`
    LIMIT_SECONDS               optional: a trial that takes longer counts as one that went wrong; five minutes else
    FIGURES                     optional list to which trials append what they measured, a sentence each

Everything random is drawn from the `random` that a trial is handed, so that its number alone repeats it.
"""

from __future__ import annotations

import contextlib
import importlib
import random
import re
import shutil
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HANG_SECONDS = 300

Trial = Callable[[random.Random, Path], str | None]
Prepare = Callable[[Path], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Row:
    """One promise and how to try to break it."""

    number: int
    promise: str
    count: int
    taken_out: str
    cases: dict[str, Trial]
    prepare: Prepare
    limit_seconds: int = HANG_SECONDS
    figures: list[str] = field(default_factory=list)

    def name(self, trial: int) -> str:
        """What a trial is called in a list of failures."""
        return f"{trial} {list(self.cases)[trial % len(self.cases)]}".strip()

    def run(self, trial: int, folder: Path) -> str | None:
        """Make one trial in a folder of its own, which is gone afterwards; an exception is what went wrong, too."""
        own = folder / str(trial)
        own.mkdir(parents=True)
        try:
            function = list(self.cases.values())[trial % len(self.cases)]
            return function(random.Random(f"{self.number}/{trial}"), own)
        except Exception as error:  # noqa: BLE001 whatever escapes breaks the promise
            line = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__}: {error} ({Path(line.filename).name}:{line.lineno})"
        finally:
            _remove(own)


def load_rows() -> list[Row]:
    """Every row that has a module here, by number."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("row_*.py"))
    return sorted(map(load_row, names), key=lambda row: row.number)


def load_row(name: str) -> Row:
    """The row of a module of this folder."""
    module = importlib.import_module(f"tests.faults.{name}")
    if int(re.findall(r"\d+", name)[0]) != module.NUMBER:
        raise ValueError(f"{name} calls itself row {module.NUMBER}")
    cases = getattr(module, "CASES", None) or {"": module.trial}
    return Row(
        number=module.NUMBER,
        promise=module.PROMISE,
        count=module.COUNT,
        taken_out=module.TAKEN_OUT,
        cases=cases,
        prepare=getattr(module, "prepare", _nothing),
        limit_seconds=getattr(module, "LIMIT_SECONDS", HANG_SECONDS),
        figures=getattr(module, "FIGURES", []),
    )


def failures(name: str, folder: Path, trials: Iterable[int]) -> list[str]:
    """What went wrong in these trials of a row: the short version of the campaign, for the tests."""
    row = load_row(name)
    with row.prepare(folder):
        return [f"{row.name(trial)}: {wrong}" for trial in trials if (wrong := row.run(trial, folder))]


@contextlib.contextmanager
def _nothing(folder: Path) -> Iterator[None]:
    yield


def _remove(folder: Path) -> None:
    """Remove what a trial left, folders without permissions included."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(folder)
