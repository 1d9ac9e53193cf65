"""Sides that a kept column of the corpus decides: test is what is of later days, whole groups go to one side, or as it says.

Shapes: N rows of the corpus, in its order.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.errors import RequestError
from tasks.ingest.kept import KIND, PREFIX, not_a_date, only_dates
from tasks.ingest.schema import CORPUS, KEPT, KEPT_PART
from tasks.shown import in_line, shortened

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.prepare.settings import PrepareConfig

WORDS = {"train": "train", "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid", "test": "test"}
DAY_CHARS = len("2024-03-01")


class Asked(NamedTuple):
    """What a column says of each row: which are test or validation rows, bool [N], and which belong together, int32 [N].

    `late` bool [N] are rows of the test rows' days: one without a label is no text to train vectors on. `drawn` uint64 [N] is
    what the side of a group is drawn by. None: the column does not say it.
    """

    test: np.ndarray | None = None
    valid: np.ndarray | None = None
    late: np.ndarray | None = None
    together: np.ndarray | None = None
    drawn: np.ndarray | None = None


def read_sides(config: PrepareConfig, corpus: Path) -> Asked:
    """What the column `prepare.split_column` of the corpus in folder `corpus` says; nothing by split hash.

    RequestError for a column that does not say it.
    """
    if config.split == "hash":
        return Asked()
    assert config.split_column is not None
    values, kind = read_column(corpus, config.split_column)
    if config.split == "time":
        days = read_days(values, kind, config.split_column)
        late = pc.greater_equal(days, config.test_from).fill_null(False).to_numpy(zero_copy_only=False)
        return Asked(test=late, late=late)
    if config.split == "group":
        codes = values.dictionary_encode()
        if len(codes.dictionary) + bool(values.null_count) < 2 or not len(codes.dictionary):
            raise RequestError(
                f"all rows have {_only(codes.dictionary)} in the column {config.split_column!r}, so rows cannot be split by "
                "group; name another one"
            )
        names = [hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8] for name in codes.dictionary.to_pylist()]
        code = codes.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        digests = np.array([int.from_bytes(name, "big") for name in names] + [0], np.uint64)
        return Asked(together=code, drawn=digests[code])
    said = pc.utf8_lower(pc.utf8_trim_whitespace(values)).fill_null("train").to_pylist()
    unknown = next((row for row, word in enumerate(said) if word not in WORDS), None)
    if unknown is not None:
        raise RequestError(
            f"row {unknown + 1} has {_shown(values[unknown].as_py())} in the column {config.split_column!r}; by "
            f"--prepare.split given a row has {', '.join(dict.fromkeys(WORDS))} or nothing there"
        )
    sides = np.array([WORDS[word] for word in said])
    valid = sides == "valid"
    return Asked(test=sides == "test", valid=valid if valid.any() else None)


def choose_cut(config: PrepareConfig, corpus: Path) -> str:
    """The day from which on rows are test rows, so that their share of the labelled ones is nearest to `prepare.test_share`.

    `corpus` is the folder of a corpus that keeps the column. RequestError for a column without dates, or with one day alone.
    """
    assert config.split_column is not None
    values, kind = read_column(corpus, config.split_column)
    dates = read_days(values, kind, config.split_column)
    labels = pq.read_table(corpus / CORPUS, columns=["label"], page_checksum_verification=True).column("label")
    days = pc.utf8_slice_codeunits(dates.filter(pc.is_valid(labels).combine_chunks()).drop_null(), 0, DAY_CHARS)
    counts = sorted((each["values"], each["counts"]) for each in pc.value_counts(days).to_pylist())
    if len(counts) < 2:
        raise RequestError(
            f"the labelled rows have {len(counts)} day(s) in the column {config.split_column!r}; a split by time needs at "
            "least two"
        )
    later = np.cumsum([count for _, count in counts][::-1])[::-1] / len(days)
    best = int(np.abs(later[1:] - config.test_share).argmin()) + 1
    return str(counts[best][0])


def read_column(corpus: Path, name: str) -> tuple[pa.StringArray, str]:
    """The values of a kept column in the corpus' order [N], and their kind: date, number or text."""
    path = corpus / KEPT_PART / KEPT
    column = f"{PREFIX}{name}"
    table = pq.read_table(path, columns=[column], page_checksum_verification=True)
    kind = table.schema.field(column).metadata[KIND].decode()
    values = table.column(column).combine_chunks()
    return (values.chunk(0) if isinstance(values, pa.ChunkedArray) else values), kind


def read_days(values: pa.StringArray, kind: str, name: str) -> pa.StringArray:
    """The dates of a column [N], null where a row has none; RequestError for a column that is not one of dates."""
    if kind == "date":
        return only_dates(values)
    example = not_a_date(values)
    if example is None:
        raise RequestError(f"the column {name!r} is empty, so rows cannot be split by time; name another one")
    raise RequestError(
        f"the column {name!r} holds no dates (one value is {_shown(example)}), so rows cannot be split by time; mend its "
        "values, or name another column"
    )


def check_tested(config: PrepareConfig, tested: np.ndarray) -> None:
    """RequestError if the column makes no labelled row a test row; `tested` bool [N] are those that it does."""
    if tested.any():
        return
    if config.split == "time":
        raise RequestError(
            f"no labelled row has a day from {config.test_from} on in the column {config.split_column!r}, so there would be no "
            "test rows; give later rows, or an earlier --prepare.test-from (and another --name, if this one has models)"
        )
    raise RequestError(
        f"no labelled row has test in the column {config.split_column!r}, so there would be no test rows; write it there, or "
        "leave --prepare.split out"
    )


def _only(values: pa.StringArray) -> str:
    return _shown(values[0].as_py()) if len(values) else "nothing"


def _shown(value: str) -> str:
    return repr(shortened(in_line(value), 40))


def joined(group: np.ndarray, together: np.ndarray) -> np.ndarray:
    """Numbers of the smallest groups that part neither `group` nor `together`, int32 [N]; a row number below 0 is alone."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows = np.flatnonzero(together >= 0)
    _, first = np.unique(together[rows], return_index=True)
    leader = np.zeros(int(together.max(initial=-1)) + 1, np.int64)
    leader[together[rows[first]]] = rows[first]
    ends = np.concatenate([group.astype(np.int64), leader[together[rows]]])
    starts = np.concatenate([np.arange(len(group)), rows])
    links = coo_matrix((np.ones(len(starts), bool), (starts, ends)), shape=(len(group), len(group)))
    return connected_components(links, directed=False)[1].astype(np.int32)
