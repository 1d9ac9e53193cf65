"""What a request asks for: its body as texts, or one line that says what is wrong with it.

`/predict` takes `{"text": "…"}` or `{"texts": ["…"]}`; `/invocations` takes the forms of MLflow's scoring server
(https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/): inputs, instances, dataframe_split,
dataframe_records, CSV.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tasks.serve.settings import ServeSettings

JSON, CSV = "application/json", "text/csv"
COLUMN = "text"
FORMS = ("inputs", "instances", "dataframe_split", "dataframe_records")
OPTIONS = ("explain", "max_error", "towards")
ANY_CELL = (1 << 31) - 1  # characters of a cell: a body's size is bounded before it is read here
MOST_SHOWN = 60  # characters of a foreign name in a message
KINDS = {type(None): "nothing", list: "a list", dict: "an object", bool: "a boolean", int: "a number", float: "a number"}


class Refusal(RequestError):  # noqa: N818
    """A request that cannot be answered; `status` is the HTTP status that says so."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Asked(NamedTuple):
    """The texts of a request, and what is wanted besides their labels."""

    texts: list[str]
    explain: bool = False
    max_error: float | None = None
    towards: bool = False


def asked_of_predict(content_type: str, body: bytes, limits: ServeSettings) -> Asked:
    """What a request to `/predict` asks for; Refusal if it is malformed or too large."""
    _check_type(content_type, (JSON,))
    request = _object(body, 'send {"text": "…"} or {"texts": ["…"]}')
    _refuse_unknown(request, ("text", "texts", *OPTIONS))
    if ("text" in request) == ("texts" in request):
        raise Refusal('send one of "text" and "texts"')
    texts = [request["text"]] if "text" in request else request["texts"]
    if not isinstance(texts, list):
        raise Refusal(f'"texts" is {_kind(texts)}; send a list of texts, or one as "text"')
    return Asked(_checked(texts, limits), **_options(request))


def asked_of_mlflow(content_type: str, body: bytes, limits: ServeSettings) -> Asked:
    """What a request to `/invocations` asks for, in one of MLflow's forms; Refusal if it is malformed or too large."""
    if _check_type(content_type, (JSON, CSV)) == CSV:
        return Asked(_checked(_csv_texts(body), limits))
    request = _object(body, f"send an object with one of {', '.join(FORMS)}")
    _refuse_unknown(request, (*FORMS, "params"))
    given = [form for form in FORMS if form in request]
    if len(given) != 1:
        raise Refusal(f"send one of {', '.join(FORMS)}; the request has {' and '.join(given) or 'none of them'}")
    params = request.get("params") or {}
    if not isinstance(params, dict):
        raise Refusal(f'"params" is {_kind(params)}; send an object')
    _refuse_unknown(params, OPTIONS)
    return Asked(_checked(_READERS[given[0]](request[given[0]]), limits), **_options(params))


def _split_texts(split: Any) -> list[Any]:
    """The column `text` of `{"columns": […], "data": [[…]]}`."""
    if not isinstance(split, dict) or not all(isinstance(split.get(name), list) for name in ("columns", "data")):
        raise Refusal('"dataframe_split" is an object with the lists "columns" and "data"; send both')
    columns, rows = split["columns"], split["data"]
    if columns.count(COLUMN) != 1:
        raise Refusal(f"column {COLUMN!r} is there {columns.count(COLUMN)} times; send it once")
    at = columns.index(COLUMN)
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            cells = f"{len(row)} cells" if isinstance(row, list) else f"{_kind(row)}"
            raise Refusal(f"row {number}: {cells}, and there are {len(columns)} columns; send as many cells as columns")
    return [row[at] for row in rows]


def _record_texts(records: Any) -> list[Any]:
    """The values of `text` of a list of objects."""
    if not isinstance(records, list):
        raise Refusal(f'"dataframe_records" is {_kind(records)}; send a list of objects')
    return [_cell(record, number) if isinstance(record, dict) else record for number, record in enumerate(records)]


def _input_texts(given: Any) -> list[Any]:
    """The texts of `inputs` or `instances`: one, a list of them or of objects, or an object of columns."""
    if isinstance(given, dict):
        column = _cell(given, None)
        if len(given) > 1:
            raise Refusal(f"the model reads the column {COLUMN!r} alone; leave the others out")
        return column if isinstance(column, list) else [column]
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list):
        raise Refusal(f"expected texts, got {_kind(given)}; send a list of texts")
    objects = all(isinstance(each, dict) for each in given)
    return [_cell(each, number) for number, each in enumerate(given)] if objects else given


