"""Cross-validate a run's configuration against TF-IDF + logistic regression, near-duplicates kept in one fold.

    python -m benchmarks.folds [--folds 10] [--fold-seed 13] [--only FOLD ...] [--plain] [--share-vectors] \\
        [--results FILE.json] [--work FOLDER] OPTIONS OF `textmill train`

Each fold goes through the pure functions of textmill's own steps with exactly the settings that the options resolve to; the
fold's rows are its official test split, so nothing that duplicates or nearly duplicates one of them is trained on. A table of
the folds goes to stderr, one JSON object to stdout.

With --share-vectors the word vectors are trained once, on the texts without a label alone, and every fold reads those: a fold
then differs from a run in that its own training sentences have no part in the vectors.

With --plain near-duplicates may lie on both sides, as in most published figures; texts with the same tokens never do.

With --results each fold is written to that file as soon as it is measured, and a fold that the file has is not measured again:
a campaign goes on after a kill, on another day or on another machine. Pretrained weights and the vectors of texts that a frozen
encoder makes are made once for all folds, in the folder --work, which a later call may be given again.

The yardstick reads the same tokens. It has nothing to choose, so it is trained on the validation rows too, with which textmill
chooses an epoch and calibrates: of the same rows both see all.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.fold_results import FoldResults, command_line, cpu_seconds, what_is_measured
from benchmarks.given import given_in_fold, make_given, weights_digest
from benchmarks.peers.peer import scores
from flows.commands.settings import check_paths, resolve
from tasks.errors import RequestError
from tasks.evaluate.compare import compare
from tasks.evaluate.evaluation import predict
from tasks.evaluate.predictions import read_test
from tasks.evaluate.yardstick import fit_predict
from tasks.finetune.history import read_history
from tasks.ingest.corpus import write_corpus
from tasks.ingest.schema import CORPUS_SCHEMA
from tasks.prepare.dataset import write_dataset
from tasks.prepare.documents import tokenize_documents
from tasks.prepare.duplicates import exact_firsts, near_groups
from tasks.prepare.read import Split, dataset_file, read_split
from tasks.prepare.schema import open_writer
from tasks.prepare.script import choose_tokenizer
from tasks.prepare.word_lists import text_to_tokens
from tasks.pretrain.vectors import MODEL_FILE, train_vectors
from tasks.register.folds import train_recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.config import PipelineConfig
    from tasks.prepare.settings import PrepareConfig

CORPUS, QUARANTINE = "corpus.parquet", "quarantine.parquet"
CLASSIFIERS = ("textmill", "yardstick")


@dataclass(frozen=True)
class Scores:
    """One classifier on a fold's test rows; `correct` bool [N], in the holdout's order.

    `epochs` is the one that the validation rows chose, of each member that learns in epochs. CPU seconds are of all threads
    and children.
    """

    accuracy: float
    macro_f1: float
    seconds: float
    correct: np.ndarray
    cpu_seconds: float = 0.0
    epochs: dict[str, int] = field(default_factory=dict)

    def written(self) -> dict[str, Any]:
        """The scores as JSON."""
        return {**dataclasses.asdict(self), "correct": np.packbits(self.correct).tobytes().hex(), "rows": len(self.correct)}

    @classmethod
    def read(cls, written: dict[str, Any]) -> Scores:
        """What `written` gave."""
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(written["correct"]), np.uint8), count=written["rows"])
        return cls(**{name: value for name, value in written.items() if name != "rows"} | {"correct": bits.astype(bool)})


@dataclass(frozen=True)
class Fold:
    """What both classifiers came to on one fold."""

    number: int
    textmill: Scores
    yardstick: Scores


def assign_folds(config: PrepareConfig, corpus: Path, num_folds: int, seed: int, *, plain: bool = False) -> np.ndarray:
    """The fold of each row of the corpus, int64 [N]; -1 for a row without a label.

    Labels are spread evenly; exact and near-duplicates, found as `prepare` finds them, stay together, unless `plain`.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    table = pq.read_table(corpus / CORPUS, columns=["id", "text", "label", "split"], page_checksum_verification=True)
    (labelled,) = np.nonzero(table.column("label").is_valid().to_numpy(zero_copy_only=False))
    rows = table.take(pa.array(labelled)).combine_chunks()
    labels = rows.column("label").to_pylist()
    if len(labels) < num_folds:
        raise RequestError(f"{len(labels)} labelled rows cannot make {num_folds} folds; use fewer with --folds")
    folds_N = np.full(table.num_rows, -1, np.int64)
    if plain:
        shuffled = StratifiedKFold(num_folds, shuffle=True, random_state=seed)
        for number, (_, test) in enumerate(shuffled.split(labels, labels)):
            folds_N[labelled[test]] = number
        return folds_N
    with tempfile.TemporaryDirectory() as scratch:
        (batch,) = rows.select(["id", "text", "split"]).to_batches()
        chosen = choose_tokenizer(batch.column("text").to_pylist()) if config.tokenizer == "auto" else None
        settings = text_to_tokens(config, chosen and chosen.tokenizer).to_dict()
        documents = tokenize_documents(batch, str(Path(scratch) / "tokens.arrow"), settings, config.min_tokens, True)
    considered = documents.num_tokens > 0
    firsts = exact_firsts(documents.fingerprints, considered)
    groups = near_groups(documents.signatures, firsts, considered, config.near_duplicate_similarity)
    splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    for number, (_, test) in enumerate(splitter.split(labels, labels, groups)):
        folds_N[labelled[test]] = number
    return folds_N


