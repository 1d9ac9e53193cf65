"""Hold validation rows back, so that some are left that chose nothing of a model: neither its epoch nor its calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks.certainty.rows import fraction, write_rows
from tasks.errors import RequestError

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.certainty.settings import ReserveConfig

HELD = "held_"  # before the names of the parts with the rows that are held back


def write_reserved(config: ReserveConfig, dataset: Path, texts: Path | None, folder: Path) -> dict[str, Any]:
    """Write `dataset` and `held_dataset` into `folder`, and their texts if `texts` is given; how many rows each side has.

    A validation row is held back by its id and the seed alone, each independently of the others. RequestError if one side
    would have no row.
    """

    def held(batch: pa.RecordBatch) -> pa.Array:
        drawn = pa.array([fraction(name, config.seed) < config.share for name in batch.column("id").to_pylist()])
        return pc.and_(pc.equal(batch.column("split"), "valid"), drawn)

    counts = {
        "held": write_rows(dataset, texts, held, folder, name=HELD),
        "kept": write_rows(dataset, texts, lambda batch: pc.invert(held(batch)), folder),
    }
    choose = _valid_rows(folder / "dataset")
    if not counts["held"] or not choose:
        raise RequestError(
            f"{counts['held'] + choose} validation rows are too few to hold some back for a promise; "
            "raise prepare.valid_share, or set evaluate.promise folds"
        )
    return {"held": counts["held"], "choose": choose}


def _valid_rows(dataset: Path) -> int:
    from tasks.prepare.read import iter_batches

    return sum(len(batch) for batch in iter_batches(dataset, ("valid",), ["id"]))
