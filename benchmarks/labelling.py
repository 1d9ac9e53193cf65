"""What are chosen labels worth, and what do corrected ones give back?

    python -m benchmarks.labelling choose --work FOLDER --preset phrasebank --ingest.path Sentences_50Agree.txt
    python -m benchmarks.labelling correct --work FOLDER --preset phrasebank --ingest.path Sentences_50Agree.txt

`choose` trains on labels at random (up to 1,000), on those of the smallest margin, and on those that `textmill review` chooses,
in rounds of --step labels after the same first ones. Everything, the kind too (as finetune.model auto has it), is chosen with
the labels of the budget alone; about a tenth of them, as the run's split has it, are validation rows.

`correct` changes a share of the train labels, ranks them as `--evaluate.wrong-labels` does, hands the first rows out as
`textmill review` does, has them filled in with the true labels, and reads them back as `textmill label` does: what the same
recipe comes to with true, changed and corrected labels.

Test rows, --test-rows at most, are the same for all. Each measurement is a line of a file in the work folder; the same command
again measures what is missing and prints the table of all that is there.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.stats import t as student

from flows.commands.settings import check_paths, resolve
from tasks.certainty.folds import Given, measure_fold
from tasks.certainty.rows import PROBABILITIES, among, write_rows
from tasks.certainty.settings import FoldConfig
from tasks.certainty.wrong_labels import write_wrong_labels
from tasks.errors import RequestError
from tasks.evaluate.evaluation import predict
from tasks.evaluate.metrics import f1_scores, outcomes
from tasks.evaluate.predictions import read_test
from tasks.finetune.choose import with_model
from tasks.finetune.quiet import quiet_training
from tasks.finetune.train import write_model
from tasks.ingest.corpus import write_corpus
from tasks.ingest.schema import CORPUS, CORPUS_SCHEMA
from tasks.labels.gather import write_labels
from tasks.labels.import_file import import_labels
from tasks.labels.imports import imports_folder
from tasks.model.classifier import Classifier
from tasks.prepare.dataset import write_dataset
from tasks.prepare.read import iter_texts, read_split
from tasks.review.doubted import doubted
from tasks.review.schema import as_rows
from tasks.review.teach import DENSITY, choose
from tasks.review.write import write_review

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.config import PipelineConfig
    from tasks.finetune.settings import FinetuneConfig

FIRST, MOST_RANDOM, FOLDS = 100, 1000, 5
DENSITIES = {"margin": 0.0, "review": DENSITY}
SHARES = (0.05, 0.1)
NAME = "news"


class Rows:
    """The rows of a run's split: ids, labels, tokens and texts of those to label, and the test rows."""

    def __init__(self, prepared: Path, test_rows: int) -> None:
        self.dataset, self.texts, self.holdout_texts = (prepared / name for name in ("dataset", "texts", "holdout_texts"))
        parts = [read_split(self.dataset, split) for split in ("train", "valid")]
        self.ids = [row for part in parts for row in part.ids.to_pylist()]
        self.tokens = pa.concat_arrays([part.tokens for part in parts])
        found = {row["id"]: row["text"] for batch in iter_texts(self.texts, ("train", "valid")) for row in batch.to_pylist()}
        self.said = [found[row] for row in self.ids]
        test = read_test(prepared / "holdout", dictionary=True)
        kept = np.random.default_rng(13).permutation(test.num_rows)[:test_rows]
        self.test_tokens, self.test_labels = test.tokens.take(pa.array(kept)), test.labels.take(pa.array(kept)).to_pylist()

    def trained(self, recipe: FinetuneConfig, ids: Sequence[str], folder: Path) -> Classifier:
        """The recipe, trained on these rows; `auto` is decided by them."""
        for place in (folder / "model", folder / "scratch"):
            place.mkdir(parents=True)
        write_rows(self.dataset, self.texts, among(ids), folder)
        recipe = with_model(recipe, folder / "dataset")
        with quiet_training():
            write_model(recipe.keyed(), folder / "dataset", None, folder / "model", folder / "scratch", texts=folder / "texts")
        return Classifier.load(folder / "model")

    def figures(self, classifier: Classifier) -> dict[str, float]:
        """Accuracy and macro-F1 on the test rows."""
        scored = outcomes(self.test_labels, classifier.labels, predict(classifier, self.test_tokens, self.holdout_texts))
        return {"accuracy": float(scored.correct.mean()), "macro_f1": float(f1_scores(scored.confusion)[1])}


