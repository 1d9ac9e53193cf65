"""The predictions of one classifier on the test rows, as a Parquet file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import RequestError
from tasks.evaluate.metrics import outcomes
from tasks.prepare.read import read_split

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.evaluate.metrics import Outcomes
    from tasks.prepare.read import Split

PREDICTIONS = "predictions.parquet"
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        pa.field("predicted", pa.string(), nullable=False),
        pa.field("confidence", pa.float32(), nullable=False),
        pa.field("correct", pa.bool_(), nullable=False),
        pa.field("probabilities", pa.list_(pa.float32()), nullable=False),
    ]
)


def read_test(holdout: Path, *, dictionary: bool = False) -> Split:
    """Read the test rows, as `read_split` does; RequestError if there are none or one has no label."""
    test = read_split(holdout, "test", dictionary=dictionary)
    if not test.num_rows:
        raise RequestError(
            "the corpus gives no test rows, so nothing can be measured; raise prepare.test_share or name an ingest.test_path"
        )
    if test.labels.null_count:
        raise RequestError(
            f"{test.labels.null_count} of {test.num_rows} test rows have no label; give them one or leave them out"
        )
    return test


def write_predictions(path: Path, test: Split, classes: Sequence[str], probabilities_NC: np.ndarray) -> Outcomes:
    """Write one row per test row, in their order; `probabilities` follows `classes`, which the file's metadata name."""
    rows = outcomes(test.labels.to_pylist(), classes, probabilities_NC)
    names = pa.array(rows.names, pa.string())
    flat = np.ascontiguousarray(probabilities_NC, dtype=np.float32).ravel()
    offsets = np.arange(len(test.labels) + 1) * len(classes)
    columns = [
        test.ids.cast(pa.string()),
        test.labels.cast(pa.string()),
        names.take(pa.array(rows.predicted)),
        pa.array(rows.confidence.astype(np.float32)),
        pa.array(rows.correct),
        pa.LargeListArray.from_arrays(offsets, flat).cast(pa.list_(pa.float32())),
    ]
    schema = SCHEMA.with_metadata({f"class_{number}": name for number, name in enumerate(classes)})
    table = pa.Table.from_arrays(columns, schema=schema)
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)
    return rows


def read_predicted(path: Path, rows: Outcomes, test: Split) -> Outcomes:
    """Read another classifier's predictions of the same test rows, with the names of `rows`; ValueError if they differ."""
    table = read_columns(path, "id", "predicted", "confidence")
    if not table.column("id").combine_chunks().equals(test.ids.cast(pa.string())):
        raise ValueError(f"{path} holds predictions of other rows than the test rows given")
    number = {name: position for position, name in enumerate(rows.names)}
    predicted = table.column("predicted").to_pylist()
    return type(rows)(
        rows.names,
        rows.trained,
        rows.true,
        np.fromiter((number[label] for label in predicted), dtype=np.int64, count=len(predicted)),
        table.column("confidence").to_numpy().astype(np.float64),
        np.full(len(predicted), np.nan),
    )


def read_columns(path: Path, *names: str) -> pa.Table:
    """Columns of a file of predictions, compared with its checksums; not by `read_table`, which imports pandas."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read(columns=list(names))
