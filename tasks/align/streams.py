"""The bytes of a file of vectors, plain or compressed, and the kind of file: found by content, never by name.

gzip, zstd and bzip2 are unpacked by Arrow, which notices a cut (a damaged byte too, by the checksums that gzip and bzip2
always have, and zstd where the writer put one there); zip by Python, which compares the CRC of a member at its end.
"""

from __future__ import annotations

import codecs
import contextlib
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import pyarrow as pa

from tasks.errors import RequestError
from tasks.in_use import remedy
from tasks.pretrain.model_file import MAGIC_BYTES
from tasks.shown import listed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Compression = Literal["plain", "gzip", "zstd", "bz2", "zip"]
Format = Literal["text", "word2vec", "fasttext", "npy", "npz", "safetensors"]

HEAD_BYTES = 1 << 16
BLOCK_BYTES = 1 << 20  # stays in a core's cache while it is looked at: a quarter less time than with 8 MB
ZIP = b"PK\x03\x04"
NPY = b"\x93NUMPY"
COMPRESSED: dict[bytes, Compression] = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    ZIP: "zip",
    **{b"BZh%d1AY&SY" % level: "bz2" for level in range(1, 10)},  # all of it: text may start with BZh
}
PICKLE_PROTOCOLS = range(2, 6)
BLANKS = dict.fromkeys(map(ord, "\t\r\n"), " ")
USUAL_SIZES = 2.0**-12, 2.0**10  # of the numbers in a vector
MAX_HEADER = 100  # bytes of a line `count dim`
MAX_SAFETENSORS_HEADER = 100_000_000  # as the format has it

CONVERT_PICKLE = (
    "is a pickle, which can run any program when it is opened and is not read; if you trust it, convert it where it was made: "
    "KeyedVectors.load(FILE).save_word2vec_format('vectors.bin', binary=True) for gensim (of a whole model: its .wv), "
    "safetensors.torch.save_file for torch"
)
NO_VECTORS = {
    b"version https://git-lfs": "is a pointer of Git LFS, not the file itself; get it with git lfs pull",
    b"<!doctype html": "is a web page; download the file itself",
    b"<html": "is a web page; download the file itself",
    b"\xfd7zXZ\x00": "is compressed by xz; unpack it first, or use gz, zst, bz2 or zip",
    b"7z\xbc\xaf": "is compressed by 7-Zip; unpack it first, or use gz, zst, bz2 or zip",
    b"\x89HDF": "is HDF5; save its matrix with numpy.save and give its words with --align.vocabulary",
}


class Reading(Protocol):
    """A stream of bytes; `read` gives what was asked for, less only at the end."""

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes."""


@dataclass(frozen=True)
class Contents:
    """A file of vectors: how it is compressed, its format, and its first bytes once unpacked."""

    path: Path
    compression: Compression
    format: Format
    head: bytes
    member: str | None = None  # of a zip

    @property
    def name(self) -> str:
        """The file as messages name it."""
        return f"{self.path} ({listed([self.member])})" if self.member else str(self.path)


def inspect(path: Path, member: str | None = None) -> Contents:
    """Tell what `path` holds by its first bytes; `member` chooses a file of a zip, or an array of an `.npz` (see arrays.py).

    RequestError for a file that does not hold vectors, or holds a pickle.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise RequestError(f"cannot read the vectors {path}: {error.strerror}; check --align.vectors") from error
    compression: Compression = next((kind for magic, kind in COMPRESSED.items() if head.startswith(magic)), "plain")
    if compression == "zip":
        names = zip_names(path)
        if names and all(name.endswith(".npy") for name in names):
            return Contents(path, "zip", "npz", head)
        member = _zip_member(path, names, member)
    if compression != "plain":
        with opened(Contents(path, compression, "text", b"", member)) as stream:
            head = stream.read(HEAD_BYTES)
    return Contents(path, compression, _sniff(path, head), head, member if compression == "zip" else None)


def _sniff(path: Path, head: bytes) -> Format:
    for magic, what in NO_VECTORS.items():
        if head[:64].lower().startswith(magic.lower()):
            raise RequestError(f"{path} {what}")
    if head[:1] == b"\x80" and len(head) > 1 and head[1] in PICKLE_PROTOCOLS:
        raise RequestError(f"{path} {CONVERT_PICKLE}")
    if any(head.startswith(magic) for magic in COMPRESSED):
        raise RequestError(f"{path} is compressed twice; unpack it once")
    if head.startswith(MAGIC_BYTES):
        return "fasttext"
    if head.startswith(NPY):
        return "npy"
    if head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= MAX_SAFETENSORS_HEADER:
        return "safetensors"
    return "word2vec" if _is_word2vec_binary(head) else "text"


