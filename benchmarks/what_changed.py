"""What planted changes of a stream are called first: a new source, a new topic, another language, damaged encoding.

    python -m benchmarks.what_changed --data FOLDER [--cases 10] [--documents 1500] [--share 0.3]

FOLDER holds `headlines/guardian.csv` and `thucnews/{dev,test}.txt`. A stream has 208 days of headlines: half of the cases are
of the Guardian (real days of real news), half of THUCNews titles of nine of its ten classes, which come in any order. In the
last 28 days a share of the documents is exchanged:

* source: for documents of another source (other headlines under another name: titles of the years that were left out);
* topic: for titles of the tenth class, without any topic model to name it (found: the world, by a word of the class among the
  first three);
* topic model: the same, where a model of topics gives that class to nine in ten of them, and to one in a hundred others;
* language: for Chinese titles in the English stream and English headlines in the Chinese one, under the same source;
* encoding: the same documents, their UTF-8 read as Windows-1252 or as GB18030, or what is not ASCII replaced by `?`.

`nothing` exchanges no document: how often a change is named then is the rate of false ones. A case counts as found where its
cause is the first one named. A table goes to stdout.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import sys
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tasks.today.apart import tell_apart
from tasks.today.causes import WORLD, Sides, find_causes
from tasks.today.settings import TodayConfig
from tasks.today.traits import ENCODING, LANGUAGE, SOURCE, TOPIC

PLANTED = ("nothing", "source", "topic", "topic model", "language", "encoding")
BEFORE, LATEST = 180, 28
CRASH = date(2020, 1, 20).toordinal()
CONFIG = TodayConfig()
Row = dict[str, Any]


def guardian(data: Path) -> list[tuple[int, str]]:
    """The headlines with a full date, by day: (day, text), the oldest first."""
    found = []
    with (data / "headlines/guardian.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            try:
                day = datetime.strptime(row["Time"].strip(), "%d-%b-%y").toordinal()
            except ValueError:
                continue
            found.append((day, " ".join(row["Headlines"].split())))
    return sorted(found)


def titles(data: Path) -> list[tuple[int, str]]:
    """The titles of THUCNews with the numbers of their classes."""
    lines = [line for name in ("dev.txt", "test.txt") for line in (data / "thucnews" / name).read_text("utf-8").splitlines()]
    return [(int(number), text) for text, _, number in (line.rpartition("\t") for line in lines)]


def document(text: str, source: str, topics: list[tuple[str, str]] | None = None) -> Row:
    """A row as the monitor keeps it."""
    identity = hashlib.sha256(f"{source}\n{text}".encode()).digest()
    return {"id": identity, "text": text, "source": source, "fields": [], "topics": topics or []}


def damaged(text: str, case: int) -> str:
    """A text after a wrong turn, one of three kinds; in English what is damaged are quotation marks and dashes."""
    text = text.replace("'", "\u2019").replace(" - ", " \u2013 ").replace("£", "\u00a3")
    match case % 3:
        case 0:
            return text.encode().decode("cp1252", "replace")
        case 1:
            return text.encode().decode("gb18030", "replace")
        case _:
            return text.encode().decode("latin-1")


def english(data: Path, source: np.random.Generator) -> tuple[list[tuple[int, str]], list[str]]:
    """208 days of the Guardian from a day at random, (day, text), and the headlines of other years."""
    rows = guardian(data)
    rows = [(day, text) for day, text in rows if day < CRASH]  # after it, the world had changed
    first, last = rows[0][0], rows[-1][0]
    start = int(source.integers(first, last - BEFORE - LATEST))
    own = [(day - start, text) for day, text in rows if start <= day < start + BEFORE + LATEST]
    return own, [text for day, text in rows if not start - 60 <= day < start + BEFORE + LATEST + 60]


def chinese(data: Path, source: np.random.Generator, left_out: int) -> tuple[list[tuple[int, str]], list[str]]:
    """Titles of all classes but one on 208 days at random, and titles of that class."""
    rows = titles(data)
    own = [text for number, text in rows if number != left_out]
    days = source.integers(0, BEFORE + LATEST, len(own))
    order = np.argsort(days, kind="stable")
    return [(int(days[at]), own[at]) for at in order], [text for number, text in rows if number == left_out]


def stream(
    planted: str, case: int, data: Path, documents: int, share: float
) -> tuple[list[Row], np.ndarray, np.ndarray, list[str]]:
    """The documents of a case, their days, which are new, and the texts that were planted."""
    source = np.random.default_rng([PLANTED.index(planted), case])
    in_english = case % 2 == 0 and planted not in ("topic", "topic model")
    own, others = english(data, source) if in_english else chinese(data, source, case % 10)
    drawn = np.concatenate([_drawn(source, own, side, documents) for side in (False, True)])
    days_N = np.array([own[at][0] for at in drawn])
    new_N, rows, put = days_N >= BEFORE, [], list[str]()
    spare = iter(source.permutation(len(others)).tolist())
    foreign = [text for _, text in (titles(data) if in_english else guardian(data))]
    for at, new in zip(drawn, new_N, strict=True):
        text, name, topics = own[at][1], "wire", list[tuple[str, str]]()
        exchanged = bool(new) and source.random() < share
        if exchanged and planted in ("source", "topic", "topic model"):
            text = others[next(spare)]
            name = "newcomer" if planted == "source" else name
        elif exchanged and planted == "language":
            text = foreign[int(source.integers(len(foreign)))]
        elif exchanged and planted == "encoding":
            text = damaged(text, case)
        if planted == "topic model":
            of_it = source.random() < (0.9 if exchanged else 0.01)
            topics = [("sections", "newly" if of_it else f"section {source.integers(8)}")]
        put += [text] if exchanged else []
        rows.append(document(text, name, topics))
    return rows, new_N, days_N, put


def _drawn(source: np.random.Generator, own: list[tuple[int, str]], side: bool, documents: int) -> np.ndarray:
    places = np.array([at for at, (day, _) in enumerate(own) if (day >= BEFORE) == side])
    return np.sort(source.permutation(places)[:documents])


def first_cause(planted: str, case: int, data: Path, documents: int, share: float) -> tuple[str, bool, float, tuple[str, ...]]:
    """The first cause that is named of a case, whether it is the planted one, the AUC, and its words."""
    rows, new_N, days_N, put = stream(planted, case, data, documents, share)
    sides = Sides.of(rows, new_N, days_N)
    apart = tell_apart(sides.features, new_N, days_N)
    causes, _ = find_causes(sides, apart, LATEST, CONFIG.min_auc)
    if not causes:
        return "nothing", planted == "nothing", apart.auc, ()
    cause = causes[0]
    right = {
        "nothing": False,
        "source": cause.kind == SOURCE and cause.name == "newcomer",
        "topic": cause.kind == WORLD and any(_typical(word, put, rows, new_N) for word in cause.words[:3]),
        "topic model": cause.kind == TOPIC and cause.name == "newly of model sections",
        "language": cause.kind == LANGUAGE and cause.share > cause.share_before,
        "encoding": cause.kind == ENCODING,
    }
    return f"{cause.kind} {cause.name}", right.get(planted, False), apart.auc, cause.words


def _typical(word: str, put: list[str], rows: list[Row], new_N: np.ndarray) -> bool:
    """Whether a word is one of the planted texts: five times as frequent there as in the old ones."""
    old = [row["text"] for row, new in zip(rows, new_N, strict=True) if not new]
    return sum(word in text.lower() for text in put) / max(1, len(put)) >= 5 * sum(word in text.lower() for text in old) / len(
        old
    )


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.what_changed", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="where headlines/ and thucnews/ are")
    parser.add_argument("--cases", type=int, default=10, help="streams for each planted change")
    parser.add_argument("--documents", type=int, default=1500, help="most documents of either side")
    parser.add_argument("--share", type=float, default=0.3, help="share of the new documents that is exchanged")
    parser.add_argument("--planted", nargs="+", default=PLANTED, choices=PLANTED, help="changes to plant")
    asked = parser.parse_args(arguments)
    print(f"| planted in {asked.share:.0%} of the new documents | named first | AUC | named in its place |\n|---|---|---|---|")
    for planted in asked.planted:
        found = [first_cause(planted, case, asked.data, asked.documents, asked.share) for case in range(asked.cases)]
        for case, each in enumerate(found):
            print(planted, case, *each, file=sys.stderr)
        aucs = [auc for _, _, auc, _ in found]
        others = Counter(name for name, right, _, _ in found if not right)
        told = ", ".join(f"{name} ({number})" for name, number in others.most_common())
        right = sum(right for _, right, _, _ in found)
        print(f"| {planted} | {right} of {asked.cases} | {min(aucs):.2f} to {max(aucs):.2f} | {told} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
