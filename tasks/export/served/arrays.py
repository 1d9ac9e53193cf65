"""The arrays of an exported model: files of their own, read where they are needed, or packed in one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

PACKED = "arrays.npz"
WORDS = "\n"  # between words: no token holds white space


def read_arrays(folder: Path) -> dict[str, np.ndarray]:
    """Every array by its name; files of their own stay on the disk, as memory maps."""
    if (folder / PACKED).is_file():
        with np.load(folder / PACKED, allow_pickle=False) as packed:
            return dict(packed)
    return {path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in sorted(folder.glob("*.npy"))}


def words_of(text: np.ndarray) -> list[str]:
    """The words of a vocabulary, from the bytes of their text (uint8)."""
    joined = text.tobytes().decode("utf-8")
    return joined.split(WORDS) if joined else []


def text_of(words: list[str]) -> np.ndarray:
    """The bytes that `words_of` reads."""
    return np.frombuffer(WORDS.join(words).encode("utf-8"), np.uint8)


def keys_of(planes: np.ndarray) -> np.ndarray:
    """Ascending int64 keys [K], from the differences between them, byte by byte (uint8 [4 or 8, K])."""
    gaps = np.ascontiguousarray(planes.T).view(f"<u{len(planes)}")
    return np.cumsum(gaps.ravel(), dtype=np.int64)


def planes_of(keys_K: np.ndarray) -> np.ndarray:
    """What `keys_of` reads. The first bytes of all differences, then the second ones: alike bytes together pack well."""
    gaps = np.diff(keys_K, prepend=0)
    size = 4 if int(gaps.max(initial=0)) < 1 << 32 else 8
    return np.ascontiguousarray(gaps.astype(f"<u{size}").view(np.uint8).reshape(len(gaps), size).T)
