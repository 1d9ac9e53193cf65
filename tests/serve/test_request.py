"""What bodies ask for, and what is said of those that are malformed."""

import csv
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.serve.request import Asked, Refusal, asked_of_mlflow, asked_of_predict
from tasks.serve.settings import ServeSettings
from tests.faults.hostile_requests import MALFORMED

LIMITS = ServeSettings()
JSON = "application/json"
TEXTS = ["profit rose", "电影 🙂"]


def predict(body: Any, limits: ServeSettings = LIMITS) -> Asked:
    return asked_of_predict(JSON, json.dumps(body).encode(), limits)


def invoke(body: Any) -> Asked:
    return asked_of_mlflow(JSON, json.dumps(body).encode(), LIMITS)


def test_one_text_and_several_are_read_with_their_options() -> None:
    assert predict({"text": TEXTS[0]}) == Asked(TEXTS[:1])
    assert predict({"texts": TEXTS, "explain": True, "max_error": 0.05}) == Asked(TEXTS, True, 0.05)
    assert predict({"texts": TEXTS, "towards": True}) == Asked(TEXTS, towards=True)
    assert predict({"texts": []}) == Asked([])


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": TEXTS},
        {"instances": TEXTS},
        {"inputs": {"text": TEXTS}},
        {"instances": [{"text": text} for text in TEXTS]},
        {"dataframe_records": [{"text": text} for text in TEXTS]},
        {"dataframe_split": {"columns": ["id", "text"], "index": [1, 2], "data": [[1, TEXTS[0]], [2, TEXTS[1]]]}},
    ],
)
def test_every_form_of_mlflows_server_is_read(body: dict[str, Any]) -> None:
    assert invoke(body) == Asked(TEXTS)


def test_cells_of_a_csv_are_texts_as_they_are_written() -> None:
    content = '\ufeffid,text\n1,"profit, rose"\n2,5\n\n3,NA\n'.encode()
    assert asked_of_mlflow("text/csv; charset=utf-8", content, LIMITS).texts == ["profit, rose", "5", "NA"]


def test_a_short_csv_does_not_shorten_the_cells_of_others() -> None:
    long = "profit " * 50_000
    theirs = csv.reader(["text", long])  # of another thread, half-way
    assert next(theirs) == ["text"]
    assert asked_of_mlflow("text/csv", b"text\nx\n", LIMITS).texts == ["x"]
    assert next(theirs) == [long]


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_is_refused_in_one_line(name: str) -> None:
    content_type, body, _ = MALFORMED[name]
    with pytest.raises(Refusal) as refused:
        asked_of_mlflow(content_type or "", body, LIMITS)
    line = str(refused.value)
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert len(line) < 250
    assert 400 <= refused.value.status < 500


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({}, 'send one of "text" and "texts"'),
        ({"text": "a", "texts": ["b"]}, 'send one of "text" and "texts"'),
        ({"texts": "a"}, '"texts" is a text; send a list'),
        ({"text": None}, "row 0: expected a text, got nothing"),
        ({"texts": ["a", 5]}, "row 1: expected a text, got a number"),
        ({"text": "a", "explain": 1}, '"explain" is a number; send true or false'),
        ({"text": "a", "towards": "b"}, '"towards" is a text; send true or false'),
        ({"text": "a", "max_error": True}, '"max_error" is a boolean'),
        ({"text": "a", "max_error": 5}, "a share between 0 and 1"),
        ({"text": "a", "\x1b[31m\n": 1}, r"'\\x1b\[31m\\n' is not known here"),
        ({"texts": ["a"] * 3}, "3 texts are too many for one request; send at most 2"),
        ({"text": "a" * 11}, "row 0: 11 characters are too many for one text; send at most 10"),
    ],
)
def test_a_request_to_predict_hears_what_is_wrong_with_it(body: dict[str, Any], line: str) -> None:
    with pytest.raises(Refusal, match=line):
        predict(body, ServeSettings(max_texts=2, max_chars=10))


@given(st.binary(max_size=60) | st.text(max_size=30).map(str.encode), st.sampled_from([JSON, "text/csv", "", "TEXT/CSV;;="]))
def test_whatever_bytes_come_they_are_texts_or_refused(body: bytes, content_type: str) -> None:
    for read in (asked_of_predict, asked_of_mlflow):
        try:
            found = read(content_type, body, LIMITS).texts
        except Refusal as refused:
            found = str(refused).splitlines()
            one_line = len(found) == 1
        else:
            one_line = all(isinstance(text, str) for text in found)
        assert one_line
