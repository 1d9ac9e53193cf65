"""From raw text to tokens: clean it, cut it, leave out the stop words.

With every tokenizer a token is never empty, holds no white space, and is never one that later steps reserve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import han
from .clean import clean
from .tokenizers import TOKENIZERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SETTINGS = ("html", "lowercase", "numbers", "punctuation", "width", "han", "tokenizer")
LISTS = ("stop_words", "user_dictionary")
# What texts are cleaned and cut with, whatever the settings.
TEXT_LIBRARIES = tuple(sorted({*han.LIBRARIES, *(name for each in TOKENIZERS.values() for name in each.libraries)}))


class TextToTokens:
    """Turn raw text into the tokens that models are trained on.

    `settings` are the values of a dataset's `text.json`: SETTINGS as in the prepare section, and two lists of strings, the
    stop words and the entries of the user dictionary.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = {key: settings[key] for key in SETTINGS} | {key: list(settings[key]) for key in LISTS}
        self._stop_words = frozenset(self.settings["stop_words"])
        self._clean = {key: self.settings[key] for key in ("html", "lowercase", "numbers", "width", "han")}
        try:
            make = TOKENIZERS[self.settings["tokenizer"]].make
        except KeyError:
            raise ValueError(f"unknown tokenizer {self.settings['tokenizer']!r}; known: {', '.join(TOKENIZERS)}") from None
        self._cut = make(self.settings)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values, in a fixed order: `TextToTokens(x.to_dict())` cuts as `x` does."""
        return dict(self.settings)

    def tokens(self, text: str) -> list[str]:
        """The tokens of one text, in order."""
        tokens = self._cut(clean(text, **self._clean))
        if self._stop_words:
            tokens = [token for token in tokens if token.lower() not in self._stop_words]
        return tokens

    def batch(self, texts: Sequence[str]) -> list[list[str]]:
        """The tokens of each text."""
        return [self.tokens(text) for text in texts]


def libraries_for(settings: Mapping[str, Any]) -> list[str]:
    """The libraries that TextToTokens imports with these settings."""
    converts = settings["han"] == "simplified"
    return [*TOKENIZERS[settings["tokenizer"]].libraries, *(han.LIBRARIES if converts else ())]
