"""The lines that tutorials on pretrained vectors are made of, run against this project's objects and files."""

import json
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tasks.align.export import export_vectors
from tasks.align.matrix import write_matrix
from tasks.align.settings import AlignConfig
from tasks.align.torchtext_vocabulary import TorchtextVocabulary
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model


@pytest.fixture
def aligned(make_dataset: Callable[..., Path], documents: list[list[str]], tmp_path: Path) -> Path:
    dataset = make_dataset({"train": documents})
    (tmp_path / "own.vec").write_text("3 3\ngood 1 2 3\nfilm 3 4 5\n电影 0 -1 -3\n")
    folder = tmp_path / "aligned"
    folder.mkdir()
    write_matrix(AlignConfig(vectors=tmp_path / "own.vec", min_count=1), dataset, None, folder)
    return folder


def test_an_embedding_from_the_matrix(aligned: Path) -> None:
    vocab = TorchtextVocabulary.load(aligned)
    matrix = torch.from_numpy(np.load(aligned / "matrix.npy"))
    embedding = nn.Embedding.from_pretrained(matrix, freeze=False, padding_idx=vocab["<pad>"])
    assert embedding.weight.requires_grad
    ids = torch.tensor([vocab(["good", "film", "<pad>"])])
    vectors = embedding(ids)
    assert vectors.tolist() == [[[1, 2, 3], [3, 4, 5], [0, 0, 0]]]
    vectors.sum().backward()
    assert not embedding.weight.grad[vocab["<pad>"]].any()


def test_a_batch_is_padded_with_the_row_of_padding(aligned: Path) -> None:
    vocab = TorchtextVocabulary.load(aligned)
    vocab.set_default_index(vocab["<unk>"])
    texts = [["good", "film"], ["nonsense"]]
    batch = nn.utils.rnn.pad_sequence(
        [torch.tensor(vocab(tokens)) for tokens in texts], batch_first=True, padding_value=vocab["<pad>"]
    )
    assert batch.tolist() == [[vocab["good"], vocab["film"]], [vocab["<unk>"], 0]]


def test_a_matrix_filled_word_by_word_is_the_same(aligned: Path, tmp_path: Path) -> None:
    vocab = TorchtextVocabulary.load(aligned)
    vectors = KeyedVectors.load_word2vec_format(tmp_path / "own.vec")
    matrix = np.load(aligned / "matrix.npy")
    for word, row in vocab.get_stoi().items():
        if word in vectors:
            assert np.array_equal(matrix[row], vectors[word])
    assert np.load(aligned / "has_vector.npy").sum() == len(vectors)


