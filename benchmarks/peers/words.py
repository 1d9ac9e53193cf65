"""The cut that fastText's own classification tutorial makes: lower case, HTML breaks removed, punctuation set apart."""

from __future__ import annotations

import re

BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
TOKEN = re.compile(r"\w+(?:'\w+)*|[^\w\s]")


def words(text: str) -> list[str]:
    """The words and punctuation marks of a text, in lower case; no token holds white space."""
    return TOKEN.findall(BREAK.sub(" ", text).lower())


def line(text: str) -> str:
    """The same as one line for fastText's text files: tokens parted by blanks, no line break and no label mark inside."""
    return " ".join(words(text)).replace("__label__", "label")
