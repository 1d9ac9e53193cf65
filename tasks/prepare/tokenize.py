"""Cut text into tokens. Depends on the standard library alone: served models carry a copy.

Whatever the tokenizer, a token is never empty, holds no white space, and is none of the marks that later steps reserve.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .clean import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tasks.config import PrepareConfig

RESERVED = frozenset({"</s>", "<pad>", "<unk>"})

# How a run of blanks stands among characters: SentencePiece's sign for one (Kudo & Richardson 2018), itself no blank.
BLANK = "\u2581"
_BLANKS, _NO_WORD = re.compile(r"\s+"), re.compile(r"[\W_]+")

# A percentage, a number with decimals and its unit, or a word with inner apostrophes; hyphens part words.
_WORD = r"\d+(?:[.,]\d+)*%|\d+(?:[.,]\d+)+{letter}*|{word}+(?:'{word}+)*"
# Marks that no word and no number holds.
_APART = str.maketrans(dict.fromkeys('!"#$&()*+-/:;<=>?@[\\]^_`{|}~', " "))


class TextToTokens:
    """Turn raw text into the tokens that models are trained on.

    `settings` is what `text.json` of a dataset holds: html, lowercase, numbers, punctuation, tokenizer, stop_words (a list).
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = {key: settings[key] for key in ("html", "lowercase", "numbers", "punctuation", "tokenizer")}
        self.stop_words = frozenset(settings["stop_words"])
        self._html, self._lowercase, self._numbers = (self.settings[key] for key in ("html", "lowercase", "numbers"))
        try:
            self._cut = TOKENIZERS[self.settings["tokenizer"]](self.settings["punctuation"] == "keep")
        except KeyError:
            raise ValueError(f"unknown tokenizer {self.settings['tokenizer']!r}; known: {', '.join(TOKENIZERS)}") from None

    @classmethod
    def from_config(cls, config: PrepareConfig) -> TextToTokens:
        """Resolve a prepare section, its stop-word file included; RequestError if that cannot be read."""
        from .stop_words import load_stop_words  # not among the modules that served models carry

        keys = ("html", "lowercase", "numbers", "punctuation", "tokenizer")
        return cls({key: getattr(config, key) for key in keys} | {"stop_words": load_stop_words(config.stop_words)})

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON values, in a fixed order: `TextToTokens(x.to_dict())` cuts as `x` does."""
        return {**self.settings, "stop_words": sorted(self.stop_words)}

    def tokens(self, text: str) -> list[str]:
        """The tokens of one text, in order."""
        tokens = self._cut(clean(text, html=self._html, lowercase=self._lowercase, numbers=self._numbers))
        if self.stop_words:
            tokens = [token for token in tokens if token.lower() not in self.stop_words]
        return tokens

    def batch(self, texts: Sequence[str]) -> list[list[str]]:
        """The tokens of each text."""
        return [self.tokens(text) for text in texts]


def _word_tokenizer(keep_punctuation: bool) -> Callable[[str], list[str]]:
    """Words and numbers, see `_WORD`; with punctuation, each mark too, but runs of one mark in threes."""

    def cut(text: str) -> list[str]:
        marks = ""
        if not text.isascii():
            text, marks = text.replace("\u2019", "'"), _marks()
        pattern = _word_pattern(marks, keep_punctuation)
        tokens: list[str] = []
        # Most pieces between blanks are whole words: the pattern, which would find the same, sees only the others.
        for piece in (text if keep_punctuation else text.translate(_APART)).split():
            if piece.isalnum():
                tokens.append(piece)
            elif keep_punctuation:
                tokens.extend(match.group() for match in pattern.finditer(piece))
            elif (bare := piece.strip(".,'")).isalnum():
                tokens.append(bare)
            elif bare:
                tokens.extend(pattern.findall(bare))
        return tokens

    return cut


def _whitespace_tokenizer(keep_punctuation: bool) -> Callable[[str], list[str]]:
    """Words as they stand between blanks; without punctuation, bare of it at both ends."""
    inside = re.compile(r"\w.*\w|\w", re.DOTALL)

    def cut(text: str) -> list[str]:
        tokens = text.split()
        if not keep_punctuation:
            return [match.group() for token in tokens if (match := inside.search(token))]
        return [token.strip("<>") if token in RESERVED else token for token in tokens]

    return cut


def _char_tokenizer(keep_punctuation: bool) -> Callable[[str], list[str]]:
    """Each character; with punctuation, a run of blanks too: in Chinese it stands between clauses."""

    def cut(text: str) -> list[str]:
        return list(_BLANKS.sub(BLANK, text.strip())) if keep_punctuation else list(_NO_WORD.sub("", text))

    return cut


# A tokenizer for a language without blanks between words is one more entry here.
TOKENIZERS: dict[str, Callable[[bool], Callable[[str], list[str]]]] = {
    "word": _word_tokenizer,
    "whitespace": _whitespace_tokenizer,
    "char": _char_tokenizer,
}


@lru_cache(maxsize=4)
def _word_pattern(marks: str, keep_punctuation: bool) -> re.Pattern[str]:
    letter, word = (rf"(?:[^\W\d_][{marks}]*)", rf"(?:[^\W_][{marks}]*)") if marks else (r"[^\W\d_]", r"[^\W_]")
    punctuation = r"|([^\w\s]|_)\1{0,2}" if keep_punctuation else ""
    return re.compile(_WORD.format(letter=letter, word=word) + punctuation)


@lru_cache(maxsize=1)
def _marks() -> str:
    """Combining marks as the inside of a character class: Python's own word class leaves them out, and splits Hindi by them."""
    return "".join(c for c in map(chr, range(0x300, 0x20000)) if unicodedata.category(c) in ("Mn", "Mc"))
