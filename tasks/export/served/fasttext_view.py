"""fastText's own classifier, from the file that its library and its program read too.

Shapes: N documents, C classes.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.model.fasttext_words import LABEL
from tasks.model.views.fasttext import SMALLEST, lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BINARY = "model.bin"


class FasttextFile:
    """The one view of such a model."""

    def __init__(self, arrays: Mapping[str, np.ndarray], name: str, settings: Mapping[str, Any]) -> None:
        self.path = settings["folder"] / BINARY
        self.columns = {f"{LABEL}{label}": column for column, label in enumerate(settings["names"])}

    @cached_property
    def _model(self) -> Any:
        import fasttext

        return fasttext.load_model(str(self.path))

    @cached_property
    def _words(self) -> frozenset[str]:
        return frozenset(self._model.words)

    @property
    def reads_unseen_words(self) -> bool:
        """Whether a word that is not in the dictionary still says something: with subwords alone."""
        return bool(self._model.f.getArgs().maxn > 0)

    def logits(self, documents: Sequence[Sequence[str]]) -> np.ndarray:
        """Logarithms of fastText's probabilities, float32 [N, C]."""
        logits_NC = np.full((len(documents), len(self.columns)), np.log(SMALLEST), np.float32)
        for row, line in enumerate(lines(documents)):
            for name, probability in zip(*self._model.predict(line, k=-1), strict=True):
                logits_NC[row, self.columns[name]] = np.log(max(float(probability), SMALLEST))
        return logits_NC

    def unseen(self, documents: Sequence[Sequence[str]]) -> np.ndarray:
        """Whether no word of a document is in the dictionary: bool [N]."""
        words = (line.split(" ") for line in lines(documents))
        return np.array([not any(word in self._words for word in each if word) for each in words], bool)
