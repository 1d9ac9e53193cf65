"""Kinds that go on from a former model: what they keep, where new words and classes begin, and what they learn."""

from __future__ import annotations

import json
import random
import shutil
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.finetune.former_model import FormerModel
from tasks.finetune.kinds import KINDS
from tasks.finetune.networks.warm import grown_matrix
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.model.classifier import FORMAT, Classifier
from tasks.model.ngram_sum import NgramSum
from tasks.model.ngrams import NgramVocabulary
from tasks.model.vocabulary import UNK_ID, Vocabulary
from tests.finetune.conftest import COMMON, CUES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Rows = list[tuple[str, str, str, list[str]]]
NEW_CUES = {"bad": "dreadful", "fine": "middling", "good": "splendid"}
NETWORKS = ["mean", "cnn", "bilstm"]


@pytest.fixture
def new_rows() -> Rows:
    """Rows that have other cues than the first ones, two of them in each."""
    source, made = random.Random(9), Rows()
    for number in range(90):
        label = ("bad", "fine", "good")[number % 3]
        tokens = [*source.choices(COMMON, k=6), NEW_CUES[label]]
        made.append((f"new/{number}", "valid" if number % 4 == 0 else "train", label, tokens))
    return made


@pytest.fixture
def train(tmp_path: Path, write_dataset: Callable[..., Path]) -> Callable[..., Path]:
    """Train on rows, from a former model if one is given with how many rows those stand for that come again; its folder.

    `corrected` has the labels that the former model was taught of some rows.
    """
    made = count()

    def call(
        config: FinetuneConfig,
        rows: Rows,
        aligned: Path | None = None,
        *,
        former: Path | None = None,
        again: int = 0,
        corrected: Mapping[str, str] = MappingProxyType({}),
    ) -> Path:
        name = f"model{next(made)}"
        for place in (folder := tmp_path / name, scratch := tmp_path / f"{name}-scratch"):
            place.mkdir()
        given = None
        if former is not None:
            shutil.copytree(former, (given := tmp_path / f"{name}-former") / "model")
            train_rows = [row for row in rows if row[1] == "train"]
            names = Classifier.load(former).labels
            before = [-1 if row[0].startswith("new") else names.index(corrected.get(row[0], row[2])) for row in train_rows]
            np.save(given / "before.npy", np.array(before, np.int64))
            np.save(given / "replayed.npy", np.array([row[0] not in corrected for row in train_rows]) & (np.array(before) >= 0))
            (given / "start.json").write_text(json.dumps({"old_rows": again}))
        labels = sorted({row[2] for row in rows if row[1] == "train"})
        dataset = write_dataset(rows, labels, f"{name}-rows")
        write_model(config, dataset, aligned, folder, scratch, former=given)
        return folder

    return call


def accuracy(model: Path, rows: Rows, split: str = "valid") -> float:
    classifier, chosen = Classifier.load(model), [row for row in rows if row[1] == split and row[3]]
    found = classifier.probabilities([row[3] for row in chosen]).argmax(1)
    return float(np.mean([classifier.labels[at] == row[2] for at, row in zip(found, chosen, strict=True)]))


def weight_of(model: Path, word: str) -> np.ndarray:
    """The weights of a word in a model that is a sum of n-grams."""
    (view,) = Classifier.load(model).views.values()
    assert isinstance(view, NgramSum)
    row: np.ndarray = view.weights_KC[list(view.vocabulary.words).index(word)]
    return row


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("kind", ["bag", "tfidf"])
def test_ngrams_keep_their_weights_and_new_ones_are_learned(
    kind: str, refit: bool, rows: Rows, new_rows: Rows, train: Callable[..., Path], small: Callable[..., FinetuneConfig]
) -> None:
    config = small(model=kind, refit=refit, ngrams=2)
    first = train(config, rows)
    again = [row for row in rows if row[1] == "train"][::3] + ([] if refit else [row for row in rows if row[1] == "valid"])
    there = {word for row in again + new_rows for word in row[3]}
    second = train(config, again + new_rows, former=first, again=90)
    assert accuracy(second, new_rows) > 0.95 > accuracy(first, new_rows)
    assert accuracy(second, rows) >= accuracy(first, rows) - 0.05
    old, new = (
        NgramVocabulary.load(first / ("" if kind == "bag" else kind)),
        NgramVocabulary.load(second / ("" if kind == "bag" else kind)),
    )
    assert set(new.words) == set(old.words) | set(NEW_CUES.values())
    assert len(new) > len(old)
    for word in set(old.words) - there:
        np.testing.assert_array_equal(weight_of(first, word), weight_of(second, word))
    for label, word in NEW_CUES.items():
        assert weight_of(second, word).argmax() == sorted(CUES).index(label)


def test_without_a_new_row_a_regression_stays_where_it_is(
    rows: Rows, train: Callable[..., Path], small: Callable[..., FinetuneConfig]
) -> None:
    first = train(small(model="tfidf"), rows)
    second = train(small(model="tfidf"), rows, former=first, again=90)
    for word in ("great", "dull", "film"):
        np.testing.assert_allclose(weight_of(first, word), weight_of(second, word), atol=2e-3)


