"""Many texts cut at once give what each gives alone, and tokens are found by their bytes as a dictionary finds them."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.model.ngrams import NgramVocabulary
from tasks.model.subwords import Subwords
from tasks.model.text.clean import clean
from tasks.model.text.token_batch import LONG, TokenBatch, WordTable, cut_batch, num_tokens
from tasks.model.text.tokenize import MANY, TextToTokens
from tasks.model.text.tokenizer import CutAtBlanks
from tasks.model.vocabulary import Vocabulary
from tasks.model.words import WordEncoder
from tasks.prepare.settings import PrepareConfig
from tasks.prepare.word_lists import text_to_tokens
from tests.model.test_tokenize import hostile

PLAIN = "It's a well-made film (5.5%!), isn't it? Yes... "  # ASCII: most of a batch must be
ODD = "film film. film.. . .. ' it's 'tis 5% 3.5 3. -5.5% x_y \"so\" caf\u00e9 caf\u00e9. e\u0301 </s> <pad> Up, , a,b -- !!!!"
pieces = st.sampled_from([*re.split(" ", ODD), "\u4e2d\u6587", "\u2019s", "it\u2019s", "\u00a0", "\t", "\x1c", "\x01", "  "])
texts = st.lists(st.one_of(hostile, st.lists(pieces).map(" ".join), st.lists(pieces).map("".join)), max_size=6)


def cutter(tokenizer: str, punctuation: str) -> CutAtBlanks:
    cut = text_to_tokens(PrepareConfig(tokenizer=tokenizer, punctuation=punctuation))._cut
    assert isinstance(cut, CutAtBlanks)
    return cut


def batch_of(documents: Sequence[Sequence[str]]) -> TokenBatch:
    """Documents of words as a batch."""
    made = cut_batch([" ".join(tokens) for tokens in documents] + [PLAIN * 100], CutAtBlanks(lambda piece: [piece]))
    assert isinstance(made, TokenBatch)
    return made[: len(documents)]


@pytest.mark.parametrize("tokenizer", ["word", "whitespace", "basic_english"])
@pytest.mark.parametrize("punctuation", ["keep", "drop"])
@given(texts)
def test_texts_cut_at_once_give_what_each_gives_alone(tokenizer: str, punctuation: str, texts: list[str]) -> None:
    cleaned, cut = [clean(text) for text in texts], cutter(tokenizer, punctuation)
    alone = [cut(text) for text in cleaned]
    plain = PLAIN * (1 + sum(map(len, cleaned)))
    batch = cut_batch([*cleaned, plain], cut)
    assert isinstance(batch, TokenBatch)
    assert list(batch) == [*alone, cut(plain)]
    assert list(batch[: len(texts)]) == alone
    assert num_tokens(batch).tolist() == [*map(len, alone), len(cut(plain))]
    lines, ends = batch[: len(texts)].lines()
    assert lines.tobytes().decode() == "".join(f"{token}\n" for tokens in alone for token in tokens)
    assert [lines[:end].tobytes().decode().count("\n") for end in ends.tolist()] == np.cumsum([*map(len, alone)]).tolist()


@given(st.lists(hostile, max_size=4))
def test_texts_that_are_hardly_ascii_are_cut_one_by_one(texts: list[str]) -> None:
    cut = cutter("word", "keep")
    cleaned = [clean(text) for text in texts] + ["\u0447\u0438\u0442\u0430\u044e " * 30]
    assert list(cut_batch(cleaned, cut)) == [cut(text) for text in cleaned]


@pytest.mark.parametrize(
    "settings", [{}, {"stop_words": ["film"]}, {"tokenizer": "char"}, {"punctuation": "drop", "html": False}]
)
@pytest.mark.parametrize("number", [0, 1, MANY, 3 * MANY])
def test_documents_are_a_batch_of_tokens(settings: dict[str, Any], number: int) -> None:
    text = TextToTokens(text_to_tokens(PrepareConfig(tokenizer="word", punctuation="keep")).to_dict() | settings)
    given = [f"{PLAIN} No. {row} <b>film.</b>" for row in range(number)]
    assert list(text.documents(given)) == text.batch(given)
    is_batch = number >= MANY and not {"stop_words", "tokenizer"} & set(settings)
    assert isinstance(text.documents(given), TokenBatch) == is_batch


def test_rows_and_slices_of_a_batch() -> None:
    documents = [["a", "b."], [], ["caf\u00e9"], ["a"]]
    batch = batch_of(documents)
    assert [batch[0], batch[-1], batch[1:3][1]] == [["a", "b."], ["a"], ["caf\u00e9"]]
    assert [list(batch[1:]), list(batch[3:1]), list(batch[2:9])] == [documents[1:], [], documents[2:]]
    with pytest.raises(IndexError):
        batch[4]
    with pytest.raises(ValueError, match="one after another"):
        batch[::2]


words = st.text(st.sampled_from("abz\u00e9\u4e2d."), min_size=1, max_size=LONG + 3)


@given(st.lists(words, unique=True, max_size=30), st.lists(st.lists(words, max_size=5), max_size=5))
def test_words_are_found_by_their_bytes(known: list[str], documents: list[list[str]]) -> None:
    documents = [*documents, known, [word[:-1] or "x" for word in known], [word + "a" for word in known]]
    index = {word: number for number, word in enumerate(known)}
    found = WordTable(known).find(batch_of(documents))
    assert found.tolist() == [index.get(token, -1) for tokens in documents for token in tokens]
    assert found.dtype == np.int32


def test_two_words_with_one_key_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of 63 bits hardly ever agree, so they are made to here."""
    monkeypatch.setattr("tasks.model.text.token_batch.FACTORS", np.array([1, 0, 0], np.uint64))
    known = ["a", "eightwid", "eightwidth+"]
    found = WordTable(known).find(batch_of([["a", "a.", "eightwid", "eightwidths", "b"]]))
    assert found[[0, 1, 3, 4]].tolist() == [0, -1, -1, -1]
    assert found[2] in (1, -1)


@given(st.lists(st.lists(st.sampled_from(["a", "b", "<pad>", "<unk>", "zz", "caf\u00e9", "x" * 30]), max_size=6), max_size=6))
def test_vocabularies_read_a_batch_as_they_read_lists(documents: list[list[str]]) -> None:
    batch = batch_of(documents)
    ngrams = NgramVocabulary(["a", "b", "x" * 30], [np.array([1, 3])])
    vocabulary = Vocabulary(("<pad>", "<unk>", "a", "caf\u00e9"), (0, 0, 1, 1))
    encoder = [
        WordEncoder(vocabulary, Subwords(np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32), 2, 4)) for _ in "12"
    ]
    for one, other in (
        (ngrams.encode(batch), ngrams.encode(documents)),
        (vocabulary.encode(batch), vocabulary.encode(documents)),
        (encoder[0].encode(batch), encoder[1].encode(pa.array(documents, pa.list_(pa.string())))),
    ):
        assert [each.tolist() for each in one] == [each.tolist() for each in other]