def _is_word2vec_binary(head: bytes) -> bool:
    """Whether the first row after a header is a word and float32 numbers, as bytes, and no line of text.

    Any byte may be in a binary number, line breaks, letters and digits too, so the whole row is looked at: as text first, whose
    line is a word and `dim` numbers; then as binary, whose bytes are not text, or else are numbers as vectors hold them. A row
    that is neither is a line of text with a mistake in it, which the reader of text reports.
    """
    header, _, rest = head.partition(b"\n")
    numbers = header.split()
    if len(header) > MAX_HEADER or len(numbers) != 2 or not all(number.isdigit() for number in numbers):
        return False
    dim = int(numbers[1])
    parts = rest.partition(b"\n")[0].split()
    if len(parts) > dim and all(map(is_number, parts[len(parts) - dim :])):
        return False
    word, _, row = rest.removeprefix(b"\n").partition(b" ")
    row = row[: 4 * dim]
    return b"\n" not in word and (not _is_text(row) or _holds_usual_numbers(row))


def _is_text(row: bytes) -> bool:
    """Whether these bytes are printable characters, the last of which may be cut."""
    try:
        characters = codecs.getincrementaldecoder("utf-8")().decode(row)
    except UnicodeDecodeError:
        return False
    return characters.translate(BLANKS).isprintable()


def _holds_usual_numbers(row: bytes) -> bool:
    """Whether half of the float32 numbers in these bytes, or more, are zero or of a size that vectors have.

    Four digits, blanks, signs and points read as float32 are below 2^-12, whichever they are.
    """
    sizes = np.abs(np.frombuffer(row[: len(row) // 4 * 4], "<f4"))
    usual = (sizes == 0) | ((sizes >= USUAL_SIZES[0]) & (sizes <= USUAL_SIZES[1]))
    return len(sizes) > 0 and 2 * int(np.count_nonzero(usual)) >= len(sizes)


def is_number(text: bytes) -> bool:
    """Whether text says a number, as Python reads it."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def zip_names(path: Path) -> list[str]:
    """The files in a zip; RequestError if it is damaged or holds a pickle."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise RequestError(f"{path} is a zip that is cut or damaged ({_reason(error)}); {remedy(path, error)}") from error
    names = [info.filename for info in infos]
    if any(PurePosixPath(name).suffix == ".pkl" for name in names):
        raise RequestError(f"{path} {CONVERT_PICKLE}")
    return names


def _zip_member(path: Path, names: list[str], member: str | None) -> str:
    if member in names:
        return str(member)
    if member is None and len(names) == 1:
        return names[0]
    held = listed(names) or "nothing"
    problem = "several files" if member is None else f"no file {member}"
    raise RequestError(f"{path} holds {problem} ({held}); say which with --align.member")


@contextlib.contextmanager
def opened(contents: Contents) -> Iterator[Reading]:
    """The unpacked bytes of a file from its start; RequestError, when they are read, for a cut or damaged file."""
    with contextlib.ExitStack() as stack:
        try:
            yield _Guarded(_open(contents, stack), contents)
        except OSError as error:
            raise RequestError(f"cannot read the vectors {contents.path}: {_reason(error)}; check --align.vectors") from error


def _open(contents: Contents, stack: contextlib.ExitStack) -> Reading:
    if contents.compression == "plain":
        return stack.enter_context(contents.path.open("rb", buffering=0))
    if contents.compression == "zip":
        archive = stack.enter_context(zipfile.ZipFile(contents.path))
        assert contents.member is not None
        try:
            return stack.enter_context(archive.open(contents.member))
        except (zipfile.BadZipFile, UnicodeDecodeError, struct.error) as error:
            raise RequestError(
                f"{contents.name}: its zip data is cut or damaged ({_reason(error)}); {remedy(contents.path, error)}"
            ) from error
        except (RuntimeError, NotImplementedError) as error:  # encrypted, or packed in a rare way
            raise RequestError(f"{contents.name} cannot be unpacked ({_reason(error)}); unpack it by hand") from error
    source = stack.enter_context(pa.OSFile(str(contents.path)))
    return stack.enter_context(pa.CompressedInputStream(source, contents.compression))


class _Guarded:
    """Reads whole blocks, and says in one line where a file is cut or damaged."""

    def __init__(self, stream: Reading, contents: Contents) -> None:
        self._stream, self._contents = stream, contents
        self._done = 0

    def read(self, size: int, /) -> bytes:
        """The next `size` bytes, less only at the end of the file."""
        parts: list[bytes] = []
        missing = size
        while missing and (part := self._part(missing)):
            parts.append(part)
            missing -= len(part)
        self._done += size - missing
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _part(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            if self._contents.compression == "plain":
                raise
            raise RequestError(
                f"{self._contents.name}: its {self._contents.compression} data is cut or damaged after {self._done:,} unpacked "
                f"bytes ({_reason(error)}); {remedy(self._contents.path, error)}"
            ) from error


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
    return text[:100]
