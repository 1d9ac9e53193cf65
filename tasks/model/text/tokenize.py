"""From raw text to tokens: clean it, cut it, leave out the stop words.

With every tokenizer a token is never empty, holds no white space, and is never one that later steps reserve.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .clean import clean
from .tokenizer import CutAtBlanks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from .tokenizer import Tokenizer

SETTINGS = ("html", "lowercase", "numbers", "punctuation", "width", "han", "tokenizer")
LISTS = ("stop_words", "user_dictionary")
MANY = 32  # texts


class TextToTokens:
    """Turn raw text into the tokens that models are trained on.

    `settings` are the values of a dataset's `text.json`: SETTINGS as in the prepare section, and two lists of strings, the
    stop words and the entries of the user dictionary.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = {key: settings[key] for key in SETTINGS} | {key: list(settings[key]) for key in LISTS}
        self._stop_words = frozenset(self.settings["stop_words"])
        self._clean = {key: self.settings[key] for key in ("html", "lowercase", "numbers", "width", "han")}
        self._cut = open_tokenizer(self.settings["tokenizer"]).make(self.settings)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values, in a fixed order: `TextToTokens(x.to_dict())` cuts as `x` does."""
        return dict(self.settings)

    def tokens(self, text: str) -> list[str]:
        """The tokens of one text, in order."""
        tokens = self._cut(clean(text, **self._clean))
        if self._stop_words:
            tokens = [token for token in tokens if token.lower() not in self._stop_words]
        return tokens

    def places(self, texts: Sequence[str], documents: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
        """Start and end in its text of each token of `documents`, which are `batch(texts)`, one after another: int64 [T] both.

        A token that comes from no character of its text has no width.
        """
        from .offsets import traced_clean  # with NumPy, which commands that only cut texts do not wait for
        from .places import places

        traced = [traced_clean(text, **self._clean) for text in texts]
        if not self._stop_words:
            return places(traced, documents)
        documents = [self._cut(each.text) for each in traced]
        kept_T = [token.lower() not in self._stop_words for tokens in documents for token in tokens]
        start_T, end_T = places(traced, documents)
        return start_T[kept_T], end_T[kept_T]

    def batch(self, texts: Sequence[str]) -> list[list[str]]:
        """The tokens of each text."""
        return [self.tokens(text) for text in texts]

    def documents(self, texts: Sequence[str]) -> Sequence[list[str]]:
        """The same; of many texts a TokenBatch, which is made in a fraction of the time, if the tokenizer cuts at blanks."""
        if len(texts) < MANY or self._stop_words or not isinstance(self._cut, CutAtBlanks):
            return self.batch(texts)
        from .token_batch import cut_batch  # with NumPy, as above

        return cut_batch([clean(text, **self._clean) for text in texts], self._cut)


def open_tokenizer(name: str) -> Tokenizer:
    """The tokenizer of that name; ValueError for one that this code does not have."""
    place = f"{__package__}.tokenizers.{name}"
    try:
        module = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if not place.startswith(str(error.name)):  # a library that the tokenizer needs
            raise
        raise ValueError(f"unknown tokenizer {name!r}: {__package__}.tokenizers has no module of that name") from error
    tokenizer: Tokenizer = module.TOKENIZER
    return tokenizer
