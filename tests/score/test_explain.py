"""What a registered model can explain, and what it says where it cannot."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tasks.errors import RequestError
from tasks.marked import Why
from tasks.score.explain import as_values, explainer, explanations, heaviest, unexplained

if TYPE_CHECKING:
    from tasks.register.models import LoadedModel


def test_words_for_and_against_a_label(loaded: LoadedModel) -> None:
    (why, nothing) = explanations(loaded, ["profit rose and rose but sales fell", ""])
    assert nothing is None
    assert as_values(nothing) is None
    assert why is not None
    spoke_for, against = heaviest(why)
    assert spoke_for[0][0] == "rose"  # twice in the text, once here
    assert against[0][0] == "fell"
    values = as_values(why)
    assert values is not None
    assert values["words"][0].keys() == {"word", "start", "end", "share"}


def test_what_decided_about_a_label_are_its_words_and_where_they_are(loaded: LoadedModel) -> None:
    explain = explainer(loaded, "negative")
    assert explain is not None
    assert unexplained(loaded) == ""
    (why, none) = explain(["sales fell but profit rose", ""])
    assert [(each.start, each.end) for each in why.marks if each.level == 3] == [(6, 10)]
    assert why.words_for[0][0] == "fell"
    assert why.words_against[0][0] == "rose"
    assert none == Why()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (SimpleNamespace(), "news/3 was packaged by a textmill"),
        (SimpleNamespace(explains=False), "news/3 was packaged by a textmill that explained models of n-grams alone"),
    ],
)
def test_a_model_that_cannot_tell_says_so_and_marks_nothing(loaded: LoadedModel, model: Any, said: str) -> None:
    other = replace(loaded, model=cast("Any", model))
    assert explainer(other, "negative") is None
    assert unexplained(other) == "news/3 was packaged by a textmill that could not tell; train it again"
    with pytest.raises(RequestError, match=said):
        explanations(other, ["sales fell"])


def test_a_model_that_explains_slowly_explains_no_page(loaded: LoadedModel) -> None:
    slow = replace(loaded, model=cast("Any", SimpleNamespace(explains=True, explains_quickly=False)))
    assert explainer(slow, "negative") is None
    assert "predict --explain" in unexplained(slow)
