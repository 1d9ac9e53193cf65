"""Traditional Chinese characters as simplified ones."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opencc import OpenCC

LIBRARIES = ("opencc",)


def simplified(text: str) -> str:
    """Write traditional Chinese in simplified characters, by phrase where a character alone is ambiguous (OpenCC's `t2s`).

    Raises UnicodeEncodeError for lone surrogates.
    """
    return text if text.isascii() else _converter().convert(text)


@lru_cache(maxsize=1)
def _converter() -> OpenCC:
    from opencc import OpenCC  # a served model that does not convert does not need it

    return OpenCC("t2s")
