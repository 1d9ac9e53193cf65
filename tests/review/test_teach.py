"""Texts that teach are those that the model is unsure of and that others are like; near-duplicates count once."""

from __future__ import annotations

import numpy as np

from tasks.review.teach import choose, densities, margins


def unsure(*sure: float) -> np.ndarray:
    return np.array([[each, 1 - each] for each in sure], np.float32)


def test_the_smallest_margin_comes_first() -> None:
    assert margins(np.array([[0.5, 0.5, 0.0], [0.9, 0.05, 0.05], [0.6, 0.3, 0.1]])).argsort().tolist() == [1, 2, 0]
    assert margins(np.ones((2, 1))).tolist() == [0.0, 0.0]


def test_a_text_that_others_are_like_is_worth_more() -> None:
    texts = ["profit rose in the quarter", "profit rose in march", "profit rose again", "xylophone tuning manual"]
    assert densities(texts).argmin() == 3
    choice = choose(texts, unsure(0.6, 0.6, 0.6, 0.6), 1, random_share=0.0, seed=1)
    assert choice.teaching[0] != 3


def test_near_duplicates_are_taken_once() -> None:
    text = "operating profit of the group rose to eur 3.1 million from eur 2.4 million in the second quarter of the year"
    texts = [text, f"{text} ", f"{text} 2019", "something else entirely was said by nobody at all"]
    choice = choose(texts, unsure(0.7, 0.6, 0.55, 0.9), 4, random_share=0.0, seed=1)
    assert sorted(choice.teaching.tolist()) == [2, 3]


def test_a_share_is_drawn_at_random_and_no_text_twice() -> None:
    texts = [f"headline number {number} about company {number * 7}" for number in range(50)]
    sure = unsure(*np.linspace(0.5, 1.0, 50))
    choice = choose(texts, sure, 20, random_share=0.25, seed=3)
    assert (len(choice.teaching), len(choice.random)) == (15, 5)
    assert not set(choice.teaching) & set(choice.random)
    again = choose(texts, sure, 20, random_share=0.25, seed=3)
    assert (again.teaching == choice.teaching).all()
    assert (again.random == choice.random).all()


def test_scripts_without_blanks_and_odd_texts_are_no_trouble() -> None:
    one = "利润增长百分之十并且公司预计全年业绩将会上升"
    texts = [one, f"{one}。", "天气很好我们明天去公园散步吧然后回家"]
    assert sorted(choose(texts, unsure(0.5, 0.6, 0.7), 3, random_share=0.0, seed=1).teaching.tolist()) == [0, 2]
    assert len(choose(["?", "!"], unsure(0.5, 0.6), 2, random_share=0.0, seed=1).teaching) == 2
    assert not len(choose([], np.empty((0, 2)), 2, random_share=0.5, seed=1).teaching)
