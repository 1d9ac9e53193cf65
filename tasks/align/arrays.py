"""Read vectors from matrices: `.npy`, `.npz` and safetensors, row by row, with the words of the rows beside or inside them.

Layouts: numpy.lib.format (versions 1 to 3), numpy.savez (a zip of them), and safetensors (eight bytes of length, a JSON
header, the tensors one after another). Nothing of them needs a pickle, and an array that would is refused.

Shapes: R rows of the file, D dimensions.
"""

from __future__ import annotations

import contextlib
import json
import math
import tokenize
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np

from tasks.align.streams import BLOCK_BYTES, Contents, inspect, opened, zip_names
from tasks.errors import RequestError
from tasks.shown import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from tasks.align.found import Collector, WordVectors
    from tasks.align.streams import Reading

NEEDS_WORDS = "does not say which words its rows are; give --align.vocabulary FILE, one word a line in the order of the rows"
OF_TOKENIZER = "(of a tokenizer.json, its model.vocab)"
BF16 = "BF16"
SAFETENSORS_TYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    BF16: np.dtype("<u2"),
}


@dataclass(frozen=True)
class _Matrix:
    """A matrix in a stream: its shape, its numbers' type, and whether they are bfloat16, which NumPy does not have."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]
    is_bfloat16: bool = False


def read_npy(
    stream: Reading, name: str, words: Path | None, collector: Collector, advance: Callable[[int], None]
) -> WordVectors:
    """Find the vectors of the wanted words in a `.npy` matrix [R, D] whose words are in the file `words`."""
    if words is None:
        raise RequestError(f"{name} {NEEDS_WORDS}")
    return _read_matrix(stream, name, _npy_matrix(stream, name), vocabulary_words(words), collector, advance)


def read_npz(
    contents: Contents, member: str | None, words: Path | None, collector: Collector, advance: Callable[[int], None]
) -> WordVectors:
    """Find the vectors in an `.npz`: the matrix is its array `member`, or its only array of two dimensions.

    Its words are the only array of strings in it, unless the file `words` is given.
    """
    arrays: dict[str, tuple[tuple[int, ...], bool, np.dtype[Any]]] = {}
    for file in zip_names(contents.path):
        with opened(_array(contents, file)) as stream:
            arrays[file.removesuffix(".npy")] = _npy_header(stream, f"{contents.path} ({file})")
    matrices = {key: shape for key, (shape, _, dtype) in arrays.items() if len(shape) == 2 and dtype.kind == "f"}
    texts = [key for key, (shape, _, dtype) in arrays.items() if len(shape) == 1 and dtype.kind in "US"]
    key = _choose(contents.path, matrices, member, "matrices")
    if words is None and len(texts) != 1:
        raise RequestError(f"{contents.path} {NEEDS_WORDS}" if not texts else _several(contents.path, texts, "arrays of words"))
    with opened(_array(contents, f"{key}.npy")) as stream:
        matrix = _npy_matrix(stream, f"{contents.path} ({key})")
        row_words = vocabulary_words(words) if words is not None else _array_words(_array(contents, f"{texts[0]}.npy"))
        return _read_matrix(stream, f"{contents.path} ({key})", matrix, row_words, collector, advance)


def read_safetensors(
    stream: Reading,
    name: str,
    member: str | None,
    words: Path | None,
    collector: Collector,
    advance: Callable[[int], None],
) -> WordVectors:
    """Find the vectors in a safetensors file: the matrix is its tensor `member`, or its only one of two dimensions."""
    if words is None:
        raise RequestError(f"{name} {NEEDS_WORDS}")
    size = int.from_bytes(stream.read(8), "little")
    try:
        tensors = {key: value for key, value in json.loads(stream.read(size)).items() if key != "__metadata__"}
        shapes = {key: tuple(map(int, value["shape"])) for key, value in tensors.items()}
        places = {key: tuple(map(int, value["data_offsets"])) for key, value in tensors.items()}
        types = {key: str(value["dtype"]) for key, value in tensors.items()}
        end = max((stop for _, stop in places.values()), default=0)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise RequestError(f"{name}: the header of safetensors is cut or damaged; get a whole copy") from error
    key = _choose(name, {key: shape for key, shape in shapes.items() if len(shape) == 2}, member, "matrices")
    dtype = SAFETENSORS_TYPES.get(types[key])
    if dtype is None:
        raise RequestError(f"{name} ({key}) has numbers of type {types[key][:20]!a}; save it as F32, F16 or BF16")
    start, stop = places[key]
    if stop - start != math.prod(shapes[key]) * dtype.itemsize:
        raise RequestError(f"{name}: the header of safetensors does not add up; get a whole copy")
    matrix = _Matrix(cast("tuple[int, int]", shapes[key]), dtype, types[key] == BF16)
    _skip(stream, start)
    return _read_matrix(stream, f"{name} ({key})", matrix, vocabulary_words(words), collector, advance, end - stop)


def vocabulary_words(path: Path) -> Iterator[list[bytes]]:
    """The words of a vocabulary file in the order of its rows, in lists: one a line, or JSON (a list, or word to row).

    Lines stream; JSON is read whole. A line's end is `\\n` or `\\r\\n`, and an empty line is a row whose word is empty.
    """
    contents = inspect(path)
    if contents.format != "text":
        raise RequestError(f"--align.vocabulary {path} is not a list of words; give a text file with one word a line, or JSON")
    with opened(contents) as stream:
        if contents.head.lstrip()[:1] in (b"[", b"{"):
            whole = b"".join(iter(lambda: stream.read(BLOCK_BYTES), b""))
            words = _json_words(whole, path)
            lines = whole.removesuffix(b"\n").split(b"\n")
            yield [line.removesuffix(b"\r") for line in lines] if words is None else words
            return
        rest = b""
        while block := stream.read(BLOCK_BYTES):
            *lines, rest = (rest + block).split(b"\n")
            yield [line.removesuffix(b"\r") for line in lines]
        if rest:
            yield [rest.removesuffix(b"\r")]


def _json_words(text: bytes, path: Path) -> list[bytes] | None:
    """The words of a JSON text, None if it is not JSON: a list of words may start with a bracket too."""
    try:
        values = json.loads(text)
    except ValueError:
        return None
    except RecursionError as error:
        raise RequestError(f"{path} is nested too deeply; give a list of words, or an object of word and row") from error
    if isinstance(values, dict) and isinstance(values.get("tokens"), list):  # as Vocabulary.save writes it
        values = values["tokens"]
    if isinstance(values, dict) and all(type(row) is int for row in values.values()):
        if set(values.values()) != set(range(len(values))):
            raise RequestError(f"{path} does not number its words from 0 without gaps; give a list of words")
        values = sorted(values, key=values.__getitem__)
    if not isinstance(values, list) or not all(isinstance(word, str) for word in values):
        raise RequestError(f"{path} is neither a list of words nor an object of word and row; give one of them {OF_TOKENIZER}")
    return [word.encode("utf-8", "replace") for word in values]


def _array(contents: Contents, file: str) -> Contents:
    return Contents(contents.path, "zip", "npy", b"", file)


def _npy_header(stream: Reading, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the columns come first, and type of the numbers; the stream is then at the first of them."""
    file = cast("BinaryIO", stream)
    try:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a header as Python 2 wrote it is fine
            shape, by_columns, dtype = header(file)
    except (ValueError, TypeError, SyntaxError, tokenize.TokenError) as error:
        raise RequestError(f"{name}: the header of its array is cut or damaged; get a whole copy") from error
    if dtype.hasobject:
        raise RequestError(
            f"{name} holds Python objects, which are a pickle; save it as an array of float32, or of str for words"
        )
    return shape, by_columns, dtype


