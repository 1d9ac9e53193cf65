"""Measure rows one after the other, each in a child process with an empty data root of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from benchmarks.measure import Measurement, measure
from benchmarks.results import FAILED, MEASURED, NOT_MEASURED, Cost, Result, Results, code, commit, machine, machine_name, now
from benchmarks.rows import CHECKOUT, Group, Row, command_words, figure, missing

if TYPE_CHECKING:
    from collections.abc import Sequence

# What would lead a row to somebody's servers, caches or settings.
FOREIGN = ("PREFECT_", "MLFLOW_", "TEXTMILL_", "OMP_", "MKL_", "OPENBLAS_", "PYTHONPATH")
TAIL_LINES = 3


class SetupFailedError(RuntimeError):
    """What a row needs could not be made."""


class Campaign:
    """Rows in order, those with several runs in turn; each result is written as soon as it is there."""

    def __init__(self, results: Results, data: Path, weights: Path | None = None) -> None:
        self.results = results
        self.data = data.absolute()
        self.weights = weights and weights.absolute()
        here = machine()
        self.machine, self.commit, self.code = machine_name(here), commit(CHECKOUT), code(CHECKOUT)
        self.results.machines[self.machine] = here

    def run(self, groups: Sequence[Group], *, only: Sequence[str] = (), resume: bool = False) -> None:
        """Measure the groups' rows: those that `only` names, or all; with `resume` not those that are measured already.

        Rows of one group are compared with each other. So with `resume` a group is measured anew where a row of it comes from
        another machine or from other code than the rest will.
        """
        if unknown := unknown_names(groups, only):
            raise SystemExit(f"--only {unknown[0]!r} names no group or row; the groups are {', '.join(g.name for g in groups)}")
        if resume and self.results.finished:
            raise SystemExit(f"{self.results.path} holds no interrupted campaign; run without --resume")
        whole = self.results.finished
        if not (resume or only):
            self.results.rows.clear()  # of groups that are no more, too
        self.results.finished = False
        for group in groups:
            rows: Sequence[Row] = [row for row in group.rows if chosen(group, row, only)]
            if resume:
                rows = self._left(group, rows)
            else:
                for row in rows:
                    self.results.drop(group.name, row.name)
            if rows:
                self._run_group(group, rows)
        self.results.finished = whole or not only  # a few rows more do not finish a campaign that was interrupted
        named = {row.machine for row in self.results.rows} | {self.machine}
        self.results.machines = {name: found for name, found in self.results.machines.items() if name in named}
        self.results.write()

    def _left(self, group: Group, rows: Sequence[Row]) -> Sequence[Row]:
        """The rows that are to be measured yet: all of them unless those that are there have code and machine in common."""
        known = {row.name: found for row in rows if (found := self._measured(group, row)) is not None}
        left = [row for row in rows if row.name not in known or len(known[row.name].runs) < row.runs]
        made_by = {(found.code, found.machine) for found in known.values()} | ({(self.code, self.machine)} if left else set())
        if len(made_by) > 1 or any(code != self.code for code, _ in made_by):
            left, known = list(rows), {}
        for row in left:
            if row.name not in known:
                self.results.drop(group.name, row.name)
        return left

    def _measured(self, group: Group, row: Row) -> Result | None:
        known = self.results.find(group.name, row.name)
        return known if known is not None and known.status == MEASURED and known.command == row.command else None

    def _run_group(self, group: Group, rows: Sequence[Row]) -> None:
        with tempfile.TemporaryDirectory(prefix=f"benchmark-{group.name}-") as shared:
            done: set[str] = set()
            for number in range(max(row.runs for row in rows)):
                for row in rows:
                    before = self.results.find(group.name, row.name)
                    if number < row.runs and (before is None or (before.status == MEASURED and len(before.runs) <= number)):
                        self._run_once(group, row, Path(shared), done, before)

    def _run_once(self, group: Group, row: Row, shared: Path, done: set[str], before: Result | None) -> None:
        print(f"{group.name}: {row.name} ...", file=sys.stderr, flush=True)
        result = self._run_row(group, row, shared, done)
        said = result.why or f"{result.runs[0].seconds:.1f} s, {result.runs[0].others:.2f} cores busy with other work"
        print(f"    {result.status}, {said}", file=sys.stderr, flush=True)
        if before is not None and result.status == MEASURED:
            result = replace(before, runs=before.runs + result.runs)
        self.results.put(result)

    def _run_row(self, group: Group, row: Row, shared: Path, done: set[str]) -> Result:
        if why := missing(row, self.data, self.weights):
            return Result(group.name, row.name, row.command, NOT_MEASURED, why)
        own = Path(tempfile.mkdtemp(prefix=f"benchmark-{group.name}-row-"))
        places = {"DATA": self.data, "WEIGHTS": self.weights or own, "GROUP": shared, "OWN": own}
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
            return self._result(group, row, done, answer)

    def _result(self, group: Group, row: Row, done: Measurement, answer: dict[str, Any]) -> Result:
        if "not_measured" in answer:
            return Result(group.name, row.name, row.command, NOT_MEASURED, str(answer["not_measured"]))
        cost = Cost(
            seconds=round(done.seconds, 2),
            cpu_seconds=round(done.cpu_seconds, 2),
            peak_mb=round(done.peak_mb, 1),
            tree_peak_mb=round(done.tree_peak_mb, 1),
            others=round(done.others, 2),
            date=now(),
        )
        return Result(
            *(group.name, row.name, row.command, MEASURED),
            runs=(cost,),
            figures={name: value for name in row.figures if (value := figure(answer, name)) is not None},
            commit=self.commit,
            code=self.code,
            machine=self.machine,
        )


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
