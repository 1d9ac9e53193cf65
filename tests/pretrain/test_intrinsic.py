from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.test.utils import datapath

from tasks.pretrain import intrinsic
from tasks.pretrain.intrinsic import PAIRS, QUESTIONS, analogies, answers, intrinsic_evaluation, word_similarity
from tasks.pretrain.space import WordSpace


def words_of(name: str, most: int) -> list[str]:
    """The first words of a set, in its order, each once."""
    lines = [line for line in Path(datapath(name)).read_text(encoding="utf-8").splitlines() if line and line[0] not in "#:"]
    found = [word for line in lines for word in (line.split("\t")[:2] if "\t" in line else line.split())]
    return list(dict.fromkeys(found))[:most]


@pytest.fixture(params=["lower case", "as spelled", "all cases"])
def vectors(request: pytest.FixtureRequest) -> tuple[list[str], np.ndarray]:
    """Words of all sets, some of them missing, and vectors in which analogies and similarities partly hold."""
    generator = np.random.default_rng(3)
    words = [word for name in (*PAIRS.values(), QUESTIONS) for word in words_of(name, 400)]
    words = [word for word in dict.fromkeys(words) if generator.random() < 0.8]
    if request.param == "lower case":
        words = [word.lower() for word in words]
    elif request.param == "all cases":  # of many words more than one, in any order
        words = [
            str(getattr(word, case)()) for word in words for case in ("lower", "upper", "title") if generator.random() < 0.6
        ]
        generator.shuffle(words)
    words = list(dict.fromkeys(words))
    return words, generator.normal(size=(len(words), 12)).astype(np.float32)


def test_figures_are_gensims(vectors: tuple[list[str], np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    words, matrix_VD = vectors
    # Make some questions have their answer.
    index = {word.upper(): row for row, word in reversed(list(enumerate(words)))}
    for section in intrinsic._sections()[:2]:
        for four in section.words[:60]:
            a, b, c, d = (index.get(word.upper(), -1) for word in four)
            if min(a, b, c, d) >= 0:
                matrix_VD[d] = matrix_VD[c] + matrix_VD[b] - matrix_VD[a]
    keyed = KeyedVectors(matrix_VD.shape[1], dtype=np.float32)
    keyed.add_vectors(words, matrix_VD)
    monkeypatch.setattr(intrinsic, "WORD_BLOCK", 100)
    monkeypatch.setattr(intrinsic, "QUESTION_BLOCK", 70)
    space = WordSpace(words, matrix_VD)
    for name, file in PAIRS.items():
        _, spearman, missing = keyed.evaluate_word_pairs(datapath(file))
        found = word_similarity(space, name)
        assert found["spearman"] == pytest.approx(spearman.statistic, abs=1e-4)
        assert 100 * (1 - found["pairs"] / found["of"]) == pytest.approx(missing)
    score, sections = keyed.evaluate_word_analogies(datapath(QUESTIONS))
    result = analogies(space)
    assert 0 < result["correct"] < result["questions"] < result["of"]
    assert result["accuracy"] == pytest.approx(score, abs=1e-4)
    expected = {part["section"]: (len(part["correct"]), len(part["correct"]) + len(part["incorrect"])) for part in sections}
    del expected["Total accuracy"]
    covered = {name: (part["correct"], part["questions"]) for name, part in result["sections"].items() if part["questions"]}
    assert covered == {name: counts for name, counts in expected.items() if counts[1]}
    assert result["of"] == sum(part["of"] for part in result["sections"].values())


def test_only_the_most_frequent_words_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intrinsic, "MAX_ANSWERS", 60)
    words = [word.lower() for word in words_of(PAIRS["wordsim353"], 200)]
    matrix_VD = np.random.default_rng(1).normal(size=(len(words), 5)).astype(np.float32)
    keyed = KeyedVectors(5, dtype=np.float32)
    keyed.add_vectors(words, matrix_VD)
    _, spearman, missing = keyed.evaluate_word_pairs(datapath(PAIRS["wordsim353"]), restrict_vocab=60)
    found = word_similarity(WordSpace(words, matrix_VD), "wordsim353")
    assert found["spearman"] == pytest.approx(spearman.statistic, abs=1e-4)
    assert 100 * (1 - found["pairs"] / found["of"]) == pytest.approx(missing)


def test_other_spellings_of_the_words_of_a_question_are_no_answers() -> None:
    matrix_VD = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0.9], [0.1, 0.6, 1]], np.float32)
    space = WordSpace(["Man", "king", "woman", "KING", "queen"], matrix_VD)
    assert [space.words[row] for row in answers(space, np.array([[0, 1, 2]]))] == ["queen"]
    other = WordSpace(["Man", "king", "woman", "Queen", "queen"], matrix_VD)
    assert [other.words[row] for row in answers(other, np.array([[0, 1, 2]]))] == ["Queen"]


def test_the_words_of_a_question_are_no_answers() -> None:
    matrix_VD = np.array([[1, 0.2, 0], [0, 1, 0.1], [0, 0.1, 1], [0, 0.3, 0.8], [0.5, 0.5, 0.5]], np.float32)
    unit_VD = matrix_VD / np.linalg.norm(matrix_VD, axis=1, keepdims=True)
    space = WordSpace(list("abcde"), matrix_VD)
    questions = np.array([[0, 1, 2], [3, 4, 0], [2, 2, 1]])
    for question, answer in zip(questions, answers(space, questions), strict=True):
        a, b, c = unit_VD[question]
        scores = unit_VD @ (b - a + c)
        scores[question] = -np.inf
        assert answer == scores.argmax()


def test_chinese_vectors_have_no_figures_at_all() -> None:
    result = intrinsic_evaluation(WordSpace(["电影", "好", "坏"], np.eye(3, dtype=np.float32)))
    assert result["wordsim353"] == {"spearman": None, "pairs": 0, "of": 353}
    assert result["simlex999"] == {"spearman": None, "pairs": 0, "of": 999}
    sections = result["analogies"].pop("sections")
    assert result["analogies"] == {"accuracy": None, "correct": 0, "questions": 0, "of": 19544}
    assert {part["accuracy"] for part in sections.values()} == {None}


def test_too_few_pairs_or_equal_cosines_give_no_figure() -> None:
    few = WordSpace(["tiger", "cat"], np.eye(2, dtype=np.float32))
    assert word_similarity(few, "wordsim353") == {"spearman": None, "pairs": 2, "of": 353}  # tiger-cat and tiger-tiger
    words = words_of(PAIRS["simlex999"], 200)
    result = word_similarity(WordSpace(words, np.ones((len(words), 2), np.float32)), "simlex999")
    assert result["spearman"] is None
    assert result["pairs"] > 50


def test_a_word_whose_vector_is_nothing_is_not_covered() -> None:
    words = words_of(PAIRS["simlex999"], 100)
    matrix_VD = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    before = word_similarity(WordSpace(words, matrix_VD), "simlex999")
    matrix_VD[words.index("old")] = 0
    after = word_similarity(WordSpace(words, matrix_VD), "simlex999")
    assert after["pairs"] < before["pairs"]
