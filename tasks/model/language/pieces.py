"""Texts to the numbers of their pieces and back, by the files of a tokenizer's folder.

tokenizer.json   as the library `tokenizers` writes it
language.json    kind, the numbers of <eos> and <unk>, how many pieces there are

Pieces spell the text: put together they give it back, so that what models of different vocabularies say about a text can be
compared by its bytes. A piece that is not in the vocabulary is <unk>, and its spelling is handed on beside it. A text that
holds `<eos>` in so many letters says nothing about its end.
"""

from __future__ import annotations

import importlib
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...errors import RequestError
from ..text.clean import clean
from ..text.scripts import UNSPACED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

TOKENIZER, FACTS = "tokenizer.json", "language.json"
PAD, UNKNOWN, END = "<pad>", "<unk>", "<eos>"
MAX_CHARS = 100_000  # of a prompt
ENDS = (END, "<|endoftext|>", "</s>", "[SEP]")  # what tokenizers of others call the end of a text
BATCH = 256  # texts that the library cuts at a time
_WORD = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")


class Encoded(NamedTuple):
    """Pieces of N texts: ids int32 [T], offsets int64 [N + 1], and how the <unk> among them are spelled, in their order."""

    ids: np.ndarray
    offsets: np.ndarray
    unknown: list[bytes]


def normal(text: str) -> str:
    """The text as it is modelled: without markup, control and invisible characters, one blank for a run of white space."""
    return " ".join(clean(text, lowercase=False).split())


def num_words(text: str) -> int:
    """The words of a text; of scripts without blanks a character is one."""
    return sum(1 for _ in _WORD.finditer(text))


def checked_prompt(value: object, where: str) -> str:
    """The prompt, if it is a text that can be read; RequestError if not."""
    if not isinstance(value, str):
        raise RequestError(f"{where}: expected a text, got {type(value).__name__}")
    if len(value) > MAX_CHARS:
        raise RequestError(f"{where}: a prompt of {len(value):,} characters is too long; send at most {MAX_CHARS:,}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise RequestError(f"{where}: half of a character (U+{ord(value[error.start]):04X}); send valid Unicode") from None
    return value


class Pieces:
    """What cuts texts into pieces."""

    def __init__(self, folder: Path) -> None:
        """RequestError for a file that is no tokenizer, or where a library is missing."""
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        self.kind: str = facts["kind"]
        self.num: int = facts["pieces"]
        self.end: int = facts["end"]
        self.unknown: int | None = facts["unknown"]
        self.banned: list[int] = facts["banned"]
        self.tokenizer = open_tokenizer(folder / TOKENIZER)
        self._segment = _segmenter() if self.kind == "jieba" else None
        self._known: dict[str, int] = self.tokenizer.get_vocab() if self._segment else {}

    def encode(self, texts: Iterable[str]) -> Encoded:
        """The pieces of texts as they were ingested."""
        ids, lengths, unknown = [np.zeros(0, np.int32)], [0], list[bytes]()
        waiting: list[str] = []
        for text in texts:
            waiting.append(normal(text))
            if len(waiting) == BATCH:
                self._add(waiting, ids, lengths, unknown)
                waiting = []
        self._add(waiting, ids, lengths, unknown)
        return Encoded(np.concatenate(ids), np.cumsum(lengths, dtype=np.int64), unknown)

    def text(self, ids: Sequence[int]) -> str:
        """The text that the pieces spell, without the blank that begins it."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=False)
        return text.removeprefix(" ")

    def spelled(self, number: int) -> str:
        """The text that one piece stands for, with its blank; empty for <eos> and its like."""
        if number == self.end or number in self.banned:
            return ""
        text: str = self.tokenizer.decode([number], skip_special_tokens=False)
        return text

    def _add(self, texts: list[str], ids: list[np.ndarray], lengths: list[int], unknown: list[bytes]) -> None:
        if self._segment is not None:
            for text in texts:
                words = self._segment(text)
                own = np.array([self._known.get(word, -1) for word in words], np.int32)
                at = np.flatnonzero(own < 0)
                unknown += [words[place].encode() for place in at]
                own[at] = -1 if self.unknown is None else self.unknown
                ids.append(own)
                lengths.append(len(own))
            return
        for text, found in zip(texts, self.tokenizer.encode_batch(texts, add_special_tokens=False), strict=True):
            own = np.array(found.ids, np.int32)
            if self.unknown is not None and (at := np.flatnonzero(own == self.unknown)).size:
                offsets = found.offsets
                unknown += [text[slice(*offsets[place])].encode() for place in at]
            ids.append(own)
            lengths.append(len(own))


def open_tokenizer(path: Path) -> Any:
    """The tokenizer without padding, truncation and special pieces of its own; RequestError for a file that is none."""
    tokenizers = _library("tokenizers")
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 the library raises nothing narrower
        raise RequestError(f"{path}: it cannot be read as a tokenizer ({str(error)[:200]}); fetch it again") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.encode_special_tokens = True  # `<eos>` in a text is text
    return tokenizer


def _segmenter() -> Any:
    _library("rjieba")
    from ..text.tokenizers.jieba import segmenter

    return segmenter(()).cut


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise RequestError(f"language models need {name}, which is not installed; run pip install {name}") from None
