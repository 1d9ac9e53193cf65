"""The same command again: every step from the store."""

from __future__ import annotations

from benchmarks.groups.imdb import QUICK_SUBSET
from benchmarks.rows import Group, Row

FIGURES = ("accuracy", "startup_seconds", "server_seconds", "seconds")


def group(quick: bool) -> Group:
    """The rows; quick ones use the embedded sample's command and a small subset."""
    archive = "$GROUP/aclImdb_v1.tar.gz" if quick else "$DATA/imdb/aclImdb_v1.tar.gz"
    subset = (QUICK_SUBSET,) if quick else ()

    def again(preset: str) -> Row:
        command = f"textmill train --preset {preset} --ingest.archive {archive} --runtime.data-root $GROUP/{preset} --json"
        return Row(f"textmill {preset}, again", command, FIGURES, (*subset, command), limit_seconds=600)

    return Group(
        name="cached",
        title="A fully cached run",
        about=(
            "The command has run before on the same data root; every byte of the store is still read and compared. "
            "`startup seconds` are imports and Prefect's server, `server seconds` the server's start alone, "
            "`seconds` what the flow itself took."
        ),
        rows=(again("imdb-fast"), again("imdb")),
    )
