"""Every format, plain and compressed, reads back as the matrix it was written from, and every way to be broken is one line."""

import bz2
import gzip
import json
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pyarrow as pa
import pytest
from gensim.models import KeyedVectors
from safetensors.numpy import save_file

from tasks.align import arrays, streams, text, word2vec
from tasks.align.readers import Read, VectorFile, list_vectors, read_vectors
from tasks.align.vec_file import write_word2vec_text
from tasks.errors import RequestError
from tasks.pretrain.model_file import read_model_file

WORDS = ["the", "电影", "naïve", "film", "🙂", "a.b", "'s", "zürich", "x" * 50, "plot", "good", "."]
MATRIX = np.random.default_rng(7).standard_normal((len(WORDS), 5)).astype(np.float32)
WANTED = ["good", "absent", "电影", "🙂", "x" * 50, "the"]


def keyed(path: Path) -> KeyedVectors:
    vectors = KeyedVectors(MATRIX.shape[1])
    vectors.add_vectors(WORDS, MATRIX)
    return vectors


def write_glove(path: Path) -> None:
    path.write_text("".join(f"{word} {' '.join(map(str, row))}\n" for word, row in zip(WORDS, MATRIX, strict=True)))


def write_word2vec_c(path: Path) -> None:
    """As word2vec.c does it, with a line break after each vector."""
    rows = (f"{word} ".encode() + row.tobytes() + b"\n" for word, row in zip(WORDS, MATRIX, strict=True))
    path.write_bytes(b"%d %d\n" % MATRIX.shape + b"".join(rows))


def write_npy(path: Path, matrix: np.ndarray = MATRIX) -> None:
    with path.open("wb") as file:
        np.save(file, matrix)


def write_npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, vectors=MATRIX, words=np.array(WORDS))


WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: write_word2vec_text(WORDS, MATRIX, path),
    "text of gensim": lambda path: keyed(path).save_word2vec_format(path),
    "text of GloVe": write_glove,
    "word2vec of gensim": lambda path: keyed(path).save_word2vec_format(path, binary=True),
    "word2vec of word2vec.c": write_word2vec_c,
    "npy": write_npy,
    "npy of doubles": lambda path: write_npy(path, MATRIX.astype(">f8")),
    "npz": write_npz,
    "safetensors": lambda path: save_file({"embedding": MATRIX, "bias": np.zeros(3, np.float32)}, path),
}


def zst(data: bytes) -> bytes:
    target = pa.BufferOutputStream()
    with pa.CompressedOutputStream(target, "zstd") as stream:
        stream.write(data)
    return target.getvalue().to_pybytes()


def zipped(data: bytes) -> bytes:
    path = pa.BufferOutputStream()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", b"")
        archive.writestr("folder/vectors", data)
    return path.getvalue().to_pybytes()


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zst,
    "bz2": bz2.compress,
    "zip": zipped,
}


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("".join(f"{word}\n" for word in WORDS))
    return path


def read(path: Path, *, words: Path | None = None, member: str | None = None, wanted: list[str] = WANTED) -> Read:
    return read_vectors(VectorFile(path, words, member), wanted, path.parent)


def check(found: Any, wanted: list[str] = WANTED) -> None:
    named = {wanted[position]: vector for position, vector in zip(found.positions, found.vectors, strict=True)}
    assert named.keys() == set(wanted) & set(WORDS)
    for word, vector in named.items():
        assert np.array_equal(vector, MATRIX[WORDS.index(word)])
    assert found.vectors.dtype == np.float32


@pytest.mark.parametrize("block", [7, 1 << 20])
@pytest.mark.parametrize(
    ("kind", "compression"),
    [(kind, each) for kind in WRITERS for each in COMPRESSIONS if kind != "npz" or each == "plain"],
)
def test_what_was_written_is_read(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch, kind: str, compression: str, block: int
) -> None:
    for module in (arrays, text, word2vec):
        monkeypatch.setattr(module, "BLOCK_BYTES", block)
    path = tmp_path / "whatever"  # the name says nothing
    WRITERS[kind](path)
    path.write_bytes(COMPRESSIONS[compression](path.read_bytes()))
    given = read(path, words=vocabulary if kind.startswith(("npy", "safetensors")) else None)
    assert given.format.startswith(kind.split()[0])
    assert (compression in given.format) == (compression != "plain")
    assert (given.found.num_vectors, given.found.num_duplicates, given.found.dim) == (12, 0, 5)
    check(given.found)


