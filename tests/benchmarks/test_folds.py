"""Cross-validation on a small corpus of invented sentences: one cue word decides the label."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks import folds
from flows.commands.settings import resolve
from tasks.ingest.corpus import write_corpus
from tasks.ingest.settings import IngestConfig
from tasks.prepare.read import read_split
from tasks.prepare.settings import PrepareConfig

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.long

CUES = {"negative": ["fell", "cuts"], "positive": ["rose", "wins"]}
COMMON = ["the", "quarter", "group", "said", "its", "net", "sales", "of", "in", "euro", "year", "plant", "order", "from", "new"]
COPIES = 4
TINY = ["--finetune.model", "bag+cnn", "--finetune.epochs", "10", "--finetune.cnn.filters", "4", "--finetune.threads", "1"]
TINY += ["--pretrain.threads", "1", "--pretrain.dim", "4", "--pretrain.epoch", "1", "--pretrain.min-count", "1"]


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """90 sentences `text@label`, a third of them positive; the first one stands there in COPIES near-copies more."""
    source, made = random.Random(3), []
    for number in range(90):
        label = "negative" if number % 3 else "positive"
        made.append(" ".join([*source.choices(COMMON, k=15), source.choice(CUES[label])]) + f"@{label}")
    text, _, label = made[0].partition("@")
    made += [f"{text} {word}@{label}" for word in COMMON[:COPIES]]
    path = tmp_path_factory.mktemp("corpus") / "sentences.txt"
    path.write_text("\n".join(made) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def corpus(lines: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, ingested, with two unlabelled lines after it."""
    folder = tmp_path_factory.mktemp("ingested")
    unlabelled = lines.with_name("unlabelled.txt")
    unlabelled.write_text("net sales of the group\nthe plant in the year\n", encoding="utf-8")
    write_corpus(IngestConfig(path=lines, delimiter="@", unlabelled=unlabelled), folder)
    return folder


def test_every_labelled_row_has_one_fold_and_near_duplicates_share_it(corpus: Path) -> None:
    found = folds.assign_folds(PrepareConfig(), corpus, 5, seed=1)
    rows = pq.read_table(corpus / "corpus.parquet").to_pylist()
    assert [row["label"] is None for row in rows] == (found == -1).tolist()
    assert set(found[found >= 0].tolist()) == set(range(5))
    near = [fold for row, fold in zip(rows, found.tolist(), strict=True) if row["text"].startswith(rows[0]["text"])]
    assert len(near) == COPIES + 1
    assert len(set(near)) == 1


def test_folds_are_stratified_and_follow_the_seed(corpus: Path) -> None:
    labels = np.array([str(label) for label in pq.read_table(corpus / "corpus.parquet").column("label").to_pylist()])
    found = folds.assign_folds(PrepareConfig(), corpus, 5, seed=1)
    positive = Counter(found[labels == "positive"].tolist())
    assert min(positive.values()) >= 5  # of 34; the near-copies may weigh on one fold
    assert (found == folds.assign_folds(PrepareConfig(), corpus, 5, seed=1)).all()
    assert (found != folds.assign_folds(PrepareConfig(), corpus, 5, seed=2)).any()


def test_a_fold_is_its_corpus_official_test_split(corpus: Path, tmp_path: Path) -> None:
    found = folds.assign_folds(PrepareConfig(), corpus, 5, seed=1)
    folds.write_fold_corpus(corpus, found, 2, tmp_path)
    before, after = (pq.read_table(folder / "corpus.parquet") for folder in (corpus, tmp_path))
    assert after.drop_columns("split").equals(before.drop_columns("split"))
    expected = [{-1: "unlabelled", 2: "test"}.get(fold) for fold in found.tolist()]
    assert after.column("split").to_pylist() == expected