def _npy_matrix(stream: Reading, name: str) -> _Matrix:
    shape, by_columns, dtype = _npy_header(stream, name)
    if len(shape) != 2 or dtype.kind != "f" or not shape[1]:
        raise RequestError(f"{name} is an array {list(shape)} of {dtype}; give a matrix of floats, one row a word")
    if by_columns and min(shape) > 1:
        raise RequestError(f"{name} is stored by columns; save it with numpy.ascontiguousarray")
    return _Matrix((shape[0], shape[1]), dtype)


def _array_words(contents: Contents) -> Iterator[list[bytes]]:
    """The words in an array of strings, a block at a time: NumPy pads each to the longest, which may be very long."""
    with opened(contents) as stream:
        shape, _, dtype = _npy_header(stream, contents.name)
        rows = max(1, BLOCK_BYTES // max(1, dtype.itemsize))
        for start in range(0, shape[0], rows):
            num = min(rows, shape[0] - start)
            data = stream.read(num * dtype.itemsize)
            if len(data) < num * dtype.itemsize:
                raise RequestError(f"{contents.name} ends inside its words; it is cut")
            try:
                words = np.frombuffer(data, dtype).tolist()
            except ValueError as error:  # four bytes that are not a character
                raise RequestError(f"{contents.name} holds words that are not text; it is damaged") from error
            yield [word.encode("utf-8", "replace") if isinstance(word, str) else word for word in words]


def _wanted_rows(words: Iterable[list[bytes]], collector: Collector) -> tuple[list[int], int]:
    """The rows of wanted words, ascending, each claimed; and how many words there are in all."""
    lookup, rows, number = collector.positions.get, [], 0
    for part in words:
        for row, word in enumerate(part, number):
            position = lookup(word)
            if position is not None and collector.claim(position) is not None:
                rows.append(row)
        number += len(part)
    return rows, number


def _read_matrix(
    stream: Reading,
    name: str,
    matrix: _Matrix,
    words: Iterable[list[bytes]],
    collector: Collector,
    advance: Callable[[int], None],
    bytes_after: int = 0,
) -> WordVectors:
    num_rows, dim = matrix.shape
    collector.start(dim, name)
    with contextlib.closing(cast("Any", words)):
        rows, num_words = _wanted_rows(words, collector)
    if num_words != num_rows:
        raise RequestError(f"{name} has {num_rows:,} rows for {num_words:,} words; give the vocabulary it was saved with")
    rows_K, kept, width = np.array(rows, dtype=np.int64), 0, dim * matrix.dtype.itemsize
    rows_a_block = max(1, BLOCK_BYTES // width)
    for start in range(0, num_rows, rows_a_block):
        num = min(rows_a_block, num_rows - start)
        data = stream.read(num * width)
        if len(data) < num * width:
            raise RequestError(f"{name} ends inside row {start + len(data) // width + 1:,} of {num_rows:,}; it is cut")
        here = rows_K[kept : np.searchsorted(rows_K, start + num)] - start
        numbers_KD = np.frombuffer(data, matrix.dtype).reshape(num, dim)[here]
        if matrix.is_bfloat16:  # the upper half of a float32
            numbers_KD = (numbers_KD.astype(np.uint32) << 16).view(np.float32)
        collector.write(kept, numbers_KD, name)
        kept += len(here)
        advance((start + num) * width)
    if _skip(stream, bytes_after) < bytes_after or stream.read(1):
        raise RequestError(f"{name}: the file is shorter or longer than its header says; it is cut or damaged")
    return collector.finish(num_rows)


def _skip(stream: Reading, size: int) -> int:
    """Skip up to `size` bytes; return how many there were."""
    done = 0
    while done < size and (part := len(stream.read(min(BLOCK_BYTES, size - done)))):
        done += part
    return done


def _choose(file: object, candidates: Mapping[str, tuple[int, ...]], member: str | None, kind: str) -> str:
    if member is not None and member in candidates:
        return member
    if member is None and len(candidates) == 1:
        return next(iter(candidates))
    raise RequestError(_several(file, list(candidates), kind) if candidates else f"{file} holds no matrix of floats; give one")


def _several(file: object, names: list[str], kind: str) -> str:
    return f"{file} holds these {kind}: {listed(names)}; say which with --align.member, or keep one"