def write_fold_corpus(corpus: Path, folds_N: np.ndarray, fold: int, folder: Path) -> None:
    """Write the corpus again, the fold's rows as its official test split and every other labelled row without a split."""
    table = pq.read_table(corpus / CORPUS, page_checksum_verification=True)
    given = table.column("split").to_pylist()
    split = [given[row] if at < 0 else "test" if at == fold else None for row, at in enumerate(folds_N.tolist())]
    position = table.schema.get_field_index("split")
    table = table.set_column(position, CORPUS_SCHEMA.field("split"), pa.array(split, pa.string()))
    with open_writer(folder / CORPUS, table.schema) as writer:
        writer.write_table(table)
    shutil.copyfile(corpus / QUARANTINE, folder / QUARANTINE)


def share_vectors(config: PipelineConfig, corpus: Path, folder: Path) -> PipelineConfig:
    """Train vectors on the texts without a label, in `folder`; the configuration that reads them and trains none itself.

    A text without a label that is the same as a labelled one is left out. The corpus keeps the texts without a label only where
    a kind of the model reads them itself. RequestError where the run trains no vectors, or there are no such texts.
    """
    table = pq.read_table(corpus / CORPUS, page_checksum_verification=True)
    labelled = table.column("label").is_valid()
    if not (config.finetune.needs_vectors and config.pretrain.enabled and config.align.vectors is None):
        raise RequestError("--share-vectors: this run trains no vectors; leave it out")
    if labelled.to_pylist().count(True) == len(table):
        raise RequestError("--share-vectors: no text is without a label; give some with --ingest.unlabelled, or leave it out")
    (folder / "whole").mkdir()
    write_dataset(config.prepare, corpus, folder / "whole")
    dataset, alone = folder / "whole" / "dataset", folder / "unlabelled"
    shutil.copytree(dataset, alone)
    rows = pq.read_table(dataset_file(dataset), page_checksum_verification=True)
    with open_writer(dataset_file(alone), rows.schema) as writer:
        writer.write_table(rows.filter(pc.equal(rows.column("split"), "unlabelled")))
    (folder / "vectors").mkdir()
    train_vectors(config.pretrain, alone, folder / "vectors")
    if not config.finetune.reads_unlabelled:
        with open_writer(corpus / CORPUS, table.schema) as writer:
            writer.write_table(table.filter(labelled))
    align = config.align.model_copy(update={"vectors": folder / "vectors" / MODEL_FILE})
    return config.model_copy(update={"align": align})


def chosen_epochs(model: Path) -> dict[str, int]:
    """Of each member that learns in epochs the one with the best validation score; of equals the earliest."""
    found = {name: epochs for name, epochs in read_history(model).items() if epochs}
    return {
        name: int(min(epochs, key=lambda epoch: (epoch["valid_calibrated_loss"] or 0.0, epoch["number"]))["number"])
        for name, epochs in found.items()
    }


