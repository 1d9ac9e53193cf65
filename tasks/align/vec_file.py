"""Write word2vec's text format, `.vec`, which gensim and fastText read.

Shapes: V words, D dimensions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ROWS_PER_WRITE = 4096


def write_word2vec_text(words: Sequence[str], matrix_VD: np.ndarray, path: Path) -> None:
    """Write `V D`, then a line a word, each number in the fewest digits that read back as the same float32."""
    with path.open("wb") as file:
        file.write(f"{len(words)} {matrix_VD.shape[1]}\n".encode())
        for start in range(0, len(words), ROWS_PER_WRITE):
            block_VD = matrix_VD[start : start + ROWS_PER_WRITE]
            numbers = pc.cast(pa.array(block_VD.ravel()), pa.string())
            offsets = pa.array(np.arange(len(block_VD) + 1) * matrix_VD.shape[1], pa.int32())
            joined = pc.binary_join(pa.ListArray.from_arrays(offsets, numbers), " ")
            lines = pc.binary_join_element_wise(pa.array(words[start : start + ROWS_PER_WRITE]), joined, " ")
            file.write("".join(f"{line}\n" for line in lines.to_pylist()).encode())
