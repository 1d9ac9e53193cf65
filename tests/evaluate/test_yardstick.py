import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from tasks.errors import RequestError
from tasks.evaluate import yardstick
from tasks.evaluate.ngrams import Ngrams
from tasks.evaluate.settings import EvaluateConfig
from tasks.evaluate.yardstick import write_yardstick
from tasks.prepare.read import read_split
from tests.evaluate.conftest import Corpus

DOCUMENTS = [["a", "b", "a", "b"], ["b", "a"], [], ["c"], ["a", "b", "c", "d d"], ["d d", "a", "a"]]
CONFIG = EvaluateConfig(bootstrap=200)


def by_scikit_learn(train: Any, documents: list[list[str]], min_df: Any) -> np.ndarray:
    vectorizer = CountVectorizer(analyzer=lambda tokens: [*tokens, *map("\n".join, itertools.pairwise(tokens))], min_df=min_df)
    return vectorizer.fit(train).transform(documents).toarray()


@pytest.mark.parametrize("min_df", [1, 2])
@pytest.mark.parametrize("kind", [pa.list_(pa.string()), pa.large_list(pa.large_string())])
def test_ngrams_are_those_of_scikit_learn(min_df: int, kind: str) -> None:
    unseen = [["e", "a", "b"], ["d d", "a", "e", "b", "a"], []]
    ngrams = Ngrams(pa.array(DOCUMENTS, kind), min_df, max_size=1000)
    for documents in (DOCUMENTS, unseen):
        mine = ngrams.counts(pa.array(documents, pa.list_(pa.string()))).toarray()
        theirs = by_scikit_learn(DOCUMENTS, documents, min_df)
        # columns come in another order: equal as bags of columns, and so in every product of two rows
        assert sorted(map(tuple, ngrams.counts(pa.array(DOCUMENTS)).toarray().T)) == sorted(
            map(tuple, by_scikit_learn(DOCUMENTS, DOCUMENTS, min_df).T)
        )
        assert np.array_equal(mine @ mine.T, theirs @ theirs.T)


def test_ngrams_of_a_slice_and_the_most_frequent_ones() -> None:
    tokens = pa.array(DOCUMENTS)
    ngrams = Ngrams(tokens, 1, max_size=2)
    assert len(ngrams) == 2
    assert ngrams.counts(tokens).toarray().tolist() == [[2, 2], [1, 1], [0, 0], [0, 0], [1, 1], [2, 0]]  # of a and b
    assert ngrams.counts(tokens[4:]).toarray().tolist() == [[1, 1], [2, 0]]


def test_what_is_counted_in_batches_is_what_is_counted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = pa.array(DOCUMENTS)
    ngrams = Ngrams(tokens, 1, max_size=1000)
    at_once = ngrams.counts(tokens)
    monkeypatch.setattr("tasks.evaluate.ngrams.BATCH_ROWS", 2)
    in_batches = ngrams.counts(tokens)
    for part in ("data", "indices", "indptr"):
        one, other = getattr(at_once, part), getattr(in_batches, part)
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()
    assert ngrams.counts(tokens[:0]).shape == (0, len(ngrams))


def test_yardstick_learns_and_writes_what_it_says(reviews: Corpus, tmp_path: Path) -> None:
    report = write_yardstick(CONFIG, reviews.dataset, reviews.holdout, tmp_path)
    test = read_split(reviews.holdout, "test")
    assert 0.75 < report["accuracy"] < 0.97
    assert report["test_rows"] == test.num_rows == 80
    assert report["train_rows"] == 240
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["accuracy"] == report["accuracy"]
    table = pq.read_table(tmp_path / "predictions.parquet", page_checksum_verification=True)
    assert table.column_names == ["id", "label", "predicted", "confidence", "correct", "probabilities"]
    assert table["id"].to_pylist() == test.ids.to_pylist()
    assert np.mean(table["correct"].to_pylist()) == report["accuracy"]
    assert table["predicted"].to_pylist() == [("bad", "good")[p[1] > p[0]] for p in table["probabilities"].to_pylist()]


def test_equal_input_equal_bytes(reviews: Corpus, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_yardstick(CONFIG, reviews.dataset, reviews.holdout, tmp_path / name)
    for file in ("metrics.json", "predictions.parquet"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_valid_rows_are_not_trained_on(make_corpus: Callable[..., Corpus], tmp_path: Path) -> None:
    rows = [(f"t{n}", "train", "xy"[n % 2], ["x" if n % 2 == 0 else "y"]) for n in range(20)]
    rows += [(f"v{n}", "valid", "x", ["y"]) for n in range(500)]
    rows += [("test", "test", "y", ["y"])]
    corpus = make_corpus(rows)
    assert write_yardstick(CONFIG, corpus.dataset, corpus.holdout, tmp_path)["accuracy"] == 1.0


def test_empty_documents_and_labels_unseen_in_training(make_corpus: Callable[..., Corpus], tmp_path: Path) -> None:
    rows = [(f"t{n}", "train", "abc"[n % 3], ["abc"[n % 3], "w"]) for n in range(30)]
    rows += [("e", "test", "a", []), ("n", "test", "new", ["never", "seen"]), ("a", "test", "a", ["a"])]
    corpus = make_corpus(rows)
    report = write_yardstick(CONFIG, corpus.dataset, corpus.holdout, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert report["test_rows"] == 3
    assert metrics["labels"] == ["a", "b", "c", "new"]
    assert metrics["per_class"]["new"] == metrics["per_class"]["new"] | {"trained": False, "recall": 0.0, "support": 1}


def test_a_large_corpus_is_thinned_evenly(reviews: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yardstick, "MAX_TOKENS", 700)  # of 240 train rows with 7 tokens each
    assert write_yardstick(CONFIG, reviews.dataset, reviews.holdout, tmp_path)["train_rows"] == 100


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("1", "train", "a", ["x"]), ("2", "train", "b", ["y"])], "no test rows"),
        ([("1", "train", "a", ["x"]), ("2", "train", "a", ["y"]), ("3", "test", "a", ["y"])], "fewer than two labels"),
        ([("1", "train", "a", []), ("2", "train", "b", []), ("3", "test", "a", ["y"])], "have no tokens"),
        ([("1", "train", "a", ["x"]), ("2", "train", "b", ["y"]), ("3", "test", None, ["y"])], "no label"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(
    make_corpus: Callable[..., Corpus], tmp_path: Path, rows: list[Any], message: str
) -> None:
    corpus = make_corpus(rows)
    with pytest.raises(RequestError, match=message) as caught:
        write_yardstick(CONFIG, corpus.dataset, corpus.holdout, tmp_path)
    assert "\n" not in str(caught.value)
