"""What a list of thousands of companies costs a refresh: documents a CPU second and memory, without the list and with it.

    python -m benchmarks.companies 100000 FOLDER [--companies 5000] [--repeat 3]

In the folder a small model of the embedded sample is trained, and a stream is written as `benchmarks/stream.py` does: halves of
the sample's sentences. Invented names of the list are put into it: one name into a quarter of the documents, two into one of
twenty, few names often and most seldom. One name in fifty is a common word, which counts only in context. The same stream is
refreshed without the list and with it by turns, each time by a monitor of its own; a turn is the whole command, its start, its
Prefect server and its dashboard included, with one thread. Lines of a table go to stdout as they are measured: CPU seconds say
more than wall seconds on a machine that others use. `refresh of nothing` is the same command once all documents were seen.
`scoring` is what the model alone does with SCORED documents in one thread, medians of five by turns; `--only-scoring` is that.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import itertools
import json
import os
import random
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.measure import Measurement, measure
from benchmarks.stream import texts, write_rows
from tasks.checkout import CHECKOUT
from tasks.collect.found import COLLECTED_SCHEMA
from tasks.register.models import load_model
from tasks.score.companies import common_words
from tasks.score.stream import Scorer
from tasks.score.watch import WatchList
from tasks.tracking.tracker import open_to_read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FIRST, VOWELS, INNER = "BCDFGHJKLMNPRSTVWZ", "aeiou", "lmnrstv"
ENDS = ("dale", "ford", "ley", "mont", "ric", "stead", "vane", "worth")
ONE_IN, TWO_IN = 0.25, 0.05  # of the documents
SCORED, BATCH, TURNS = 20_000, 1024, 5  # documents that are scored alone, and how often
COMMON_EVERY = 50  # names of which one is a common word
TRAIN = [
    *("--name", "news", "--ingest.path", str(CHECKOUT / "data" / "sample"), "--finetune.model", "bag"),
    *("--finetune.threads", "1", "--pretrain.enabled", "false", "--evaluate.yardstick", "false"),
]
HEADER = (
    "| documents | companies | wall s | CPU s | documents a CPU second | largest RssAnon | score, s | detect, s |\n"
    "|---:|---:|---:|---:|---:|---:|---:|---:|"
)


def invented(number: int) -> list[str]:
    """So many names, each once, in an order that is always the same; ValueError if there are not so many."""
    made = ["".join(parts) for parts in itertools.product(FIRST, VOWELS, INNER, VOWELS, ENDS)]
    random.Random(1).shuffle(made)
    common = [word.capitalize() for word in sorted(common_words()) if len(word) > 3 and word.isalpha()]
    for place, word in zip(range(COMMON_EVERY // 2, number, COMMON_EVERY), common, strict=False):
        made[place] = word
    if number > len(made):
        raise ValueError(f"there are {len(made):,} invented names, not {number:,}")
    return made[:number]


def write_list(path: Path, names: Sequence[str]) -> None:
    """The list of companies: each with its name, one alias and a code."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["name", "aliases", "codes"])
        rows.writerows([name, f"{name} Holdings", f"{name[:2].upper()}{number:04d}"] for number, name in enumerate(names))


