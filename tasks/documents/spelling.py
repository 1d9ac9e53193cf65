"""How a label is spelled: one rule for every table, folder and test file, so that equal labels meet.

- a whole number is written without a point: `0.0`, `1.00` and `-2.0` are `0`, `1` and `-2`, as programs write integers where a
  column has a gap
- `True`, `TRUE` and `true` are `true`, and likewise for false
- fastText's prefix `__label__` is removed
- a letter and its accent are one character (NFC; folders of a Mac part them), and invisible characters, such as a zero-width
  space, are left out

Other text is as it is found, without white space around it. If one input spells a label in two ways, a warning names them.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Any

_WHOLE = re.compile(r"([+-]?)0*([0-9]+)\.0+")
_PREFIX = "__label__"
# Zero-width and word-joining spaces, byte order and direction marks, soft hyphens; joiners shape letters and emoji, and stay.
_INVISIBLE = dict.fromkeys([0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF])


def spelled(label: str) -> str:
    """The label in the spelling that all of its spellings have; nothing if only the prefix is there."""
    if not label.isascii():
        label = unicodedata.normalize("NFC", label.translate(_INVISIBLE))
    label = label.strip()
    if label.startswith(_PREFIX):
        label = label[len(_PREFIX) :].strip()
    if label[-1:] == "0" and "." in label and (whole := _WHOLE.fullmatch(label)):
        number = whole[2].lstrip("0") or "0"
        return f"-{number}" if whole[1] == "-" and number != "0" else number
    if len(label) in (4, 5) and (lower := label.lower()) in ("true", "false"):
        return lower
    return label


def scalar(value: Any) -> str | None:
    """Write a typed value as text: whole numbers without a point, null as nothing; None for lists, objects and the like."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case Decimal():
            return str(int(value)) if value == value.to_integral_value() else format(value.normalize(), "f")
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case str() | int() | float():
            return str(value)
        case _:
            return None
