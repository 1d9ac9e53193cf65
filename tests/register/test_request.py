import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.errors import RequestError
from tasks.model import serving
from tasks.model.serving import request_texts


@pytest.mark.parametrize(
    "request_",
    [
        ["a", "b"],
        pd.DataFrame({"text": ["a", "b"], "other": [1, 2]}),
        pd.DataFrame({"text": [["a", "b"]]}),  # what MLflow's server makes of {"inputs": ["a", "b"]}
        pd.DataFrame({"text": [np.array(["a", "b"])]}),
        pd.Series(["a", "b"]),
        np.array(["a", "b"]),
    ],
)
def test_texts_are_found_in_every_form_clients_send(request_: Any) -> None:
    assert request_texts(request_) == ["a", "b"]


def test_one_text_and_none() -> None:
    assert request_texts("a") == ["a"]
    assert request_texts(pd.DataFrame({"text": []})) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", 5], "row 1: expected a text, got int"),
        ([None], "row 0: expected a text, got nothing"),
        (["a", math.nan], "row 1: expected a text, got nothing"),
        (["a", ["b"]], "row 1: expected a text, got a list"),
        ([["a", 2.5]], "row 1: expected a text, got float"),
        ([b"a"], "row 0: expected a text, got bytes"),
        ([True], "row 0: expected a text, got bool"),
        (["a", "news \ud83d of half"], "row 1: half of a character \\(U\\+D83D\\); send valid Unicode"),
    ],
)
def test_what_is_no_text_is_refused_with_its_row(values: list[Any], message: str) -> None:
    with pytest.raises(RequestError, match=f"^{message}$"):
        request_texts(values)
    with pytest.raises(RequestError, match=message):
        request_texts(pd.DataFrame({"text": pd.Series(values, dtype=object)}))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(RequestError, match="column 'text' is missing"):
        request_texts(pd.DataFrame({"body": ["a"]}))


def test_two_columns_of_texts_are_no_names_of_columns() -> None:
    with pytest.raises(RequestError, match="column 'text' is there 2 times; send it once"):
        request_texts(pd.DataFrame([["a", "b"]], columns=["text", "text"]))


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "MAX_ROWS", 2)
    monkeypatch.setattr(serving, "MAX_CHARS", 3)
    assert request_texts(["abc", "d"]) == ["abc", "d"]
    with pytest.raises(RequestError, match="3 texts are too many"):
        request_texts(["a"] * 3)
    with pytest.raises(RequestError, match="row 1: a text of 4 characters is too long"):
        request_texts(["a", "abcd"])