def named(num_documents: int, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The documents of `benchmarks.stream`, some of them with names of the list."""
    source = random.Random(2)
    weights = [1 / (1 + place) for place in range(len(names))]  # as companies are in the news (Zipf)
    drawn = iter(source.choices(names, weights, k=2 * num_documents))
    for when, text in texts(num_documents):
        chance, one, other = source.random(), next(drawn), next(drawn)
        if chance < TWO_IN:
            half = text.split()
            middle = len(half) // 2
            yield when, f"{one}: {' '.join(half[:middle])}, while {other} {' '.join(half[middle:])}"
        else:
            yield when, f"{one}: {text}" if chance < TWO_IN + ONE_IN else text


def scoring(bench: Bench, num_companies: int) -> str:
    """A line about documents that the model scores in a CPU second, without the list and with it."""
    loaded = load_model(open_to_read(None, bench.root, CHECKOUT), "news@champion")
    with bench.stream.open(newline="") as file:
        drawn = [row["headline"] for row in csv.DictReader(file)][:SCORED]
    batches = [_collected(drawn[start : start + BATCH]) for start in range(0, len(drawn), BATCH)]
    scorers = [Scorer(loaded, "negative", (), watch) for watch in (None, WatchList.load(None, bench.list))]
    seconds: list[list[float]] = [[], []]
    for _ in range(TURNS):
        for scorer, taken in zip(scorers, seconds, strict=True):
            began = time.process_time()
            scored = [scorer.score_batch(batch)[0] for batch in batches]
            taken.append(time.process_time() - began)
    names = [number for batch in scored for number in pc.list_value_length(batch.column("names")).to_pylist()]
    one, several = names.count(1) / len(names), sum(number > 1 for number in names) / len(names)
    plain, watched = (len(drawn) / statistics.median(taken) for taken in seconds)
    return (
        f"scoring: {len(drawn):,} documents, {one:.0%} name one company, {several:.0%} several: {plain:,.0f} documents a CPU "
        f"second without a list, {watched:,.0f} with {num_companies:,} companies"
    )


def _collected(texts: Sequence[str]) -> pa.RecordBatch:
    rows = [
        {"id": hashlib.sha256(text.encode()).digest(), "time": 0, "day": 0, "text": text, "source": "made"} for text in texts
    ]
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in COLLECTED_SCHEMA]
    return pa.record_batch(columns, COLLECTED_SCHEMA)


class Bench:
    """A folder with a model, a stream and a list."""

    def __init__(self, folder: Path, num_documents: int, num_companies: int) -> None:
        self.folder, self.documents = folder, num_documents
        self.stream, self.list, self.root = (
            folder / f"{num_documents}.csv",
            folder / f"{num_companies}-names.csv",
            folder / "root",
        )
        folder.mkdir(parents=True, exist_ok=True)
        names = invented(num_companies)
        write_list(self.list, names)
        write_rows(self.stream, named(num_documents, names))
        if not (self.root / "runs").exists():
            self.textmill(["train", *TRAIN], "train")

    def textmill(self, arguments: Sequence[str], said: str) -> Measurement:
        """Run a command with one thread, a home and a server of its own; RuntimeError with its last words if it fails."""
        environment = {
            name: os.environ[name] for name in os.environ if not name.startswith(("PREFECT_", "MLFLOW_", "TEXTMILL_"))
        }
        environment |= {"HOME": str(self.folder), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "flows.commands", *arguments, "--runtime.data-root", str(self.root), "--json"]
        out, err = (self.folder / f"{said}.{kind}" for kind in ("out", "err"))
        with out.open("wb") as to, err.open("wb") as wrong:
            done = measure(command, stdout=to, stderr=wrong, environment=environment, folder=CHECKOUT)
        if done.returncode:
            raise RuntimeError(f"{said}: {err.read_text()[-500:]}")
        return done

    def refresh(self, monitor: str, companies: bool) -> tuple[Measurement, dict[str, Any]]:
        """One refresh of the stream by the monitor of this name, and what it printed."""
        columns = ["--collect.text", "headline", "--collect.time", "when", "--collect.name", monitor]
        watched = ["--score.companies", str(self.list)] if companies else []
        done = self.textmill(
            ["refresh", "--collect.source", str(self.stream), *columns, "--score.model", "news@champion", *watched], monitor
        )
        return done, json.loads((self.folder / f"{monitor}.out").read_text())


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, print a line of the table for each refresh."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.companies", description=__doc__.partition("\n")[0])
    parser.add_argument("documents", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--companies", type=int, default=5000)
    parser.add_argument("--repeat", type=int, default=3, help="refreshes of each kind")
    parser.add_argument("--only-scoring", action="store_true")
    asked = parser.parse_args(arguments)
    bench = Bench(asked.folder.resolve(), asked.documents, asked.companies)
    print(scoring(bench, asked.companies), flush=True)
    if asked.only_scoring:
        return 0
    print(HEADER, flush=True)
    for turn in range(asked.repeat):
        for companies in (0, asked.companies):
            monitor = f"m{asked.documents}-{companies}-{turn}-{os.getpid()}"
            for title in (f"{asked.documents:,}", "refresh of nothing"):
                done, told = bench.refresh(monitor, bool(companies))
                speed = f"{told['scored'] / done.cpu_seconds:,.0f}" if told["scored"] else ""
                stages = told["stages"]
                cells = [title, f"{companies:,}", f"{done.seconds:.0f}", f"{done.cpu_seconds:.0f}", speed]
                cells += [f"{done.peak_mb:.0f} MB", f"{stages['score']:.1f}", f"{stages['detect']:.1f}"]
                print(f"| {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