def test_gensim_asks_a_trained_model_for_neighbours(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    source = np.random.default_rng(1)
    rows = [list(source.choice(["good", "fine", "film", "plot"], 8)) for _ in range(40)]
    (tmp_path / "own.vec").write_text("good 1 2 3\nfine 1 2 4\nfilm 3 4 5\nplot 0 -1 -3\n")
    dataset = make_dataset({"train": rows, "valid": rows[:10]})
    label_rows(dataset)
    for name in ("aligned", "model", "scratch"):
        (tmp_path / name).mkdir()
    write_matrix(AlignConfig(vectors=tmp_path / "own.vec", min_count=1), dataset, None, tmp_path / "aligned")
    config = FinetuneConfig(model="mean", epochs=1, threads=1)
    write_model(config, dataset, tmp_path / "aligned", tmp_path / "model", tmp_path / "scratch")
    export_vectors(tmp_path / "model", tmp_path / "export.bin")
    vectors = KeyedVectors.load_word2vec_format(str(tmp_path / "export.bin"), binary=True)
    assert set(vectors.index_to_key) == {"good", "fine", "film", "plot"}
    assert vectors.most_similar("good", topn=1)[0][0] == "fine"


def label_rows(dataset: Path) -> None:
    """Give every second row the label `b`, and say which labels there are, as prepare does."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = dataset / "dataset.parquet"
    table = pq.read_table(path)
    labels = pa.array(["ab"[row % 2] for row in range(len(table))])
    table = table.set_column(table.schema.get_field_index("label"), "label", labels)
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)
    (dataset / "labels.json").write_text(json.dumps({"labels": ["a", "b"]}))


class TorchtextVocab:
    """What torchtext 0.18's Vocab does; held to its recorded answers below."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = list(tokens)
        self.default: int | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self.tokens

    def __getitem__(self, token: str) -> int:
        if token in self.tokens:
            return self.tokens.index(token)
        if self.default is None:
            raise RuntimeError(f"Token {token} not found and default index is not set")
        return self.default

    def set_default_index(self, index: int | None) -> None:
        self.default = index

    def get_default_index(self) -> int | None:
        return self.default

    def get_itos(self) -> list[str]:
        return self.tokens

    def get_stoi(self) -> dict[str, int]:
        return {token: row for row, token in enumerate(self.tokens)}

    def lookup_token(self, index: int) -> str:
        if not 0 <= index < len(self.tokens):
            raise RuntimeError(f"Specified index {index} is out of bounds")
        return self.tokens[index]

    def lookup_tokens(self, indices: Sequence[int]) -> list[str]:
        return [self.lookup_token(index) for index in indices]

    def lookup_indices(self, tokens: Sequence[str]) -> list[int]:
        if isinstance(tokens, str):
            raise TypeError("lookup_indices(): incompatible function arguments")
        return [self[token] for token in tokens]

    __call__ = lookup_indices


def torchtext_vocab(
    ordered_dict: OrderedDict, min_freq: int = 1, specials: list[str] | None = None, special_first: bool = True
) -> TorchtextVocab:
    """torchtext.vocab.vocab."""
    specials = specials or []
    for token in specials:
        ordered_dict.pop(token, None)
    tokens = [token for token, count in ordered_dict.items() if count >= min_freq]
    return TorchtextVocab([*specials, *tokens] if special_first else [*tokens, *specials])


@pytest.fixture(params=["as documented", "installed"])
def build(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """torchtext.vocab.vocab: what stands above and, where torchtext is installed, the real one."""
    if request.param == "as documented":
        return torchtext_vocab
    torchtext = pytest.importorskip("torchtext", reason="torchtext is not installed (make torchtext)")
    torchtext.disable_torchtext_deprecation_warning()
    from torchtext.vocab import vocab

    return vocab


ASKED: list[tuple[str, Any]] = [
    *(("__getitem__", token) for token in ("good", "电影", "<pad>", "<unk>", "absent", "", " good", "GOOD", "</s>")),
    *(("__contains__", token) for token in ("good", "电影", "<pad>", "<unk>", "absent", "", "Good")),
    *(("__call__", tokens) for tokens in ([], ["good"], ["film", "<pad>", "good", "good"], ["good", "absent"], "good")),
    *(("lookup_indices", tokens) for tokens in ([], ["电影", "<unk>"], ["absent"], "good")),
    *(("lookup_token", row) for row in (0, 1, 4, 5, -1, 10**6)),
    *(("lookup_tokens", rows) for rows in ([], [0, 4, 2, 2], [1, 5], [-1])),
    *((name, None) for name in ("__len__", "get_itos", "get_stoi", "get_default_index")),
]
RECORDED = [json.loads(line) for line in Path(__file__).with_name("torchtext_vocab.jsonl").read_text().splitlines()]


def answer(vocabulary: Any, call: str, argument: Any) -> Any:
    """What a look-up gives, or the kind of its error."""
    try:
        return getattr(vocabulary, call)(*([] if argument is None else [argument]))
    except (RuntimeError, TypeError) as error:
        return {"error": type(error).__name__}


def answers(build: Callable[..., Any], vocabulary: Callable[[Any], Any], default: int | None) -> list[dict[str, Any]]:
    """All answers of what `vocabulary` makes of a torchtext.vocab.Vocab with this default index, as they are recorded."""
    theirs = build(OrderedDict([("good", 9), ("film", 4), ("电影", 1)]), specials=["<pad>", "<unk>"])
    theirs.set_default_index(default)
    asked = vocabulary(theirs)
    return [
        {"default": default, "call": call, "argument": argument, "answer": answer(asked, call, argument)}
        for call, argument in ASKED
    ]


@pytest.mark.parametrize("default", [None, 1, 3, -1, 7])
def test_look_ups_answer_as_torchtext_did(build: Callable[..., Any], default: int | None) -> None:
    """The file holds the answers of torchtext 0.18.0, one a line; the stand-in above is held to them too."""
    recorded = [row for row in RECORDED if row["default"] == default]
    assert len(recorded) == len(ASKED)
    assert answers(build, lambda theirs: theirs, default) == recorded
    assert answers(build, TorchtextVocabulary.from_torchtext, default) == recorded


VOCABULARY = TorchtextVocabulary(("<pad>", "<unk>", "good", "film", "电影"), (0, 3, 9, 4, 1))


def test_every_look_up_answers_as_torchtext_does(build: Callable[..., Any]) -> None:
    theirs = VOCABULARY.to_torchtext(build)
    assert len(theirs) == len(VOCABULARY) == 5
    assert theirs.get_itos() == VOCABULARY.get_itos()
    for token in [*VOCABULARY.tokens, "absent", ""]:
        assert VOCABULARY[token] == theirs[token]
        assert (token in VOCABULARY) == (token in theirs)
    asked = ["film", "<pad>", "absent"]
    assert VOCABULARY.lookup_indices(asked) == VOCABULARY(asked) == theirs(asked) == theirs.lookup_indices(asked) == [3, 0, 1]
    assert VOCABULARY.lookup_tokens([4, 0]) == theirs.lookup_tokens([4, 0]) == ["电影", "<pad>"]
    assert VOCABULARY.get_stoi() == theirs.get_stoi() == {"<pad>": 0, "<unk>": 1, "good": 2, "film": 3, "电影": 4}
    assert list(VOCABULARY) == VOCABULARY.get_itos()
    for index in (-1, 5):
        for vocabulary in (VOCABULARY, theirs):
            with pytest.raises(RuntimeError):
                vocabulary.lookup_token(index)


@pytest.mark.parametrize("index", [None, 3, -1])
def test_the_default_index_goes_along(build: Callable[..., Any], index: int | None) -> None:
    ours = TorchtextVocabulary(VOCABULARY.tokens, VOCABULARY.counts)
    ours.set_default_index(index)
    theirs = ours.to_torchtext(build)
    assert theirs.get_default_index() == index
    if index is None:
        for vocabulary in (ours, theirs):
            with pytest.raises(RuntimeError):
                vocabulary["absent"]
    else:
        assert ours["absent"] == theirs["absent"] == index


def test_the_default_index_is_that_of_look_ups_by_name_alone() -> None:
    vocabulary = TorchtextVocabulary(VOCABULARY.tokens, VOCABULARY.counts)
    assert vocabulary.get_default_index() == 1
    vocabulary.set_default_index(None)
    with pytest.raises(RuntimeError, match="'absent' is not in the vocabulary"):
        vocabulary["absent"]
    assert vocabulary["<unk>"] == 1
    vocabulary.set_default_index(3)
    assert vocabulary["absent"] == 3
    assert vocabulary.encode([["absent", "<pad>"]])[0].tolist() == [1, 1]
    assert vocabulary == VOCABULARY
    for index in (-1, 5):
        with pytest.raises(RuntimeError, match="outside of the vocabulary"):
            vocabulary.lookup_token(index)


@pytest.mark.parametrize("tokens", [["<unk>", "<pad>", "b", "a"], ["b", "a", "<unk>", "<pad>"], ["b", "a"]])
def test_a_vocabulary_of_torchtext_keeps_its_order(build: Callable[..., Any], tokens: list[str]) -> None:
    theirs = build(OrderedDict.fromkeys(tokens, 1))
    ours = TorchtextVocabulary.from_torchtext(theirs)
    assert ours.tokens == ("<pad>", "<unk>", "b", "a")
    rows = [ours[token] for token in tokens]
    assert [ours.tokens[row] for row in rows] == tokens
    assert ours.get_default_index() is None
    theirs.set_default_index(theirs["a"])
    assert TorchtextVocabulary.from_torchtext(theirs)["absent"] == 3
    assert ours.to_torchtext(build).get_itos() == list(ours.tokens)


@pytest.mark.long
@given(words=st.dictionaries(st.text(), st.integers(1, 9), max_size=20))
def test_any_words_go_there_and_come_back(words: dict[str, int]) -> None:
    torchtext = pytest.importorskip("torchtext", reason="torchtext is not installed (make torchtext)")
    torchtext.disable_torchtext_deprecation_warning()
    kept = {word: count for word, count in words.items() if word not in ("<pad>", "<unk>")}
    ours = TorchtextVocabulary(("<pad>", "<unk>", *kept), (0, 0, *kept.values()))
    theirs = ours.to_torchtext()
    assert type(theirs) is torchtext.vocab.Vocab
    assert theirs.get_itos() == list(ours)
    assert TorchtextVocabulary.from_torchtext(theirs).tokens == ours.tokens


def test_without_torchtext_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchtext", None)
    with pytest.raises(ImportError, match=r"pip install '\.\[torchtext\]' --constraint constraints-torchtext\.txt"):
        VOCABULARY.to_torchtext()
