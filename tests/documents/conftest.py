from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from tasks.ingest.corpus import write_corpus
from tasks.ingest.settings import IngestConfig

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., SimpleNamespace]:
    """Run write_corpus and read back its rows, its quarantine and its report; the equation is asserted for every corpus."""

    def run(**options: Any) -> SimpleNamespace:
        folder = tmp_path_factory.mktemp("out")
        report = write_corpus(IngestConfig(**options), folder)
        rows = pq.read_table(folder / "corpus.parquet", page_checksum_verification=True).to_pylist()
        quarantine = pq.read_table(folder / "quarantine.parquet", page_checksum_verification=True).to_pylist()
        assert report["found"] == report["kept"] + report["duplicates"] + report["quarantined"]
        assert (len(rows), len(quarantine)) == (report["kept"], report["quarantined"])
        assert len({row["id"] for row in rows}) == len(rows)
        return SimpleNamespace(
            folder=folder,
            report=report,
            rows=rows,
            quarantine=quarantine,
            texts={row["id"]: row["text"] for row in rows},
            labels={row["id"]: row["label"] for row in rows},
            splits={row["id"]: row["split"] for row in rows},
            reasons={row["source"]: row["reason"] for row in quarantine},
        )

    return run


@pytest.fixture
def data() -> Path:
    """The real data sets; tests that need them skip by name where they are absent."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data sets are not at {folder}")
    return folder