def test_the_command_prints_one_object_with_both_classifiers(lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = folds.main(
        ["--folds", "3", "--only", "0", "2", "--ingest.path", str(lines), "--ingest.delimiter", "@", *TINY],
    )
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert code == 0
    assert [fold["fold"] for fold in found["folds"]] == [0, 2]
    for name, figure in (("textmill", "macro_f1"), ("yardstick", "yardstick_macro_f1")):
        assert found[figure] == pytest.approx(np.mean([fold[name]["macro_f1"] for fold in found["folds"]]), abs=1e-5)
    gained = found["accuracy"] - found["yardstick_accuracy"]
    assert found["accuracy_difference"] == pytest.approx(gained, abs=2e-5)
    assert found["accuracy"] > 0.6  # the larger class has 0.62
    assert "McNemar" in printed.err


def test_vectors_may_be_shared_by_all_folds(lines: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = tmp_path / "unlabelled.txt"
    texts.write_text(
        f"{lines.read_text().splitlines()[0].partition('@')[0]}\n" + "sales rose and profit fell in the year\n" * 9
    )
    arguments = [
        "--folds",
        "2",
        "--only",
        "1",
        "--ingest.path",
        str(lines),
        "--ingest.delimiter",
        "@",
        *TINY,
        "--share-vectors",
    ]
    assert folds.main([*arguments, "--ingest.unlabelled", str(texts)]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["test_rows"] > 40
    assert "vectors of the texts without a label" in printed.err
    assert folds.main(arguments) == 2
    assert "no text is without a label" in capsys.readouterr().err
    assert folds.main([*arguments, "--finetune.model", "bag"]) == 2


def test_shared_vectors_are_of_texts_that_no_label_goes_with(lines: Path, tmp_path: Path) -> None:
    labelled = lines.read_text().splitlines()[0].partition("@")[0]
    (tmp_path / "unlabelled.txt").write_text(
        f"{labelled}\n" + "".join(f"profit {number} fell in the year\n" for number in range(9))
    )
    (tmp_path / "corpus").mkdir()
    config = resolve(["--ingest.path", str(lines), "--ingest.delimiter", "@", *TINY])
    ingest = config.ingest.model_copy(update={"unlabelled": tmp_path / "unlabelled.txt"})
    write_corpus(ingest, tmp_path / "corpus")
    shared = folds.share_vectors(config, tmp_path / "corpus", tmp_path)
    texts = [" ".join(batch) for batch in read_split(tmp_path / "unlabelled", "unlabelled").tokens.to_pylist()]
    assert len(texts) == 9
    assert labelled not in texts
    assert read_split(tmp_path / "unlabelled", "train").num_rows == 0
    assert shared.align.vectors == tmp_path / "vectors" / "vectors.bin"
    assert pq.read_table(tmp_path / "corpus" / "corpus.parquet").column("label").null_count == 0


def test_errors_of_means_are_those_of_the_literature() -> None:
    def fold(number: int, ours: float, theirs: float) -> folds.Fold:
        correct = [np.arange(10) < 10 * accuracy for accuracy in (ours, theirs)]
        return folds.Fold(number, folds.Scores(ours, ours, 1.0, correct[0]), folds.Scores(theirs, theirs, 1.0, correct[1]))

    found = folds.summary([fold(0, 0.8, 0.7), fold(1, 0.9, 0.6), fold(2, 0.7, 0.7)], 3)
    deviation = np.std([0.1, 0.3, 0.0], ddof=1)
    assert found["accuracy_difference"] == pytest.approx(0.4 / 3, abs=1e-5)
    assert found["accuracy_difference_error"] == pytest.approx(deviation / 3**0.5, abs=1e-5)
    assert found["accuracy_difference_corrected_error"] == pytest.approx(deviation * (1 / 3 + 1 / 2) ** 0.5, abs=1e-5)
    assert found["accuracy_error"] == pytest.approx(np.std([0.8, 0.9, 0.7], ddof=1) / 3**0.5, abs=1e-5)
    assert found["test_rows"] == 30
    assert folds.summary([fold(0, 0.8, 0.7)], 3)["accuracy_difference_error"] is None


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--folds", "1"], "--folds 1"),
        (["--folds", "3", "--only", "3"], "--only [3]"),
        (["--folds", "3", "--ingest.path", "nowhere.txt"], "nowhere.txt"),
    ],
)
def test_a_wrong_request_is_one_line(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert folds.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert told in printed.err
