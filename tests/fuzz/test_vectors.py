"""Files of vectors of any bytes and any format: finite vectors of the wanted words, or one line that says why not."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.numpy import save

from tasks.align.readers import VectorFile, read_vectors
from tasks.errors import RequestError
from tests.fuzz.bounded import bounded, damaged, pieces, refused

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

WORDS = ["good", "naïve", "电影"]
MATRIX = np.arange(9, dtype=np.float32).reshape(3, 3)
TEXT = "".join(f"{word} {' '.join(map(str, row))}\n" for word, row in zip(WORDS, MATRIX, strict=True)).encode()
WORD2VEC = b"3 3\n" + b"".join(word.encode() + b" " + row.tobytes() for word, row in zip(WORDS, MATRIX, strict=True))


def numpy_bytes(*, zipped: bool) -> bytes:
    file = io.BytesIO()
    if zipped:
        np.savez_compressed(file, vectors=MATRIX, words=np.array(WORDS))
    else:
        np.save(file, MATRIX)
    return file.getvalue()


WHOLE = [b"3 3\n" + TEXT, TEXT, WORD2VEC, numpy_bytes(zipped=False), numpy_bytes(zipped=True), save({"vectors": MATRIX})]
BYTES = damaged(WHOLE) | pieces(
    b"good |3 3\n|999999999 999999999\n|1 1\n|0 0\n| |\n|\r|\t|1.5|1e39|nan|-inf|1_0|+1|0x1p3|\xe7\x94\xb5 |\0|\xff|\x1f\x8b"
    b"|PK\x03\x04|BZh9|\x28\xb5\x2f\xfd|\x93NUMPY\x01\x00|{'descr': '|<f4|', 'fortran_order': False, 'shape': (3, 3), }"
    b"|\x80\x04|\xba\x16\x4f\x2f"
)
SUFFIXES = st.sampled_from([".vec", ".txt", ".bin", ".npy", ".npz", ".safetensors", ".gz", ".zip", ""])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files of all examples lie, which are many."""
    folder = tmp_path_factory.mktemp("vectors")
    (folder / "words.txt").write_text("\n".join(WORDS) + "\n")
    return folder


@given(BYTES, SUFFIXES, st.booleans())
@example(b"999999999999 999999999999\n" + TEXT, ".vec", False)
@example(WORD2VEC.replace(b"3 3", b"3 999999999999"), ".bin", False)
@example(numpy_bytes(zipped=False).replace(b"(3, 3)", b"(3, 99999999999)"), ".npy", True)
def test_any_bytes(folder: Path, data: Any, suffix: str, beside: bool) -> None:
    path = folder / f"vectors{suffix}"
    path.write_bytes(data)
    try:
        with bounded(len(data)):
            found = read_vectors(VectorFile(path, folder / "words.txt" if beside else None), WORDS, folder).found
    except RequestError as error:
        refused(error)
        return
    assert np.isfinite(found.vectors).all()
    assert len(set(found.positions)) == len(found.vectors)
    assert found.vectors.dtype == np.float32
