import numpy as np
import pandas as pd
from gensim.test.utils import datapath

from tasks.pretrain.neighbours import judge_vectors


def test_neighbours_are_of_frequent_words_that_say_something() -> None:
    words = ["the", "king", "queen", "of", "s", "cabbage", "12", "电"]
    matrix = np.eye(8, dtype=np.float32)
    matrix[2] = matrix[1] + 0.1 * matrix[2]
    neighbours = judge_vectors(words, matrix)["neighbours"]
    assert list(neighbours) == ["king", "queen", "cabbage", "电"]
    assert neighbours["king"][0][0] == "queen"
    assert neighbours["king"][0][1] > 0.99


def test_wordsim_counts_covered_pairs_and_ranks_them() -> None:
    pairs = pd.read_csv(datapath("wordsim353.tsv"), sep="\t", comment="#", names=["a", "b", "human"])
    # Each pair in a plane of its own, at an angle that says what people said; only pairs that bring no others with them.
    words: list[str] = []
    chosen = []
    for pair in pairs.itertuples():
        more = [*words, pair.a, pair.b]
        if len(set(more)) == len(more) and (pairs["a"].isin(more) & pairs["b"].isin(more)).sum() == len(chosen) + 1:
            words, chosen = more, [*chosen, pair]
    matrix = np.zeros((len(words), len(words)), dtype=np.float32)
    for number, pair in enumerate(chosen):
        matrix[2 * number, 2 * number] = 1
        matrix[2 * number + 1, 2 * number : 2 * number + 2] = [pair.human / 10, np.sqrt(1 - (pair.human / 10) ** 2)]
    result = judge_vectors(words, matrix)["wordsim353"]
    assert (result["pairs"], result["of"]) == (len(chosen), 353)
    assert len(chosen) >= 50
    assert result["spearman"] > 0.99


def test_too_few_pairs_give_no_score() -> None:
    assert judge_vectors(["tiger", "cat"], np.eye(2, dtype=np.float32))["wordsim353"] is None
