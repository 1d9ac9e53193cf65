"""The view `bag`: a bag of word n-grams. Served, it is one weight for each n-gram and class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..ngram_sum import NgramSum

if TYPE_CHECKING:
    from ..classifier import ModelFolder


def open_view(source: ModelFolder, name: str) -> NgramSum:
    """The view as it is served."""
    return NgramSum.load(source.folder, source.tensors(name))
