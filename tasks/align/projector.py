"""Write word vectors for the Embedding Projector: TensorBoard's, and the one of projector.tensorflow.org.

tensors.tsv            the numbers of a vector a line
metadata.tsv           a line a word, after the names of the columns: word, rank, and count where it is known
projector_config.pbtxt names both for TensorBoard (`tensorboard --logdir FOLDER`)
projector_config.json  names both for the page, which takes its address as `?config=`; or load the two files there by hand

Shapes: V words, D dimensions.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.align.export import replace_file
from tasks.align.vec_file import ROWS_PER_WRITE
from tasks.errors import RequestError
from tasks.shown import in_cell

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from tasks.align.readers import Listed

TENSORS, METADATA = "tensors.tsv", "metadata.tsv"
TENSORBOARD, PAGE = "projector_config.pbtxt", "projector_config.json"
TENSOR_NAME = "words"


def write_projector(listed: Listed, folder: Path) -> dict[str, Any]:
    """Make `folder` and write the four files into it; return the report.

    In metadata unprintable characters are written as in a Python string, and an empty word as two quotes. RequestError
    where there is no vector, or the folder cannot be written.
    """
    if not listed.words:
        raise RequestError("there are no vectors to write; give a file or a model with some")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"{folder} cannot be made ({error.strerror}); give another folder") from error
    shape = list(listed.vectors.shape)
    replace_file(folder / TENSORS, lambda path: _write_tensors(listed.vectors, path))
    replace_file(folder / METADATA, lambda path: _write_metadata(listed, path))
    config = f'embeddings {{\n  tensor_name: "{TENSOR_NAME}"\n  tensor_path: "{TENSORS}"\n  metadata_path: "{METADATA}"\n}}\n'
    replace_file(folder / TENSORBOARD, lambda path: path.write_text(config, encoding="utf-8"))
    named = {"tensorName": TENSOR_NAME, "tensorShape": shape, "tensorPath": TENSORS, "metadataPath": METADATA}
    page = json.dumps({"embeddings": [named]}, indent=1)
    replace_file(folder / PAGE, lambda path: path.write_text(page, encoding="utf-8"))
    return {"source": listed.format, "words": shape[0], "of": listed.num_vectors, "dim": shape[1], "folder": str(folder)}


def _write_tensors(matrix_VD: np.ndarray, path: Path) -> None:
    with path.open("wb") as file:
        for start in range(0, len(matrix_VD), ROWS_PER_WRITE):
            block_VD = matrix_VD[start : start + ROWS_PER_WRITE].astype("f4")
            numbers = pc.cast(pa.array(block_VD.ravel()), pa.string())
            rows = pa.FixedSizeListArray.from_arrays(numbers, block_VD.shape[1]).cast(pa.list_(pa.string()))
            file.write(("\n".join(pc.binary_join(rows, "\t").to_pylist()) + "\n").encode())


def _write_metadata(listed: Listed, path: Path) -> None:
    # With a second column the first line is always read as names, so that no word can be taken for one.
    columns: dict[str, list[str]] = {
        "word": [in_cell(word) for word in listed.words],
        "rank": [str(rank) for rank in range(1, len(listed.words) + 1)],
    }
    if listed.counts is not None:
        columns["count"] = [str(count) for count in listed.counts]
    lines = ["\t".join(columns), *("\t".join(row) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
