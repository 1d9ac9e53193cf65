"""One batch of the corpus: texts in; tokens, fingerprints and rejects out. This is what worker processes run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tasks.model.text import token_batch
from tasks.model.text.tokenize import TextToTokens
from tasks.prepare.minhash import signatures, token_hashes
from tasks.prepare.schema import QUARANTINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_MAX_REJECT_BYTES = 4096  # of a text that goes to quarantine


@dataclass(frozen=True)
class Documents:
    """The facts about a batch of N documents once it is tokenized.

    `rejected` bool [N]; `num_tokens` int32 [N]; `fingerprints` uint64 [N, 2], equal for equal tokens; `signatures` uint32
    [N, 32]; `quarantine` the rejected rows.
    """

    rejected: np.ndarray
    num_tokens: np.ndarray
    fingerprints: np.ndarray
    signatures: np.ndarray
    quarantine: pa.RecordBatch


def tokenize_documents(
    batch: pa.RecordBatch, path: str, settings: Mapping[str, Any], min_tokens: int, with_signatures: bool
) -> Documents:
    """Clean and tokenize a batch of the corpus (id, text, split), write id and tokens to `path` (Arrow IPC), describe the rest.

    A row of an official test split is never rejected, even if it is too short.
    """
    texts = batch.column("text").to_pylist()
    documents = _text_to_tokens(settings).documents(texts)
    num_tokens = token_batch.num_tokens(documents).astype(np.int32)
    lines, ends = documents.lines() if isinstance(documents, token_batch.TokenBatch) else _lines(documents)
    tokens, utf8, starts = _pack_lines(lines, num_tokens)
    schema = pa.schema([pa.field("id", pa.string()), pa.field("tokens", pa.list_(pa.string()))])
    with pa.ipc.new_file(path, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write(pa.record_batch([batch.column("id"), tokens], schema=schema))
    official = np.array([split == "test" for split in batch.column("split").to_pylist()], bool)
    rejected = (num_tokens < min_tokens) & ~official
    # The last token's line feed is left out: so it was when the first fingerprints were made.
    bounds = zip(np.append(0, ends[:-1]).tolist(), (ends - (num_tokens > 0)).tolist(), strict=True)
    digests = b"".join(hashlib.blake2b(lines[start:end].data, digest_size=16).digest() for start, end in bounds)
    return Documents(
        rejected=rejected,
        num_tokens=num_tokens,
        fingerprints=np.frombuffer(digests, dtype="<u8").reshape(-1, 2),
        signatures=signatures(token_hashes(utf8, starts), num_tokens) if with_signatures else np.empty((0, 0), np.uint32),
        quarantine=_quarantine(batch, texts, num_tokens, np.flatnonzero(rejected)),
    )


def _lines(documents: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """As TokenBatch.lines, for tokens in lists."""
    joined = ["\n".join([*tokens, ""]).encode() for tokens in documents]
    return np.frombuffer(b"".join(joined), np.uint8), np.cumsum(np.fromiter(map(len, joined), np.int64, len(joined)))


def pack(joined: Sequence[bytes], num_tokens: np.ndarray) -> tuple[pa.ListArray, np.ndarray, np.ndarray]:
    """Documents of tokens joined by line feeds -> (list array [N], all tokens' bytes uint8, their starts int64 [T + 1])."""
    lines = b"\n".join([*filter(None, joined), b""])
    return _pack_lines(np.frombuffer(lines, np.uint8), num_tokens)


def _pack_lines(lines: np.ndarray, num_tokens: np.ndarray) -> tuple[pa.ListArray, np.ndarray, np.ndarray]:
    """The same of tokens with a line feed behind each.

    Building the Arrow buffers from one joined text is several times faster than handing Arrow a Python string per token.
    """
    ends = np.flatnonzero(lines == token_batch.LINE_FEED)
    starts = np.concatenate([[0], ends - np.arange(len(ends))])
    utf8 = np.frombuffer(lines.tobytes().translate(None, b"\n"), np.uint8)  # several times as fast as a mask
    words = pa.StringArray.from_buffers(len(ends), pa.py_buffer(starts.astype(np.int32)), pa.py_buffer(utf8))
    offsets = np.concatenate([[0], np.cumsum(num_tokens)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), words), utf8, starts


def _quarantine(batch: pa.RecordBatch, texts: Sequence[str], num_tokens: np.ndarray, rows: np.ndarray) -> pa.RecordBatch:
    ids = batch.column("id")
    return pa.record_batch(
        [
            pa.array([ids[int(row)].as_py() for row in rows], pa.string()),
            pa.array([0] * len(rows), pa.int64()),
            pa.array(["too_few_tokens" if num_tokens[row] else "empty_after_cleaning" for row in rows], pa.string()),
            pa.array([texts[row].encode()[:_MAX_REJECT_BYTES] for row in rows], pa.binary()),
        ],
        schema=QUARANTINE,
    )


_made: dict[int, TextToTokens] = {}


def _text_to_tokens(settings: Mapping[str, Any]) -> TextToTokens:
    """The tokenizer of these settings; a worker makes it once per process, not per batch."""
    key = hash(tuple(tuple(value) if isinstance(value, list) else value for value in settings.values()))
    if key not in _made:
        _made.clear()
        _made[key] = TextToTokens(settings)
    return _made[key]
