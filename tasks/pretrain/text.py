"""The text file that fastText trains on: one line a document, or several for a long one.

Tokens that fastText would not read as plain words are rewritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.model.fasttext_words import LINE_TOKENS, plain_words
from tasks.prepare.read import iter_batches
from tasks.progress import SILENT, Progress
from tasks.token_counts import TokenCounts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class TrainingText:
    """What a text file holds; `counts` has each distinct token (columns token, count), the most frequent first."""

    num_documents: int
    num_lines: int
    num_tokens: int
    counts: pa.Table


def write_text(dataset: Path, splits: Sequence[str], path: Path, *, progress: Progress = SILENT) -> TrainingText:
    """Write the documents of `splits` in `dataset` to `path`; documents without tokens are left out."""
    counts = TokenCounts()
    num_documents = num_lines = num_tokens = 0
    with path.open("wb") as file:
        for batch in iter_batches(dataset, splits, ["tokens"]):
            documents = pc.drop_null(batch.column("tokens"))
            lengths_N = documents.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
            tokens = pc.fill_null(plain_words(documents.flatten()), "")
            counts.add(tokens)
            lines = join_lines(tokens, lengths_N)
            if len(lines):
                whole = pa.LargeListArray.from_arrays(pa.array([0, len(lines)], pa.int64()), lines)
                file.write(pc.binary_join(whole, pa.scalar("\n", pa.large_string()))[0].as_buffer())
                file.write(b"\n")
            num_documents += int((lengths_N > 0).sum())
            num_lines += len(lines)
            num_tokens += len(tokens)
            progress.advance(num_documents, None, "documents", "writing the training text")
    return TrainingText(num_documents, num_lines, num_tokens, counts.table())


def join_lines(tokens: pa.Array, lengths_N: np.ndarray) -> pa.Array:
    """Join flat tokens of documents of the given lengths into lines of at most LINE_TOKENS, with single spaces between them."""
    num_lines_N = -(-lengths_N // LINE_TOKENS)
    ends_N = np.cumsum(lengths_N)
    # Lines of one document start LINE_TOKENS apart: number them from 0 within it, then add where the document starts.
    within = np.arange(num_lines_N.sum()) - np.repeat(np.cumsum(num_lines_N) - num_lines_N, num_lines_N)
    starts = np.repeat(ends_N - lengths_N, num_lines_N) + within * LINE_TOKENS
    offsets = pa.array(np.append(starts, lengths_N.sum()), pa.int64())
    lists = pa.LargeListArray.from_arrays(offsets, tokens.cast(pa.large_string()))
    return pc.binary_join(lists, pa.scalar(" ", pa.large_string()))
