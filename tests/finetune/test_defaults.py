"""What the defaults learn, from a file of texts to labels of the test rows, by the pure functions of the steps."""

from __future__ import annotations

import csv
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.evaluate.evaluation import predict
from tasks.evaluate.predictions import read_test
from tasks.evaluate.yardstick import fit_predict
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.ingest.corpus import write_corpus
from tasks.ingest.settings import IngestConfig
from tasks.model.classifier import Classifier
from tasks.prepare.dataset import write_dataset
from tasks.prepare.read import read_split
from tasks.prepare.settings import PrepareConfig

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.prepare.read import Split

pytestmark = pytest.mark.long

COMMON = [
    f"{start}{end}" for start in ("ba", "de", "fi", "ko", "lu", "ma", "ne", "po") for end in ("ran", "sel", "tom", "vik", "zu")
]


def accuracies(rows: Sequence[tuple[str, str]], folder: Path) -> tuple[float, float]:
    """Accuracy on the test rows of what the defaults train, and of the yardstick."""
    with (folder / "corpus.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    for name in ("corpus", "model", "scratch"):
        (folder / name).mkdir()
    write_corpus(IngestConfig(path=folder / "corpus.csv"), folder / "corpus")
    write_dataset(PrepareConfig(), folder / "corpus", folder)
    write_model(FinetuneConfig(threads=1), folder / "dataset", None, folder / "model", folder / "scratch")
    test, model = read_test(folder / "holdout"), Classifier.load(folder / "model")
    classes, probabilities_NC, _ = fit_predict(read_split(folder / "dataset", "train"), test)
    return right(test, model.labels, predict(model, test.tokens, folder / "holdout_texts")), right(
        test, classes, probabilities_NC
    )


def right(test: Split, classes: Sequence[str], probabilities_NC: np.ndarray) -> float:
    return float(
        np.mean([classes[at] == label for at, label in zip(probabilities_NC.argmax(1), test.labels.to_pylist(), strict=True)])
    )


def requests(num_classes: int, per_class: int, seed: int) -> list[tuple[str, str]]:
    """Sentences of common words, with a word of the class' own in two places."""
    source = random.Random(seed)
    made = []
    for number in range(num_classes):
        for _ in range(per_class):
            words = [*source.choices(COMMON, k=10), f"own{number}", f"own{number}"]
            source.shuffle(words)
            made.append((" ".join(words), f"intent {number}"))
    return made


@pytest.mark.parametrize(("num_classes", "per_class"), [(60, 5), (77, 10), (20, 10), (150, 10)])
def test_many_classes_of_few_rows_are_learnt_as_well_as_by_the_yardstick(
    num_classes: int, per_class: int, tmp_path: Path
) -> None:
    ours, yardstick = accuracies(requests(num_classes, per_class, seed=4), tmp_path)
    assert yardstick > 0.9
    assert ours >= yardstick - 0.02


def test_many_classes_of_few_chinese_rows_are_learnt_too(tmp_path: Path) -> None:
    source = random.Random(5)
    characters = [chr(0x4E00 + 37 * number) for number in range(60)]
    own = ["".join(source.sample(characters, 2)) for _ in range(60)]
    common = ["".join(source.choices(characters, k=2)) for _ in range(40)]
    rows = []
    for number in range(600):
        words = [*source.choices(common, k=5), own[number % 60], own[number % 60]]
        source.shuffle(words)
        rows.append(("".join(words), f"intent {number % 60}"))
    ours, yardstick = accuracies(rows, tmp_path)
    assert ours >= yardstick - 0.04 > 0.9  # it was 0.74: no character names a class alone


@pytest.mark.parametrize(
    ("fall", "rise"),
    [
        ("{name} shares -{figure}% at the close", "{name} shares {figure}% at the close"),
        ("{name} \u2212{figure} % today", "{name} +{figure} % today"),
        ("\u4eca\u65e5{name}\u6da8\u8dcc\u5e45-{figure}%", "\u4eca\u65e5{name}\u6da8\u8dcc\u5e45{figure}%"),
        ("{name}\u76ee\u524d\uff0d{figure}\uff05", "{name}\u76ee\u524d\uff0b{figure}\uff05"),
    ],
)
def test_a_fall_is_told_from_a_rise_by_the_sign_alone(fall: str, rise: str, tmp_path: Path) -> None:
    source = random.Random(3)
    chinese = any("\u4e00" <= letter <= "\u9fff" for letter in fall)
    names = ["茅台", "平安", "万科", "格力"] if chinese else ["Tesco", "BP", "Shell", "Vodafone"]
    rows = []
    for number in range(400):
        figure, name = f"{source.randint(1, 999) / 10:.1f}", source.choice(names)
        rows.append(((fall, rise)[number % 2].format(name=name, figure=figure), ("negative", "positive")[number % 2]))
    ours, _ = accuracies(list(dict.fromkeys(rows)), tmp_path)
    assert ours > 0.97