def chosen(rows: Rows, recipe: FinetuneConfig, how: str, draw: int, most: int, step: int) -> list[dict[str, Any]]:
    """Accuracy and macro-F1 by number of labels, for one way to choose them and one draw of the first."""
    order = np.random.default_rng([13, draw]).permutation(len(rows.ids))
    labelled = [int(at) for at in order[:FIRST]]
    lines: list[dict[str, Any]] = []
    while True:
        start = time.process_time()
        with tempfile.TemporaryDirectory(prefix="label-") as name:
            classifier = rows.trained(recipe, [rows.ids[at] for at in labelled], Path(name))
            figures = rows.figures(classifier)
            size, left = len(labelled), np.setdiff1d(np.arange(len(rows.ids)), labelled)
            if size < most and how != "random":
                probabilities_NC = classifier.probabilities(rows.tokens.take(pa.array(left)), [rows.said[at] for at in left])
                said = [rows.said[at] for at in left]
                choice = choose(said, probabilities_NC, step, random_share=0.0, seed=draw, density=DENSITIES[how])
                labelled += left[choice.teaching].tolist()
            else:
                labelled = order[: size + FIRST].tolist()
        seconds = round(time.process_time() - start, 1)
        lines.append({"how": how, "draw": draw, "labels": size, **figures, "cpu_seconds": seconds})
        if size >= most:
            return lines


def corrected(config: PipelineConfig, corpus: Path, draw: int, flip: float) -> list[dict[str, Any]]:
    """Accuracy with true, changed and corrected labels, for one draw of the changed ones."""
    with tempfile.TemporaryDirectory(prefix="label-") as name:
        folder = Path(name)
        clean = pq.read_table(corpus / CORPUS)
        write_dataset(config.prepare, corpus, made(folder / "clean"))
        train = read_split(folder / "clean/dataset", "train")
        random = np.random.default_rng([13, draw])
        flipped = random.permutation(train.num_rows)[: round(flip * train.num_rows)]
        labels = sorted(set(train.labels.to_pylist()))
        wrong = {train.ids[int(at)].as_py(): _other(train.labels[int(at)].as_py(), labels, random) for at in flipped}
        changed = clean.set_column(2, "label", pa.array([wrong.get(row["id"], row["label"]) for row in clean.to_pylist()]))
        pq.write_table(changed, made(folder / "changed_corpus") / CORPUS)
        (folder / "changed_corpus/quarantine.parquet").write_bytes((corpus / "quarantine.parquet").read_bytes())
        write_dataset(config.prepare, folder / "changed_corpus", made(folder / "changed"))
        lines = [
            _line("true", draw, config, folder / "clean", folder),
            _line("changed", draw, config, folder / "changed", folder),
        ]
        ranked = _ranked(config, folder / "changed", made(folder / "ranked"), draw)
        true = dict(zip(clean.column("id").to_pylist(), clean.column("label").to_pylist(), strict=True))
        for share in SHARES:
            rows = as_rows(doubted(ranked, folder / "changed", round(share * train.num_rows), ()), None)
            found = sum(row["row"] in wrong for row in rows)
            for row in rows:
                row["new_label"] = true[row["row"]]
            place = made(folder / f"corrected{share}")
            write_review(rows, labels, place / "review.csv")
            import_labels(place / "review.csv", place, NAME, annotator="oracle")
            write_labels(imports_folder(place, NAME), made(place / "held"))
            _as_table(changed, place / "changed.parquet")
            options = {"path": place / "changed.parquet", "label_check": False}
            ingest = type(config.ingest).model_validate(options)
            write_corpus(ingest, made(place / "corpus"), labels=place / "held")
            _with_ids(changed, place / "corpus")
            write_dataset(config.prepare, place / "corpus", made(place / "rows"))
            line = _line(f"corrected, {share:.0%} of the rows read", draw, config, place / "rows", place)
            lines.append(line | {"read": len(rows), "changed_rows": len(wrong), "found": found})
        return lines


