"""What documents say of the names in them, out of the columns `names` and `towards`.

Shapes: N documents, K pairs of a document and one of its names.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def pairs_of(column: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """The values of a list column one after another, and the row of each, int64; right for slices of a column too."""
    offsets = column.offsets.to_numpy()
    return column.values[offsets[0] : offsets[-1]], np.repeat(np.arange(len(column)), np.diff(offsets))


def labels_and_negative(documents: pa.RecordBatch | pa.Table, rows_K: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """The label and the probability of the negative one, float32 [K], towards each name of the documents in their order.

    Of a document that was scored before names had a sentiment of their own they are those of the document.
    """
    label, negative = (_whole(documents.column(name)).take(pa.array(rows_K)) for name in ("label", "negative"))
    towards = _whole(documents.column("towards"))
    if not len(rows_K) or towards.null_count == len(towards):
        return label, negative.to_numpy(zero_copy_only=False)
    told = towards.flatten()
    known_K = pa.array(towards.is_valid().to_numpy(zero_copy_only=False)[rows_K])
    label = pc.replace_with_mask(label, known_K, pc.struct_field(told, "label"))
    negative = pc.replace_with_mask(negative, known_K, pc.struct_field(told, "negative"))
    return label, negative.to_numpy(zero_copy_only=False)


def has_label(documents: pa.RecordBatch, label: str) -> pa.Array:
    """Which documents have a label, or have it towards one of their names: bool [N]."""
    has_N = pc.equal(documents.column("label"), label).to_numpy(zero_copy_only=False)
    towards = documents.column("towards")
    if towards.null_count < len(towards):
        rows_K = np.repeat(
            np.arange(len(towards)), pc.fill_null(pc.list_value_length(towards), 0).to_numpy(zero_copy_only=False)
        )
        has_N = has_N.copy()
        has_N[rows_K[pc.equal(pc.struct_field(towards.flatten(), "label"), label).to_numpy(zero_copy_only=False)]] = True
    return pa.array(has_N)


def about(documents: pa.RecordBatch, name: str) -> pa.RecordBatch:
    """The documents that speak of a name, `negative` and `label`, if there is one, being towards it in place of the text's."""
    names, rows_K = pairs_of(documents.column("names"))
    chosen_K = pc.equal(names, name).to_numpy(zero_copy_only=False)
    labelled = documents
    if "label" not in documents.schema.names:
        labelled = documents.append_column("label", pa.nulls(len(documents), pa.string()))
    labels, negative_K = labels_and_negative(labelled, rows_K)
    found = documents.take(pa.array(rows_K[chosen_K]))
    towards = {"negative": pa.array(negative_K[chosen_K], pa.float32()), "label": labels.filter(pa.array(chosen_K))}
    columns = [towards.get(field.name, found.column(field.name)) for field in found.schema]
    return pa.record_batch(columns, schema=found.schema)


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
