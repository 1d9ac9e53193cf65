"""The languages of texts, told by py3langid: naive Bayes on letters (Lui & Baldwin 2012)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

READ_CHARS = 1000  # of a text
SHORTEST = 20  # letters: nobody can tell the language of less


def language_shares(texts: Iterable[str]) -> dict[str, float]:
    """The share of the texts in each language, by its code, the greatest first; texts of hardly a letter are left out.

    RequestError where the library is not installed.
    """
    try:
        from py3langid import classify
    except ImportError:
        raise RequestError("expect.languages needs the library py3langid: pip install 'textmill[languages]'") from None
    counts = Counter(classify(text[:READ_CHARS])[0] for text in texts if _letters(text[:READ_CHARS]) >= SHORTEST)
    return {code: count / counts.total() for code, count in counts.most_common()}


def _letters(text: str) -> int:
    """Letters, of which a character of Chinese, Japanese or Korean is worth four: such a text is shorter."""
    return sum(4 if "\u2e80" <= character <= "\uffdc" else 1 for character in text if character.isalpha())
