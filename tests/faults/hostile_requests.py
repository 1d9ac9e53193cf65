"""Requests to a model server as careless and hostile clients send them, and what may come back."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.patience import HANGS_SECONDS

if TYPE_CHECKING:
    from random import Random

TIMEOUT_SECONDS = HANGS_SECONDS
JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
CLIENTS_FAULT = range(400, 500)
MLFLOWS_OWN = (500,)  # raised by MLflow's server before the model sees anything: no code of the model can change it


@dataclass(frozen=True)
class Answer:
    """What one request (empty name: a good one about `rows`) got; status 0 for no answer at all."""

    name: str
    status: int
    body: bytes
    seconds: float
    rows: list[int]


def nested(depth: int) -> bytes:
    return b'{"inputs": ' + b"[" * depth + b"]" * depth + b"}"


# name -> content type, body, the statuses that are right
MALFORMED: dict[str, tuple[str | None, bytes, range | tuple[int, ...]]] = {
    "no JSON": (JSON, b'{"inputs": ["a", }', CLIENTS_FAULT),
    "empty body": (JSON, b"", CLIENTS_FAULT),
    "no UTF-8": (JSON, b'{"inputs": ["caf\xe9"]}', CLIENTS_FAULT),
    "NUL bytes": (JSON, b"\0" * 1000, CLIENTS_FAULT),
    "another charset": (f"{JSON}; charset=utf-16", '{"inputs": ["a"]}'.encode("utf-16"), CLIENTS_FAULT),
    "a list": (JSON, b'["a", "b"]', CLIENTS_FAULT),
    "a text": (JSON, b'"a"', CLIENTS_FAULT),
    "a number": (JSON, b"5", CLIENTS_FAULT),
    "null": (JSON, b"null", CLIENTS_FAULT),
    "empty object": (JSON, b"{}", CLIENTS_FAULT),
    "unknown key": (JSON, b'{"texts": ["a"]}', CLIENTS_FAULT),
    "two keys": (JSON, b'{"inputs": ["a"], "instances": ["a"]}', CLIENTS_FAULT),
    "inputs null": (JSON, b'{"inputs": null}', CLIENTS_FAULT),
    "inputs a number": (JSON, b'{"inputs": 5}', CLIENTS_FAULT),
    "inputs an object": (JSON, b'{"inputs": {"body": ["a"]}}', CLIENTS_FAULT),
    "numbers": (JSON, b'{"inputs": [5, 6]}', CLIENTS_FAULT),
    "booleans": (JSON, b'{"inputs": [true]}', CLIENTS_FAULT),
    "NaN": (JSON, b'{"inputs": [NaN, Infinity]}', CLIENTS_FAULT),
    "a null among texts": (JSON, b'{"inputs": ["a", null]}', CLIENTS_FAULT),
    "a list among texts": (JSON, b'{"inputs": ["a", ["b"]]}', CLIENTS_FAULT),
    "an object among texts": (JSON, b'{"inputs": ["a", {"text": "b"}]}', CLIENTS_FAULT),
    "half a character": (JSON, b'{"inputs": ["news \\ud83d of half"]}', CLIENTS_FAULT),
    "wrong column": (JSON, b'{"dataframe_records": [{"body": "a"}]}', CLIENTS_FAULT),
    "null in a column": (JSON, b'{"dataframe_records": [{"text": "a"}, {"text": null}]}', CLIENTS_FAULT),
    "NaN in a column": (JSON, b'{"dataframe_split": {"columns": ["text"], "data": [[NaN]]}}', CLIENTS_FAULT),
    "rows that are too long": (JSON, b'{"dataframe_split": {"columns": ["text"], "data": [["a", "b"]]}}', CLIENTS_FAULT),
    "a split without data": (JSON, b'{"dataframe_split": {"columns": ["text"]}}', CLIENTS_FAULT),
    "a split that is none": (JSON, b'{"dataframe_split": "text"}', CLIENTS_FAULT),
    "records that are none": (JSON, b'{"dataframe_records": 5}', CLIENTS_FAULT),
    "columns of other lengths": (JSON, b'{"inputs": {"text": ["a", "b"], "other": ["c"]}}', CLIENTS_FAULT),
    "a text of 2 MB": (JSON, b'{"inputs": ["' + b"x " * 1_000_000 + b'"]}', CLIENTS_FAULT),
    "20,000 texts": (JSON, json.dumps({"inputs": ["a"] * 20_000}).encode(), CLIENTS_FAULT),
    "lists in lists": (JSON, nested(50), CLIENTS_FAULT),
    "lists 100,000 deep": (JSON, nested(100_000), MLFLOWS_OWN),
    "a number of 10,000 digits": (JSON, b'{"inputs": [' + b"9" * 10_000 + b"]}", MLFLOWS_OWN),
    "no content type": (None, b'{"inputs": ["a"]}', MLFLOWS_OWN),
    "unknown content type": ("application/x-pickle", b"\x80\x04N.", CLIENTS_FAULT),
    "a form": ("application/x-www-form-urlencoded", b"inputs=a", CLIENTS_FAULT),
    "csv with another column": (CSV, b"body\na\n", CLIENTS_FAULT),
    "csv with a quote that never closes": (CSV, b'text\n"1.5\n', CLIENTS_FAULT),
    "csv with too many fields": (CSV, b'text\n"a","b","c"\nd\n', CLIENTS_FAULT),
    "csv that is binary": (CSV, b"\x89PNG\r\n\x1a\n\0\0", CLIENTS_FAULT),
    "csv of nothing": (CSV, b"", CLIENTS_FAULT),
    "no Parquet": (PARQUET, b"PAR1 and nothing else", CLIENTS_FAULT),
    "Parquet of nothing": (PARQUET, b"", CLIENTS_FAULT),
}


def good_body(texts: list[str], source: Random) -> bytes:
    """The texts in one of the forms that the server takes."""
    forms = {
        "inputs": texts,
        "instances": texts,
        "dataframe_split": {"columns": ["text"], "data": [[text] for text in texts]},
        "dataframe_records": [{"text": text} for text in texts],
    }
    form = source.choice(list(forms))
    return json.dumps({form: forms[form]}).encode()


def post(
    port: int,
    name: str,
    content_type: str | None,
    body: bytes,
    rows: list[int] | None = None,
    *,
    token: str = "",
    path: str = "/invocations",
) -> Answer:
    """Send one request on a connection of its own."""
    headers = {"Content-Type": content_type} if content_type else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    start = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        status, data = answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        status, data = 0, repr(error).encode()
    finally:
        connection.close()
    return Answer(name, status, data, time.monotonic() - start, rows or [])
