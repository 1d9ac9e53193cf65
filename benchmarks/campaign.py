"""Measure rows one after the other, each in a child process with an empty data root of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from benchmarks.measure import Measurement, measure
from benchmarks.results import FAILED, MEASURED, NOT_MEASURED, Result, Results, commit, machine
from benchmarks.rows import CHECKOUT, Group, Row, command_words, figure, missing

if TYPE_CHECKING:
    from collections.abc import Sequence

# What would lead a row to somebody's servers, caches or settings.
FOREIGN = ("PREFECT_", "MLFLOW_", "TEXTMILL_", "OMP_", "MKL_", "OPENBLAS_", "PYTHONPATH")
TAIL_LINES = 3
SAME = ("cores", "processor")  # of the machine: what the rows of one page have to share


class SetupFailedError(RuntimeError):
    """What a row needs could not be made."""


class Campaign:
    """Rows in order; each result is written as soon as it is there."""

    def __init__(self, results: Results, data: Path) -> None:
        self.results = results
        self.data = data.absolute()

    def run(self, groups: Sequence[Group], *, only: Sequence[str] = (), resume: bool = False) -> None:
        """Measure the groups' rows: those that `only` names, or all; with `resume` not those that are measured already."""
        if unknown := unknown_names(groups, only):
            raise SystemExit(f"--only {unknown[0]!r} names no group or row; the groups are {', '.join(g.name for g in groups)}")
        if resume and self.results.finished:
            raise SystemExit(f"{self.results.path} holds no interrupted campaign; run without --resume")
        here, whole = machine(), self.results.finished
        if not (resume or only):
            self.results.rows.clear()
        elif self.results.rows and any(self.results.machine[name] != here[name] for name in SAME):
            raise SystemExit(f"{self.results.path} was measured on another machine; run all of it, or give --results FILE")
        self.results.machine, self.results.finished = here, False
        for group in groups:
            rows = [row for row in group.rows if chosen(group, row, only) and not (resume and self._kept(group, row))]
            if rows:
                self._run_group(group, rows)
        self.results.finished = whole or not only  # a few rows more do not finish a campaign that was interrupted
        self.results.write()

    def _kept(self, group: Group, row: Row) -> bool:
        known = self.results.find(group.name, row.name)
        return known is not None and known.status == MEASURED and known.command == row.command

    def _run_group(self, group: Group, rows: Sequence[Row]) -> None:
        with tempfile.TemporaryDirectory(prefix=f"benchmark-{group.name}-") as shared:
            done: set[str] = set()
            for row in rows:
                print(f"{group.name}: {row.name} ...", file=sys.stderr, flush=True)
                result = self._run_row(group, row, Path(shared), done)
                self.results.put(result)
                print(f"    {result.status}, {result.why or f'{result.seconds:.1f} s'}", file=sys.stderr, flush=True)

    def _run_row(self, group: Group, row: Row, shared: Path, done: set[str]) -> Result:
        if why := missing(row, self.data):
            return Result(group.name, row.name, row.command, NOT_MEASURED, why)
        own = Path(tempfile.mkdtemp(prefix=f"benchmark-{group.name}-row-"))
        places = {"DATA": self.data, "GROUP": shared, "OWN": own}
        try:
            for command in row.setup:
                if command not in done:
                    self._set_up(command, places)
                    done.add(command)
            return self._measure(group, row, places)
        except SetupFailedError as error:
            return Result(group.name, row.name, row.command, FAILED, str(error))
        finally:
            shutil.rmtree(own, ignore_errors=True)

    def _set_up(self, command: str, places: dict[str, Path]) -> None:
        with tempfile.TemporaryFile() as errors:
            words = executable(command_words(command, places))
            code = subprocess.run(words, stdout=errors, stderr=errors, env=environment(), cwd=CHECKOUT, check=False).returncode
            if code:
                raise SetupFailedError(f"its setup `{command}` ended with {code}: {_tail(errors)}")

    def _measure(self, group: Group, row: Row, places: dict[str, Path]) -> Result:
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            words = executable(command_words(row.command, places))
            done = measure(
                words,
                limit_seconds=row.limit_seconds,
                stdout=output,
                stderr=errors,
                environment=environment(),
                folder=CHECKOUT,
            )
            answer = _answer(output)
            if done.timed_out:
                return Result(group.name, row.name, row.command, NOT_MEASURED, f"stopped after {row.limit_seconds:,.0f} s")
            if done.returncode or answer is None:
                why = f"ended with {done.returncode}: {_tail(errors) or 'no JSON on stdout'}"
                return Result(group.name, row.name, row.command, FAILED, why)
            return _result(group, row, done, answer)


def chosen(group: Group, row: Row, only: Sequence[str]) -> bool:
    """Whether `--only` names the row, its group, or nothing at all."""
    return not only or group.name in only or f"{group.name}/{row.name}" in only


def unknown_names(groups: Sequence[Group], only: Sequence[str]) -> list[str]:
    """What of `only` names neither a group nor a row."""
    known = {name for group in groups for name in (group.name, *(f"{group.name}/{row.name}" for row in group.rows))}
    return [name for name in only if name not in known]


def executable(words: list[str]) -> list[str]:
    """The command by this environment's own programs, whatever PATH says."""
    folder = Path(sys.executable).parent
    return [str(folder / words[0]) if words[0] in ("python", "textmill") else words[0], *words[1:]]


def environment() -> dict[str, str]:
    """The environment of every row: the caller's, without what would point it at other servers or thread counts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    # As textmill sets it for itself: threads that spin while they wait would make a row slower on a machine that is not idle.
    return kept | {"PYTHONHASHSEED": "0", "OMP_WAIT_POLICY": "PASSIVE"}


def _result(group: Group, row: Row, done: Measurement, answer: dict[str, Any]) -> Result:
    if "not_measured" in answer:
        return Result(group.name, row.name, row.command, NOT_MEASURED, str(answer["not_measured"]))
    return Result(
        *(group.name, row.name, row.command, MEASURED),
        seconds=round(done.seconds, 2),
        cpu_seconds=round(done.cpu_seconds, 2),
        peak_mb=round(done.peak_mb, 1),
        tree_peak_mb=round(done.tree_peak_mb, 1),
        figures={name: value for name in row.figures if (value := figure(answer, name)) is not None},
        commit=commit(CHECKOUT),
    )


def _answer(output: IO[bytes]) -> dict[str, Any] | None:
    """The JSON object on the last line that a command wrote."""
    output.seek(0)
    lines = output.read().decode("utf-8", "replace").splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


def _tail(output: IO[bytes]) -> str:
    output.seek(0)
    return " / ".join(output.read().decode("utf-8", "replace").strip().splitlines()[-TAIL_LINES:])[-500:]
