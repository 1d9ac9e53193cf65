"""What a few labels a class are worth: n-grams and encoders (frozen, tuned on pairs, by descriptions alone) on the same draws.

    python -m benchmarks.few_labels --work FOLDER --encoder FOLDER [--labels labels.toml] [--only NAME ...] [--sizes 8 16 32 64]
        [--draws 5] --preset phrasebank --ingest.path Sentences_50Agree.txt

Rows are drawn as `textmill train --evaluate.learning-curve true` draws them, and measured on the test rows of the run's split.
Each draw is a line of draws.jsonl in the work folder. The same command again measures only what is not there yet, and a table
of all that is there goes to stdout. Seconds are of the processor, on whatever else it is shared with.

The contenders: `yardstick` is TF-IDF + logistic regression, `ngrams` the model of the options; `frozen`, `pairs` and
`zero-shot` are the kind encoder trained so, `frozen-last` reads the last layer alone, `described` is a frozen one whose head
starts from --labels. Without --labels the last and `zero-shot` are left out. `zero-shot` reads no row, so it has one line.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.peers.peer import scores
from flows.commands.settings import check_paths, resolve
from tasks.embed.embed import write_vectors
from tasks.errors import RequestError
from tasks.evaluate.draws import write_draw
from tasks.evaluate.learning import Given, measure_draw
from tasks.evaluate.predictions import read_test
from tasks.evaluate.settings import DrawConfig
from tasks.evaluate.yardstick import fit_predict
from tasks.finetune.settings import FinetuneConfig
from tasks.ingest.corpus import write_corpus
from tasks.prepare.dataset import write_dataset
from tasks.prepare.read import Split, read_split
from tasks.progress import SILENT
from tasks.weights.place import WeightsConfig
from tasks.weights.weights import write_weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tasks.config import PipelineConfig

DRAWS = "draws.jsonl"
SIZES, NUMBER, SEED = (8, 16, 32, 64), 5, 13
YARDSTICK, NGRAMS, ZERO_SHOT = "yardstick", "ngrams", "zero-shot"


def contenders(
    config: PipelineConfig, encoder: Mapping[str, Any], labels: Path | None, threads: int
) -> dict[str, FinetuneConfig | None]:
    """The recipe of each contender by name; None for the yardstick. `encoder` are settings that those of the kind share."""

    def of_encoder(**how: Any) -> FinetuneConfig:
        return FinetuneConfig(model="encoder", threads=threads, encoder={**encoder, **how})

    found = {
        YARDSTICK: None,
        NGRAMS: config.finetune,
        "frozen": of_encoder(),
        "frozen-last": of_encoder(frozen_layers=0),
        "pairs": of_encoder(train="full", contrastive=True),
    }
    if labels is not None:
        found |= {"described": of_encoder(labels=labels), ZERO_SHOT: of_encoder(train="zero-shot", labels=labels)}
    return found


def prepared(config: PipelineConfig, encoder: Mapping[str, Any], folder: Path) -> Given:
    """The rows of the run's split, and the weights, made once in `folder`."""
    places = {name: folder / name for name in ("corpus", "prepared", "weights")}
    if not (done := folder / "done").exists():
        for place in places.values():
            place.mkdir(parents=True)
        write_corpus(config.ingest, places["corpus"])
        write_dataset(config.prepare, places["corpus"], places["prepared"])
        with tempfile.TemporaryDirectory(dir=folder) as name:
            start = WeightsConfig(place=encoder["model"], flag="--encoder")
            write_weights(start, places["weights"], Path(name), SILENT)
        done.touch()
    rows = places["prepared"]
    return Given(rows / "dataset", rows / "holdout", rows / "holdout_texts", rows / "texts", weights=places["weights"])


def with_vectors(given: Given, recipe: FinetuneConfig | None, folder: Path) -> Given:
    """What the recipe is handed: the vectors of texts as it reads them too, made once in `folder`."""
    reading = None if recipe is None else recipe.embeds
    if reading is None:
        return given
    assert given.weights is not None
    assert given.texts is not None
    places = {name: folder / f"{name}-{reading.layers}" for name in ("embedded", "held")}
    if not (done := folder / f"done-{reading.layers}").exists():
        for (name, place), splits in zip(places.items(), (("train", "valid"), ("test",)), strict=True):
            texts = given.texts if name == "embedded" else given.holdout_texts
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                place.mkdir(exist_ok=True)
                write_vectors(reading, given.weights, texts, splits, place, Path(scratch), progress=SILENT)
        done.touch()
    return replace(given, **places)


def measure(name: str, recipe: FinetuneConfig | None, size: int, draw: int, given: Given) -> dict[str, Any]:
    """Accuracy, macro-F1, labelled rows and processor seconds of a contender on one draw."""
    start = time.process_time()
    with tempfile.TemporaryDirectory(prefix="few-") as made:
        folder = Path(made)
        if recipe is None:
            found = _yardstick(size, draw, given, folder)
        else:
            for place in (out := folder / "out", scratch := folder / "scratch"):
                place.mkdir()
            config = DrawConfig(finetune=recipe.keyed(), per_class=size, draw=draw, seed=SEED)
            found = measure_draw(config, given, out, scratch)
    seconds = round(time.process_time() - start, 1)
    return {"name": name, **found, "per_class": size, "draw": draw, "cpu_seconds": seconds}