_READERS: Mapping[str, Callable[[Any], list[Any]]] = {
    "inputs": _input_texts,
    "instances": _input_texts,
    "dataframe_split": _split_texts,
    "dataframe_records": _record_texts,
}


def _cell(record: Mapping[str, Any], number: int | None) -> Any:
    if COLUMN not in record:
        raise Refusal(f"{'' if number is None else f'row {number}: '}column {COLUMN!r} is missing; send the texts in it")
    return record[COLUMN]


def _csv_texts(body: bytes) -> list[Any]:
    """The column `text` of a CSV with a header; every cell is a text as it is written, so that NA and 5 stay NA and 5."""
    try:
        lines = io.StringIO(body.decode("utf-8-sig"), newline="")
    except UnicodeDecodeError as error:
        raise Refusal(f"the CSV is not UTF-8 (byte {error.start}); convert it") from None
    csv.field_size_limit(ANY_CELL)  # the limit is the process's: one for each body would be that of other threads' bodies too
    reader = csv.reader(lines, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if header.count(COLUMN) != 1:
            raise Refusal(f"the CSV has {header.count(COLUMN)} columns {COLUMN!r}; name one so in its first line")
        rows = []
        for row in filter(None, reader):
            if len(row) != len(header):
                raise Refusal(
                    f"line {reader.line_num} of the CSV has {len(row)} cells, the header {len(header)}; put quotes around texts"
                )
            rows.append(row[header.index(COLUMN)])
    except csv.Error as error:
        raise Refusal(f"line {reader.line_num} of the CSV: {error}") from None
    return rows


def _check_type(content_type: str, known: Sequence[str]) -> str:
    """The media type of a request; Refusal unless it is known and in UTF-8."""
    kind, *parameters = (part.strip() for part in content_type.lower().split(";"))
    if kind not in known:
        shown = f"Content-Type {_shown(kind)} is not read here" if kind else "there is no Content-Type"
        raise Refusal(f"{shown}; send {' or '.join(known)}", 415)
    charset = next((each.partition("=")[2].strip('" ') for each in parameters if each.startswith("charset=")), "utf-8")
    if charset.replace("_", "-") not in ("utf-8", "utf8", "us-ascii"):
        raise Refusal(f"charset {_shown(charset)} is not read here; send UTF-8", 415)
    return kind


def _object(body: bytes, remedy: str) -> dict[str, Any]:
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        why = "half of a character, or no JSON" if "surrogate" in str(error) else "no JSON in UTF-8"
        raise Refusal(f"{why}: line {error.lineno}, column {error.colno}; {remedy}") from None
    if not isinstance(request, dict):
        raise Refusal(f"expected an object, got {_kind(request)}; {remedy}")
    return request


def _refuse_unknown(request: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in request:
        if name not in known:
            raise Refusal(f"{_shown(name)} is not known here; known: {', '.join(known)}")


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """`explain`, `max_error` and `towards` as they are asked for."""
    max_error = given.get("max_error")
    flags = {name: given.get(name, False) for name in ("explain", "towards")}
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise Refusal(f'"{name}" is {_kind(flag)}; send true or false')
    if max_error is not None:
        if isinstance(max_error, bool) or not isinstance(max_error, int | float):
            raise Refusal(f'"max_error" is {_kind(max_error)}; send a share between 0 and 1')
        if not 0 < max_error < 1:
            raise Refusal('"max_error" is a share between 0 and 1, such as 0.05')
    return {**flags, "max_error": max_error}


def _checked(texts: list[Any], limits: ServeSettings) -> list[str]:
    """The texts; Refusal names the first that is not one, or is too long."""
    if len(texts) > limits.max_texts:
        raise Refusal(f"{len(texts)} texts are too many for one request; send at most {limits.max_texts}", 413)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise Refusal(f"row {row}: expected a text, got {_kind(text)}")
        if len(text) > limits.max_chars:
            raise Refusal(f"row {row}: {len(text)} characters are too many for one text; send at most {limits.max_chars}", 413)
    return texts


def _kind(value: Any) -> str:
    return KINDS.get(type(value), "a text")


def _shown(name: str) -> str:
    """A foreign name in a message: in quotes, cut, every sign that could do something written as its number."""
    return ascii(name if len(name) <= MOST_SHOWN else f"{name[:MOST_SHOWN]}…")
