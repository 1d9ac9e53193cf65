import hashlib
import types
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.collect.found import COLLECTED_SCHEMA
from tasks.errors import RequestError
from tasks.monitor.tables import SCORED_SCHEMA
from tasks.register.models import LoadedModel
from tasks.score.companies import Company
from tasks.score.stream import Scorer
from tasks.score.watch import WatchList

TEXTS = ["Profit rose, strong growth", "The slump: loss fell", "zyxwv said qwertyuiop"]
NOTHING = ["...", "😡", "！？", "<br />"]


def collected(texts: list[str]) -> pa.RecordBatch:
    when = datetime(2020, 7, 18, 10, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {"id": hashlib.sha256(text.encode()).digest(), "time": when, "day": when.date(), "text": text, "source": "made"}
        for text in texts
    ]
    return pa.RecordBatch.from_pylist(rows, COLLECTED_SCHEMA)


def test_a_batch_is_scored_as_predict_scores_each_text(loaded: LoadedModel) -> None:
    ((scored, refused),) = Scorer(loaded, "negative").score([collected(TEXTS)])
    assert refused == []
    assert scored.schema == SCORED_SCHEMA
    assert scored.select(COLLECTED_SCHEMA.names).to_pylist() == collected(TEXTS).to_pylist()
    for row, expected in zip(scored.to_pylist(), loaded.model.predict(TEXTS), strict=True):
        assert row["label"] == expected["label"]
        np.testing.assert_allclose(row["confidence"], expected["confidence"], rtol=1e-6)
        np.testing.assert_allclose(row["negative"], expected["probabilities"]["negative"], rtol=1e-6)
        assert (row["model"], row["topics"], row["names"]) == ("news/3", [], [])
    assert scored.column("tokens").to_pylist() == [4, 4, 3]
    assert scored.column("unseen").to_pylist() == [0, 0, 2]


def test_a_text_of_which_nothing_is_left_is_refused_and_not_scored(loaded: LoadedModel) -> None:
    texts = [NOTHING[0], TEXTS[0], *NOTHING[1:]]
    ((scored, refused),) = Scorer(loaded, "negative", (LoadedModel("topic", 7, loaded.model),)).score([collected(texts)])
    assert scored.column("text").to_pylist() == [TEXTS[0]]
    found = [(record.reason, record.data.decode()) for record in refused]
    assert found == [("empty_after_cleaning", text) for text in NOTHING]


def test_a_text_of_unknown_words_alone_counts_with_its_names_but_has_no_topic(loaded: LoadedModel) -> None:
    scorer = Scorer(loaded, "negative", (LoadedModel("topic", 7, loaded.model),), WatchList({"腾讯": ["腾讯"]}, {}))
    ((scored, refused),) = scorer.score([collected(["腾讯股价大跌", TEXTS[0]])])
    assert refused == []
    assert scored.column("names").to_pylist() == [["腾讯"], []]
    assert [len(topics) for topics in scored.column("topics").to_pylist()] == [0, 1]
    assert scored.column("tokens").to_pylist()[0] == scored.column("unseen").to_pylist()[0] > 0


def test_topics_and_names_stand_beside_the_sentiment(loaded: LoadedModel) -> None:
    topic = LoadedModel("topic", 7, loaded.model)
    other = LoadedModel("region", 1, loaded.model)
    scorer = Scorer(loaded, "negative", (topic, other), WatchList({"Slump plc": ["slump"]}, {}))
    ((scored, _),) = scorer.score([collected(TEXTS[:2])])
    labels = scored.column("label").to_pylist()
    assert scored.column("topics").to_pylist() == [[("topic", label), ("region", label)] for label in labels]
    assert scored.column("names").to_pylist() == [[], ["Slump plc"]]


def test_each_name_has_the_sentiment_of_its_part_of_the_text(loaded: LoadedModel) -> None:
    watch = WatchList({"Corvane": ["Corvane"], "Ostby": ["Ostby"]}, {}, [Company("Maplin", ("Maplin",), ("MPL",))])
    texts = ["Corvane profit rose, strong growth, but Ostby: loss fell, weak slump", "Maplin (MPL) loss fell", TEXTS[0]]
    ((scored, _),) = Scorer(loaded, "negative", watch_list=watch).score([collected(texts)])
    both, one, none = scored.column("towards").to_pylist()
    assert [(each["name"], each["label"], each["from"]) for each in both] == [
        ("Corvane", "positive", "clause"),
        ("Ostby", "negative", "clause"),
    ]
    parts = loaded.model.predict(["Corvane profit rose, strong growth", "Ostby: loss fell, weak slump"])
    assert [each["negative"] for each in both] == pytest.approx([part["probabilities"]["negative"] for part in parts])
    assert [(each["name"], each["from"]) for each in one] == [("Maplin", "text")]
    assert one[0]["negative"] == scored.column("negative").to_pylist()[1]
    assert none == []
    assert [[each["name"] for each in told] for told in (both, one, none)] == scored.column("names").to_pylist()


def test_nothing_to_score_is_no_error(loaded: LoadedModel) -> None:
    assert list(Scorer(loaded, "negative").score([])) == []
    assert [batch.num_rows for batch, _ in Scorer(loaded, "negative", (loaded,)).score([collected([])])] == [0]


def test_models_that_cannot_be_used_are_refused(loaded: LoadedModel) -> None:
    with pytest.raises(RequestError, match=r"no label 'bad'.*negative, positive"):
        Scorer(loaded, "bad")
    with pytest.raises(RequestError, match="names model 'news' twice"):
        Scorer(loaded, "negative", (loaded, loaded))
    old: Any = types.SimpleNamespace(labels=["negative"])
    with pytest.raises(RequestError, match="packaged by an earlier textmill"):
        Scorer(LoadedModel("news", 1, old), "negative")
