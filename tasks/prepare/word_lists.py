"""Lists of words that a user gives: stop words, left out of every document, and words that jieba's dictionary lacks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import RequestError
from tasks.model.text.clean import clean
from tasks.model.text.tokenize import SETTINGS, TextToTokens
from tasks.model.text.tokenizer import RESERVED_TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.prepare.settings import PrepareConfig

LISTS = {"english": "english_stop_words.txt", "chinese": "chinese_stop_words.txt"}
MAX_FREQUENCY = 1_000_000_000  # beyond any word of jieba's dictionary, and well within its 64 bits

# A word, a frequency and a part of speech, as jieba's own dictionaries have them; the last is not used.
_ENTRY = re.compile(r"(?P<word>\S+)(?:\s+(?P<frequency>[0-9]+))?(?:\s+[A-Za-z]+)?")


def text_to_tokens(config: PrepareConfig, tokenizer: str | None = None) -> TextToTokens:
    """Make the tokenizer of a prepare section, with its files; RequestError if one cannot be read.

    `tokenizer` is the choice by script where the section says auto.
    """
    settings = {key: getattr(config, key) for key in SETTINGS}
    settings |= {"stop_words": load_stop_words(config), "user_dictionary": load_user_dictionary(config)}
    return TextToTokens(settings | {"tokenizer": tokenizer or config.tokenizer})


def load_stop_words(config: PrepareConfig) -> list[str]:
    """The words to leave out, sorted: "none", "english", "chinese", or those of a UTF-8 file, one a line (`#`: a comment).

    Words are folded as tokens are. RequestError if the file is missing or not UTF-8.
    """
    choice = config.stop_words
    if choice == "none":
        return []
    words = listed_stop_words(choice) if isinstance(choice, str) else _stop_words(choice)
    return sorted({_folded(word, config, lowercase=True).replace("\u2019", "'") for word in words})


def listed_stop_words(language: str) -> list[str]:
    """The stop words of `language`, one of LISTS, as its file spells them."""
    return _stop_words(Path(__file__).with_name(LISTS[language]))


def _stop_words(path: Path) -> list[str]:
    lines = _lines(path, "stop-word file", f"give --prepare.stop-words a file, {', '.join(LISTS)} or none")
    return [word for _, line in lines if (word := line.partition("#")[0].strip())]


def load_user_dictionary(config: PrepareConfig) -> list[str]:
    """The words of the UTF-8 file `user_dictionary`, one a line in jieba's format `word [frequency] [part of speech]`.

    In the file's order, which matters where words overlap, and folded as tokens are; each is "word" or "word frequency".
    RequestError names the first line that cannot be read.
    """
    path = config.user_dictionary
    if path is None:
        return []
    entries = {}
    for number, line in _lines(path, "user dictionary", "give --prepare.user-dictionary a file"):
        if not line.strip():
            continue
        found = _ENTRY.fullmatch(line.strip())
        if not found or int(found["frequency"] or 1) not in range(1, MAX_FREQUENCY + 1):
            raise RequestError(f"user dictionary {path}, line {number}: {line.strip()[:60]!r} is not `word [frequency] [tag]`")
        word = _folded(found["word"], config, lowercase=config.lowercase)
        if word and word not in RESERVED_TOKENS and not any(map(str.isspace, word)):
            entries[word] = found["frequency"]
    return [f"{word} {frequency}" if frequency else word for word, frequency in entries.items()]


def _lines(path: Path, what: str, remedy: str) -> Iterator[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestError(f"{what} {path}: byte {error.start} is not UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise RequestError(f"{what} {path}: {error.strerror or error}; {remedy}") from error
    return enumerate(text.split("\n"), 1)


def _folded(word: str, config: PrepareConfig, *, lowercase: bool) -> str:
    numbers = "zero" if config.numbers == "zero" else "keep"
    return clean(word, html=False, lowercase=lowercase, numbers=numbers, width=config.width, han=config.han)
