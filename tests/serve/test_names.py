"""A server that knows names: the sentiment towards each that a text has, as `textmill predict --companies` tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import textmill
from tasks.errors import RequestError
from tasks.score.predict import predict_texts
from tasks.score.towards import with_towards
from tasks.score.watch import WatchList
from tasks.serve import batching
from tasks.serve.access_log import Log
from tasks.serve.app import ModelServer
from tasks.serve.settings import ServeSettings
from tests.serve.test_inert import Following
from tests.serve.test_promise import asked

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.register.models import LoadedModel

TEXTS = ["Corvane profit rose strong, while Ostby said loss fell weak", "profit rose", "Ostby zzz", "", "Ostby loss"]


@pytest.fixture
def companies(tmp_path: Path) -> Path:
    path = tmp_path / "companies.csv"
    path.write_text("name,aliases,codes\nCorvane,,\nOstby,Ostby Holdings,OST\n")
    return path


@pytest.fixture
def server(loaded: LoadedModel, companies: Path) -> ModelServer:
    return ModelServer(Following(loaded), ServeSettings(companies=companies), Log(None))  # type: ignore[arg-type]


def test_each_answer_has_what_predict_says_of_the_names(
    server: ModelServer, loaded: LoadedModel, companies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "SLICE", 2)
    plain = predict_texts(loaded, TEXTS)
    expected = with_towards(loaded, WatchList.load(None, companies), TEXTS, plain)
    assert [each["label"] for each in expected[0]["towards"]] == ["positive", "negative"]
    status, said = asked(server, "/predict", {"texts": TEXTS, "towards": True})
    assert status == 200
    for got, wanted in zip(said["predictions"], expected, strict=True):
        for each, known in zip(got["towards"], wanted["towards"], strict=True):
            assert each == {**known, "confidence": known["confidence"] and pytest.approx(known["confidence"], abs=1e-6)}
    params = {"inputs": TEXTS, "params": {"towards": True}}
    assert asked(server, "/invocations", params)[1]["predictions"] == said["predictions"]
    assert asked(server, "/predict", {"texts": TEXTS})[1]["predictions"] == plain
    both = asked(server, "/predict", {"texts": TEXTS, "towards": True, "explain": True})[1]["predictions"]
    assert both[0].keys() >= {"towards", "explanation"}
    assert asked(server, "/predict", {"texts": [], "towards": True})[1]["predictions"] == []


def test_a_server_without_names_says_how_it_gets_some(loaded: LoadedModel) -> None:
    server = ModelServer(Following(loaded), ServeSettings(), Log(None))  # type: ignore[arg-type]
    status, said = asked(server, "/predict", {"text": "Ostby loss", "towards": True})
    assert (status, "--serve.companies" in said["message"]) == (400, True)


def test_a_list_that_cannot_be_used_ends_the_start(loaded: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"no-such\.csv cannot be read"):
        ServeSettings(companies=tmp_path / "no-such.csv").open_watch_list()


def test_a_notebook_asks_by_a_dict_by_a_file_or_both(loaded: LoadedModel, companies: Path) -> None:
    model = textmill.Model(loaded)
    expected = with_towards(loaded, WatchList.load(None, companies), TEXTS, predict_texts(loaded, TEXTS))
    assert model.predict(TEXTS, watch_list={"Corvane": ["Corvane"], "Ostby": ["Ostby"]}) == expected
    assert model.predict(TEXTS, companies=str(companies)) == expected
    assert model.predict(TEXTS, watch_list={"Profit": ["profit"]}, companies=companies)[1]["towards"][0]["name"] == "Profit"
    assert "towards" not in model.predict(TEXTS)[0]
    with pytest.raises(RequestError, match="'Ostby' is one text; give a list"):
        model.predict(TEXTS, watch_list={"Ostby": "Ostby"})


def test_a_scored_frame_has_a_column_of_names(loaded: LoadedModel, companies: Path) -> None:
    import pandas as pd

    frame = pd.DataFrame({"headline": TEXTS[:2]}, index=[7, 3])
    scored = textmill.Model(loaded).score(frame, text="headline", companies=companies)
    assert [[each["name"] for each in row] for row in scored["towards"]] == [["Corvane", "Ostby"], []]
    assert list(scored.index) == [7, 3]
