"""How good the model is: beside the promise and people's labels, doubted where the input has drifted, told once."""

import datetime
from pathlib import Path

from tasks.detect.drift import Drift
from tasks.labels.content import content_key
from tasks.labels.given import Given
from tasks.labels.imports import write_import
from tasks.monitor.state import MonitorState
from tasks.today.alerts import tell_if_below
from tasks.today.settings import TodayConfig
from tasks.today.standing import Standing, find_standing, standing_in_words
from tests.today.stream import A_DAY, DAYS, LATEST, START, add, documents, loaded

CONFIG = TodayConfig()


def drift(feature: str, value: float) -> Drift:
    return Drift(feature, value, 0.25, value > 0.25, 500, 500, "training", START, START)


SAME = [drift("length", 0.01), drift("unseen", 0.02)]


def standing(root: Path, sure: float, drifts: list[Drift], name: str = "desk") -> Standing:
    with MonitorState.open(root, name) as state:
        add(state, documents(sure=sure))
        found = find_standing(state, loaded(), CONFIG, drifts, root)
    assert found is not None
    return found


def test_what_is_expected_stands_beside_the_promise_and_peoples_labels(tmp_path: Path) -> None:
    late = [row for row in documents() if row["day"] >= START + datetime.timedelta(DAYS - LATEST)]
    labels = [
        Given(content_key(row["text"]), row["text"], "negative", suggested=row["label"], why=why)
        for row, why in zip(late[:60], ["random"] * 40 + ["uncertain"] * 20, strict=True)
    ]
    (tmp_path / "labelled.csv").write_text("text,label")
    write_import(tmp_path, "news", labels, tmp_path / "labelled.csv", only_known=False)
    found = standing(tmp_path, 0.8, SAME)
    held = found.held(CONFIG.margin)
    assert (held["accuracy"], held["promised_accuracy"], held["documents"]) == (0.8, 0.8, LATEST * A_DAY)
    assert (held["below_promise"], held["reliable"]) == (False, True)
    counted = held["labelled"]
    assert [counted[name] for name in ("random", "random_right", "chosen", "chosen_right")] == [40, 20, 20, 10]
    assert standing_in_words(held).endswith("registered with 80.0% and 0.800; people confirm 20 of 40 drawn at random")


def test_it_is_doubted_where_length_or_unseen_words_have_drifted(tmp_path: Path) -> None:
    found = standing(tmp_path, 0.8, [SAME[0], drift("unseen", 0.5)])
    assert standing_in_words(found.held(0.02)).endswith("unreliable: unseen words drifted from the training data")
    unknown = standing(tmp_path, 0.8, [], "other")
    assert unknown.doubt == "too few documents to compare with the training data"


def test_a_fall_is_told_once_and_again_only_after_a_recovery(tmp_path: Path) -> None:
    low, high = standing(tmp_path, 0.7, SAME, "low"), standing(tmp_path, 0.8, SAME, "high")
    with MonitorState.open(tmp_path, "desk") as state:

        def told(found: Standing | None, day: int) -> list[str]:
            if found is not None:
                found = Standing(**{**vars(found), "end": (START + datetime.timedelta(day)).isoformat()})
            with state.refresh():
                alerts = tell_if_below(state, found, CONFIG.margin, now=0.0, channels=["desk"])
            return [f"{alert.severity} {alert.evidence['message']}" for alert in alerts]

        assert told(None, 0) == told(high, 1) == []
        (message,) = told(low, 2)
        assert message.startswith("high expected accuracy 70.0% (")
        assert message.endswith("registered with 80.0% and 0.800; below the promise")
        assert [told(low, day) for day in (2, 3, 40)] == [[], [], []]
        assert told(high, 41) == []
        assert len(told(low, 42)) == 1
        assert len(state.waiting()) == 2


def test_nothing_is_said_without_a_promise_or_documents(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        assert find_standing(state, loaded(), CONFIG, SAME, tmp_path) is None
        add(state, documents(days=range(9)))
        assert find_standing(state, loaded(), CONFIG, SAME, tmp_path) is None
