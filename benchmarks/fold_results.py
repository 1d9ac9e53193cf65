"""Measured folds on disk: one JSON file, written anew after each fold, so that a campaign goes on where it was left.

It may go on another day and on another machine, from the committed file: each fold has the day and the processor that it was
measured on. What was measured is named by its settings and its rows, never by where they lie.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from benchmarks.results import machine
from tasks.durable import replaced
from tasks.store.artifact import Fingerprints, section_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.config import PipelineConfig

SECTIONS = ("prepare", "pretrain", "align", "finetune")


class FoldResults:
    """The folds of one campaign in a file, or nowhere. `what` tells campaigns apart, `command` is for people."""

    def __init__(self, path: Path | None, what: Mapping[str, Any], command: str = "") -> None:
        self._path, self._what, self._command = path, dict(what), command
        self._key = hashlib.sha256(json.dumps(self._what, sort_keys=True).encode()).hexdigest()[:16]

    def find(self, fold: int) -> dict[str, Any] | None:
        """What a fold came to, if it was measured."""
        found: dict[str, Any] | None = self._read().get(self._key, {}).get("folds", {}).get(str(fold))
        return found

    def add(self, fold: int, figures: Mapping[str, Any]) -> None:
        """Keep what a fold came to; folds of other campaigns that were added meanwhile stay."""
        if self._path is None:
            return
        written = self._read()
        campaign = written.setdefault(self._key, {"command": self._command, "what": self._what, "folds": {}})
        campaign["folds"][str(fold)] = {
            **figures,
            "machine": machine()["processor"],
            "day": time.strftime("%Y-%m-%d", time.gmtime()),
        }
        with replaced(self._path, flushed=True) as partial:
            partial.write_text(json.dumps(written, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def _read(self) -> dict[str, Any]:
        if self._path is None or not self._path.exists():
            return {}
        read: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        return read


def what_is_measured(config: PipelineConfig, corpus: Path, **others: Any) -> dict[str, Any]:
    """The settings that differ from their defaults and the digest of the rows, beside `others`.

    It is equal wherever the files lie, and a setting that comes later changes nothing as long as it is left alone.
    """
    with tempfile.TemporaryDirectory() as name:
        memory = Fingerprints(Path(name) / "fingerprints.db")
        values, plain = (
            {each: section_values(getattr(given, each).keyed(), memory) for each in SECTIONS}
            for given in (config, config.defaults())
        )
    return {"rows": rows_digest(corpus), **differing(values, plain), **others}


def rows_digest(corpus: Path) -> str:
    """What the texts and labels of a corpus are called, whichever library has written its file."""
    rows = pq.read_table(corpus, columns=["text", "label"], page_checksum_verification=True).to_pydict()
    return hashlib.sha256(json.dumps([rows["text"], rows["label"]]).encode()).hexdigest()[:16]


def differing(values: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Of nested values those that are other than the plain ones; nothing of a section that has none."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        other = plain.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            found |= {name: within} if (within := differing(value, other)) else {}
        elif name not in plain or value != other:
            found[name] = value
    return found


def command_line(program: str, words: Sequence[str]) -> str:
    """The command as it may be typed where the files lie elsewhere: of an absolute path its name alone."""
    shown = [Path(word).name if Path(word).is_absolute() else word for word in words]
    return shlex.join(["python", "-m", program, *shown])


def cpu_seconds() -> float:
    """CPU seconds of this process and of the children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
