"""Which word n-grams are in enough documents. Every part of a frequent n-gram is frequent itself (Agrawal & Srikant 1994), so
each length is counted only where both of its shorter parts were kept: the vocabulary is exact.

Shapes: N documents, T tokens of them one after another.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import partial
from typing import IO, TYPE_CHECKING

import numpy as np

from tasks.finetune.in_threads import map_in_threads
from tasks.model.key_table import MULTIPLIER
from tasks.model.ngrams import NgramVocabulary, first_of_runs, longer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

PART_TOKENS = 8_000_000  # tokens whose n-grams are counted at a time: bounds memory at about 100 MB for any corpus


def build_ngrams(
    words: Sequence[str],
    stream: Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]],
    scratch: Path,
    *,
    longest: int,
    min_documents: int,
    num_tokens: int,
    threads: int = 1,
) -> NgramVocabulary:
    """The vocabulary of all n-grams up to `longest` words in at least `min_documents` documents.

    `words` are those in enough documents, in their final order; `stream()` gives (word ids, offsets) chunks of the train
    documents from the start each time it is called, once for each length. Memory is bounded and time linear for any corpus:
    the n-grams wait in unnamed files in `scratch`, 8 bytes for each of a document, dealt out so that one file can be sorted.
    """
    keys: list[np.ndarray] = []
    num_parts = -(-num_tokens // PART_TOKENS) or 1
    for n in range(2, longest + 1):
        known = NgramVocabulary(words, keys)
        with ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile(dir=scratch)) for _ in range(num_parts)]
            known.tables  # noqa: B018 made once, before the threads need them
            count = partial(_distinct, known, n)
            for distinct in map_in_threads(count, stream(), threads):
                for file, part in zip(files, _parted(distinct, num_parts), strict=True):
                    file.write(part.data)
            keys.append(np.sort(np.concatenate([_frequent(file, min_documents) for file in files])))
    return NgramVocabulary(words, keys)


def narrowed(vocabulary: NgramVocabulary, kept_K: np.ndarray) -> NgramVocabulary:
    """The vocabulary with those n-grams alone that `kept_K` (bool [K]) names, in their order.

    The first and the last words of a kept n-gram, as far as they are n-grams too, must be kept.
    """
    num_words, start = len(vocabulary.words), len(vocabulary.words)
    kept_W = kept_K[:num_words]
    words = [word for word, kept in zip(vocabulary.words, kept_W.tolist(), strict=True) if kept]
    word_number_W, number_L = np.cumsum(kept_W) - 1, np.cumsum(kept_W) - 1
    keys = []
    for level in vocabulary.keys:
        kept_L = kept_K[start : start + len(level)]
        first, last = np.divmod(level[kept_L], num_words)
        keys.append(number_L[first] * len(words) + word_number_W[last])
        start, number_L = start + len(level), np.cumsum(kept_L) - 1
    return NgramVocabulary(words, keys)


def united(vocabularies: Sequence[NgramVocabulary]) -> tuple[NgramVocabulary, list[np.ndarray]]:
    """One vocabulary with the n-grams of all, its words in alphabetical order, and where each one's n-grams are in it."""
    words = sorted({word for each in vocabularies for word in each.words})
    number = {word: at for at, word in enumerate(words)}
    places = [[np.array([number[word] for word in each.words], np.int64)] for each in vocabularies]
    keys: list[np.ndarray] = []
    start = len(words)
    offset = 0  # where the level before begins
    for level in range(max(len(each.keys) for each in vocabularies)):
        own = []
        for each, place in zip(vocabularies, places, strict=True):
            of_level = each.keys[level] if level < len(each.keys) else np.zeros(0, np.int64)
            first, last = np.divmod(of_level, max(len(each.words), 1))
            own.append((place[level][first] - offset) * len(words) + place[0][last])
        keys.append(np.unique(np.concatenate(own)))
        for place, mine in zip(places, own, strict=True):
            place.append(np.searchsorted(keys[-1], mine) + start)
        offset, start = start, start + len(keys[-1])
    return NgramVocabulary(words, keys), [np.concatenate(place) for place in places]


def _distinct(known: NgramVocabulary, n: int, piece: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Keys of the n-grams whose shorter parts are known, each once for every document that has it."""
    words_T, offsets = piece
    document_T = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    *_, (_, starts, ids) = known.levels(words_T, document_T)
    starts, grams = longer(starts, ids, words_T, document_T, n, len(known.words))
    num_documents = max(len(offsets) - 1, 1)
    pairs = np.sort(grams * num_documents + document_T[starts])
    return pairs[first_of_runs(pairs)] // num_documents


def _parted(keys: np.ndarray, num_parts: int) -> list[np.ndarray]:
    """The keys dealt out by a hash, so that all of one key are in the same part."""
    if num_parts == 1:
        return [keys]
    number = ((keys.astype(np.uint64) * MULTIPLIER) >> np.uint64(48)).astype(np.uint16) % np.uint16(num_parts)
    order = np.argsort(number, kind="stable")  # of 16 bits: a radix sort
    return np.split(keys[order], np.cumsum(np.bincount(number, minlength=num_parts))[:-1])


def _frequent(file: IO[bytes], min_documents: int) -> np.ndarray:
    """The keys that occur at least so often in the file, ascending."""
    file.seek(0)
    keys = np.fromfile(file, np.int64)
    keys.sort()
    most = max(len(keys) - min_documents + 1, 0)  # a run that begins later is too short
    return keys[:most][first_of_runs(keys[:most]) & (keys[:most] == keys[min_documents - 1 :])]
