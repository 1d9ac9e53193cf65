"""What a registered model can explain, and what it says where it cannot."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from tasks.errors import RequestError
from tasks.score.explain import as_values, explanations, heaviest, marker

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


def test_the_marks_of_a_label_are_those_of_its_words(loaded: LoadedModel) -> None:
    mark = marker(loaded, "negative")
    assert mark is not None
    (marked, none) = mark(["sales fell", ""])
    assert [(each.start, each.end) for each in marked if each.level == 3] == [(6, 10)]
    assert none == []


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (SimpleNamespace(), "news/3 was packaged by a textmill"),
        (SimpleNamespace(explains=False), "news/3 was packaged by a textmill that explained models of n-grams alone"),
    ],
)
def test_a_model_that_cannot_tell_says_so_and_marks_nothing(loaded: LoadedModel, model: Any, said: str) -> None:
    other = replace(loaded, model=cast("Any", model))
    assert marker(other, "negative") is None
    with pytest.raises(RequestError, match=said):
        explanations(other, ["sales fell"])
