"""Read the rows that prepare wrote: one split at once, or any columns in batches, with or without the texts.

Every page's checksum is verified. A row's `tokens` may be an empty list: a document of an official test split stays in the
holdout even if nothing of its text is left, so a reader of tokens must accept a document without any. `label` is null for
unlabelled rows, and a test label need not occur in train. A text is as it was ingested, before any cleaning.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.prepare.schema import TEXTS_SCHEMA, open_reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Any

    import pyarrow.parquet as pq

DATASET = "dataset.parquet"
HOLDOUT = "holdout.parquet"
TEXTS = "texts.parquet"
LABELS = "labels.json"
TEXT = "text.json"
SPLIT = "split.json"  # rule, salt and seed of the split

_INT32_BYTES = 2**31 - 1


@dataclass(frozen=True)
class Split:
    """One split, whole: arrays of equal length, in the corpus' order.

    `tokens` is a ListArray of strings, or a LargeListArray of large strings where 32-bit offsets would not do. Lists may be
    empty. `labels` holds nulls for unlabelled rows.
    """

    ids: pa.Array
    labels: pa.Array
    tokens: pa.Array

    @property
    def num_rows(self) -> int:
        """Number of documents."""
        return len(self.ids)

    def labels_ids(self, labels: Sequence[str]) -> np.ndarray:
        """Position of each row's label in `labels`, int64 [N]; -1 for a null or another label."""
        index = pc.index_in(self.labels, value_set=pa.array(labels, pa.string()))
        return index.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)


def dataset_file(folder: Path) -> Path:
    """The Parquet file of a folder with a dataset, a holdout or texts; FileNotFoundError if it holds none of them."""
    for name in (DATASET, HOLDOUT, TEXTS):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"{folder} holds neither {DATASET} nor {HOLDOUT} nor {TEXTS}")


def read_split(folder: Path, split: str, *, dictionary: bool = False) -> Split:
    """Read every row of `split` ("train", "valid", "test" or "unlabelled"); without such rows the arrays are empty.

    With `dictionary` the tokens come as a LargeListArray of dictionary<int32, string>: each distinct word is there once.
    Raises OSError if a page does not match its checksum.
    """
    columns = ["id", "label", "tokens"]
    batches = list(iter_batches(folder, (split,), columns, dictionary=dictionary))
    if not batches:
        return Split(pa.array([], pa.string()), pa.array([], pa.string()), pa.array([], pa.list_(pa.string())))
    ids, labels = (pa.chunked_array([batch.column(name) for batch in batches]).combine_chunks() for name in ("id", "label"))
    lists = [batch.column("tokens") for batch in batches]
    if dictionary:
        return Split(ids, labels, _with_one_dictionary(lists))
    tokens = pa.chunked_array(lists)
    if sum(each.flatten().nbytes for each in lists) > _INT32_BYTES:
        tokens = tokens.cast(pa.large_list(pa.large_string()))
    return Split(ids, labels, tokens.combine_chunks())


def _with_one_dictionary(lists: Sequence[pa.ListArray]) -> pa.LargeListArray:
    """All lists of words one after another: their own dictionaries become one, which Arrow does for words, not for lists."""
    words = pa.chunked_array([each.flatten() for each in lists]).unify_dictionaries()
    lengths = np.concatenate([each.value_lengths().to_numpy(zero_copy_only=False) for each in lists])
    offsets = np.append(0, np.cumsum(lengths, dtype=np.int64))
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.concat_arrays(words.chunks))


def iter_batches(
    folder: Path, splits: Sequence[str], columns: Sequence[str], batch_size: int = 4096, *, dictionary: bool = False
) -> Iterator[pa.RecordBatch]:
    """Stream `columns` of the rows of `splits`, in order, in batches of at most `batch_size` rows; none is empty.

    With `dictionary` the tokens come as list<dictionary<int32, string>>: a reader that maps words to something need look up
    only a batch's distinct words. Row groups without a wanted row are not read. Raises OSError if a page is damaged.
    """
    path = dataset_file(folder)
    wanted = pa.array(splits, pa.string())
    with open_reader(path, read_dictionary=["tokens.list.element"] if dictionary else None) as file:
        read = list(dict.fromkeys([*columns, "split"]))
        try:
            for group in range(file.num_row_groups):
                if not _may_hold(file.metadata.row_group(group), splits):
                    continue
                # One row group at a time: a batch across two has two dictionaries, which Arrow cannot nest in lists.
                missing = file.metadata.row_group(group).num_rows
                for batch in file.iter_batches(batch_size, row_groups=[group], columns=read, use_threads=False):
                    missing -= len(batch)
                    keep = pc.is_in(batch.column("split"), value_set=wanted)
                    chosen = batch if keep.true_count == len(batch) else batch.filter(keep)
                    if chosen.num_rows:
                        yield chosen.select(list(columns))
                if missing:  # a page's header has no checksum, and a page of a kind that Arrow does not know is passed over
                    raise OSError(f"{missing} rows of row group {group} are missing")
        except (OSError, pa.ArrowException) as error:
            raise OSError(f"{path} is damaged: {error}") from error


def iter_texts(texts: Path, splits: Sequence[str], batch_size: int = 4096) -> Iterator[pa.RecordBatch]:
    """Stream id and text of the rows of `splits`, in the order of the dataset or holdout that `texts` belongs to.

    `texts` is the folder of prepare's part `texts` (train, valid, unlabelled) or `holdout_texts` (test). Batches have at most
    `batch_size` rows, and none is empty. Raises OSError if a page is damaged.
    """
    return iter_batches(texts, splits, ["id", "text"], batch_size)


def iter_with_texts(
    folder: Path, texts: Path, splits: Sequence[str], columns: Sequence[str], batch_size: int = 4096
) -> Iterator[pa.RecordBatch]:
    """Stream `columns` of a dataset or holdout as `iter_batches` does, and beside them each row's `text`.

    `texts` is the part with the texts of the same rows. Raises OSError if it holds other rows.
    """
    beside = iter_texts(texts, splits, batch_size)
    waiting = pa.RecordBatch.from_pylist([], pa.schema([TEXTS_SCHEMA.field(name) for name in ("id", "text")]))
    for batch in iter_batches(folder, splits, list(dict.fromkeys([*columns, "id"])), batch_size):
        while len(waiting) < len(batch) and (following := next(beside, None)) is not None:
            waiting = pa.concat_batches([waiting, following])
        here, waiting = waiting.slice(0, len(batch)), waiting.slice(len(batch))
        if not here.column("id").equals(batch.column("id")):
            raise OSError(f"{texts} holds the texts of other rows than {folder}")
        yield pa.record_batch([*(batch.column(name) for name in columns), here.column("text")], names=[*columns, "text"])
    if len(waiting) or next(beside, None) is not None:
        raise OSError(f"{texts} holds the texts of more rows than {folder}")


def read_labels(folder: Path) -> list[str]:
    """The sorted label names of train."""
    return json.loads((folder / LABELS).read_text(encoding="utf-8"))["labels"]


def read_text_settings(folder: Path) -> dict[str, Any]:
    """How text was turned into tokens: what `TextToTokens` takes."""
    return json.loads((folder / TEXT).read_text(encoding="utf-8"))


def _may_hold(group: pq.RowGroupMetaData, splits: Sequence[str]) -> bool:
    statistics = group.column(1).statistics  # `split`
    if statistics is None or not statistics.has_min_max:
        return True
    return any(statistics.min <= split <= statistics.max for split in splits)
