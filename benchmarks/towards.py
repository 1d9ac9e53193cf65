"""How right the sentiment towards each of two companies is, beside the label of the whole text given to both.

    python -m benchmarks.towards --data FOLDER --work FOLDER [--natural]

The first FOLDER holds `financial_phrasebank/` and `finnews_zh/`; in the second models are trained, once. English is read by the
preset `phrasebank`, trained on the sentences of 50% agreement; Chinese by a bag of characters' n-grams with balanced weights,
trained on titles of financial news, once on the titles and once on pairs, in which the company is marked. The sentences are
those of `benchmarks/two_companies.py`; without `--natural` the joined ones alone, on which the method was chosen. Intervals are
95%, of a bootstrap over sentences, since the two labels of one are not independent. `one listed` knows one of the two names.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.two_companies import Case, joined, natural
from flows.commands.settings import resolve
from tasks.finetune.train import write_model
from tasks.ingest.corpus import write_corpus
from tasks.prepare.dataset import write_dataset
from tasks.register.load import open_package
from tasks.register.package import write_package
from tasks.score.answers import answers
from tasks.score.watch import WatchList
from tasks.towards.towards import sentiment_towards, trained_on_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

CHINESE = [
    "--ingest.path=finnews_zh/news.csv",
    "--ingest.encoding=gb18030",
    "--ingest.text=标题",
    "--ingest.label=正/负面",
    "--finetune.model=bag",
    "--finetune.class-weights=balanced",
]
MODELS = {
    "en": ("phrasebank", ["--ingest.path=financial_phrasebank/Sentences_50Agree.txt"]),
    "zh": ("chinese", CHINESE),
    "zh pairs": ("chinese", [*CHINESE, "--ingest.name=公司"]),
}
SIGNS = {"0": "negative", "1": "positive"}
DRAWS = 2000


def trained(name: str, data: Path, work: Path) -> Any:
    """The packaged model of that name, trained unless it lies in `work`."""
    preset, options = MODELS[name]
    words = [word.replace("path=", f"path={data}/") for word in options]
    config = resolve([part for word in words for part in word.split("=", 1)], preset=preset)
    corpus, dataset, made, scratch, package = (
        work / name / part for part in ("corpus", "dataset", "model", "scratch", "package")
    )
    if not (package / "package.json").exists():
        for folder in (corpus, dataset, made, scratch, package):
            folder.mkdir(parents=True, exist_ok=True)
        write_corpus(config.ingest, corpus)
        write_dataset(config.prepare, corpus, dataset)
        write_model(config.finetune.only_read(), dataset / "dataset", None, made, scratch)
        write_package(made, dataset / "dataset", package)
    return open_package(package).TextClassifier(package)


def rights(model: Any, cases: Sequence[Case], *, listed: Sequence[str] = ("first", "second")) -> tuple[np.ndarray, np.ndarray]:
    """Whether the label towards each listed company, and the text's given to it, is right: bool [N, 2] both."""
    labels = [SIGNS.get(label, label) for label in model.labels]
    names = sorted({str(getattr(case, which)) for case in cases for which in listed})
    texts = [case.text for case in cases]
    read = partial(answers, model)
    probabilities_NC, _ = read(texts)
    text_N = probabilities_NC.argmax(1)
    found = WatchList({name: [name] for name in names}, {}).mentions(texts)
    own = [{getattr(case, which) for which in listed} for case in cases]  # a name is another one's neighbour elsewhere
    found = [
        each._replace(mentions=[mention for mention in each.mentions if mention.name in known])
        for each, known in zip(found, own, strict=True)
    ]
    told = sentiment_towards(found, probabilities_NC, read, by_pair=trained_on_pairs(model))
    best_K = told.probabilities.argmax(1).tolist()
    given = {(row, name): labels[best] for row, name, best in zip(told.rows.tolist(), told.names, best_K, strict=True)}
    towards, whole = [], []
    for row, case in enumerate(cases):
        truth = [(getattr(case, which), getattr(case, f"{which}_label")) for which in listed]
        towards.append([given[row, name] == label for name, label in truth])
        whole.append([labels[text_N[row]] == label for _, label in truth])
    return np.array(towards), np.array(whole)


def line(title: str, towards: np.ndarray, whole: np.ndarray) -> str:
    """A row of the table: both accuracies and their difference, in points with a 95% interval."""
    draw = np.random.default_rng(13).integers(len(towards), size=(DRAWS, len(towards)))
    cells = []
    for values in (towards.astype(float), whole.astype(float), towards.astype(float) - whole):
        low, high = np.quantile(values.mean(1)[draw].mean(1), (0.025, 0.975))
        cells.append(f"{100 * values.mean():.1f} ({100 * low:.1f} to {100 * high:.1f})")
    return f"| {title} | {towards.size} | {' | '.join(cells)} |"


def table(model: Any, name: str, cases: Sequence[Case], kind: str) -> None:
    """Print the figures of a model's sentences, all of them and by group."""
    groups: defaultdict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if name.startswith(case.language):
            groups["all"].append(case)
            groups[case.group].append(case)
    for group, own in groups.items():
        print(line(f"{name}, {kind}: {group}", *rights(model, own)), flush=True)
    one = [rights(model, groups["all"], listed=[which]) for which in ("first", "second")]
    print(line(f"{name}, {kind}: one listed", *(np.concatenate([each[at] for each in one]) for at in (0, 1))), flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.towards", description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--work", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--natural", action="store_true", help="the sentences written by hand too")
    asked = parser.parse_args(arguments)
    print("| model, sentences | labels | towards each name | the text's label | difference |\n|---|---|---|---|---|")
    for name in asked.models:
        model = trained(name, asked.data.resolve(), asked.work)
        table(model, name, joined(), "joined")
        if asked.natural:
            table(model, name, natural(), "natural")
    return 0


if __name__ == "__main__":
    sys.exit(main())
