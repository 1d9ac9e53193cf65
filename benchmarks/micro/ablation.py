"""What each part of the pipeline is worth on IMDB: one part changed, the test part classified.

    python -m benchmarks.micro.ablation setup aclImdb_v1.tar.gz --folder FOLDER
    python -m benchmarks.micro.ablation train --folder FOLDER --model cnn --labels 1000 --vectors subwords --embedding full

`setup` prepares the archive once and pretrains two sets of vectors, with and without subwords, on train and unlabelled text.
`train` draws that many labelled reviews, equally from the labels; a fifth of them (of all: what prepare held out) are
validation rows. It fits vocabulary and classifier on the others, and scores the test part: as it is, and with two neighbouring
characters swapped in 10% of its words (`--no-misspelt`: only as it is). `--knob NAME=VALUE` sets another knob of finetune;
`--words 2000` trains, of the embedding, the rows of those 2,000 words that tell the labels of the train rows apart best. All
steps are the pipeline's own functions, without Prefect.
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
import pyarrow.parquet as pq

from benchmarks.peers.peer import scores
from tasks.align.settings import AlignConfig
from tasks.finetune.settings import FinetuneConfig
from tasks.ingest.settings import IngestConfig
from tasks.prepare.settings import PrepareConfig
from tasks.pretrain.settings import PretrainConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

MISSPELT_SHARE = 0.1
MAX_LEN, EPOCHS = 200, 3
FEW_LABELS = 1_000  # EPOCHS of so few are a handful of steps: the pipeline chooses the number of epochs, and the best on valid
VECTORS = {"subwords": {"minn": 4, "maxn": 5}, "words": {"minn": 0, "maxn": 0}}


def set_up(archive: Path, folder: Path) -> None:
    """Ingest, prepare, and pretrain vectors with and without subwords."""
    from tasks.engine.local import LocalPool
    from tasks.ingest.corpus import write_corpus
    from tasks.prepare.dataset import write_dataset
    from tasks.pretrain.vectors import train_vectors

    for name in ("corpus", "prepared", *VECTORS):
        (folder / name).mkdir()
    write_corpus(IngestConfig(source="imdb", archive=archive), folder / "corpus")
    config = PrepareConfig(punctuation="keep", valid_share=0.05)
    write_dataset(config, folder / "corpus", folder / "prepared", engine=LocalPool(2))
    for name, subwords in VECTORS.items():
        train_vectors(PretrainConfig(model="cbow", epoch=2, **subwords), folder / "prepared" / "dataset", folder / name)


def write_reduced(dataset: Path, target: Path, num_labels: int, *, unlabelled: bool = False) -> None:
    """Copy `dataset` with `num_labels` labelled rows: the first of a fixed order in each label, every fifth for validation.

    With `unlabelled` its unlabelled rows are copied too.
    """
    from tasks.prepare.read import DATASET, LABELS
    from tasks.prepare.schema import SCHEMA

    whole = pq.read_table(dataset / DATASET, columns=SCHEMA.names).cast(SCHEMA)
    table = whole.filter(pa.compute.equal(whole["split"], "train"))
    order = np.random.default_rng(13).permutation(len(table))
    label_N = np.array(table["label"].to_pylist(), object)[order]
    names = json.loads((dataset / LABELS).read_text(encoding="utf-8"))["labels"]
    rows = np.concatenate([order[label_N == name][: num_labels // len(names)] for name in names])
    held_out = np.concatenate([np.arange(num_labels // len(names)) % 5 == 0 for _ in names])
    rows, held_out = rows[np.argsort(~held_out, kind="stable")], np.sort(held_out)[::-1]
    split = pa.array(np.where(held_out, "valid", "train"), pa.string())
    reduced = table.take(rows)
    reduced = reduced.set_column(reduced.schema.get_field_index("split"), SCHEMA.field("split"), split)
    if unlabelled:
        reduced = pa.concat_tables([reduced, whole.filter(pa.compute.equal(whole["split"], "unlabelled"))])
    target.mkdir()
    pq.write_table(reduced, target / DATASET, compression="zstd", write_page_checksum=True)
    (target / LABELS).write_text(json.dumps({"labels": names}), encoding="utf-8")


def misspelt(documents: Sequence[Sequence[str]]) -> list[list[str]]:
    """The documents with two neighbouring inner characters swapped in MISSPELT_SHARE of the words of 4 characters or more."""
    random = np.random.default_rng(13)
    changed = []
    for document in documents:
        chance = random.random(len(document))
        place = random.random(len(document))
        changed.append(
            [
                swapped(word, 1 + int(at * (len(word) - 3))) if roll < MISSPELT_SHARE and len(word) >= 4 else word
                for word, roll, at in zip(document, chance, place, strict=True)
            ]
        )
    return changed


def swapped(word: str, at: int) -> str:
    """The word with the characters at `at` and `at + 1` in each other's place."""
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def write_words(dataset: Path, target: Path, num_words: int) -> Path:
    """Write the words of at least 5 train documents whose presence and label have the largest chi-squared statistic."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.feature_selection import chi2

    from tasks.prepare.read import read_split

    rows = read_split(dataset, "train")
    counter = CountVectorizer(analyzer=lambda tokens: tokens, binary=True, min_df=5)
    strength_W, _ = chi2(counter.fit_transform(rows.tokens.to_pylist()), rows.labels.to_pylist())
    words = counter.get_feature_names_out()[np.argsort(-strength_W, kind="stable")[:num_words]]
    target.write_text("\n".join(words) + "\n", encoding="utf-8")
    return target


def train(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fit what the arguments describe and score the test part."""
    from tasks.align.matrix import write_matrix
    from tasks.finetune.train import write_model
    from tasks.model.classifier import Classifier
    from tasks.prepare.read import read_split

    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        work = Path(name)
        for folder in ("aligned", "model", "scratch"):
            (work / folder).mkdir()
        dataset = arguments.folder / "prepared" / "dataset"
        if arguments.labels:
            reads_unlabelled = any(knob.startswith("adversarial_unlabelled=") for knob in arguments.knob)
            write_reduced(dataset, work / "dataset", arguments.labels, unlabelled=reads_unlabelled)
            dataset = work / "dataset"
        epochs = "auto" if 0 < arguments.labels <= FEW_LABELS else EPOCHS
        knobs = dict(knob.split("=", 1) for knob in arguments.knob) | {"max_len": MAX_LEN, "epochs": epochs}
        if arguments.words:
            knobs |= {"partial_rows": "words", "partial_words": write_words(dataset, work / "words.txt", arguments.words)}
        config = FinetuneConfig(model=arguments.model, embedding=arguments.embedding, **knobs)  # by their short names
        if config.needs_vectors:
            vectors = None if arguments.vectors == "random" else arguments.folder / arguments.vectors
            write_matrix(AlignConfig(), dataset, vectors, work / "aligned")
        aligned = work / "aligned" if config.needs_vectors else None
        report = write_model(config, dataset, aligned, work / "model", work / "scratch")
        seconds = time.monotonic() - start
        classifier = Classifier.load(work / "model")
        test = read_split(arguments.folder / "prepared" / "holdout", "test")
        labels, documents = test.labels.to_pylist(), test.tokens.to_pylist()
        answer = scores(labels, predict(classifier, documents)) | {
            "valid_accuracy": report["valid_accuracy"],
            "trainable_parameters": report["trainable_parameters"],
            "train_seconds": round(seconds, 1),
        }
        if arguments.misspelt:
            answer["misspelt_accuracy"] = scores(labels, predict(classifier, misspelt(documents)))["accuracy"]
        return answer


def predict(classifier: Any, documents: Sequence[Sequence[str]]) -> list[str]:
    """The likeliest label of each document."""
    return [classifier.labels[number] for number in classifier.probabilities(documents).argmax(1)]


def main() -> None:
    """Do what the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["setup", "train"])
    parser.add_argument("archive", type=Path, nargs="?")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--model", default="cnn")
    parser.add_argument("--labels", type=int, default=0, help="labelled reviews; 0: all")
    parser.add_argument("--vectors", choices=["random", *VECTORS], default="subwords")
    parser.add_argument("--embedding", choices=["full", "frozen", "partial", "low_rank"], default="full")
    parser.add_argument("--knob", action="append", default=[], metavar="NAME=VALUE", help="another knob of finetune")
    parser.add_argument("--misspelt", action=argparse.BooleanOptionalAction, default=True, help="score misspelt words too")
    parser.add_argument("--words", type=int, default=0, help="partial: rows of so many telling words are trained")
    arguments = parser.parse_args()
    if arguments.what == "setup":
        set_up(arguments.archive, arguments.folder)
    else:
        print(json.dumps(train(arguments)))


if __name__ == "__main__":
    main()
