"""The tokenizers by name: a new one is a module in `tasks/model/text/tokenizers`, and one line in this table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.model.text.tokenizers import basic_english, char, jieba, whitespace, word

if TYPE_CHECKING:
    from tasks.model.text.tokenizer import Tokenizer

# A library that takes long to import is imported where it is first used.
TOKENIZERS: dict[str, Tokenizer] = {
    "word": word.TOKENIZER,
    "whitespace": whitespace.TOKENIZER,
    "char": char.TOKENIZER,
    "jieba": jieba.TOKENIZER,
    "basic_english": basic_english.TOKENIZER,
}
