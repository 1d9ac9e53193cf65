"""An alignment that is killed leaves nothing behind, and a file that is cut or damaged under it is told, never used."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.align.matrix import write_matrix
from tasks.align.settings import AlignConfig
from tasks.errors import RequestError
from tasks.store.artifact import Store

pytestmark = pytest.mark.long

CHECKOUT = Path(__file__).parents[2]
ROWS, DIM = 6000, 100

# The step's wrapper does the same around `write_matrix`; progress kills the process after the bytes that argv names.
ALIGN = """
import os, signal, sys
from pathlib import Path
from tasks.align.matrix import write_matrix
from tasks.store.artifact import Store
from tasks.config import AlignConfig

root, dataset, vectors, kill_at = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])

class Kill:
    def advance(self, done, total, unit, note=""):
        if unit == "MB" and done > kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

store = Store(root)
with store.locked("align", "key"):
    if store.find("align", "key") is None:
        with store.building("align", "key") as build:
            report = write_matrix(AlignConfig(vectors=vectors, min_count=1), dataset, None, build.folder, progress=Kill())
            store.commit(build, "align", "key", report=report, seconds=0.0, inputs={})
"""


def align(root: Path, dataset: Path, vectors: Path, kill_at: float = 1e9) -> int:
    command = [sys.executable, "-c", ALIGN, str(root), str(dataset), str(vectors), str(kill_at)]
    return subprocess.run(command, cwd=CHECKOUT, check=False).returncode


@pytest.fixture
def dataset(make_dataset: Callable[..., Path]) -> Path:
    return make_dataset({"train": [[f"word{number}" for number in range(0, ROWS, 3)]]})


@pytest.fixture(params=["text", "word2vec"])
def vectors(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    matrix = np.random.default_rng(2).standard_normal((ROWS, DIM)).astype(np.float32)
    path = tmp_path / "large"
    header = f"{ROWS} {DIM}\n".encode()
    if request.param == "text":
        path.write_bytes(header + b"".join(f"word{row} {' '.join(map(str, matrix[row]))}\n".encode() for row in range(ROWS)))
    else:
        path.write_bytes(header + b"".join(b"word%d " % row + matrix[row].tobytes() for row in range(ROWS)))
    return path


def test_the_same_command_after_a_kill_does_all_of_it(dataset: Path, vectors: Path, tmp_path: Path) -> None:
    size = vectors.stat().st_size / 1e6
    for share in (0.0, 0.6):
        assert align(tmp_path / "killed", dataset, vectors, share * size) == -signal.SIGKILL
        assert Store(tmp_path / "killed").find("align", "key") is None
    assert align(tmp_path / "killed", dataset, vectors) == 0
    assert align(tmp_path / "whole", dataset, vectors) == 0
    artifacts = [Store(tmp_path / name).find("align", "key") for name in ("killed", "whole")]
    assert artifacts[0].digest == artifacts[1].digest
    assert list((tmp_path / "killed" / "store" / ".building").iterdir()) == []


@pytest.mark.parametrize("harm", ["cut", "a piece is missing", "zeros"])
def test_a_harmed_file_is_told_with_its_place(dataset: Path, vectors: Path, tmp_path: Path, harm: str) -> None:
    data = vectors.read_bytes()
    half = len(data) // 2
    harmed = {
        "cut": data[:half],
        "a piece is missing": data[:half] + data[half + 777 :],
        "zeros": data[:half] + bytes(len(data) - half),
    }
    vectors.write_bytes(harmed[harm])
    (tmp_path / "out").mkdir()
    with pytest.raises(RequestError, match=r"large") as raised:
        write_matrix(AlignConfig(vectors=vectors, min_count=1), dataset, None, tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "out").iterdir()) == []