def _other(label: str, labels: Sequence[str], random: np.random.Generator) -> str:
    others = [each for each in labels if each != label]
    return others[int(random.integers(len(others)))]


def _as_table(corpus: pa.Table, path: Path) -> None:
    pq.write_table(corpus.select(["text", "label"]), path)


def _with_ids(corpus: pa.Table, folder: Path) -> None:
    """Give the rows that were read from a table the ids and splits that they had, which their sides follow from."""
    read = pq.read_table(folder / CORPUS)
    assert read.column("text").to_pylist() == corpus.column("text").to_pylist()
    columns = [corpus.column(name) if name in ("id", "split", "source") else read.column(name) for name in CORPUS_SCHEMA.names]
    pq.write_table(pa.Table.from_arrays(columns, schema=CORPUS_SCHEMA), folder / CORPUS)


def _ranked(config: PipelineConfig, prepared: Path, folder: Path, seed: int) -> Path:
    """The ranking of `--evaluate.wrong-labels`."""
    recipe, places = with_model(config.finetune, prepared / "dataset").keyed(), []
    for fold in range(FOLDS):
        place = made(folder / f"fold{fold}")
        how = FoldConfig(finetune=recipe, folds=FOLDS, fold=fold, seed=seed)
        measure_fold(how, Given(prepared / "dataset", prepared / "texts"), place, made(place / "scratch"))
        places.append(place)
        assert (place / PROBABILITIES).is_file()
    write_wrong_labels(prepared / "dataset", prepared / "texts", places, made(folder / "wrong"))
    return folder / "wrong"


def _line(how: str, draw: int, config: PipelineConfig, prepared: Path, folder: Path) -> dict[str, Any]:
    start, rows = time.process_time(), Rows(prepared, sys.maxsize)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        figures = rows.figures(rows.trained(config.finetune, rows.ids, Path(name) / "run"))
    return {"how": how, "draw": draw, **figures, "cpu_seconds": round(time.process_time() - start, 1)}


def made(folder: Path) -> Path:
    """The folder, new."""
    folder.mkdir(parents=True)
    return folder


def table_of_choices(lines: Sequence[dict[str, Any]]) -> str:
    """Mean and standard deviation of the draws by number of labels, and what 500 chosen ones are worth beside 1,000 drawn."""
    ways = list(dict.fromkeys(each["how"] for each in lines))
    rows = [f"| labels | {' | '.join(ways)} |", "|---" * (len(ways) + 1) + "|"]
    for size in sorted({each["labels"] for each in lines}):
        found = [[each["accuracy"] for each in lines if (each["how"], each["labels"]) == (way, size)] for way in ways]
        if any(found):
            rows.append(f"| {size:,} | {' | '.join(_mean(values) for values in found)} |")
    random = {each["draw"]: each["accuracy"] for each in lines if (each["how"], each["labels"]) == ("random", MOST_RANDOM)}
    for way in ways:
        most = max(each["labels"] for each in lines if each["how"] == way)
        mine = {each["draw"]: each["accuracy"] for each in lines if (each["how"], each["labels"]) == (way, most)}
        gains = [mine[draw] - random[draw] for draw in mine if draw in random]
        if way != "random" and len(gains) > 1:
            rows.append(f"\n{most:,} labels by `{way}` less 1,000 at random, points of accuracy: {_interval(gains)}")
    return "\n".join(rows)


