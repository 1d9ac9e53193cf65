from __future__ import annotations

import html
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.evaluate.report import render_report
from tasks.evaluate.robustness.robustness import measure_robustness
from tasks.evaluate.robustness.says import SHOWN
from tasks.evaluate.robustness.table import BY_NAME
from tasks.evaluate.settings import EvaluateConfig
from tests.evaluate.test_report_browser import HOSTILE, SCRIPT, look

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Shouting:
    """Takes a text for good if it has more small letters than capitals and says nothing of her."""

    labels = ("bad", "good")

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        good = [2 * sum(map(str.isupper, text)) < sum(map(str.isalpha, text)) and " she" not in text for text in texts]
        return np.where(np.array(good, bool)[:, None], [0.1, 0.9], [0.8, 0.2]).astype(np.float32)


ROWS = [(f"row {number}", f"word number {number} of the text" if number % 2 else f"WORD {number}", "") for number in range(40)]
ROWS = [(name, text, "good" if text.islower() else "bad") for name, text, _ in ROWS]


def measured(rows: Any = ROWS, **options: Any) -> dict[str, dict[str, Any]]:
    config = EvaluateConfig(**options).robust
    assert config is not None
    report = measure_robustness(config, Shouting(), rows)
    json.dumps(report, allow_nan=False)
    return {each["name"]: each for each in report["changes"]}


def test_accuracy_and_flips_are_of_the_rows_that_a_change_touches() -> None:
    found = measured(robustness=["upper", "punctuation"])
    upper = found["upper"]
    assert (upper["rows"], upper["flips"], upper["share"]) == (20, 20, 1.0)
    assert upper["accuracy"] | {"interval": None} == {"before": 1.0, "after": 0.0, "difference": -1.0, "interval": None}
    assert upper["accuracy"]["interval"][1] < -0.6
    assert len(upper["examples"]) == 3
    first = upper["examples"][0]
    assert (first["text"], first["changed"]) == ("word number 1 of the text", "WORD NUMBER 1 OF THE TEXT")
    assert (first["before"], first["after"], first["label"], first["id"]) == ("good", "bad", "good", "row 1")
    assert (found["punctuation"]["rows"], found["punctuation"]["accuracy"]) == (0, None)


def test_the_right_label_of_a_denial_is_not_known() -> None:
    negation = measured(robustness=["negation"])["negation"]
    assert negation["rows"] == 40
    assert negation["accuracy"] is None
    assert "negation/accuracy" not in SHOWN.metrics({"changes": [negation]})
    assert SHOWN.metrics({"changes": [negation]})["negation/flips"] == negation["share"]


def test_words_that_only_look_like_those_of_a_list_are_not_counted(tmp_path: Path) -> None:
    (path := tmp_path / "pairs.tsv").write_text("his\ther\n")
    found = measured([("1", "hıs was good, his too", "good")], exchange=path)["exchange"]
    assert found["pairs"] == [{"word": "his", "other": "her", "rows": 1, "flips": 0}]


def test_words_of_a_list_are_exchanged_and_counted(tmp_path: Path) -> None:
    (path := tmp_path / "pairs.tsv").write_text("he\tshe\nfather\tmother\n")
    rows = [("1", "and he said", "good"), ("2", "my father", "good"), ("3", "and she said", "bad"), ("4", "no", "good")]
    found = measured(rows, exchange=path)["exchange"]
    assert (found["rows"], found["flips"]) == (3, 2)
    assert {(each["word"], each["other"], each["rows"], each["flips"]) for each in found["pairs"]} == {
        ("he", "she", 1, 1),
        ("she", "he", 1, 1),
        ("father", "mother", 1, 0),
    }


def test_an_example_shows_where_a_long_text_changes() -> None:
    rows = [("1", "word " * 100 + "and he said", "good")]
    config = EvaluateConfig(robustness=["upper"]).robust
    assert config is not None
    quoted = measure_robustness(config, Shouting(), rows)["changes"][0]["examples"][0]
    assert len(quoted["text"]) == 300


def test_settings_name_all_or_some_changes() -> None:
    assert EvaluateConfig().robust is None
    for everything in (True, "true", ["true"], "all"):
        assert EvaluateConfig(robustness=everything).robustness == BY_NAME
    assert EvaluateConfig(robustness=False).robust is None
    assert EvaluateConfig(robustness=["numbers", "upper"]).robustness == ("upper", "numbers")
    with pytest.raises(ValueError, match="unknown change 'typos'; choose from misspelling"):
        EvaluateConfig(robustness=["typos"])
    with pytest.raises(ValueError, match="robustness_rows is for robustness"):
        EvaluateConfig(robustness_rows=5)


def test_hostile_texts_are_inert_on_the_page(
    evaluated: tuple[dict[str, Any], Path, Path], tmp_path: Path, chromium: list[str]
) -> None:
    (path := tmp_path / "pairs.tsv").write_text(f"word\t{SCRIPT}\n")
    rows = [(text, f"{text} word small letters follow", text) for text in HOSTILE]
    config = EvaluateConfig(exchange=path, robustness=True).robust
    assert config is not None
    report = measure_robustness(config, Shouting(), rows) | {"test_rows": 9}
    assert any(each["examples"] for each in report["changes"])
    page = render_report(evaluated[1], SHOWN.page(report, tmp_path), tmp_path / "report.html").read_text(encoding="utf-8")
    seen = look(chromium, page, tmp_path)
    assert not seen["attacked"]
    assert (seen["active"], seen["handlers"], seen["headings"], seen["overflow"]) == (0, 0, 1, 0)
    assert html.escape(SCRIPT, quote=False).replace("'", "&#39;") in page
    assert "\u202e" not in page
