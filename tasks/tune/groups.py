"""Rows of a prepared dataset that belong together: near-duplicates, and rows of one value of a column.

Shapes: N labelled rows, train and valid, in the dataset's order.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.ingest.schema import CORPUS
from tasks.prepare.by_column import joined, read_column
from tasks.prepare.documents import pack
from tasks.prepare.duplicates import exact_firsts, near_groups
from tasks.prepare.minhash import signatures, token_hashes
from tasks.prepare.read import iter_batches

if TYPE_CHECKING:
    from pathlib import Path

LABELLED = ("train", "valid")


class LabelledRows(NamedTuple):
    """Ids and labels of the rows [N], and the number of each row's group, int32 [N]."""

    ids: list[str]
    labels: list[str]
    groups: np.ndarray


def read_rows(
    dataset: Path, *, similarity: float | None, column: str | None = None, corpus: Path | None = None
) -> LabelledRows:
    """The labelled rows of prepare's part `dataset`, in groups as prepare finds them.

    `similarity` None: only equal tokens make a group. `column` is one that the corpus in folder `corpus` keeps.
    """
    ids: list[str] = []
    labels: list[str] = []
    fingerprints, hashes = [np.zeros((0, 2), np.uint64)], []
    for batch in iter_batches(dataset, LABELLED, ["id", "label", "tokens"]):
        documents = batch.column("tokens").to_pylist()
        num_tokens = np.fromiter(map(len, documents), np.int32, len(documents))
        texts = ["\n".join(tokens).encode() for tokens in documents]
        digests = b"".join(hashlib.blake2b(text, digest_size=16).digest() for text in texts)
        fingerprints.append(np.frombuffer(digests, "<u8").reshape(-1, 2))
        if similarity is not None:
            _, utf8, starts = pack(texts, num_tokens)
            hashes.append(signatures(token_hashes(utf8, starts), num_tokens))
        ids += batch.column("id").to_pylist()
        labels += batch.column("label").to_pylist()
    considered = np.ones(len(ids), bool)
    groups = exact_firsts(np.concatenate(fingerprints), considered)
    if similarity is not None and len(ids):
        groups = near_groups(np.concatenate(hashes), groups, considered, similarity)
    if column is not None and corpus is not None:
        groups = joined(groups, _values(corpus, column, ids))
    return LabelledRows(ids, labels, groups)


def _values(corpus: Path, column: str, ids: list[str]) -> np.ndarray:
    """The number of each row's value in a column, int32 [N]; -1 for a row without one."""
    known = pq.read_table(corpus / CORPUS, columns=["id"], page_checksum_verification=True).column("id").combine_chunks()
    values = read_column(corpus, column)[0].dictionary_encode().indices.fill_null(-1)
    at = pc.index_in(pa.array(ids, pa.string()), value_set=known)
    return values.take(at).to_numpy(zero_copy_only=False).astype(np.int32)
