"""The slices of the test rows on which a challenger must not lose to the champion: which rows are in each.

In go names such as `company=ACME` and the folders that tell of test rows, out come masks over these rows.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import RequestError
from tasks.evaluate.slices.columns import read_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tasks.evaluate.slices.settings import SliceConfig


class NamedSlices:
    """Slices by name; `masks` are bool [N] each, over the test rows with these `ids` [N]."""

    def __init__(self, ids: pa.Array, masks: Mapping[str, np.ndarray]) -> None:
        self.ids, self.masks = ids, dict(masks)

    @property
    def digest(self) -> str:
        """What tells these slices from others of the same test rows."""
        found = hashlib.sha256()
        for name, inside in sorted(self.masks.items()):
            found.update(f"{name}\n".encode() + np.packbits(inside).tobytes())
        return found.hexdigest()

    def of(self, ids: pa.Array) -> dict[str, np.ndarray]:
        """The masks over rows with these ids [M], in their order."""
        places = pc.index_in(ids.cast(pa.string()), value_set=self.ids)
        known = np.asarray(pc.is_valid(places))
        at = places.fill_null(0).to_numpy()
        return {name: inside[at] & known for name, inside in self.masks.items()}


def find_slices(names: Sequence[str], config: SliceConfig, texts: Path, corpus: Path, kept: Path | None) -> NamedSlices:
    """Find the rows of each slice; see `tasks.evaluate.slices.columns.Rows`. RequestError for one that no test row is in."""
    rows = read_rows(config, texts, corpus, kept)
    masks = {name: rows.slice(name) for name in names}
    for name, inside in masks.items():
        if not inside.any():
            raise RequestError(
                f"--register.must-not-lose {name}: none of the {len(rows.ids):,} test rows is in this slice, so nobody could "
                "lose there; correct it, or leave it out"
            )
    return NamedSlices(rows.ids, masks)