def table_of_corrections(lines: Sequence[dict[str, Any]]) -> str:
    """Mean and standard deviation of the draws by what the labels were, and what corrections bring over changed labels."""
    rows = ["| labels | draws | accuracy | macro-F1 | changed rows among those read |", "|---" * 5 + "|"]
    ways = list(dict.fromkeys(each["how"] for each in lines))
    for how in ways:
        found = [each for each in lines if each["how"] == how]
        share = [each["found"] / each["changed_rows"] for each in found if "found" in each]
        figures = [_mean([each[name] for each in found]) for name in ("accuracy", "macro_f1")]
        rows.append(f"| {how} | {len(found)} | {figures[0]} | {figures[1]} | {f'{np.mean(share):.0%}' if share else ''} |")
    for one, other in [("changed", "true"), *((how, "changed") for how in ways if how.startswith("corrected"))]:
        by_draw = [{each["draw"]: each["accuracy"] for each in lines if each["how"] == how} for how in (one, other)]
        gains = [by_draw[0][draw] - by_draw[1][draw] for draw in by_draw[0] if draw in by_draw[1]]
        if len(gains) > 1:
            rows.append(f"\n{one}, less {other}, points of accuracy: {_interval(gains)}")
    return "\n".join(rows)


def _mean(values: Sequence[float]) -> str:
    if not values:
        return ""
    return f"{np.mean(values):.3f}" + (f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else "")


def _interval(gains: Sequence[float]) -> str:
    half = float(student.ppf(0.975, len(gains) - 1)) * np.std(gains, ddof=1) / len(gains) ** 0.5
    return f"{100 * np.mean(gains):+.1f} [{100 * (np.mean(gains) - half):+.1f}, {100 * (np.mean(gains) + half):+.1f}]"


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, measure what is missing, print the table; 2 with one line if the request is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.labelling", description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["choose", "correct"])
    parser.add_argument("--work", type=Path, required=True, help="folder of the measurements and of what all of them read")
    parser.add_argument("--draws", type=int, help="draws of the first labels, or of the changed ones; default 5, or 3")
    parser.add_argument("--most", type=int, default=500, help="choose: most labels that are chosen")
    parser.add_argument("--step", type=int, default=50, help="choose: labels of a round, where they are chosen")
    parser.add_argument("--flip", type=float, default=0.05, help="correct: share of the train labels that are changed")
    parser.add_argument("--test-rows", type=int, default=sys.maxsize, help="choose: test rows at most, always the same")
    parser.add_argument("--preset", help="as for textmill train; so is every further option")
    own, options = parser.parse_known_args(arguments)
    try:
        config = resolve(options, preset=own.preset)
        check_paths(config)
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    corpus, prepared, path = own.work / "corpus", own.work / "prepared", own.work / f"{own.what}.jsonl"
    if not (done := own.work / "done").exists():
        write_corpus(config.ingest, made(corpus))
        write_dataset(config.prepare, corpus, made(prepared))
        done.touch()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    there = {(each["how"], each["draw"]) for each in lines}

    def keep(found: Sequence[dict[str, Any]]) -> None:
        lines.extend(found)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(line)}\n" for line in found)
        print(*map(json.dumps, found), sep="\n", file=sys.stderr, flush=True)

    if own.what == "choose":
        rows = Rows(prepared, own.test_rows)
        for draw in range(own.draws or 5):
            for how, most in (("random", MOST_RANDOM), *((way, own.most) for way in DENSITIES)):
                if (how, draw) not in there:
                    keep(chosen(rows, config.finetune, how, draw, most, own.step))
        print(table_of_choices(lines))
        return 0
    for draw in range(own.draws or 3):
        if ("true", draw) not in there:
            keep(corrected(config, corpus, draw, own.flip))
    print(table_of_corrections(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
