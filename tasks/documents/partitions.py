"""Columns that folders name, as Hive and Spark write them: `year=2024/label=pos/part-0.parquet`."""

from __future__ import annotations

from urllib.parse import unquote

_NULL = "__HIVE_DEFAULT_PARTITION__"


def partitions_of(name: str) -> dict[str, str | None]:
    """The columns that the folders above a file name, by its name with `/`; None for a value that is null."""
    found: dict[str, str | None] = {}
    for part in name.split("/")[:-1]:
        column, mark, value = part.partition("=")
        if mark and column:
            found[unquote(column)] = None if value == _NULL else unquote(value)
    return found
