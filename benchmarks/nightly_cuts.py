"""Ten nights of a name that is split by time: is any champion judged by a row that it was trained on?

    python -m benchmarks.nightly_cuts --column DAY [--nights 10] [--first 0.4] [--model tfidf] OPTIONS OF train

The dated rows are put in order. The first night has the first share of them, the last night all; each night the test rows are
the newest tenth of what is there, so the cut moves along. The night's model becomes champion where the gate says so on them. By
the training hashes that a package carries it is counted how many test rows the champion before had been trained on, which the
gate leaves out of the comparison, and how many the night's own model has seen: none, or the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flows.commands.settings import check_paths, resolve
from tasks.errors import RequestError
from tasks.evaluate.compare import wilson_interval
from tasks.evaluate.evaluation import predict
from tasks.evaluate.metrics import outcomes
from tasks.evaluate.predictions import read_test
from tasks.finetune.train import write_model
from tasks.ingest.corpus import write_corpus
from tasks.ingest.schema import CORPUS, KEPT, KEPT_PART
from tasks.model.classifier import Classifier
from tasks.model.serving import training_hashes
from tasks.prepare.by_column import DAY_CHARS, choose_cut, read_column, read_days
from tasks.prepare.dataset import write_dataset
from tasks.prepare.read import iter_batches
from tasks.prepare.schema import open_writer
from tasks.register.gate import GateDecision, Rival, Rule, decide

if TYPE_CHECKING:
    from tasks.config import PipelineConfig


class Champion(NamedTuple):
    """A model, the night it is of, and the hashes of the rows it was trained or selected on."""

    night: int
    classifier: Classifier
    hashes: np.ndarray


class Night(NamedTuple):
    """What a night came to: cut and rows, its model and the champion after it; `left_out` and `seen` as said above."""

    night: int
    cut: str
    train_rows: int
    test_rows: int
    accuracy: float
    verdict: str
    champion: int
    champion_accuracy: float
    left_out: int
    seen: int


def until(corpus: Path, day: str, column: str, folder: Path) -> None:
    """Write the rows of a corpus up to a day, those without a day left out, with the columns that it keeps."""
    days = read_days(*read_column(corpus, column), column)
    keep = pa.array([value is not None and value[:DAY_CHARS] <= day for value in days.to_pylist()])
    (folder / KEPT_PART).mkdir(parents=True)
    for name in (CORPUS, f"{KEPT_PART}/{KEPT}"):
        table = pq.read_table(corpus / name, page_checksum_verification=True).filter(keep)
        with open_writer(folder / name, table.schema) as writer:
            writer.write_table(table)
    (folder / "quarantine.parquet").write_bytes((corpus / "quarantine.parquet").read_bytes())


def run_night(
    config: PipelineConfig, number: int, corpus: Path, champion: Champion | None, folder: Path
) -> tuple[Night, Champion]:
    """Prepare, train and judge one night; its figures, and the champion after it."""
    prepare = config.prepare.model_copy(update={"test_share": 0.1, "split_rule": 2, "salt": 0})
    prepare = prepare.model_copy(update={"test_from": choose_cut(prepare, corpus)})
    for place in (prepared := folder / "prepared", model := folder / "model", scratch := folder / "scratch"):
        place.mkdir()
    report = write_dataset(prepare, corpus, prepared)
    write_model(config.finetune, prepared / "dataset", None, model, scratch)
    own = Champion(number, Classifier.load(model), _hashes(prepared / "dataset"))
    test = read_test(prepared / "holdout")
    hashes_N = training_hashes(test.tokens.to_pylist())

    def right(judged: Champion) -> np.ndarray:
        probabilities_NC = predict(judged.classifier, test.tokens, prepared / "holdout_texts")
        return outcomes(test.labels.to_pylist(), judged.classifier.labels, probabilities_NC).correct

    correct, left_out = right(own), 0
    decision = GateDecision("first", "no champion yet")
    if champion is not None:
        known = np.isin(hashes_N, champion.hashes)
        rival = Rival(f"champion of night {champion.night}", champion.classifier.labels, right(champion), known)
        decision = decide(correct, own.classifier.labels, rival, None, Rule(), promote="textmill models promote")
        left_out = int(known.sum())
    after = champion if champion is not None and decision.verdict == "refused" else own
    night = Night(
        number,
        prepare.test_from,
        report["splits"]["train"] + report["splits"]["valid"],
        len(correct),
        float(correct.mean()),
        decision.verdict,
        after.night,
        float(right(after).mean()),
        left_out,
        int(np.isin(hashes_N, own.hashes).sum()),
    )
    return night, after


def _hashes(dataset: Path) -> np.ndarray:
    """The hashes of the rows that a model of this dataset is trained and selected on, as its package carries them."""
    tokens = [batch.column("tokens").to_pylist() for batch in iter_batches(dataset, ("train", "valid"), ["tokens"])]
    return np.unique(np.concatenate([training_hashes(each) for each in tokens]))


def line(night: Night) -> str:
    """A row of the table."""
    low, high = wilson_interval(night.accuracy, night.test_rows)
    shown = f"{night.accuracy:.3f} [{low:.3f}, {high:.3f}]"
    return (
        f"| {night.night} | {night.cut} | {night.train_rows:,} | {night.test_rows} | {shown} | {night.verdict} | "
        f"{night.champion} | {night.champion_accuracy:.3f} | {night.left_out} | {night.seen} |"
    )


def run(config: PipelineConfig, column: str, nights: int, first: float) -> int:
    """Print the table; how many test rows a model had been trained on."""
    print("| night | test rows from | trained on | test rows | accuracy | gate | champion | its accuracy | left out | seen |")
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="nights-") as name:
        (whole := Path(name) / "whole").mkdir()
        write_corpus(config.ingest, whole)
        days = sorted(value[:DAY_CHARS] for value in read_days(*read_column(whole, column), column).drop_null().to_pylist())
        champion, seen = None, 0
        for number in range(1, nights + 1):
            share = first + (1 - first) * (number - 1) / max(nights - 1, 1)
            home = Path(name) / str(number)
            until(whole, days[min(int(share * len(days)), len(days) - 1)], column, home / "corpus")
            night, champion = run_night(config, number, home / "corpus", champion, home)
            seen += night.seen
            print(line(night), flush=True)
    return seen


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, print the table; 1 if a row was seen, 2 with one line if the request or its input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nightly_cuts", description=__doc__.partition("\n")[0])
    parser.add_argument("--column", required=True, help="the column of dates")
    parser.add_argument("--nights", type=int, default=10)
    parser.add_argument("--first", type=float, default=0.4, help="share of the rows that the first night has")
    parser.add_argument("--model", default="tfidf", help="as for --finetune.model")
    own, options = parser.parse_known_args(arguments)
    try:
        split = ["--ingest.keep", own.column, "--prepare.split", "time", "--prepare.split-column", own.column]
        config = resolve([*options, *split, "--finetune.model", own.model])
        check_paths(config)
        return int(run(config, own.column, own.nights, own.first) > 0)
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
