"""fastText's own supervised classifier, alone. The text it is given cannot inject a label, a line or the end of one.

Shapes: N documents, C classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..fasttext_words import LABEL, LINE_TOKENS, plain_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from ..classifier import ModelFolder, Tokens

FASTTEXT_FILE = "fasttext.bin"
SMALLEST = 1e-12


class FasttextView:
    """A trained fastText model; the library is loaded when the first document is read."""

    def __init__(self, folder: Path, num_classes: int) -> None:
        self.path, self.num_classes = folder / FASTTEXT_FILE, num_classes
        if not self.path.is_file():
            raise FileNotFoundError(self.path)
        self._model: Any = None
        self._words: frozenset[str] = frozenset()

    reads = "words"

    def logits(self, tokens: Tokens) -> np.ndarray:
        """Logarithms of fastText's probabilities, float32 [N, C]."""
        self._load()
        logits_NC = np.full((len(tokens), self.num_classes), np.log(SMALLEST), np.float32)
        for row, line in enumerate(lines(tokens.documents)):
            names, probabilities = self._model.predict(line, k=-1)
            for name, probability in zip(names, probabilities, strict=True):
                logits_NC[row, int(name.removeprefix(LABEL))] = np.log(max(float(probability), SMALLEST))
        return logits_NC

    def vectors(self, tokens: Tokens) -> np.ndarray:
        """The library's vectors of documents, float32 [N, D]."""
        self._load()
        made = [self._model.get_sentence_vector(line) for line in lines(tokens.documents)]
        return np.array(made, np.float32).reshape(len(tokens), self._model.get_dimension())

    def unseen(self, tokens: Tokens) -> np.ndarray:
        """How many tokens of each document are not in fastText's dictionary: int64 [N]."""
        self._load()
        counts = (sum(word not in self._words for word in line.split(" ") if word) for line in lines(tokens.documents))
        return np.fromiter(counts, np.int64, len(tokens))

    @property
    def reads_unseen_words(self) -> bool:
        """Whether a word that was not in the training text still says something: with subwords alone."""
        self._load()
        return bool(self._model.f.getArgs().maxn > 0)

    def _load(self) -> None:
        if self._model is None:
            import fasttext

            self._model = fasttext.load_model(str(self.path))
            self._words = frozenset(self._model.words)


def lines(tokens: pa.Array | Sequence[Sequence[str]]) -> Iterable[str]:
    """One line of text a document: its first tokens, none of which can be read as anything but a word."""
    for document in tokens:
        words = document.as_py() if hasattr(document, "as_py") else document
        yield " ".join(plain_word(word) for word in (words or ())[:LINE_TOKENS] if word)


def open_view(source: ModelFolder, name: str) -> FasttextView:
    """The view as it is served."""
    return FasttextView(source.folder, source.num_classes)
