"""The tokenizers by name: a new one is a file here that defines TOKENIZER, and a line in this table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import basic_english, char, jieba, whitespace, word

if TYPE_CHECKING:
    from ..tokenizer import Tokenizer

# Imported by name: the code digest follows imports. A library that takes long to import is imported where it is first used.
TOKENIZERS: dict[str, Tokenizer] = {
    "word": word.TOKENIZER,
    "whitespace": whitespace.TOKENIZER,
    "char": char.TOKENIZER,
    "jieba": jieba.TOKENIZER,
    "basic_english": basic_english.TOKENIZER,
}
