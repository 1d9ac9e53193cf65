"""The measured rows on disk: one JSON file, written anew after each row, so that an interrupted campaign keeps what it has."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")
QUICK_RESULTS = Path(__file__).with_name("quick.json")
LIBRARIES = ("prefect", "mlflow", "torch", "fasttext-community", "gensim", "scikit-learn", "numpy", "pyarrow", "spacy")
OWN_OUTPUT = (":(exclude)benchmarks/results.json", ":(exclude)benchmarks/RESULTS.md")  # a campaign writes them itself
MEASURED, FAILED, NOT_MEASURED = "measured", "failed", "not measured"


@dataclass(frozen=True)
class Result:
    """One row as it was measured. `why` says what kept it from being measured; memory is in MB (2**20 bytes)."""

    group: str
    name: str
    command: str
    status: str
    why: str = ""
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_mb: float | None = None
    tree_peak_mb: float | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    commit: str = ""  # of the code that was measured; with a + where files differed from it
    date: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()))


@dataclass
class Results:
    """All rows so far, and the machine they were measured on; `finished` is false while a campaign runs."""

    path: Path
    quick: bool
    machine: dict[str, Any]
    rows: list[Result] = field(default_factory=list)
    finished: bool = True

    @classmethod
    def read(cls, path: Path, *, quick: bool) -> Results:
        """What the file holds; nothing if there is none."""
        if not path.exists():
            return cls(path, quick, machine())
        written = json.loads(path.read_text(encoding="utf-8"))
        rows = [Result(**row) for row in written["rows"]]
        return cls(path, written["quick"], written["machine"], rows, written["finished"])

    def find(self, group: str, name: str) -> Result | None:
        """The row of that name, measured or not."""
        return next((row for row in self.rows if (row.group, row.name) == (group, name)), None)

    def put(self, result: Result) -> None:
        """Take a row in, in the place of the one that had its name, and write the file."""
        for number, row in enumerate(self.rows):
            if (row.group, row.name) == (result.group, result.name):
                self.rows[number] = result
                break
        else:
            self.rows.append(result)
        self.write()

    def write(self) -> None:
        """Replace the file."""
        written = {
            "quick": self.quick,
            "finished": self.finished,
            "machine": self.machine,
            "rows": [asdict(row) for row in self.rows],
        }
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(partial, self.path)


def machine() -> dict[str, Any]:
    """Cores, memory and versions that the figures depend on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "libraries": {name: version for name in LIBRARIES if (version := _version(name))},
    }


def commit(checkout: Path) -> str:
    """Short name of the commit that `checkout` stands at, with a + if a tracked file differs; empty outside Git."""
    try:
        name = _git(checkout, "rev-parse", "--short", "HEAD").strip()
        changed = _git(checkout, "status", "--porcelain", "--untracked-files=no", "--", ".", *OWN_OUTPUT)
        return name + "+" * bool(changed)
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(checkout: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=checkout, check=True, capture_output=True, text=True).stdout


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
