"""The measured rows on disk: one JSON file, written anew after each run, so that an interrupted campaign keeps what it has."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS = Path(__file__).with_name("results.json")
QUICK_RESULTS = Path(__file__).with_name("quick.json")
LIBRARIES = (
    *("prefect", "mlflow", "torch", "fasttext-community", "gensim", "scikit-learn", "numpy", "pyarrow", "spacy"),
    *("transformers", "peft", "onnxruntime", "tokenizers", "distributed", "lime"),
)
# What no row runs: pages, tests, and what a campaign writes itself.
NO_CODE = tuple(f":(exclude){path}" for path in ("docs", "tests", "benchmarks/*.json", "benchmarks/pictures", "*.md", ".ci"))
MEASURED, FAILED, NOT_MEASURED = "measured", "failed", "not measured"


@dataclass(frozen=True)
class Cost:
    """What one run of a row cost. Memory is in MB (2**20 bytes); `others` is how many cores other programs kept busy."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    tree_peak_mb: float
    others: float | None = None
    date: str = ""


@dataclass(frozen=True)
class Result:
    """One row as it was measured. `why` says what kept it from being measured; `figures` are those of the first run."""

    group: str
    name: str
    command: str
    status: str
    why: str = ""
    runs: tuple[Cost, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    commit: str = ""  # of the code that was measured; with a + where files differed from it
    code: str = ""  # digest of all that may be run, so that a page changes nothing
    machine: str = ""  # a name in Results.machines
    date: str = field(default_factory=lambda: now())

    def cost(self, name: str) -> float | None:
        """The median over the runs of one of Cost's figures; None if no run has it."""
        values = [value for run in self.runs if (value := getattr(run, name)) is not None]
        return statistics.median(values) if values else None

    @property
    def seconds(self) -> float | None:
        """Wall seconds, the median over the runs."""
        return self.cost("seconds")

    @property
    def tree_peak_mb(self) -> float | None:
        """The largest anonymous memory of all processes at one moment, the median over the runs."""
        return self.cost("tree_peak_mb")


@dataclass
class Results:
    """All rows so far, and the machines they were measured on; `finished` is false while a campaign runs.

    A machine is known by `machine_name`: rows that are compared with each other have one in common.
    """

    path: Path
    quick: bool
    machines: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[Result] = field(default_factory=list)
    finished: bool = True

    @classmethod
    def read(cls, path: Path, *, quick: bool) -> Results:
        """What the file holds; nothing if there is none."""
        if not path.exists():
            return cls(path, quick)
        written = json.loads(path.read_text(encoding="utf-8"))
        rows = [Result(**{**row, "runs": tuple(Cost(**run) for run in row["runs"])}) for row in written["rows"]]
        return cls(path, written["quick"], written["machines"], rows, written["finished"])

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

    def drop(self, group: str, name: str) -> None:
        """Forget the row of that name."""
        self.rows = [row for row in self.rows if (row.group, row.name) != (group, name)]

    def write(self) -> None:
        """Replace the file."""
        written = {
            "quick": self.quick,
            "finished": self.finished,
            "machines": self.machines,
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


def machine_name(found: dict[str, Any]) -> str:
    """A short name for a machine and the versions on it: what is the same in all that figures depend on has the same one."""
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:8]


def now() -> str:
    """The time, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())


def commit(checkout: Path, passed_over: Sequence[str] = NO_CODE) -> str:
    """Short name of the commit that `checkout` stands at, with a + if a tracked file differs; empty outside Git.

    Files that are `passed_over`, in Git's own words, may differ.
    """
    try:
        name = _git(checkout, "rev-parse", "--short", "HEAD").strip()
        changed = _git(checkout, "status", "--porcelain", "--untracked-files=no", "--", ".", *passed_over)
        return name + "+" * bool(changed)
    except (OSError, subprocess.CalledProcessError):
        return ""


def code(checkout: Path) -> str:
    """A digest of all tracked files that rows may run, as they are on the disk; empty outside Git."""
    try:
        names = _git(checkout, "ls-files", "-z", "--", ".", *NO_CODE).split("\0")
    except (OSError, subprocess.CalledProcessError):
        return ""
    digest = hashlib.sha256()
    for name in sorted(filter(None, names)):
        if (checkout / name).is_file():
            digest.update(f"{name}\0{hashlib.sha256((checkout / name).read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:12]


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
