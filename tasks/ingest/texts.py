"""Read texts alone, whatever layout they have, into the same tables as a labelled corpus.

Folders, archives, tables and lines are told apart as those of texts to score are. Every row gets one and the same label, so
that rows are kept, parted and counted by the rules that hold for a corpus with labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.documents.inputs import input_of
from tasks.documents.layout import Asked, Layout, Notes
from tasks.errors import RequestError
from tasks.ingest.corpus import read_layout, report_of
from tasks.ingest.plan import TEST_IDS
from tasks.ingest.schema import TEXT_ALONE
from tasks.ingest.settings import IngestConfig, read_forgotten
from tasks.ingest.writer import Writer
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.documents.record import Record
    from tasks.ingest.settings import TextsConfig


def check_texts(config: TextsConfig) -> None:
    """Raise RequestError for all that can be known before the texts are read."""
    for layout in _layouts(config):
        layout.check()


def write_texts(config: TextsConfig, folder: Path, *, progress: Progress = SILENT) -> dict[str, Any]:
    """Write `corpus.parquet` and `quarantine.parquet` into `folder`; the report is that of `write_corpus`.

    RequestError if the input is wrong or holds no text.
    """
    check_texts(config)
    layouts, notes = _layouts(config), Notes()
    with Writer(IngestConfig(max_chars=config.max_chars), None, folder, read_forgotten(config)) as writer:
        for layout in layouts:
            limit = config.max_words if layout.asked.split != "test" else 0
            read_layout(layout, writer, progress, notes, taken=_Taken(limit))
    if not writer.kept:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in writer.reasons.most_common())
        told = f"none of {writer.found:,} records can be used ({reasons}); the first, {writer.first_refused}"
        raise RequestError(f"{config.path}: {told}")
    return report_of(writer, notes, notes.warnings)


class _Taken:
    """Takes every record as a text alone, until there are enough words."""

    def __init__(self, max_words: int) -> None:
        self.max_words, self.words = max_words, 0

    def __call__(self, record: Record) -> Record | None:
        """The record with the one label; None when there are enough."""
        if self.max_words and self.words >= self.max_words:
            return None
        self.words += len(record.data.split() if record.text is None else record.text.split())
        return record._replace(label=TEXT_ALONE)


def _layouts(config: TextsConfig) -> list[Layout]:
    if config.path is None:
        raise RequestError("nothing to read: give --ingest.path FILE_OR_FOLDER")
    official = config.test_path is not None
    asked = [Asked(config.path, config.reading, "--ingest.path", "train" if official else None)]
    if official:
        asked.append(Asked(config.test_path, config.reading, "--ingest.test-path", "test", TEST_IDS))
    return [input_of(each) for each in asked]
