"""A model of n-grams is made small: by validation rows, to the size asked for, or it is said which size would do."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import RequestError
from tasks.export.compact import closed, folded
from tasks.export.reader import open_reader
from tasks.export.rows import Prepared, Rows
from tasks.export.served.arrays import keys_of, planes_of
from tasks.export.size import parse_size, size_text
from tasks.export.small import CERTIFICATE_BYTES, Wanted, write_small
from tasks.finetune.count_ngrams import build_ngrams, narrowed, united
from tasks.model.ngram_sum import NgramSum
from tasks.model.ngrams import NgramVocabulary

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.export.write import Exported
    from tests.register.conftest import Train, Trained

KILO = 1000


@pytest.mark.parametrize("form", ["numpy", "onnx"])
def test_a_folder_has_the_size_asked_for_and_says_what_that_cost(
    exported: Exported, trained: Trained, rows: Rows, tmp_path: Path, form: str
) -> None:
    prepared, loss = Prepared(trained.prepared), 0.05
    whole = write_small(exported, tmp_path / "whole", form, prepared, rows, Wanted(1000 * KILO, loss))
    assert whole["made_small"]["ngrams"] == whole["made_small"]["ngrams_before"]
    most = whole["bytes"] + CERTIFICATE_BYTES - 700  # of a few thousand beside the reader
    certificate = write_small(exported, tmp_path / "made", form, prepared, rows, Wanted(most, loss))
    assert sum(path.stat().st_size for path in (tmp_path / "made").iterdir()) <= most
    assert certificate["made_small"]["ngrams"] < certificate["made_small"]["ngrams_before"]
    assert certificate["validation"]["source"] == "the validation rows of its run"
    assert certificate["test"]["agreement"] > 0.9
    reader = open_reader(tmp_path / "made", form)
    assert [each["label"] for each in reader.predict(["", "profit rose", "zyxwv"])] == [None, "positive", None]


def test_without_room_the_size_that_would_do_is_named(exported: Exported, trained: Trained, rows: Rows, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"films/1 cannot be as small as 20KB; give --max-size ([\d.]+)KB") as refused:
        write_small(exported, tmp_path / "made", "numpy", Prepared(trained.prepared), rows, Wanted(20 * KILO, 0.05))
    assert list(tmp_path.iterdir()) == []
    would_do = parse_size(str(refused.value).partition("--max-size ")[2].partition(",")[0], "--max-size")
    write_small(exported, tmp_path / "made", "numpy", Prepared(trained.prepared), rows, Wanted(would_do, 0.05))


def test_all_n_grams_and_a_loss_that_is_not_allowed_are_refused(
    exported: Exported, trained: Trained, rows: Rows, tmp_path: Path
) -> None:
    with pytest.raises(RequestError, match=r"it would lose .* points of accuracy on validation rows; leave the option out"):
        write_small(exported, tmp_path / "made", "numpy", Prepared(trained.prepared), rows, Wanted(1000 * KILO, -1.0))
    assert list(tmp_path.iterdir()) == []


def test_a_network_is_refused_in_one_line(
    tmp_path: Path, train_tiny: Train, exported_of: Callable[[Trained], Exported], rows: Rows
) -> None:
    trained = train_tiny(tmp_path / "trained", model="bag+mean", num_documents=60)
    with pytest.raises(RequestError, match=r"films/1 (is not a sum over n-grams alone|has the view mean)"):
        write_small(exported_of(trained), tmp_path / "made", "numpy", Prepared(trained.prepared), rows, Wanted(KILO, 0.0))


def vocabulary(seed: int, longest: int) -> tuple[NgramVocabulary, pa.Array]:
    """One that documents of random words have, and those documents."""
    draws = random.Random(seed)
    words = draws.sample("abcdefgh", 6)
    documents = [draws.choices("abcdefgh", k=draws.randint(0, 12)) for _ in range(20)]
    chunk = NgramVocabulary(words, []).word_ids(documents)
    with tempfile.TemporaryDirectory() as scratch:
        shape = {"longest": longest, "min_documents": 2, "num_tokens": 240}
        own = build_ngrams(words, lambda: [chunk], Path(scratch), **shape)
    return own, pa.array(documents, pa.list_(pa.string()))


@given(st.integers(0, 10_000))
def test_united_vocabularies_find_what_each_found(seed: int) -> None:
    (one, documents), (other, _) = vocabulary(seed, 3), vocabulary(seed + 1, 2)
    both, (of_one, of_other) = united([one, other])
    assert len(set(of_one)) == len(one)
    assert len(set(of_other)) == len(other)
    assert all((np.diff(level) > 0).all() for level in both.keys)
    ids, offsets = both.encode(documents)
    for own, places in ((one, of_one), (other, of_other)):
        theirs, their_offsets = own.encode(documents)
        for row in range(len(documents)):
            mine = set(ids[offsets[row] : offsets[row + 1]].tolist())
            assert mine >= set(places[theirs[their_offsets[row] : their_offsets[row + 1]]].tolist())


@given(st.integers(0, 10_000))
def test_one_sum_alone_is_folded_without_a_change(seed: int) -> None:
    own, documents = vocabulary(seed, 3)
    weights = np.random.default_rng(seed).normal(size=(len(own), 3)).astype(np.float32)
    view = NgramSum(own, weights, np.arange(3, dtype=np.float32))
    made = folded({"bag": view}, {"bag": 1.0}, documents)
    tokens: Any = type("Given", (), {"documents": documents})
    again = NgramSum(made.vocabulary, made.weights_KC, made.bias_C).logits(tokens)
    assert np.allclose(again, view.logits(tokens), atol=1e-5)


@given(st.integers(0, 10_000))
def test_kept_n_grams_are_found_with_their_shorter_parts(seed: int) -> None:
    own, documents = vocabulary(seed, 3)
    wanted = np.random.default_rng(seed).random(len(own)) < 0.2
    kept = closed(own, wanted)
    small = narrowed(own, kept)
    number = np.cumsum(kept) - 1
    ids, _ = own.encode(documents)
    assert np.array_equal(small.encode(documents)[0], number[ids[kept[ids]]])


@given(st.lists(st.integers(0, 2**62), unique=True, max_size=40))
def test_keys_survive_packing(keys: list[int]) -> None:
    given_keys = np.array(sorted(keys), np.int64)
    assert np.array_equal(keys_of(planes_of(given_keys)), given_keys)


@pytest.mark.parametrize(("text", "size"), [("2MB", 2_000_000), ("1.5 MiB", 1_572_864), ("500kb", 500_000), ("70", 70)])
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text, "--max-size") == size
    assert parse_size(size_text(size), "--max-size") >= size


@pytest.mark.parametrize("text", ["", "MB", "2 TB", "-1MB", "0", "1e9", "2,5MB", "\u0662MB"])
def test_a_text_that_is_no_size_is_named(text: str) -> None:
    with pytest.raises(RequestError, match=r"--max-size .* is not a size"):
        parse_size(text, "--max-size")