def test_a_regression_learns_a_corrected_label_in_place_of_the_former_one(
    rows: Rows, train: Callable[..., Path], small: Callable[..., FinetuneConfig]
) -> None:
    odd = [(f"odd/{at}", "train", "good", [COMMON[at % 10], "quaint"]) for at in range(30)]
    config = small(model="tfidf")
    wrong = train(config, rows + [(at, split, "bad", tokens) for at, split, _, tokens in odd])
    right = train(config, rows + odd)
    known = [row for row in rows if row[1] == "train"]
    mended = train(config, rows + odd, former=wrong, again=len(known), corrected={row[0]: "bad" for row in odd})
    assert weight_of(wrong, "quaint").argmax() == 0
    np.testing.assert_allclose(weight_of(mended, "quaint"), weight_of(right, "quaint"), atol=0.15)


@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_go_on_without_vectors_of_words(
    kind: str, rows: Rows, new_rows: Rows, aligned: Path, train: Callable[..., Path], small: Callable[..., FinetuneConfig]
) -> None:
    config = small(model=kind)
    first = train(config, rows, aligned)
    second = train(config, rows[::2] + new_rows, former=first, again=90)
    old, new = Vocabulary.load(first), Vocabulary.load(second)
    assert new.tokens[: len(old)] == old.tokens
    assert set(NEW_CUES.values()) <= set(new.tokens)
    assert (first / "subwords.npy").read_bytes() == (second / "subwords.npy").read_bytes()
    assert accuracy(second, rows) >= accuracy(first, rows) - 0.1
    assert accuracy(second, new_rows, "train") > accuracy(first, new_rows, "train") + 0.1


@pytest.mark.parametrize("kind", ["bag", "tfidf", *NETWORKS])
def test_a_new_class_comes_between_the_others(
    kind: str, rows: Rows, aligned: Path, train: Callable[..., Path], small: Callable[..., FinetuneConfig]
) -> None:
    config = small(model=kind)
    first = train(config, rows, aligned if kind in NETWORKS else None)
    source = random.Random(4)
    others = [
        (f"new/{at}", "valid" if at % 3 == 0 else "train", "best", [*source.choices(["the", "film", "of"], k=3), "unrivalled"])
        for at in range(40)
    ]
    second = train(config, rows + others, former=first, again=90)
    assert Classifier.load(second).labels == ["bad", "best", "fine", "good"]
    if kind not in NETWORKS:  # for which two epochs of so few rows are too few
        assert accuracy(second, others) > 0.9
    assert accuracy(second, rows) >= accuracy(first, rows) - 0.1


def test_classes_are_matched_by_name_and_new_ones_are_zeros(tmp_path: Path) -> None:
    former = opened(tmp_path, ["bad", "fine", "good"], ["bad", "best", "fine", "good"])
    assert former.of_classes(np.arange(6.0).reshape(3, 2), axis=0).tolist() == [[0, 1], [0, 0], [2, 3], [4, 5]]
    assert former.of_classes(np.arange(6.0).reshape(2, 3), axis=1).tolist() == [[0, 0, 1, 2], [3, 0, 4, 5]]


def opened(folder: Path, own: list[str], labels: list[str]) -> FormerModel:
    (folder / "model").mkdir()
    (folder / "model" / "model.json").write_text(json.dumps({"format": FORMAT, "labels": own, "views": {}}))
    return FormerModel(folder, labels)


def test_a_class_that_is_gone_is_refused(tmp_path: Path) -> None:
    former = opened(tmp_path, ["bad", "fine"], ["bad", "good"])
    with pytest.raises(ValueError, match="a class 'fine', which the train rows do not have"):
        former.places  # noqa: B018


def test_a_word_without_subwords_begins_as_the_unknown_word() -> None:
    vocabulary = Vocabulary(("<pad>", "<unk>", "film", "plot"), (0, 0, 1, 1))
    matrix_VD = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert grown_matrix(matrix_VD, vocabulary, None)[3].tolist() == matrix_VD[UNK_ID].tolist()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "bag"}, ""),
        ({"model": "bag", "lexicon": "words.tsv"}, "bag counts a lexicon"),
        ({"model": "tfidf"}, ""),
        ({"model": "tfidf", "tfidf": {"naive_bayes": 0.5}}, "tfidf lets n-grams weigh by Naive Bayes' log ratio"),
        ({"model": "bag+ca"}, "ca is always trained anew"),
        ({"model": "fasttext"}, "fasttext is always trained anew"),
        ({"model": "cnn"}, ""),
        ({"model": "cnn", "network": {"embedding": "frozen"}}, ""),
        ({"model": "cnn", "network": {"embedding": "partial"}}, "cnn trains a part of its words' rows"),
    ],
)
def test_kinds_say_whether_they_can_go_on(settings: dict[str, Any], words: str) -> None:
    config = FinetuneConfig(**settings)
    assert words in " ".join(f"{kind.name} {kind.no_start(config)}" for kind in config.kinds if kind.no_start(config))
    assert bool(words) == any(kind.no_start(config) for kind in config.kinds)
    assert set(config.names) <= KINDS.keys()