def _yardstick(size: int, draw: int, given: Given, folder: Path) -> dict[str, Any]:
    """TF-IDF + logistic regression; it has nothing to choose, so it is trained on the validation rows of the draw too."""
    counts = write_draw(given.dataset, None, size, draw, SEED, folder / "rows", unlabelled=False)
    parts = [read_split(folder / "rows" / "dataset", split) for split in ("train", "valid")]
    joined = (pa.concat_arrays([getattr(part, column) for part in parts]) for column in ("ids", "labels", "tokens"))
    test = read_test(given.holdout)
    classes, probabilities_NC, _ = fit_predict(Split(*joined), test)
    found = scores(test.labels.to_pylist(), [classes[number] for number in probabilities_NC.argmax(1)])
    return {"rows": sum(counts.values()), "accuracy": found["accuracy"], "macro_f1": found["macro_f1"]}


def wanted(names: Sequence[str], sizes: Sequence[int], draws: int) -> Iterator[tuple[str, int, int]]:
    """Contender, rows a class and number of each draw, the small ones first."""
    for size in sizes:
        for draw in range(draws):
            for name in names:
                if name != ZERO_SHOT or (size, draw) == (sizes[0], 0):
                    yield name, size, draw


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Mean and standard deviation of the draws by contender and rows a class, as Markdown."""
    rows = ["| contender | rows a class | draws | accuracy | macro-F1 | CPU seconds a draw |", "|---|---|---|---|---|---|"]
    for name in dict.fromkeys(each["name"] for each in lines):
        for size in sorted({each["per_class"] for each in lines if each["name"] == name}):
            found = [each for each in lines if (each["name"], each["per_class"]) == (name, size) and "reason" not in each]
            if found:
                figures = [_mean([each[figure] for each in found]) for figure in ("accuracy", "macro_f1")]
                seconds = np.mean([each["cpu_seconds"] for each in found])
                shown = "none" if name == ZERO_SHOT else size
                rows.append(f"| `{name}` | {shown} | {len(found)} | {figures[0]} | {figures[1]} | {seconds:.0f} |")
    return "\n".join(rows)


def means(lines: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, dict[str, float]]]:
    """The table's figures by contender and rows a class (`none` for zero-shot)."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        if "reason" not in line:
            found[line["name"], "none" if line["name"] == ZERO_SHOT else str(line["per_class"])].append(line)
    every: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for (name, size), drawn in found.items():
        accuracy = [line["accuracy"] for line in drawn]
        every[name][size] = {
            "accuracy": round(float(np.mean(accuracy)), 4),
            "macro_f1": round(float(np.mean([line["macro_f1"] for line in drawn])), 4),
            "accuracy_deviation": round(float(np.std(accuracy, ddof=1)), 4) if len(drawn) > 1 else 0.0,
            "draws": len(drawn),
        }
    return every


def _mean(values: Sequence[float]) -> str:
    spread = f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, measure what is missing, print the table; 2 with one line if the request is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.few_labels", description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder of the draws and of what all of them read")
    parser.add_argument(
        "--encoder", type=Path, required=True, help="pretrained weights, as --finetune.encoder.model takes them"
    )
    parser.add_argument("--labels", type=Path, help="what the labels mean, as --finetune.encoder.labels takes it")
    parser.add_argument("--max-len", type=int, default=128, help="most pieces of a text, as --finetune.encoder.max-len")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these contenders")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="rows a class")
    parser.add_argument("--draws", type=int, default=NUMBER, help="draws of each size")
    parser.add_argument("--threads", type=int, default=1, help="torch's threads")
    parser.add_argument("--preset", help="as for textmill train; so is every further option")
    own, options = parser.parse_known_args(arguments)
    try:
        config = resolve(options, preset=own.preset)
        check_paths(config)
        encoder = {"model": own.encoder, "max_len": own.max_len}
        known = contenders(config, encoder, own.labels, own.threads)
        names = own.only or list(known)
        if unknown := set(names) - known.keys():
            raise RequestError(f"--only {sorted(unknown)[0]}: choose from {', '.join(known)}")
        own.work.mkdir(parents=True, exist_ok=True)
        given, path = prepared(config, encoder, own.work), own.work / DRAWS
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
        there = {(each["name"], each["per_class"], each["draw"]) for each in lines}
        for name, size, draw in wanted(names, own.sizes, own.draws):
            if (name, size, draw) in there:
                continue
            lines.append(measure(name, known[name], size, draw, with_vectors(given, known[name], own.work)))
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(lines[-1]) + "\n")
            print(json.dumps(lines[-1]), file=sys.stderr, flush=True)
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(table(lines))
    print(json.dumps(means(line for line in lines if line["name"] in names)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