@pytest.mark.parametrize("block", [7, 1 << 20])
@pytest.mark.parametrize("kind", list(WRITERS))
def test_the_first_vectors_of_a_file_are_listed_with_their_words(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch, kind: str, block: int
) -> None:
    for module in (arrays, text, word2vec):
        monkeypatch.setattr(module, "BLOCK_BYTES", block)
    path = tmp_path / "whatever"
    WRITERS[kind](path)
    file = VectorFile(path, vocabulary if kind.startswith(("npy", "safetensors")) else None)
    for most in (1, 5, len(WORDS), 300_000):
        listed = list_vectors(file, most, tmp_path)
        assert listed.words == WORDS[:most]
        assert np.array_equal(listed.vectors, MATRIX[:most])
        assert (listed.counts, listed.num_vectors) == (None, len(WORDS))
        assert listed.format.startswith(kind.split()[0])


def test_of_a_word_that_stands_there_twice_the_first_vector_is_listed(tmp_path: Path) -> None:
    (tmp_path / "twice.vec").write_text("film 1 2\nplot 3 4\nfilm 5 6\ngood 7 8\n")
    listed = list_vectors(VectorFile(tmp_path / "twice.vec"), 3, tmp_path)
    assert listed.words == ["film", "plot", "good"]
    assert listed.vectors.tolist() == [[1, 2], [3, 4], [7, 8]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fasttext")
    (folder / "text").write_text("film naïve 电影 ab good\nfilm 电影 good\n" * 50, encoding="utf-8")
    trained = fasttext.train_unsupervised(str(folder / "text"), bucket=300, dim=5, epoch=1, minCount=1, thread=1, verbose=0)
    trained.save_model(str(folder / "model.bin"))
    return folder / "model.bin"


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_models_of_fasttext_keep_their_subwords(tmp_path: Path, model: Path, compression: str) -> None:
    path = tmp_path / "whatever"
    path.write_bytes(COMPRESSIONS[compression](model.read_bytes()))
    found, subwords, _ = read(path, wanted=["good", "absent", "电影"])
    whole = read_model_file(model)
    assert found.positions.tolist() == [0, 2]
    assert np.array_equal(found.vectors, whole.vectors(["good", "电影"]))
    assert found.num_vectors == len(whole.words)
    assert subwords is not None
    assert np.array_equal(subwords.table, whole.buckets)
    assert [each.name for each in tmp_path.iterdir()] == ["whatever"]  # what was unpacked is gone


@pytest.mark.parametrize("compression", ["plain", "gzip"])
def test_words_of_a_fasttext_model_are_listed_with_their_counts(tmp_path: Path, model: Path, compression: str) -> None:
    path = tmp_path / "whatever"
    path.write_bytes(COMPRESSIONS[compression](model.read_bytes()))
    listed = list_vectors(VectorFile(path), 3, tmp_path)
    assert set(listed.words) == {"film", "电影", "good"}
    assert listed.counts == [100, 100, 100]
    assert listed.num_vectors == 5  # the mark of a sentence's end is no word
    assert np.array_equal(listed.vectors, read_model_file(model).vectors(listed.words))
    assert [each.name for each in tmp_path.iterdir()] == ["whatever"]


def test_a_zip_of_several_files_needs_a_name(tmp_path: Path) -> None:
    path = tmp_path / "glove.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("glove.50d.txt", "glove.5d.txt"):
            write_glove(tmp_path / "plain")
            archive.write(tmp_path / "plain", name)
        archive.writestr("__MACOSX/glove.5d.txt", b"junk")
    check(read(path, member="glove.5d.txt").found)
    with pytest.raises(
        RequestError, match=r"several files \(glove\.50d\.txt, glove\.5d\.txt\); say which with --align\.member"
    ):
        read(path)
    with pytest.raises(RequestError, match=r"no file glove\.6d\.txt"):
        read(path, member="glove.6d.txt")


def test_arrays_and_tensors_of_several_need_a_name(tmp_path: Path, vocabulary: Path) -> None:
    np.savez(tmp_path / "a.npz", one=MATRIX, two=MATRIX * 2, words=np.array(WORDS))
    save_file({"one": MATRIX, "two": MATRIX * 2}, tmp_path / "a.safetensors")
    for name in ("a.npz", "a.safetensors"):
        check(read(tmp_path / name, words=vocabulary, member="one").found)
        doubled = read(tmp_path / name, words=vocabulary, member="two").found
        assert np.array_equal(doubled.vectors[0], MATRIX[WORDS.index(WANTED[doubled.positions[0]])] * 2)
        for member in (None, "three"):
            with pytest.raises(RequestError, match=r"these matrices: one, two; say which with --align\.member"):
                read(tmp_path / name, words=vocabulary, member=member)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_tensors_of_other_precision(tmp_path: Path, vocabulary: Path, dtype: str) -> None:
    import torch
    from safetensors.torch import save_file as save_torch

    tensor = torch.from_numpy(MATRIX.copy()).to(getattr(torch, dtype))
    save_torch({"embedding": tensor}, tmp_path / "a.safetensors")
    found = read(tmp_path / "a.safetensors", words=vocabulary).found
    rows = [WORDS.index(WANTED[position]) for position in found.positions]
    assert np.array_equal(found.vectors, tensor.float().numpy()[rows])


@pytest.mark.parametrize(
    "written",
    [
        "\n".join(WORDS),
        "\r\n".join([*WORDS, ""]),
        json.dumps(WORDS),
        json.dumps({word: row for row, word in enumerate(WORDS)}),
        json.dumps({"tokens": WORDS, "counts": [1] * len(WORDS)}),
    ],
    ids=["no last line end", "Windows", "JSON list", "JSON rows", "textmill"],
)
def test_words_of_a_matrix_are_lines_or_json(tmp_path: Path, written: str) -> None:
    np.save(tmp_path / "a.npy", MATRIX)
    (tmp_path / "words").write_bytes(gzip.compress(written.encode()))
    check(read(tmp_path / "a.npy", words=tmp_path / "words").found)


@pytest.mark.parametrize("text", [b"[PAD]\r\nfilm\r\n", b"PAD\r\nfilm\r\n", b"[PAD]\r\nfilm\r", b"PAD\r\nfilm\r"])
def test_words_do_not_keep_the_carriage_return_of_their_line(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "words.txt").write_bytes(text)
    words = [word for some in arrays.vocabulary_words(tmp_path / "words.txt") for word in some]
    assert words == [text.partition(b"\r")[0], b"film"]


def test_a_list_of_words_may_start_with_a_bracket(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", MATRIX[:3])
    (tmp_path / "words").write_text("[\ngood\nfilm\n")
    assert np.array_equal(read(tmp_path / "a.npy", words=tmp_path / "words").found.vectors, MATRIX[1:2])


def test_the_first_of_two_rows_counts(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", MATRIX[:3])
    (tmp_path / "words").write_text("good\ngood\nfilm\n")
    (tmp_path / "a.bin").write_bytes(b"3 1\n" + b"".join(b"good " + np.float32(n).tobytes() for n in range(3)))
    found = read(tmp_path / "a.npy", words=tmp_path / "words").found
    assert np.array_equal(found.vectors, MATRIX[:1])
    assert found.num_duplicates == 1
    binary = read(tmp_path / "a.bin").found
    assert (binary.vectors.tolist(), binary.num_duplicates) == ([[0.0]], 2)


def test_words_of_an_npz_may_be_bytes(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", vectors=MATRIX, words=np.array([word.encode() for word in WORDS]))
    check(read(tmp_path / "a.npz").found)


class Trap:
    """A pickle that would leave a trace."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("trapped"),))


def binary(*vectors: tuple[bytes, list[float]], header: bytes | None = None) -> bytes:
    rows = b"".join(word + b" " + np.array(numbers, "<f4").tobytes() for word, numbers in vectors)
    return (header or b"%d %d\n" % (len(vectors), len(vectors[0][1]))) + rows


def npy(array: np.ndarray, **options: Any) -> bytes:
    target = pa.BufferOutputStream()
    np.save(target, array, **options)
    return target.getvalue().to_pybytes()


def safetensors(header: object, data: bytes = b"") -> bytes:
    text_ = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text_).to_bytes(8, "little") + text_ + data


LONG = [0.5] * 30
BROKEN: dict[str, tuple[bytes, str]] = {
    "gensim's pickle": (pickle.dumps(Trap(), protocol=4), r"is a pickle.*KeyedVectors\.load.*save_word2vec_format"),
    "torch's pickle": (zipped(b"").replace(b"folder/vectors", b"archive/da.pkl"), r"is a pickle.*safetensors"),
    "pickle, gz": (gzip.compress(pickle.dumps({"a": 1}, protocol=2)), r"is a pickle"),
    "pickle in npy": (npy(np.array([{"a": 1}]), allow_pickle=True), r"Python objects, which are a pickle"),
    "compressed twice": (gzip.compress(gzip.compress(b"good 1 2\n")), r"compressed twice"),
    "xz": (b"\xfd7zXZ\x00\x00\x04", r"compressed by xz; unpack it first"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", r"pointer of Git LFS"),
    "web page": (b"<!DOCTYPE html>\n<html>\n", r"is a web page"),
    "word2vec, cut in a vector": (
        binary((b"good", LONG), (b"film", LONG))[:-1],
        r"announces 2 vectors and ends inside number 2",
    ),
    "word2vec, cut in a word": (binary((b"good", LONG), header=b"2 30\n") + b"fil", r"ends inside number 2; it is cut"),
    "word2vec, more": (binary((b"good", LONG), (b"film", LONG), header=b"1 30\n"), r"announces 1 vectors and holds more"),
    "word2vec, no vectors": (b"0 300\nthe \x00\x00", r"announces 0 vectors"),
    "word2vec, too wide": (b"2 99999999999\ngood \x00\x00", r"announces vectors of 99999999999 dimensions"),
    "text, too wide": (b"2 99999999999\ngood 1 2\n", r"announces vectors of 99999999999 dimensions"),
    "text, no width": (b"2 0\ngood 1 2\n", r"line 1: no word with numbers"),
    "word2vec, nan": (binary((b"a", LONG), (b"good", [*LONG[1:], np.nan])), r"the vector of 'good' holds numbers that are not"),
    "word2vec, no words": (b"9 30\na " + bytes(120) + b"\x00" * 70_000, r"no word where number 2 should be"),
    "npy, cut": (npy(MATRIX)[:-1], r"ends inside row 12 of 12; it is cut"),
    "npy, longer": (npy(MATRIX) + b"x", r"shorter or longer than its header says"),
    "npy, cut in its header": (npy(MATRIX)[:30], r"header of its array is cut or damaged"),
    "npy, no matrix": (npy(MATRIX[0]), r"an array \[5\] of float32; give a matrix"),
    "npy, by columns": (npy(np.asfortranarray(MATRIX)), r"stored by columns; save it with numpy\.ascontiguousarray"),
    "npy, other words": (npy(MATRIX[:5]), r"5 rows for 12 words"),
    "npy, inf": (npy(np.where(np.arange(5) == 2, np.inf, MATRIX)), r"holds numbers that are not finite"),
    "npy, too large for float32": (npy(np.full((12, 2), 1e300)), r"holds numbers that are not finite"),
    "safetensors, cut in its header": (safetensors({"a": {"dtype": "F32"}})[:15], r"header of safetensors is cut or damaged"),
    "safetensors, no matrix": (safetensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}), r"holds no matrix"),
    "safetensors, cut": (
        safetensors({"a": {"dtype": "F32", "shape": [12, 2], "data_offsets": [0, 96]}}, bytes(90)),
        r"ends inside row 12 of 12",
    ),
    "safetensors, integers": (
        safetensors({"a": {"dtype": "I8", "shape": [12, 2], "data_offsets": [0, 24]}}, bytes(24)),
        r"numbers of type 'I8'",
    ),
    "safetensors, wrong sum": (
        safetensors({"a": {"dtype": "F32", "shape": [12, 2], "data_offsets": [0, 90]}}, bytes(90)),
        r"does not add up",
    ),
    "fastText, cut": (b"\xba\x16\x4f\x2f\x0c\x00\x00\x00" + bytes(40), r"not a whole fastText model"),
    "no zip": (b"PK\x03\x04 and no more", r"a zip that is cut or damaged"),
    "empty": (b"", r"holds no vectors"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_told_in_one_line(
    tmp_path: Path, vocabulary: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    data, message = BROKEN[name]
    path = tmp_path / "broken.vectors"
    path.write_bytes(data)
    with pytest.raises(RequestError, match=message) as raised:
        read(path, words=vocabulary)
    assert "broken.vectors" in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("compression", ["gzip", "zstd", "bz2", "zip"])
@pytest.mark.parametrize("kind", ["text of gensim", "word2vec of gensim", "npy"])
def test_cut_archives_are_refused(tmp_path: Path, vocabulary: Path, kind: str, compression: str, share: float) -> None:
    path = tmp_path / "broken.vectors"
    WRITERS[kind](path)
    whole = COMPRESSIONS[compression](path.read_bytes())
    path.write_bytes(whole[: max(12, int(len(whole) * share))])
    with pytest.raises(RequestError, match=rf"{'zip' if compression == 'zip' else compression}.*cut or damaged"):
        read(path, words=vocabulary)


@pytest.mark.parametrize("compression", ["gzip", "bz2", "zip"])
def test_one_damaged_byte_of_an_archive_is_noticed(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "broken.vectors"
    write_glove(path)
    whole = COMPRESSIONS[compression](path.read_bytes())
    for at in range(len(whole) // 3, len(whole) // 2, 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(RequestError, match="cut or damaged"):
            read(path)


def test_text_may_start_with_the_letters_of_bzip2(tmp_path: Path) -> None:
    (tmp_path / "a.vec").write_text("BZh 1 2\ngood 3 4\n")
    assert read(tmp_path / "a.vec").found.vectors.tolist() == [[3, 4]]


def test_a_locked_zip_is_named(tmp_path: Path) -> None:
    data = bytearray(zipped(b"good 1 2\n"))
    # The flag of encryption, in the member's own header and in the directory.
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.rindex(magic) + offset] |= 1
    (tmp_path / "locked.zip").write_bytes(data)
    with pytest.raises(RequestError, match=r"cannot be unpacked .*; unpack it by hand"):
        read(tmp_path / "locked.zip")


@pytest.mark.parametrize("name", ["a.npy", "a.safetensors", "a.npz"])
def test_a_bare_matrix_needs_its_words(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.npz":
        np.savez(path, vectors=MATRIX)
    else:
        WRITERS[name.removeprefix("a.")](path)
    with pytest.raises(RequestError, match=r"does not say which words its rows are; give --align\.vocabulary FILE"):
        read(path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (json.dumps({"a": 0, "b": 2}), "without gaps"),
        (json.dumps([1, 2]), "neither a list of words nor"),
        (json.dumps({"version": "1.0", "model": {"vocab": {"a": 0}}}), r"neither a list of words nor .*model\.vocab"),
        (json.dumps({"a": [0], "b": 1}), "neither a list of words nor"),
        (json.dumps({"a": 0.5, "b": 1}), "neither a list of words nor"),
        ("[" * 200_000, "is nested too deeply"),
        ('{"a":' * 200_000, "is nested too deeply"),
        ("\x93NUMPY", "not a list of words"),
    ],
)
def test_words_that_are_none(tmp_path: Path, words: str, message: str) -> None:
    np.save(tmp_path / "a.npy", MATRIX)
    (tmp_path / "words").write_bytes(words.encode("latin-1"))
    with pytest.raises(RequestError, match=message):
        read(tmp_path / "a.npy", words=tmp_path / "words")


def test_text_of_one_number_a_word_is_no_binary(tmp_path: Path) -> None:
    (tmp_path / "a.vec").write_text("2 1\ngood 7\nfilm x\n")
    with pytest.raises(RequestError, match="line 3: 'x' is not a finite number"):
        read(tmp_path / "a.vec", wanted=["film"])
    assert streams.inspect(tmp_path / "a.vec").format == "text"


@pytest.mark.parametrize("line_end", [b"", b"\n"], ids=["gensim", "word2vec.c"])
@pytest.mark.parametrize("dim", [2, 3, 10, 100])
def test_a_binary_file_is_one_whatever_bytes_its_first_vector_begins_with(tmp_path: Path, dim: int, line_end: bytes) -> None:
    """A line break, letters or digits may be among the bytes of any number, the first ones too."""
    source, path = np.random.default_rng(dim), tmp_path / "a.bin"
    starts = [b"\n", b"a\n", b" =\n>", b"1.5\n", b"0 1\n", b"", b">>>?"]
    for number in range(400):
        vectors = source.normal(0, source.choice([0.01, 0.1, 1, 10]), (2, dim)).astype("<f4")
        start = starts[number % len(starts)]
        data = vectors.tobytes()
        if number < 200 and start:  # the low bytes of the first number
            data = start[: 3 if dim > 1 else 2] + data[len(start[:3]) :]
        path.write_bytes(b"2 %d\nthe " % dim + data[: 4 * dim] + line_end + b"good " + data[4 * dim :] + line_end)
        assert streams.inspect(path).format == "word2vec"
        assert np.array_equal(read(path).found.vectors, np.frombuffer(data, "<f4").reshape(2, dim))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2 2\n新 闻 0.1 0.2\ngood 1 2\n", [[1, 2]]),
        ("2 2\ncafé au lait 0.1 0.2\ngood 1 2\n", [[1, 2]]),
        ("2 1\n新 闻 7\ngood 1\n", [[1]]),
        ("1 2\ngood 9999.9 9999.9\n", [[9999.9, 9999.9]]),
        ("2 2\nB B B B B B B 1 2\ngood 1 2\n", [[1, 2]]),
        ("2 3\r\n新 闻 1 2 3\r\ngood\t1\t2\t3\r\n", [[1, 2, 3]]),
    ],
)
def test_text_is_text_whatever_its_first_word_is(tmp_path: Path, written: str, expected: list[list[float]]) -> None:
    path = tmp_path / "a.vec"
    for encoding in ("utf-8", "gb18030"):
        if encoding == "utf-8" or "新" in written:
            path.write_bytes(written.encode(encoding))
            assert streams.inspect(path).format == "text"
            assert np.array_equal(read(path, wanted=["good"]).found.vectors, np.array(expected, np.float32))


@pytest.mark.parametrize("written", ["2 3\n新 闻 1 x 3\ngood 1 2 3\n", "2 3\ngood 1 2\nfilm 1 2 3\n", "2 2\ngood 九 1\n"])
def test_text_with_a_wrong_first_line_is_told_so_as_text(tmp_path: Path, written: str) -> None:
    (tmp_path / "a.vec").write_text(written)
    with pytest.raises(RequestError, match="line 2: "):
        read(tmp_path / "a.vec", wanted=["good", "新 闻", "闻"])


def harmed(data: bytes, source: random.Random) -> bytes:
    """The bytes with some of them changed, missing, or more of them; most often near the start, where the headers are."""
    bytes_ = bytearray(data)
    for _ in range(source.choice([1, 1, 2, 5])):
        at = source.randrange(min(len(bytes_), source.choice([16, 64, 200, len(bytes_)])))
        match source.randrange(4):
            case 0:
                bytes_[at] ^= 1 << source.randrange(8)
            case 1:
                del bytes_[at : at + source.randrange(min(40, len(bytes_)))]
            case 2:
                bytes_[at:at] = source.randbytes(source.randrange(1, 20))
            case 3:
                bytes_ = bytes_[: at + 1]
    return bytes(bytes_)


@pytest.mark.parametrize("compression", ["plain", "zip"])
@pytest.mark.parametrize("kind", [*WRITERS, "fasttext"])
def test_whatever_is_in_a_file_it_is_read_or_refused_in_one_line(
    tmp_path: Path, vocabulary: Path, model: Path, kind: str, compression: str
) -> None:
    path, source = tmp_path / "harmed.vectors", random.Random(kind + compression)
    if kind == "fasttext":
        path.write_bytes(model.read_bytes())
    else:
        WRITERS[kind](path)
    whole = COMPRESSIONS[compression](path.read_bytes())
    refused = []
    for _ in range(60):
        path.write_bytes(harmed(whole, source))
        try:
            read(path, words=vocabulary if kind.startswith(("npy", "safetensors")) else None)
        except RequestError as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert all(message.isprintable() and len(message) < 600 for message in refused)
