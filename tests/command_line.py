"""Commands as tests run them, in a process of their own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TEXTMILL = [sys.executable, "-m", "flows.commands"]


def train_command(corpus: Path, data_root: Path) -> list[str]:
    """`textmill train` on a corpus, into a data root."""
    return [*TEXTMILL, "train", "--ingest.path", str(corpus), "--runtime.data-root", str(data_root)]
