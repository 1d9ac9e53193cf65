"""Read the vectors of wanted words out of a file of any known format, plain or compressed.

One pass over the file's bytes, and memory for the wanted words only: a text of 4.5 GB costs what one of 0.7 GB does.
Any fault of a file is a RequestError that names the file and the place.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.align.arrays import read_npy, read_npz, read_safetensors
from tasks.align.found import Collector, FirstWords, WordVectors
from tasks.align.streams import BLOCK_BYTES, Contents, inspect, opened
from tasks.align.text import read_text
from tasks.align.word2vec import read_word2vec
from tasks.errors import RequestError
from tasks.model.subwords import Subwords
from tasks.pretrain.model_file import ModelFile, all_finite, read_model_file
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class VectorFile(NamedTuple):
    """A file of vectors; `words` is the file with the words of a bare matrix, `member` names one of several in a file."""

    path: Path
    words: Path | None = None
    member: str | None = None


class Read(NamedTuple):
    """The vectors of wanted words in a file, subwords for others where it has them, and a description of its format."""

    found: WordVectors
    subwords: Subwords | None
    format: str


def read_vectors(file: VectorFile, wanted: Sequence[str], scratch: Path, *, progress: Progress = SILENT) -> Read:
    """Find the vectors of the `wanted` words, each named once, in a file of vectors.

    Formats: text, word2vec binary, fastText `.bin`, `.npy`, `.npz` and safetensors, plain or in gz, zst, bz2 or zip. A
    compressed `.bin` is unpacked in the folder `scratch` for as long as it is read. RequestError for a file that is cut,
    damaged, of no known format, or a pickle.
    """
    if not file.path.is_file():
        raise RequestError(f"there is no vectors file {file.path}; check --align.vectors")
    contents = inspect(file.path, file.member)
    if contents.format == "fasttext":
        with _unpacked(contents, scratch) as path:
            return Read(*_read_model(path, contents.name, wanted), _shown(contents))
    return Read(_read_stream(file, contents, Collector(wanted), progress), None, _shown(contents))


class Listed(NamedTuple):
    """The first vectors of a source, float32 [V, D], of `num_vectors`, and their words, in most files the most frequent first.

    `counts` is how often each word occurs in the text, if the source says so. `format` describes the format.
    """

    words: list[str]
    vectors: np.ndarray
    counts: list[int] | None
    num_vectors: int
    format: str


def list_vectors(file: VectorFile, most: int, scratch: Path, *, progress: Progress = SILENT) -> Listed:
    """Read the first `most` vectors of a file of any format that read_vectors reads, with the same checks."""
    if not file.path.is_file():
        raise RequestError(f"there is no vectors file {file.path}; check the path")
    contents = inspect(file.path, file.member)
    if contents.format == "fasttext":
        with _unpacked(contents, scratch) as path:
            model = _model_file(path, contents.name, None)
        words = list(model.index)[:most]
        counts = dict(zip(model.words, model.counts, strict=True))
        with np.errstate(over="ignore", invalid="ignore"):
            vectors_VD = model.vectors(words)
        if not np.isfinite(vectors_VD).all():
            raise RequestError(_not_finite(contents.name))
        return Listed(words, vectors_VD, [counts[word] for word in words], len(model.index), _shown(contents))
    collector = FirstWords(most)
    found = _read_stream(file, contents, collector, progress)
    words = [collector.words[position] for position in found.positions]
    return Listed(words, found.vectors, None, found.num_vectors, _shown(contents))


def _shown(contents: Contents) -> str:
    return contents.format if contents.compression == "plain" else f"{contents.format}, {contents.compression}"


def _read_stream(file: VectorFile, contents: Contents, collector: Collector, progress: Progress) -> WordVectors:
    """Read a file of any format but fastText's into the collector."""
    advance = _watcher(contents, collector, progress)
    if contents.format == "npz":
        return read_npz(contents, file.member, file.words, collector, advance)
    with opened(contents) as stream:
        if contents.format == "word2vec":
            return read_word2vec(stream, contents.name, collector, advance)
        if contents.format == "npy":
            return read_npy(stream, contents.name, file.words, collector, advance)
        if contents.format == "safetensors":
            return read_safetensors(stream, contents.name, file.member, file.words, collector, advance)
        return read_text(stream, contents.name, collector, advance)


def _watcher(contents: Contents, collector: Collector, progress: Progress) -> Callable[[int], None]:
    total = contents.path.stat().st_size / 1e6 if contents.compression == "plain" else None

    def advance(done: int) -> None:
        progress.advance(done / 1e6, total, "MB", f"{collector.num_found:,} of {len(collector):,} words found")

    return advance


@contextlib.contextmanager
def _unpacked(contents: Contents, scratch: Path) -> Iterator[Path]:
    """A fastText model as a plain file. It is read as a memory map, which lives on when the file's name is gone."""
    if contents.compression == "plain":
        yield contents.path
        return
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        unpacked = Path(folder) / "vectors.bin"
        with opened(contents) as stream, unpacked.open("wb") as target:
            try:
                while block := stream.read(BLOCK_BYTES):
                    target.write(block)
            except OSError as error:
                raise RequestError(
                    f"{contents.name} cannot be unpacked in {scratch}: {os.strerror(error.errno or 0)}"
                ) from error
        yield unpacked


def _read_model(path: Path, name: str, wanted: Sequence[str]) -> tuple[WordVectors, Subwords | None]:
    """Vectors of words of a fastText model, the mean of a word's rows and its n-grams', and its subwords if it has any."""
    model = _model_file(path, name, wanted)
    known = [(position, word) for position, word in enumerate(wanted) if word in model.index]
    positions_K = np.array([position for position, _ in known], dtype=np.int64)
    with np.errstate(over="ignore", invalid="ignore"):
        vectors_KD = model.vectors([word for _, word in known])
    found = WordVectors(positions_K, vectors_KD, model.num_words)
    if not (np.isfinite(found.vectors).all() and all_finite(model.buckets)):
        raise RequestError(_not_finite(name))
    return found, Subwords(model.buckets, model.minn, model.maxn) if len(model.buckets) else None


def _model_file(path: Path, name: str, wanted: Sequence[str] | None) -> ModelFile:
    try:
        return read_model_file(path, wanted)
    except ValueError as error:
        raise RequestError(f"{name} is not a whole fastText model: {error.__cause__}; give a whole .bin, or a .vec") from error


def _not_finite(name: str) -> str:
    return f"{name} holds numbers that are not finite; train it again with a smaller learning rate"
