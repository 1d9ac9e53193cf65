"""A lexicon: words and phrases with a label or a weight of somebody's. In goes the file, out comes what models count of it.

`word<TAB>label` or `word<TAB>weight` a line, UTF-8. The words are cut as the corpus' texts are. Entries of one label are a
group, and so are all entries with weights; a model learns what a group is worth from how much of it is in each train row, and
gives that to each of its words, those that no train row has among them. So a lexicon ends up in the weights of n-grams.

Shapes: E entries, G groups, K n-grams of a vocabulary, N documents, C classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tasks.documents.encoding import read_utf8
from tasks.errors import RequestError
from tasks.finetune.count_ngrams import united
from tasks.finetune.encode import document_frequency
from tasks.finetune.logistic import Solver, logistic_regression
from tasks.model.ngrams import NgramVocabulary
from tasks.shown import in_line, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tasks.finetune.documents import Documents
    from tasks.finetune.encode import NumberedWords

FLAG = "--finetune.lexicon"
LONGEST = 5  # tokens of a phrase, as of an n-gram
MOST_GROUPS = 50
WEIGHTS = "weight"  # the group of entries that have a number
STEPS, L2 = 100, 1e-3


class Entry(NamedTuple):
    """One line: a word or phrase as it is written, the group that it is of, and what it counts for there."""

    phrase: str
    group: str
    value: float = 1.0


@dataclass(frozen=True)
class Lexicon:
    """The entries as n-grams: `ids` [E] of `vocabulary`, `groups` int [E] and `values` [E]; and how many are left out."""

    names: list[str]
    vocabulary: NgramVocabulary
    ids: np.ndarray
    groups: np.ndarray
    values: np.ndarray
    num_empty: int = 0
    num_long: int = 0

    def joined_to(self, vocabulary: NgramVocabulary) -> tuple[NgramVocabulary, np.ndarray]:
        """The vocabulary with the n-grams of the lexicon too, and what each counts for in each group, float64 [K, G]."""
        both, (_, places) = united([vocabulary, self.vocabulary])
        counts_KG = np.zeros((len(both), len(self.names)))
        counts_KG[places[self.ids], self.groups] = self.values
        return both, counts_KG

    def met(self, words: NumberedWords, splits: Sequence[str], path: Path) -> np.ndarray:
        """Which entries are in a document of `splits`, bool [E]; `path` is a file to work with."""
        rows = words.documents(splits, self.vocabulary, path)
        met_E: np.ndarray = document_frequency(rows, len(self.vocabulary))[self.ids] > 0
        return met_E


def open_lexicon(path: Path, labels: Sequence[str], tokens_of: Callable[[str], list[str]]) -> Lexicon:
    """Read the file and cut its words with `tokens_of`; entries of no token or of more than LONGEST are left out and counted.

    RequestError for a line that cannot be read, or a file of which nothing is left.
    """
    entries = read_lexicon(path, labels)
    names = sorted({entry.group for entry in entries})
    cut = [tuple(tokens_of(entry.phrase)) for entry in entries]
    kept = [(tokens, entry) for tokens, entry in zip(cut, entries, strict=True) if 0 < len(tokens) <= LONGEST]
    if not kept:
        raise RequestError(f"{FLAG} {path}: nothing is left of its {len(entries):,} entries when they are cut as the corpus is")
    vocabulary, number = ngrams_of([tokens for tokens, _ in kept])
    return Lexicon(
        names,
        vocabulary,
        np.array([number[tokens] for tokens, _ in kept]),
        np.array([names.index(entry.group) for _, entry in kept]),
        np.array([entry.value for _, entry in kept]),
        num_empty=sum(not tokens for tokens in cut),
        num_long=sum(len(tokens) > LONGEST for tokens in cut),
    )


def read_lexicon(path: Path, labels: Sequence[str] = ()) -> list[Entry]:
    """The entries of a file; numbers are weights unless all of them are `labels`. RequestError names the line that is wrong."""
    found: list[tuple[str, str]] = []
    places: list[int] = []
    try:
        lines = read_utf8(path, what=FLAG).split("\n")
    except OSError as error:
        raise RequestError(f"{FLAG} {path}: cannot be read ({error.strerror}); check the path") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("\t")]
        if len(parts) != 2 or not all(parts):
            told = f"line {number}: {shortened(in_line(line), 60)!r} is no word with a tab and a label or a weight after it"
            raise RequestError(f"{FLAG} {path}: {told}, such as bankruptcy<TAB>negative")
        found.append((parts[0], parts[1]))
        places.append(number)
    if not found:
        raise RequestError(f"{FLAG} {path}: no entry in it; write a line such as bankruptcy<TAB>negative for each")
    weights = [_number(value) for _, value in found]
    if not {value for (_, value), weight in zip(found, weights, strict=True) if weight is not None} <= set(labels):
        if None in weights:
            at = weights.index(None)
            told = f"line {places[at]}: {shortened(in_line(found[at][1]), 40)!r} is no number, and other lines have weights"
            raise RequestError(f"{FLAG} {path}: {told}; give labels or weights, the same to all")
        return [Entry(phrase, WEIGHTS, weight or 0.0) for (phrase, _), weight in zip(found, weights, strict=True)]
    entries = [Entry(phrase, label) for phrase, label in found]
    if len(names := {entry.group for entry in entries}) > MOST_GROUPS:
        raise RequestError(f"{FLAG} {path}: {len(names):,} different labels; give at most {MOST_GROUPS}, or each word a number")
    return entries


def ngrams_of(phrases: Iterable[tuple[str, ...]]) -> tuple[NgramVocabulary, dict[tuple[str, ...], int]]:
    """A vocabulary with these phrases and all shorter ones in them, by which they are looked up; the number of each."""
    wanted = {phrase[at:end] for phrase in phrases for at in range(len(phrase)) for end in range(at + 1, len(phrase) + 1)}
    words = sorted(phrase[0] for phrase in wanted if len(phrase) == 1)
    number: dict[tuple[str, ...], int] = {(word,): at for at, word in enumerate(words)}
    inside, start, keys = dict(number), len(words), list[np.ndarray]()
    for n in range(2, max(map(len, wanted)) + 1):
        level = {phrase: inside[phrase[:-1]] * len(words) + number[phrase[-1:]] for phrase in wanted if len(phrase) == n}
        ordered = sorted(level, key=level.__getitem__)
        keys.append(np.array([level[phrase] for phrase in ordered], np.int64))
        inside = {phrase: at for at, phrase in enumerate(ordered)}
        number |= {phrase: start + at for at, phrase in enumerate(ordered)}
        start += len(ordered)
    return NgramVocabulary(words, keys), number


def group_features(rows: Documents, counts_KG: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much of each group is in each document, over the root of its n-grams: float64 [N, G]; and the scale [G] it was given.

    Columns are scaled to a mean square of 1 where anything is in them.
    """
    document_T = np.repeat(np.arange(len(rows)), np.diff(rows.offsets))
    roots_N1 = np.sqrt(np.maximum(np.diff(rows.offsets), 1))[:, None]
    sums = [np.bincount(document_T, weights=counts_K[rows.ids], minlength=len(rows)) for counts_K in counts_KG.T]
    shares_NG = np.stack(sums, 1) / roots_N1
    squares_G = (shares_NG**2).mean(0)
    scale_G = np.where(squares_G > 0, 1 / np.sqrt(np.maximum(squares_G, 1e-12)), 0.0)
    return shares_NG * scale_G, scale_G


def group_weights(
    rows: Documents, counts_KG: np.ndarray, num_classes: int, importance_N: np.ndarray | None = None
) -> np.ndarray:
    """What each n-gram is worth by its groups alone, float32 [K, C]: logistic regression on how much of each a row has."""
    features_NG, scale_G = group_features(rows, counts_KG)
    fitted_GC, _ = logistic_regression(features_NG, rows.labels, num_classes, L2, importance_N, solver=Solver(STEPS))
    weights_KC: np.ndarray = (counts_KG @ (scale_G[:, None] * fitted_GC)).astype(np.float32)
    return weights_KC


def report_of(lexicon: Lexicon, met_E: np.ndarray) -> dict[str, Any]:
    """How many entries there are, and of how many a model could learn anything."""
    sizes = np.bincount(lexicon.groups, minlength=len(lexicon.names)).tolist()
    return {
        "entries": len(met_E) + lexicon.num_empty + lexicon.num_long,
        "in no train row": int((~met_E).sum()),
        "of no token": lexicon.num_empty,
        f"longer than {LONGEST} tokens": lexicon.num_long,
        **{f"entries of {shortened(in_line(name), 40)}": size for name, size in zip(lexicon.names, sizes, strict=True)},
    }


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
