"""Read the vectors of wanted words out of a file of any known format, plain or compressed.

One pass over the file's bytes, and memory for the wanted words only: a text of 4.5 GB costs what one of 0.7 GB does.
Everything that is wrong with a file is a RequestError that names the file and the place.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.align.arrays import read_npy, read_npz, read_safetensors
from tasks.align.found import Collector, WordVectors
from tasks.align.streams import BLOCK_BYTES, Contents, inspect, opened
from tasks.align.subword import Subwords
from tasks.align.text import read_text
from tasks.align.word2vec import read_word2vec
from tasks.errors import RequestError
from tasks.pretrain.model_file import all_finite, read_model_file
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class VectorFile(NamedTuple):
    """Where vectors stand: `words` is the file with the words of a bare matrix, `member` the part of a file of several."""

    path: Path
    words: Path | None = None
    member: str | None = None


class Read(NamedTuple):
    """What a file gave: the vectors of wanted words, subwords for others where it has them, and its format in words."""

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
    shown = contents.format if contents.compression == "plain" else f"{contents.format}, {contents.compression}"
    if contents.format == "fasttext":
        return Read(*_read_fasttext(contents, wanted, scratch), shown)
    collector = Collector(wanted)
    advance = _watcher(contents, collector, progress)
    if contents.format == "npz":
        return Read(read_npz(contents, file.member, file.words, collector, advance), None, shown)
    with opened(contents) as stream:
        if contents.format == "word2vec":
            found = read_word2vec(stream, contents.name, collector, advance)
        elif contents.format == "npy":
            found = read_npy(stream, contents.name, file.words, collector, advance)
        elif contents.format == "safetensors":
            found = read_safetensors(stream, contents.name, file.member, file.words, collector, advance)
        else:
            found = read_text(stream, contents.name, collector, advance)
    return Read(found, None, shown)


def _watcher(contents: Contents, collector: Collector, progress: Progress) -> Callable[[int], None]:
    total = contents.path.stat().st_size / 1e6 if contents.compression == "plain" else None

    def advance(done: int) -> None:
        progress.advance(done / 1e6, total, "MB", f"{collector.num_found:,} of {len(collector):,} words found")

    return advance


def _read_fasttext(contents: Contents, wanted: Sequence[str], scratch: Path) -> tuple[WordVectors, Subwords | None]:
    if contents.compression == "plain":
        return _read_model(contents.path, contents.name, wanted)
    # The model is a memory map, which lives on when its file's name is gone.
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
        return _read_model(unpacked, contents.name, wanted)


def _read_model(path: Path, name: str, wanted: Sequence[str]) -> tuple[WordVectors, Subwords | None]:
    """Vectors of words of a fastText model, the mean of a word's rows and its n-grams', and its subwords if it has any."""
    try:
        model = read_model_file(path, wanted)
    except ValueError as error:
        raise RequestError(f"{name} is not a whole fastText model: {error.__cause__}; give a whole .bin, or a .vec") from error
    known = [(position, word) for position, word in enumerate(wanted) if word in model.index]
    positions_K = np.array([position for position, _ in known], dtype=np.int64)
    with np.errstate(over="ignore", invalid="ignore"):
        vectors_KD = model.vectors([word for _, word in known])
    found = WordVectors(positions_K, vectors_KD, model.num_words)
    if not (np.isfinite(found.vectors).all() and all_finite(model.buckets)):
        raise RequestError(f"{name} holds numbers that are not finite; train it again with a smaller learning rate")
    return found, Subwords(model.buckets, model.minn, model.maxn) if len(model.buckets) else None