def measure_fold(
    config: PipelineConfig, corpus: Path, folds_N: np.ndarray, number: int, given: dict[str, Path] | None = None
) -> Fold:
    """Train both classifiers on what is outside the fold and score both on what is inside; `given`: see `make_given`."""
    with tempfile.TemporaryDirectory(prefix="fold-") as name:
        folder = Path(name)
        start = time.monotonic(), cpu_seconds()
        (folder / "corpus").mkdir()
        write_fold_corpus(corpus, folds_N, number, folder / "corpus")
        write_dataset(config.prepare, folder / "corpus", folder)
        test = read_test(folder / "holdout")
        classifier = train_recipe(config, folder, folder, **given_in_fold(config, given or {}, folder, folder))
        textmill = _scored(test, classifier.labels, predict(classifier, test.tokens, folder / "holdout_texts"), start)
        textmill = dataclasses.replace(textmill, epochs=chosen_epochs(folder / "model"))
        start = time.monotonic(), cpu_seconds()
        parts = [read_split(folder / "dataset", split) for split in ("train", "valid")]
        joined = (pa.concat_arrays([getattr(part, column) for part in parts]) for column in ("ids", "labels", "tokens"))
        classes, probabilities_NC, _ = fit_predict(Split(*joined), test)
        return Fold(number, textmill, _scored(test, classes, probabilities_NC, start))


def _scored(test: Split, classes: Sequence[str], probabilities_NC: np.ndarray, start: tuple[float, float]) -> Scores:
    seconds, cpu = time.monotonic() - start[0], cpu_seconds() - start[1]
    truth, predicted = test.labels.to_pylist(), [classes[number] for number in probabilities_NC.argmax(1)]
    found = scores(truth, predicted)
    correct = np.array([label == guess for label, guess in zip(truth, predicted, strict=True)])
    return Scores(found["accuracy"], found["macro_f1"], round(seconds, 2), correct, round(cpu, 2))


def summary(folds: Sequence[Fold], num_folds: int) -> dict[str, Any]:
    """Means over folds, the paired difference of textmill and the yardstick, and how sure it is.

    An `_error` is the standard error of a mean over folds. Folds share training rows, so it is too small: `corrected_error`
    is that of Nadeau & Bengio (2003), "Inference for the Generalization Error", Machine Learning 52:239-281. `mid_p` is
    McNemar's on all rows together. A single fold has no errors (None).
    """
    found: dict[str, Any] = {}
    for figure in ("accuracy", "macro_f1"):
        ours_F, theirs_F = (
            np.array([getattr(getattr(fold, name), figure) for fold in folds]) for name in ("textmill", "yardstick")
        )
        error = _error(ours_F - theirs_F)
        corrected = None if error is None else round(error * (1 + len(folds) / (num_folds - 1)) ** 0.5, 5)
        found |= {
            figure: _mean(ours_F),
            f"{figure}_error": _error(ours_F),
            f"yardstick_{figure}": _mean(theirs_F),
            f"{figure}_difference": _mean(ours_F - theirs_F),
            f"{figure}_difference_error": error,
            f"{figure}_difference_corrected_error": corrected,
        }
    correct = (np.concatenate([getattr(fold, name).correct for fold in folds]) for name in ("textmill", "yardstick"))
    return found | {
        "mid_p": compare(*correct).mid_p,
        "test_rows": sum(len(fold.textmill.correct) for fold in folds),
        "folds": [_table_row(fold) for fold in folds],
    }


def _mean(values_F: np.ndarray) -> float:
    return round(float(values_F.mean()), 5)


def _error(values_F: np.ndarray) -> float | None:
    return round(float(values_F.std(ddof=1)) / len(values_F) ** 0.5, 5) if len(values_F) > 1 else None


def _table_row(fold: Fold) -> dict[str, Any]:
    both = ((name, dataclasses.asdict(getattr(fold, name))) for name in ("textmill", "yardstick"))
    return {"fold": fold.number} | {name: {k: v for k, v in found.items() if k != "correct"} for name, found in both}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _say_fold(fold: Fold) -> None:
    ours, theirs = fold.textmill, fold.yardstick
    _say(
        f"{fold.number:4}  {len(ours.correct):5}  {ours.accuracy:.4f}  {ours.macro_f1:.4f}     {theirs.accuracy:.4f}  "
        f"{theirs.macro_f1:.4f}     {ours.accuracy - theirs.accuracy:+.4f}  {ours.macro_f1 - theirs.macro_f1:+.4f}  "
        f"{ours.seconds:7.1f}  {ours.cpu_seconds:7.1f}"
        + "".join(f"  {name} epoch {number}" for name, number in ours.epochs.items())
    )


