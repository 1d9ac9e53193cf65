"""Tables with one JSON object (or array) a line, and the errors for JSON files of another form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tasks.documents.columns import Columns, position
from tasks.documents.lines import Lines, Row, decode_line
from tasks.documents.spelling import scalar
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.documents.missing import Missing
    from tasks.documents.reading import Reading


def json_rows(lines: Lines, columns: Columns, missing: Missing, second: str) -> Iterator[Row]:
    """Read one JSON object (or array) a line; a row's fields are its texts, its label or time if one is read, and the rest."""
    while (line := lines.take()) is not None:
        text, bad = decode_line(line, lines.encoding)
        if line.long or bad is not None:
            yield Row(
                line.number, line.offset if bad is None else bad, line.data, None, "too_long" if line.long else "undecodable"
            )
            continue
        if not text.strip():
            continue
        value = _json(text)
        fields: list[str] = []
        detail = "" if isinstance(value, dict | list) else "no JSON object on one line"
        for key in columns.text_keys:
            item = _item(value, key)
            if not isinstance(item, str) and not missing.value(item):
                detail = detail or f"{key!r} holds {_kind(item)}, not text"
            fields.append("" if missing.value(item) else item)
        if columns.second_key is not None:
            item = _item(value, columns.second_key)
            written = "" if missing.value(item) else scalar(item)
            if written is None:
                detail = detail or f"{columns.second_key!r} holds {_kind(item)}, not a {second}"
            fields.append(written or "")
        fields += [_cell(_item(value, key)) for key in columns.rest_keys]
        yield Row(line.number, line.offset, line.data, None if detail else fields, "malformed_row", detail)


def keys_of(lines: Lines) -> dict[str, None]:
    """Every key of the objects, in the order in which they first occur."""
    keys: dict[str, None] = {}
    while (line := lines.take()) is not None:
        value = None if line.long else _json(decode_line(line, lines.encoding)[0])
        if isinstance(value, dict) and not value.keys() <= keys.keys():
            keys |= dict.fromkeys(value)
    return keys


def in_json_rows(columns: Columns) -> Columns:
    """The positions in which `json_rows` gives the fields."""
    num_texts, two = len(columns.texts), columns.second is not None
    rest = tuple(range(num_texts + two, num_texts + two + len(columns.rest_keys)))
    return columns._replace(texts=tuple(range(num_texts)), second=num_texts if two else None, number=None, rest=rest)


def _cell(value: Any) -> str:
    """A JSON value as a cell of a table: text as it is, null and a missing key as nothing, all else as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _kind(value: Any) -> str:
    """A JSON value's type in words."""
    names = {list: "a list", dict: "an object", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "text")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _item(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return value.get(key)
    at = position(key)
    return value[at] if isinstance(value, list) and at is not None and at < len(value) else None


def json_names(path: Path, first_lines: list[str], reading: Reading) -> list[str]:
    """Name the keys of the first lines, or the positions of arrays; RequestError if the file is JSON of another form."""
    values = [_json(line) for line in first_lines]
    _check_one_a_line(path, first_lines, values, reading)
    names: dict[str, None] = {}
    for value in values:
        names |= dict.fromkeys(
            map(str, range(len(value))) if isinstance(value, list) else value if isinstance(value, dict) else ()
        )
    if not names:
        raise RequestError(f"{path}: the first lines hold no JSON objects; write one object a line")
    return list(names)


def _check_one_a_line(path: Path, first_lines: list[str], values: list[Any], reading: Reading) -> None:
    """Raise RequestError for a file that is one JSON value, on one line or on many."""
    first, value = first_lines[0].strip(), values[0]
    remedy = "write one object a line, as jq -c '{}' FILE > FILE.jsonl does"
    rows = isinstance(value, list) and any(isinstance(item, dict | list) for item in value)
    if rows or (first.startswith("[") and value is None):
        raise RequestError(f"{path}: a JSON array; {remedy.format('.[]')}")
    if len(values) == 1 and isinstance(value, dict) and isinstance(value.get(reading.text), dict | list):
        raise RequestError(
            f"{path}: one JSON object of whole columns; write a row a line, in pandas orient='records', lines=True"
        )
    if not first.startswith("{") or (isinstance(value, dict) and reading.text in value):
        return
    if isinstance(value, dict):
        held = [key for key, item in value.items() if isinstance(item, list) and item and isinstance(item[0], dict | list)]
    else:
        held = [line.split('"')[1] for line in first_lines if line.count('"') == 2 and line.rstrip().endswith("[")][:1]
    if held:
        raise RequestError(f"{path}: one JSON object that holds the rows under {held[0]!r}; {remedy.format(f'.{held[0]}[]')}")
    if value is None and not any(isinstance(other, dict) for other in values):
        raise RequestError(f"{path}: JSON objects over several lines; {remedy.format('.')}")
