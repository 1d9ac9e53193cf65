"""Texts with several labels: find them, decide which of their rows stay, and list them in a file.

Two rows are the same text if they have the same tokens. A row of an official test split is never removed, only counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tasks.errors import RequestError
from tasks.prepare.schema import SPLITS, RowGroups, open_reader
from tasks.shown import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.prepare.settings import PrepareConfig

CONTRADICTIONS = "contradictions.parquet"
SCHEMA = pa.schema(
    [
        pa.field("text_number", pa.int64()),  # rows with the same number are the same text, or nearly
        pa.field("duplicate", pa.string()),  # exact or near
        pa.field("id", pa.string()),
        pa.field("source", pa.string()),
        pa.field("label", pa.string()),
        pa.field("kept_in", pa.string()),  # a split, or null: left out
        pa.field("text", pa.string()),  # its start
    ]
)
NUM_EXAMPLES = 20
LINE_CHARS = 80
FILE_CHARS = 4096
EXAMPLE_CHARS = 300
_READ_ROWS = 1024


@dataclass(frozen=True)
class Contradictions:
    """Rows whose text, or nearly their text, has another label too; each bool [N].

    `exact`: labelled rows of a text with several labels; `decided`: those among them that the rule decides about, so neither
    rows of an official test split nor their duplicates; `near`: rows that were kept beside a near-duplicate with another label.
    """

    exact: np.ndarray
    decided: np.ndarray
    near: np.ndarray


def several_labels(numbers: np.ndarray, label: np.ndarray, considered: np.ndarray) -> np.ndarray:
    """Find the considered rows that share their number with a considered row of another label: bool [N].

    `numbers` int32 [N] below N: the text's or the group's; `label` int32 [N].
    """
    rows = np.flatnonzero(considered)
    low = np.full(len(numbers), np.iinfo(np.int32).max, np.int32)
    high = np.full(len(numbers), -1, np.int32)
    np.minimum.at(low, numbers[rows], label[rows])
    np.maximum.at(high, numbers[rows], label[rows])
    return considered & (low[numbers] < high[numbers])


def losers(numbers: np.ndarray, label: np.ndarray, contradicting: np.ndarray, config: PrepareConfig) -> np.ndarray:
    """Find the contradicting rows that the configured rule leaves out: bool [N]. The others have one label a text."""
    rows = np.flatnonzero(contradicting)
    winner = np.full(len(numbers), -1, np.int32)
    if config.contradictions in ("first", "error"):  # error: the caller stops
        winner[numbers[rows[::-1]]] = label[rows[::-1]]  # the first row is written last
    elif config.contradictions == "majority" and len(rows):
        pairs, count = np.unique(np.stack([numbers[rows], label[rows]]), axis=1, return_counts=True)
        order = np.lexsort((count, pairs[0]))
        text, code, count = pairs[0][order], pairs[1][order], count[order]
        last = np.append(text[1:] != text[:-1], True)  # the label with most rows, of each text
        ahead = np.append(True, (text[1:] != text[:-1]) | (count[1:] > count[:-1]))
        winner[text[last & ahead]] = code[last & ahead]
    return contradicting & (label != winner[numbers])


def write_contradictions(
    corpus: Path, folder: Path, found: Contradictions, first: np.ndarray, group: np.ndarray, fate: np.ndarray
) -> list[dict[str, Any]]:
    """Write contradictions.parquet into `folder` if there are any, in the corpus' order; examples of exact ones, test's last.

    `corpus` is ingest's corpus.parquet; `first` and `group` int32 [N] number texts and near texts; `fate` uint8 [N] is a
    position in SPLITS for each row that stays. An example is a text's start and its rows by label.
    """
    listed = found.exact | found.near
    if not listed.any():
        return []
    number: dict[int, int] = {}
    decided: dict[int, dict[str, Any]] = {}
    of_test: dict[int, dict[str, Any]] = {}
    done = 0
    with open_reader(corpus) as file, RowGroups(folder / CONTRADICTIONS, SCHEMA) as writer:
        for batch in file.iter_batches(_READ_ROWS, columns=["id", "source", "label", "text"], use_threads=False):
            at = np.flatnonzero(listed[done : done + len(batch)])
            rows = batch.take(pa.array(at)).to_pylist()
            for row, place in zip(rows, (at + done).tolist(), strict=True):
                exact, text = bool(found.exact[place]), int(first[place])
                examples = decided if found.decided[place] else of_test
                if exact and (text in examples or len(examples) < NUM_EXAMPLES):
                    labels = examples.setdefault(text, {"text": row["text"][:EXAMPLE_CHARS], "labels": {}})["labels"]
                    labels[row["label"]] = labels.get(row["label"], 0) + 1
                row["text_number"] = number.setdefault(int(group[place]), len(number) + 1)
                row["duplicate"] = "exact" if exact else "near"
                row["kept_in"] = SPLITS[fate[place]] if fate[place] < len(SPLITS) else None
                row["text"] = row["text"][:FILE_CHARS]
            if rows:
                writer.add(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))
            done += len(batch)
    return [*decided.values(), *of_test.values()][:NUM_EXAMPLES]


def refuse(counts: Mapping[str, Any]) -> RequestError:
    """The error that `prepare.contradictions error` raises, made from the counts in prepare's report."""
    return RequestError(
        f"{counts['texts']:,} texts with {counts['rows']:,} rows have several labels, such as {shown(counts['examples'][0])}; "
        "correct them, or set --prepare.contradictions drop, majority or first"
    )


def shown(example: Mapping[str, Any]) -> str:
    """Write an example on one line: the text's start and its labels."""
    labels = ", ".join(f"{count} x {shortened(name, 40)!r}" for name, count in sorted(example["labels"].items()))
    return f"{shortened(' '.join(example['text'].split()), LINE_CHARS)!r} ({labels})"
