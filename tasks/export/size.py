"""Sizes as people write them: 2MB is two million bytes, 2MiB a little more."""

from __future__ import annotations

import re

from tasks.errors import RequestError

UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)", re.ASCII)


def parse_size(text: str, flag: str) -> int:
    """Bytes; RequestError, which names the flag, for a text that is no size."""
    found = _SIZE.fullmatch(text.strip().lower())
    if found is None or found[2] not in UNITS or float(found[1]) <= 0:
        raise RequestError(f"{flag} {text!r} is not a size; give one such as 2MB or 500KB")
    return int(float(found[1]) * UNITS[found[2]])


def size_text(num_bytes: float) -> str:
    """The size in a unit that suits it, rounded up to a tenth."""
    unit = next((name for name in ("GB", "MB", "KB") if num_bytes >= UNITS[name.lower()]), "B")
    return f"{-(-int(num_bytes) * 10 // UNITS[unit.lower()]) / 10:g}{unit}"
