"""A model's word vectors come out as other programs read them."""

import json
import sys
from pathlib import Path

import fasttext
import numpy as np
import pytest
from gensim.models import KeyedVectors
from safetensors.numpy import save_file

from tasks.align.export import export_vectors
from tasks.align.readers import VectorFile, read_vectors
from tasks.errors import RequestError
from tasks.model.vocabulary import Vocabulary

TOKENS = ("<pad>", "<unk>", "film", "电影", "naïve", "good", "'s", "🙂")
MATRIX = np.random.default_rng(3).standard_normal((len(TOKENS), 6)).astype(np.float32)
MATRIX[0] = 0


def make_model(folder: Path, tokens: tuple[str, ...] = TOKENS, views: tuple[str, ...] = ("cnn",)) -> Path:
    folder.mkdir()
    Vocabulary(tokens, (0, 4, *range(len(tokens) - 2, 0, -1))).save(folder)
    tensors = {f"{view}.embedding.weight": MATRIX * (1 + number) for number, view in enumerate(views)}
    save_file({**tensors, "bag.weights.weight": np.ones((3, 2), np.float32)}, folder / "weights.safetensors")
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "model")


@pytest.mark.parametrize("name", ["out.vec", "out.bin"])
def test_gensim_reads_the_same_vectors(model: Path, tmp_path: Path, name: str) -> None:
    report = export_vectors(model, tmp_path / name)
    loaded = KeyedVectors.load_word2vec_format(tmp_path / name, binary=name.endswith("bin"))
    assert loaded.index_to_key == list(TOKENS[2:])
    assert np.array_equal(loaded.vectors, MATRIX[2:])
    expected = {"view": "cnn", "words": 6, "dim": 6, "left_out": 2, "file": str(tmp_path / name), "vocabulary": None}
    assert report == expected


def test_of_members_the_first_is_written_unless_another_is_named(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", views=("cnn", "cnn#2", "cnn#3"))
    report = export_vectors(model, tmp_path / "first.npy")
    assert (report["view"], report["members"]) == ("cnn", 3)
    assert np.array_equal(np.load(tmp_path / "first.npy"), MATRIX)
    export_vectors(model, tmp_path / "second.npy", "cnn#2")
    assert np.array_equal(np.load(tmp_path / "second.npy"), MATRIX * 2)


def test_fasttext_starts_from_the_same_vectors(model: Path, tmp_path: Path) -> None:
    export_vectors(model, tmp_path / "out.vec")
    (tmp_path / "text").write_text("__label__a film good\n__label__b 电影 naïve\n" * 3, encoding="utf-8")
    trained = fasttext.train_supervised(
        str(tmp_path / "text"), pretrainedVectors=str(tmp_path / "out.vec"), dim=6, epoch=1, lr=1e-30, thread=1, verbose=0
    )
    for word in ("film", "电影", "good"):
        vector = trained.get_input_vector(trained.get_word_id(word))
        np.testing.assert_allclose(vector, MATRIX[TOKENS.index(word)], atol=1e-6)


def test_numpy_reads_every_row_and_its_word(model: Path, tmp_path: Path) -> None:
    report = export_vectors(model, tmp_path / "out.npy")
    assert np.array_equal(np.load(tmp_path / "out.npy"), MATRIX)
    assert json.loads((tmp_path / "out.vocabulary.json").read_text(encoding="utf-8")) == list(TOKENS)
    assert (report["words"], report["left_out"]) == (8, 0)
    assert report["vocabulary"] == str(tmp_path / "out.vocabulary.json")


@pytest.mark.parametrize("name", ["out.vec", "out.bin", "out.npy"])
def test_textmill_reads_what_it_wrote(model: Path, tmp_path: Path, name: str) -> None:
    export_vectors(model, tmp_path / name)
    words = tmp_path / "out.vocabulary.json" if name.endswith("npy") else None
    found = read_vectors(VectorFile(tmp_path / name, words), TOKENS[2:], tmp_path).found
    assert np.array_equal(found.vectors[np.argsort(found.positions)], MATRIX[2:])


def test_words_that_would_part_a_line_are_left_out(tmp_path: Path) -> None:
    tokens = ("<pad>", "<unk>", "new york", "film", "a\u00a0b", "", "x\ny", "good")
    model = make_model(tmp_path / "model", tokens)
    assert export_vectors(model, tmp_path / "out.vec")["left_out"] == 6
    assert KeyedVectors.load_word2vec_format(tmp_path / "out.vec").index_to_key == ["film", "good"]
    export_vectors(model, tmp_path / "out.npy")
    found = read_vectors(VectorFile(tmp_path / "out.npy", tmp_path / "out.vocabulary.json"), tokens[2:], tmp_path).found
    assert np.array_equal(found.vectors, MATRIX[2:])


def test_one_of_several_views_is_chosen_by_name(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", views=("cnn", "mean"))
    with pytest.raises(RequestError, match=r"word vectors of cnn, mean; say which with --view"):
        export_vectors(model, tmp_path / "out.npy")
    export_vectors(model, tmp_path / "out.npy", "mean")
    assert np.array_equal(np.load(tmp_path / "out.npy"), MATRIX * 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [("out.txt", r"does not end in \.vec, \.bin or \.npy"), ("nowhere/out.vec", r"no folder .*nowhere")],
)
def test_a_target_that_cannot_be_is_refused(model: Path, tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        export_vectors(model, tmp_path / name)


def test_a_model_without_word_vectors_says_so(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="reads no word vectors"):
        export_vectors(make_model(tmp_path / "bag", views=()), tmp_path / "out.vec")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RequestError, match="reads no word vectors"):
        export_vectors(tmp_path / "empty", tmp_path / "out.vec")


def test_an_export_that_fails_leaves_what_was_there(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out.npy").write_bytes(b"before")

    def fail(*words: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", fail)
    with pytest.raises(RequestError, match=r"out\.npy cannot be written: No space left"):
        export_vectors(model, tmp_path / "out.npy")
    assert (tmp_path / "out.npy").read_bytes() == b"before"
    assert not list(tmp_path.glob("*.part"))


def test_the_command_exports_the_model_that_is_named(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from types import SimpleNamespace

    from flows.commands import main as cli
    from flows.commands import registry

    (tmp_path / "package").mkdir()
    model.rename(tmp_path / "package" / "model")
    asked = []

    def load(name: str, data_root: Path | None) -> object:
        asked.append(name)
        return SimpleNamespace(model=SimpleNamespace(folder=tmp_path / "package"))

    monkeypatch.setattr(registry, "load", load)
    command = ["textmill", "vectors", "export", "films@champion", str(tmp_path / "out.bin"), "--json"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    assert json.loads(capsys.readouterr().out)["words"] == 6
    assert asked == ["films@champion"]
    assert len(KeyedVectors.load_word2vec_format(tmp_path / "out.bin", binary=True)) == 6
