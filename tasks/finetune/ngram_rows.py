"""The rows as sets of n-grams for all kinds of a model: read once, and counted once where a kind's are among another's."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from tasks.finetune.count_ngrams import narrowed
from tasks.finetune.encode import REFITTED, UNLABELLED_SPLIT, NumberedWords, document_frequency, restricted
from tasks.model.ngrams import NgramVocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from tasks.finetune.counted import Counted
    from tasks.finetune.documents import Documents

T = TypeVar("T")


@dataclass(frozen=True)
class Sets:
    """An n-gram vocabulary, and the rows of each split as sets of its n-grams."""

    vocabulary: NgramVocabulary
    rows: Mapping[str, Documents]

    def narrowed(self, kept_K: np.ndarray, folder: Path) -> Sets:
        """The same with those n-grams alone that `kept_K` (bool [K]) names; see `count_ngrams.narrowed`."""
        rows = {split: restricted(rows, kept_K, folder / f"{split}.ngrams") for split, rows in self.rows.items()}
        return Sets(narrowed(self.vocabulary, kept_K), rows)


class Once(Generic[T]):
    """What is made by the first thread that asks for it, while others wait; if that fails, nobody tries again."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._made, self._lock = make, Future[T](), threading.Lock()

    def __call__(self) -> T:
        """It, made if it is not yet."""
        with self._lock:
            if not self._made.done():
                try:
                    self._made.set_result(self._make())
                except BaseException as error:
                    self._made.set_exception(error)
                    raise
        return self._made.result()


class NgramRows:
    """Rows of a dataset as numbers of their words, and as sets of n-grams; all is kept in files in `scratch`.

    `asked` is what the kinds of the model count. Kinds may be trained in several threads, and wait for each other here: so
    `threads` count for one.
    """

    def __init__(self, dataset: Path, labels: Sequence[str], scratch: Path, asked: Iterable[Counted], threads: int = 1) -> None:
        self._asked, self._scratch, self._threads = list(asked), scratch, threads
        most = max((each.unlabelled for each in self._asked), default=0)
        splits, limits = (*REFITTED, UNLABELLED_SPLIT) if most else REFITTED, {UNLABELLED_SPLIT: most}
        self.words = Once(lambda: NumberedWords.read(dataset, labels, scratch, splits, limits))
        self._counted: dict[Counted, Once[Sets]] = {}
        self._lock = threading.Lock()

    def sets(self, asked: Counted) -> Sets:
        """The n-grams that `asked` counts, and the rows of all splits.

        Where a kind counts more, they are found among its n-grams: what is in so many documents of some rows is so in all.
        """
        one = self._present(asked)
        others = [each for each in map(self._present, self._asked) if each.has(one)]
        most = max([one, *others], key=lambda each: (len(each.splits), each.unlabelled, -each.min_documents))
        with self._lock:
            made = self._counted.setdefault(most, Once(lambda: self._count(most)))
        sets = made()
        if most == one:
            return sets
        counts_K = np.sum([document_frequency(sets.rows[split], len(sets.vocabulary)) for split in one.splits], axis=0)
        return sets.narrowed(counts_K >= one.min_documents, self._folder(one))

    def _present(self, asked: Counted) -> Counted:
        """Without the splits that have no rows."""
        splits = tuple(split for split in asked.splits if len(self.words().splits.get(split, ())))
        return replace(asked, splits=splits, unlabelled=asked.unlabelled if UNLABELLED_SPLIT in splits else 0)

    def _count(self, asked: Counted) -> Sets:
        words, folder, threads = self.words(), self._folder(asked), self._threads
        vocabulary = words.ngrams(asked.splits, longest=asked.longest, min_documents=asked.min_documents, threads=threads)
        rows = {
            split: words.documents((split,), vocabulary, folder / f"{split}.ngrams", threads=threads) for split in words.splits
        }
        return Sets(NgramVocabulary(vocabulary.words, vocabulary.keys), rows)  # without the tables that reading needed

    def _folder(self, asked: Counted) -> Path:
        name = "-".join(("ngrams", *asked.splits, str(asked.longest), str(asked.min_documents)))
        folder = self._scratch / name
        folder.mkdir(exist_ok=True)
        return folder
