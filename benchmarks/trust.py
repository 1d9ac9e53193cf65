"""Is a promise kept, and are wrong labels found? Both on what a run has stored.

    python -m benchmarks.trust promise FILE.parquet ... [--calibration 2000] [--choose 500] [--draws 1000]
    python -m benchmarks.trust labels DATA_ROOT/store/prepare/KEY --preset phrasebank [--flip 0.05] [--seeds 3] [--first-seed 0]

`promise` draws rows of stored probabilities many times, to choose and to calibrate, and looks what share of the answers is
wrong then; the files are `predictions.parquet` of evaluate, or those of fold_probabilities together. `labels` gives a share of
the train rows another label, ranks all by the recipe of a preset, and counts the changed ones among the first. Beside it
cleanlab ranks by the same probabilities, and by those of its own cross-validation of TF-IDF and logistic regression.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.results import machine
from flows.commands.settings import preset_path
from tasks.certainty.checked import read_probabilities
from tasks.certainty.confident import doubts
from tasks.certainty.folds import Given, measure_fold
from tasks.certainty.rows import ALL_SPLITS, PROBABILITIES, read_judged
from tasks.certainty.settings import FoldConfig
from tasks.finetune.settings import FinetuneConfig
from tasks.model.abstention import Abstention
from tasks.prepare.read import DATASET, LABELS, iter_batches, iter_texts, read_labels
from tasks.prepare.schema import SCHEMA, RowGroups

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.model.abstention import Promise

FOLDS = 5
SHARES = (0.05, 0.1)


def promise(
    rows: tuple[np.ndarray, np.ndarray], error: float, calibration: int, choose: int, draws: int, *, each_label: bool
) -> dict[str, Any]:
    """How often more than `error` of the answers is wrong, over draws of the rows; and the share that is answered.

    All stored rows are taken for the stream that a model will meet: calibration rows are drawn of them with replacement, and
    `broken` looks at the answers to all, which is exact. `broken_on_rest` parts the rows without replacement instead, and
    counts the errors among the answers to the rest: there a promise that is kept may look broken by the chance of few rows.
    """
    probabilities_NC, true_N = rows
    random = np.random.default_rng(13)
    labels = [str(label) for label in range(probabilities_NC.shape[1])]
    outcomes: dict[str, list[tuple[float, float, float]]] = {"stream": [], "rest": []}
    everything = np.arange(len(true_N))
    for _ in range(draws):
        order = random.permutation(len(true_N))
        parts = {
            "stream": (random.choice(everything, choose), random.choice(everything, calibration), everything),
            "rest": (order[:choose], order[choose : choose + calibration], order[choose + calibration :]),
        }
        for name, places in parts.items():
            chosen, counted, judged = ((probabilities_NC[place], true_N[place]) for place in places)
            found = Abstention.measured("held", labels, counted, chosen).possible(error, each_label=each_label)
            outcomes[name].append(_kept(found, judged, len(labels), each_label=each_label))
    answered_D, error_D, worst_D = np.array(outcomes["stream"]).T
    return {
        "rows": len(true_N),
        "accuracy": float((probabilities_NC.argmax(1) == true_N).mean()),
        "calibration": calibration,
        "max_error": error,
        "each_label": each_label,
        "draws": draws,
        "made": float((answered_D > 0).mean()),
        "broken": float((worst_D > error).mean()),
        "answered": float(answered_D.mean()),
        "error": float(error_D[answered_D > 0].mean()) if (answered_D > 0).any() else None,
        "broken_on_rest": float((np.array(outcomes["rest"])[:, 2] > error).mean()),
    }


def _kept(
    found: Promise | None, rows: tuple[np.ndarray, np.ndarray], num_labels: int, *, each_label: bool
) -> tuple[float, float, float]:
    """The share of rows that is answered, the error among the answers, and the largest such of what the promise is about."""
    if found is None:
        return 0.0, 0.0, 0.0
    probabilities_NC, true_N = rows
    given_N, best_N = found.answers(probabilities_NC), probabilities_NC.argmax(1)
    wrong_N = best_N != true_N
    groups = [given_N & (best_N == label) for label in range(num_labels)] if each_label else [given_N]
    worst = max((float(wrong_N[group].mean()) for group in groups if group.any()), default=0.0)
    return float(given_N.mean()), float(wrong_N[given_N].mean()) if given_N.any() else 0.0, worst


def wrong_labels(prepared: Path, preset: str, flip: float, seed: int) -> dict[str, Any]:
    """The share of changed labels among the first rows, and of all changed ones that are there, by each ranking."""
    recipe = _recipe(preset)
    with tempfile.TemporaryDirectory(prefix="textmill-") as name:
        folder = Path(name)
        changed = _with_changed_labels(prepared / "dataset", folder / "dataset", flip, seed)
        start, places = time.process_time(), []
        for fold in range(FOLDS):
            (place := folder / f"fold{fold}" / "scratch").mkdir(parents=True)
            config = FoldConfig(finetune=recipe, folds=FOLDS, fold=fold, seed=seed)
            measure_fold(config, Given(folder / "dataset", prepared / "texts"), place.parent, place)
            places.append(place.parent / PROBABILITIES)
        seconds = time.process_time() - start
        names = read_labels(folder / "dataset")
        rows = read_judged(places, len(names))
        labels_N = rows.numbers(names)
        flipped_N = np.array([row in changed for row in rows.ids])
        texts = {row["id"]: row["text"] for batch in iter_texts(prepared / "texts", ("train",)) for row in batch.to_pylist()}
    found = doubts(rows.probabilities, labels_N)
    ranked = {"textmill": found.order, **_by_cleanlab(rows.probabilities, labels_N, [texts[row] for row in rows.ids])}
    issues = {"issues": int(found.issue.sum()), "issues_changed": float(flipped_N[found.issue].mean())}
    return {
        "rows": len(labels_N),
        "changed": int(flipped_N.sum()),
        "seed": seed,
        "fold_cpu_seconds": seconds,
        **issues,
        "rankings": {name: _among_first(order, flipped_N) for name, order in ranked.items()},
    }


def _among_first(order: np.ndarray, flipped_N: np.ndarray) -> dict[str, float]:
    found = {}
    for share in SHARES:
        first = flipped_N[order[: round(share * len(order))]]
        found[f"precision_{share}"] = float(first.mean())
        found[f"recall_{share}"] = float(first.sum() / flipped_N.sum())
    return found


def _by_cleanlab(probabilities_NC: np.ndarray, labels_N: np.ndarray, texts: Sequence[str]) -> dict[str, np.ndarray]:
    from cleanlab.classification import CleanLearning
    from cleanlab.rank import get_label_quality_scores
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    scores = {
        f"cleanlab, same probabilities, {method}": get_label_quality_scores(
            labels_N, probabilities_NC.astype(np.float64), method=method
        )
        for method in ("self_confidence", "normalized_margin")
    }
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(max_iter=1000))
    learning = CleanLearning(model, cv_n_folds=FOLDS, seed=13)
    own = learning.find_label_issues(np.array(texts, object), labels_N)
    scores["cleanlab, its own cross-validation"] = own["label_quality"].to_numpy()
    return {name: np.argsort(values, kind="stable") for name, values in scores.items()}


def _with_changed_labels(dataset: Path, target: Path, flip: float, seed: int) -> set[str]:
    """Write the dataset with another label for a share of its train rows, each other label as likely; the ids of these."""
    random, names, changed = np.random.default_rng(seed), read_labels(dataset), set[str]()
    target.mkdir()
    (target / LABELS).write_bytes((dataset / LABELS).read_bytes())
    with RowGroups(target / DATASET, SCHEMA) as writer:
        for batch in iter_batches(dataset, ALL_SPLITS, SCHEMA.names):
            labels = batch.column("label").to_pylist()
            for at, split in enumerate(batch.column("split").to_pylist()):
                if split == "train" and random.random() < flip:
                    labels[at] = random.choice([name for name in names if name != labels[at]])
                    changed.add(batch.column("id")[at].as_py())
            place = SCHEMA.get_field_index("label")
            writer.add(batch.set_column(place, SCHEMA.field("label"), pa.array(labels, pa.string())))
    return changed


def _recipe(preset: str) -> FinetuneConfig:
    import tomllib

    values: Mapping[str, Any] = tomllib.loads(preset_path(preset).read_text(encoding="utf-8"))
    return FinetuneConfig.model_validate(values.get("finetune", {})).keyed()


def _stored(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and positions of the labels."""
    if paths[0].name != PROBABILITIES:
        _, probabilities_NC, true_N = read_probabilities(paths[0])
        return probabilities_NC, true_N
    names = json.loads((paths[0].parent / "manifest.json").read_bytes())["report"]["labels"]
    return read_judged(paths, len(names)).read(names)


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    kept = verbs.add_parser("promise")
    kept.add_argument("files", nargs="+", type=Path)
    kept.add_argument("--max-error", type=float, default=0.05)
    kept.add_argument("--calibration", type=int, nargs="+", default=[2000])
    kept.add_argument("--choose", type=int, default=500)
    kept.add_argument("--draws", type=int, default=1000)
    kept.add_argument("--each-label", action="store_true")
    noisy = verbs.add_parser("labels")
    noisy.add_argument("prepared", type=Path)
    noisy.add_argument("--preset", required=True)
    noisy.add_argument("--flip", type=float, default=0.05)
    noisy.add_argument("--seeds", type=int, default=3)
    noisy.add_argument("--first-seed", type=int, default=0)
    asked = parser.parse_args(words)
    print(json.dumps({"machine": machine()}))
    if asked.verb == "promise":
        for size in asked.calibration:
            how = {"each_label": asked.each_label}
            found = promise(_stored(asked.files), asked.max_error, size, asked.choose, asked.draws, **how)
            print(json.dumps(found), flush=True)
    else:
        for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
            print(json.dumps(wrong_labels(asked.prepared, asked.preset, asked.flip, seed)), flush=True)


if __name__ == "__main__":
    main()
