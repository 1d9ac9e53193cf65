"""Vectors that are given by URL: copies of them on this machine, by whose bytes, never by the URL, the step is keyed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.download import copy_of
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.align.settings import AlignConfig
    from tasks.store.artifact import Fingerprints

LOCATED = ("vectors", "vocabulary", "second", "second_vocabulary")


def local_copies(
    config: AlignConfig, data_root: Path, fingerprints: Fingerprints, *, progress: Progress = SILENT
) -> AlignConfig:
    """Give the same section with the path of a verified copy in place of each URL.

    RequestError for a place that does not exist or cannot be asked, UnavailableError for one that does not answer.
    """
    urls = {name: value for name in LOCATED if isinstance(value := getattr(config, name), str)}
    folder = data_root / "raw" / "vectors"
    copies = {name: copy_of(url, folder, fingerprints, f"--align.{name}", progress) for name, url in urls.items()}
    return config.model_copy(update=copies)
