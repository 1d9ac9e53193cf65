"""Take the labels of a text out of an import of labels; see tasks/labels/imports.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.crash import crash_point
from tasks.durable import PRIVATE, replaced
from tasks.forget.search import held_by_file
from tasks.labels.content import content_key

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.forget.forms import Wanted


def forget_labels(path: Path, wanted: Wanted) -> int:
    """Write an import anew without the labels of texts that are to be forgotten; how many.

    A label whose text a sheet had no room for goes by its key. A file that cannot be read, or holds a text otherwise, is
    removed.
    """
    try:
        table = pq.read_table(path)
        texts, keys = table.column("text").to_pylist(), table.column("key").to_pylist()
    except (OSError, KeyError, pa.ArrowException):
        path.unlink()
        return 0
    gone, forgotten = set(wanted.rows([text or "" for text in texts])), {content_key(text) for text in wanted.texts}
    gone |= {at for at, key in enumerate(keys) if key in forgotten}
    if gone:
        kept = table.filter(pa.array([at not in gone for at in range(len(table))], pa.bool_()))
        with replaced(path, mode=PRIVATE, flushed=True) as partial:
            pq.write_table(kept, partial, compression="zstd", write_page_checksum=True)
        crash_point("forget.labels_written")
    if held_by_file(path, wanted):
        path.unlink()
    return len(gone)
