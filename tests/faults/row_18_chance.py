"""What row 1 does at named points, at moments drawn by chance, from an empty store."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from tests.faults.forks import Child
from tests.faults.row_01_kills import again, begin, leave_alone, prepare

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

__all__ = ["prepare"]
NUMBER = 18
PROMISE = (
    "The same at moments drawn by chance, from an empty store: no finished work is lost, no artifact is wrong, and the "
    "repetition ends with the same bytes, one registered version and one decision"
)
COUNT = 200
TAKEN_OUT = "the folder of a killed build is not removed: 10 of 10 trials fail"


def trial(random: Random, folder: Path) -> str | None:
    """Kill at some moment, unless the run is faster today."""
    whole, seconds = json.loads((folder.parent / "alone.json").read_text())
    root = begin(folder, [])
    with Child(leave_alone, root, folder.parent / "news") as child:
        time.sleep(random.uniform(0.0, seconds * 0.8))
        child.kill()
    return again(root, folder.parent / "news", whole)
