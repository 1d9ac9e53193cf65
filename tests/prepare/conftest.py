import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import writers


@pytest.fixture
def write_corpus(tmp_path: Path) -> Callable[..., Path]:
    """Write rows (id, text, label, split) as ingest does; returns the folder."""

    def write(rows: Any, *, name: str = "corpus", quarantined: int = 0, row_group_size: int = 100) -> Path:
        return writers.write_corpus(tmp_path / name, rows, refused=quarantined, group=row_group_size)

    return write


@pytest.fixture
def make_text() -> Callable[..., str]:
    """Texts of random words, no two alike."""
    rng = random.Random(17)
    return lambda count=30: " ".join(f"w{rng.randrange(20_000)}" for _ in range(count))
