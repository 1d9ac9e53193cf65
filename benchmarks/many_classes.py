"""Write an invented corpus of short requests in many classes, as in BANKING77 and CLINC150: a CSV of text and label.

    python -m benchmarks.many_classes CLASSES ROWS_PER_CLASS FILE.csv [--seed 13] [--noise 0.03]

A request has 6 to 16 words. Most are words that every class uses, some are of its intent (a pair of words of which each belongs
to several intents, so that only both together tell), some are the intent's own, misspelt now and then. `--noise` is the share
of rows whose label is another intent's.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "wu", "xa", "ye", "zi")
COMMON_WORDS, OWN_WORDS, SHARED_BY = 300, 4, 6
SHORTEST, LONGEST = 6, 16
MISSPELT = 0.05


def rows(num_classes: int, per_class: int, *, seed: int = 13, noise: float = 0.03) -> list[tuple[str, str]]:
    """(text, label) of `per_class` requests in each of `num_classes` intents, in random order."""
    draw = np.random.default_rng(seed)
    pool = _words(draw, COMMON_WORDS + num_classes * OWN_WORDS + num_classes)
    common, rest = pool[:COMMON_WORDS], pool[COMMON_WORDS:]
    shared, own = rest[:num_classes], rest[num_classes:]
    often = 1 / np.arange(1, COMMON_WORDS + 1)
    often /= often.sum()
    topics = [draw.choice(num_classes, min(SHARED_BY, num_classes), replace=False) for _ in range(num_classes)]
    found = []
    for intent in range(num_classes):
        for _ in range(per_class):
            length = int(draw.integers(SHORTEST, LONGEST + 1))
            words = list(draw.choice(common, length, p=often))
            at = draw.permutation(length)
            for place in at[:2]:
                words[place] = shared[draw.choice(topics[intent])]
            for place in at[2 : 2 + int(draw.integers(0, 3))]:
                words[place] = own[intent * OWN_WORDS + int(draw.integers(OWN_WORDS))]
            label = int(draw.integers(num_classes)) if draw.random() < noise else intent
            found.append((" ".join(_typed(draw, word) for word in words), f"intent_{label:03d}"))
    return [found[at] for at in draw.permutation(len(found))]


def _words(draw: np.random.Generator, number: int) -> list[str]:
    made: dict[str, None] = {}
    while len(made) < number:
        made["".join(draw.choice(SYLLABLES, int(draw.integers(2, 5))))] = None
    return list(made)


def _typed(draw: np.random.Generator, word: str) -> str:
    """The word, now and then with two letters exchanged."""
    if draw.random() >= MISSPELT or len(word) < 4:
        return word
    at = int(draw.integers(len(word) - 1))
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_classes", description=__doc__.partition("\n")[0])
    parser.add_argument("classes", type=int)
    parser.add_argument("rows_per_class", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--noise", type=float, default=0.03)
    own = parser.parse_args()
    with own.file.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(rows(own.classes, own.rows_per_class, seed=own.seed, noise=own.noise))


if __name__ == "__main__":
    main()