def _say_summary(found: dict[str, Any]) -> None:
    for figure in ("accuracy", "macro_f1"):
        difference, error = found[f"{figure}_difference"], found[f"{figure}_difference_error"]
        if error is not None:
            corrected = found[f"{figure}_difference_corrected_error"]
            ours, theirs = found[figure], found[f"yardstick_{figure}"]
            _say(f"{figure}: textmill {ours:.4f} ± {found[f'{figure}_error']:.4f}, yardstick {theirs:.4f}")
            _say(f"{figure}: difference {difference:+.4f} ± {error:.4f} (corrected for shared training rows: {corrected:.4f})")
    _say(f"McNemar's mid-p over all {found['test_rows']:,} rows: {found['mid_p']:.2g}")


def run(
    config: PipelineConfig,
    *,
    num_folds: int,
    seed: int,
    only: Sequence[int] = (),
    shared: bool = False,
    plain: bool = False,
    results: Path | None = None,
    work: Path | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Measure the folds that `only` names, or all, and say so on stderr; the summary. `shared`: see `share_vectors`.

    `plain`: near-duplicates may lie on both sides. Folds go to the file `results`, and those that it has are taken from it;
    `work` is the folder of what all folds are given.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="folds-") as name:
        (corpus := Path(name) / "corpus").mkdir()
        write_corpus(config.ingest, corpus)
        if plain:
            config = config.model_copy(update={"prepare": config.prepare.model_copy(update={"near_duplicates": False})})
        given = make_given(config, corpus, work or Path(name) / "given")
        what = what_is_measured(config, corpus / CORPUS, folds=num_folds, seed=seed, plain=plain, shared=shared)
        if given:
            what["weights"] = weights_digest(given["weights"])
            _say(f"pretrained weights and vectors: {time.monotonic() - start:.1f} s")
        kept = FoldResults(results, what, command)
        if shared:
            config = share_vectors(config, corpus, Path(name))
            _say(f"vectors of the texts without a label: {time.monotonic() - start:.1f} s")
        folds_N = assign_folds(config.prepare, corpus, num_folds, seed, plain=plain)
        _say("fold   rows  textmill            yardstick           difference        seconds  CPU s")
        measured = []
        for number in only or range(num_folds):
            found = kept.find(number)
            fold = _read_fold(number, found) if found else measure_fold(config, corpus, folds_N, number, given)
            if found is None:
                kept.add(number, {name: getattr(fold, name).written() for name in CLASSIFIERS})
            measured.append(fold)
            _say_fold(fold)
    total = summary(measured, num_folds) | {"seconds": round(time.monotonic() - start, 1)}
    _say_summary(total)
    return total


def _read_fold(number: int, found: dict[str, Any]) -> Fold:
    return Fold(number, *(Scores.read(found[name]) for name in CLASSIFIERS))


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, print the JSON; 2 with one line if the request or its input is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.folds", description=__doc__.partition("\n")[0])
    parser.add_argument("--folds", type=int, default=10, help="number of folds")
    parser.add_argument("--fold-seed", type=int, default=13, help="seed of the folds (prepare.seed parts train and valid)")
    parser.add_argument("--only", type=int, nargs="+", default=[], metavar="FOLD", help="measure these folds, counted from 0")
    parser.add_argument("--share-vectors", action="store_true", help="train vectors once, on the texts without a label")
    parser.add_argument("--plain", action="store_true", help="near-duplicates may lie on both sides")
    parser.add_argument("--results", type=Path, metavar="FILE", help="JSON file that folds are written to and taken from")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="where weights and vectors are made, to be used again")
    parser.add_argument("--preset", help="as for textmill train; so is every further option")
    own, options = parser.parse_known_args(arguments)
    try:
        if own.folds < 2 or any(not 0 <= fold < own.folds for fold in own.only):
            raise RequestError(f"--folds {own.folds} --only {own.only}: at least 2 folds, counted from 0")
        config = resolve(options, preset=own.preset)
        check_paths(config)
        found = run(
            config,
            num_folds=own.folds,
            seed=own.fold_seed,
            only=own.only,
            shared=own.share_vectors,
            plain=own.plain,
            results=own.results,
            work=own.work,
            command=command_line("benchmarks.folds", sys.argv[1:] if arguments is None else arguments),
        )
    except RequestError as error:
        _say(f"error: {error}")
        return 2
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
