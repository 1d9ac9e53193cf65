"""How fast raw text becomes a dataset."""

from __future__ import annotations

from benchmarks.groups.imdb import QUICK_SUBSET
from benchmarks.rows import Group, Row

FIGURES = ("documents", "tokens", "ingest_seconds", "prepare_seconds", "tokens_per_second")


def group(quick: bool) -> Group:
    """The rows; quick ones read a small subset."""
    archive = "$GROUP/aclImdb_v1.tar.gz" if quick else "$DATA/imdb/aclImdb_v1.tar.gz"
    setup = (QUICK_SUBSET,) if quick else ()
    command = f"python -m benchmarks.micro.preparation {archive} --folder $OWN"
    return Group(
        name="prepare",
        title="From the IMDB archive to clean tokens",
        about=(
            "100,000 reviews: read, cleaned, tokenized, duplicates and near-duplicates found, split and written. `tokens per "
            "second` is that of prepare alone, with one process a core and with one."
        ),
        rows=(
            Row("a process a core", command, FIGURES, setup),
            Row("one process", f"{command} --workers 1", FIGURES, setup),
        ),
    )
