"""Marks of a text, and of its excerpt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tasks.marked import Mark, marked_excerpt, marks, parts
from tasks.model.explain import Share
from tasks.shown import excerpt

TEXTS = st.lists(st.sampled_from(["ab", " ", "\n", "\t ", "。", "é", "x" * 9, "\u2028"]), max_size=30).map("".join)


def test_levels_follow_the_heaviest_share_and_their_sign_the_words() -> None:
    words = [
        Share("a", 0, 1, 2.0),
        Share("b", 2, 3, -0.9),
        Share("c", 4, 5, 0.25),
        Share("d", 6, 7, 0.1),
        Share("e", 8, 9, 0),
    ]
    assert marks(words) == [Mark(0, 1, 3), Mark(2, 3, -2), Mark(4, 5, 1)]
    assert marks([]) == []


def test_words_of_one_place_are_marked_once() -> None:
    assert marks([Share("1", 0, 1, 1.0), Share("2", 0, 1, 1.0), Share("", 1, 1, 1.0)]) == [Mark(0, 1, 3)]


@given(TEXTS, st.integers(3, 40))
def test_an_excerpt_keeps_the_marks_of_what_it_shows(text: str, length: int) -> None:
    words = [Mark(at, at + 1, 3) for at, character in enumerate(text) if not character.isspace()]
    shown, kept = marked_excerpt(text, words, length)
    assert shown == excerpt(text, length)
    assert "".join(part for part, _ in parts(shown, kept)) == shown
    marked = "".join(part for part, level in parts(shown, kept) if level)
    assert marked == "".join(shown.removesuffix("…").split())
