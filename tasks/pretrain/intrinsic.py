"""Intrinsic evaluation of word vectors on English: word similarity and analogies.

Similarity: Spearman's correlation of cosines with people's judgements of word pairs, WordSim-353 (Finkelstein et al. 2002) and
SimLex-999 (Hill et al. 2015). Analogies: "Athens is to Greece as Baghdad is to ...", answered by 3CosAdd (Mikolov et al. 2013,
"Linguistic regularities in continuous space word representations"; the questions of arXiv 1301.3781). All three sets come with
gensim, whose `evaluate_word_pairs` and `evaluate_word_analogies` give the same figures: case does not count, a word is the
most frequent one of its spellings. What a vocabulary does not cover is not counted as wrong, and where it covers too little
there is no figure.

gensim's functions are not called. Its analogies took 24 times the CPU time (2,000 questions, 40,000 words of 100 dimensions:
15.3 s and 0.64 s; a run asks up to 19,544), since it compares one question at a time; and it answers from the five nearest
words alone. Its pairs took 2 to 3 times as long, and count a word whose vector is zeros, which is not covered here.

Shapes: V words, D dimensions, Q questions, P pairs.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.pretrain.space import WordSpace

PAIRS = {"wordsim353": "wordsim353.tsv", "simlex999": "simlex999.txt"}
QUESTIONS = "questions-words.txt"
MIN_COVERED = 10  # pairs, or questions: fewer give no figure
MAX_ANSWERS = 300_000  # questions and answers use the most frequent words only, as in gensim
QUESTION_BLOCK, WORD_BLOCK = 2048, 4096  # compared at a time: 32 MB


class Section(NamedTuple):
    """Questions of one kind: `words` holds the four of each, the fourth the answer."""

    name: str
    words: list[list[str]]


def intrinsic_evaluation(space: WordSpace) -> dict[str, Any]:
    """Keys wordsim353, simlex999 and analogies; see word_similarity and analogies."""
    return {name: word_similarity(space, name) for name in PAIRS} | {"analogies": analogies(space)}


def word_similarity(space: WordSpace, name: str) -> dict[str, Any]:
    """Keys spearman, pairs (whose words both have a vector) and of (all pairs of the set).

    `spearman` is None where fewer than MIN_COVERED pairs are covered, or all cosines are equal.
    """
    from scipy.stats import spearmanr

    pairs = [line.split("\t") for line in _lines(PAIRS[name]) if not line.startswith("#")]
    rows_P2 = np.array([[space.row_in_any_case(first), space.row_in_any_case(second)] for first, second, _ in pairs])
    rows_P2[rows_P2 >= MAX_ANSWERS] = -1
    covered_P = np.all(rows_P2 >= 0, axis=1)
    cosines = space.cosines(*rows_P2[covered_P].T)
    human = np.array([float(score) for _, _, score in pairs])[covered_P]
    enough = len(cosines) >= MIN_COVERED and np.ptp(cosines) > 0
    spearman = round(float(spearmanr(cosines, human).statistic), 4) if enough else None
    return {"spearman": spearman, "pairs": len(cosines), "of": len(pairs)}


def analogies(space: WordSpace) -> dict[str, Any]:
    """Keys accuracy, correct, questions (whose words all have vectors) and of (all), and the same for each of `sections`.

    `accuracy` is of the questions covered; None where they are fewer than MIN_COVERED.
    """
    sections = _sections()
    asked = {word for section in sections for four in section.words for word in four}
    rows = {word: space.row_in_any_case(word) for word in asked}
    rows_Q4 = np.array([[rows[word] for word in four] for section in sections for four in section.words])
    rows_Q4[rows_Q4 >= MAX_ANSWERS] = -1
    covered_Q = np.all(rows_Q4 >= 0, axis=1)
    correct_Q = np.zeros(len(rows_Q4), bool)
    correct_Q[covered_Q] = answers(space, rows_Q4[covered_Q, :3]) == rows_Q4[covered_Q, 3]
    ends = np.cumsum([len(section.words) for section in sections])
    parts = [slice(end - len(section.words), end) for section, end in zip(sections, ends, strict=True)]
    return _scores(correct_Q, covered_Q) | {
        "sections": {
            section.name: _scores(correct_Q[part], covered_Q[part]) for section, part in zip(sections, parts, strict=True)
        }
    }


def answers(space: WordSpace, rows_Q3: np.ndarray) -> np.ndarray:
    """The row of the word nearest to b - a + c for each question (a, b, c); int64 [Q].

    A word of the question, however spelled, is not an answer; of an answer it is the row of its most frequent spelling.
    """
    best_Q = np.full(len(rows_Q3), -1)
    words_VD, alike_V = space.unit_VD[:MAX_ANSWERS], space.alike[:MAX_ANSWERS]
    for first in range(0, len(rows_Q3), QUESTION_BLOCK):
        asked_Q3 = rows_Q3[first : first + QUESTION_BLOCK]
        a_QD, b_QD, c_QD = (space.unit_VD[asked_Q3[:, place]] for place in range(3))
        wanted_QD = b_QD - a_QD + c_QD
        question_K, barred_K = _spellings(alike_V, asked_Q3)
        highest_Q = np.full(len(asked_Q3), -np.inf, np.float32)
        for start in range(0, len(words_VD), WORD_BLOCK):
            score_QV = wanted_QD @ words_VD[start : start + WORD_BLOCK].T
            (here,) = np.nonzero((barred_K >= start) & (barred_K < start + WORD_BLOCK))
            score_QV[question_K[here], barred_K[here] - start] = -np.inf
            found_Q = score_QV.argmax(1)
            score_Q = np.take_along_axis(score_QV, found_Q[:, None], 1)[:, 0]
            better_Q = score_Q > highest_Q
            highest_Q[better_Q] = score_Q[better_Q]
            best_Q[first : first + QUESTION_BLOCK][better_Q] = alike_V[start + found_Q[better_Q]]
    return best_Q


def _spellings(alike_V: np.ndarray, asked_Q3: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every spelling of the words of each question: numbers of the questions, and rows (int64 [K] each)."""
    by_word_V = np.argsort(alike_V, kind="stable")
    words = alike_V[asked_Q3.ravel()]
    starts, ends = (np.searchsorted(alike_V[by_word_V], words, side) for side in ("left", "right"))
    counts = ends - starts
    places_K = np.arange(counts.sum()) + np.repeat(starts - np.cumsum(counts) + counts, counts)
    return np.repeat(np.arange(len(words)) // 3, counts), by_word_V[places_K]


def _scores(correct_Q: np.ndarray, covered_Q: np.ndarray) -> dict[str, Any]:
    correct, covered = int(correct_Q.sum()), int(covered_Q.sum())
    accuracy = round(correct / covered, 4) if covered >= MIN_COVERED else None
    return {"accuracy": accuracy, "correct": correct, "questions": covered, "of": len(covered_Q)}


@cache
def _sections() -> list[Section]:
    sections: list[Section] = []
    for line in _lines(QUESTIONS):
        if line.startswith(":"):
            sections.append(Section(line.removeprefix(":").strip(), []))
        else:
            sections[-1].words.append(line.split())
    return sections


def _lines(name: str) -> Iterator[str]:
    """The lines of a file of gensim's test data, without importing gensim, which takes a second."""
    gensim = find_spec("gensim")
    assert gensim is not None
    assert gensim.origin is not None
    path = Path(gensim.origin).parent / "test" / "test_data" / name
    return (line for line in path.read_text(encoding="utf-8").splitlines() if line)
