"""What exported models agree on with their packages, how large they are, and what the start of their readers costs.

    python -m benchmarks.exports NAME ... [--data-root FOLDER] [--max-size 2MB]

Each registered model is exported in the formats that can hold it, whole and, for numpy and onnx, made small. Each folder's
`reader.py` then labels one text in fresh processes. CPU seconds and memory (the largest resident set) are of the whole process,
Python and NumPy included; the median of several. One JSON object goes to stdout.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from flows.commands.exporting import export_model
from tasks.errors import RequestError

FORMS = ("numpy", "onnx", "fasttext")
STARTS = 9
TEXT = "Shares fell sharply after a surprising loss. 股价大跌"
KEPT = ("same_label", "rows", "largest_difference", "accuracy_of_package", "accuracy_of_export", "accuracy_difference_95")


# A process of its own, since what a process forks counts the memory of the one that forked it as its own.
LAUNCHER = """
import json, os, resource, sys, time
start = time.monotonic()
code = os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-I", *sys.argv[1:]])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
spent = {"wall_seconds": time.monotonic() - start, "cpu_seconds": used.ru_utime + used.ru_stime}
print(json.dumps({**spent, "memory_mb": used.ru_maxrss * 1024 / 1e6}), file=sys.stderr)
sys.exit(code)
"""


def measured_starts(folder: Path) -> dict[str, float]:
    """Wall and CPU seconds of a process that labels one text, and its memory in MB (millions of bytes)."""
    command = [sys.executable, "-I", "-S", "-c", LAUNCHER, str(folder / "reader.py"), TEXT]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True).stderr for _ in range(STARTS)]
    found = [json.loads(each) for each in runs]
    return {name: round(statistics.median(each[name] for each in found), 3) for name in found[0]}


def measured(name: str, form: str, size: str | None, data_root: Path | None) -> dict[str, Any]:
    """The figures of one export, or why it is refused."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "made"
        start = time.process_time()
        try:
            small = None if size is None else (size, 0.5)
            written = export_model(name, folder, form, small=small, data_root=data_root)
        except RequestError as error:
            return {"model": name, "format": form, "max_size": size, "refused": str(error)}
        found: dict[str, Any] = {
            part: {each: written[part].get(each) for each in KEPT} for part in ("test", "validation") if part in written
        }
        return {
            "model": written["model"],
            "format": form,
            "max_size": size,
            "bytes": sum(path.stat().st_size for path in folder.iterdir()),
            "bytes_of_package": written["bytes_of_package"],
            "export_cpu_seconds": round(time.process_time() - start, 1),
            **found,
            **({"made_small": written["made_small"]} if size else {}),
            "start": measured_starts(folder),
        }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exports", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--max-size", default="2MB")
    options = parser.parse_args()
    wanted = [(form, None) for form in FORMS] + [(form, options.max_size) for form in FORMS[:2]]
    rows = []
    for name in options.names:
        for form, size in wanted:
            print(f"{name} {form} {size or ''}", file=sys.stderr)
            rows.append(measured(name, form, size, options.data_root))
    print(json.dumps({"exports": rows}, indent=1))


if __name__ == "__main__":
    main()
