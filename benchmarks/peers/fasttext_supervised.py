"""fastText's own classifier with word bigrams, its defaults but for a learning rate of 0.5 and 10 dimensions; or autotuned."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers.peer import Stages, parser, run_peer
from benchmarks.peers.words import line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from benchmarks.peers.corpus import Corpus, Document

LABEL = "__label__"
SETTINGS = {"lr": 0.5, "epoch": 5, "wordNgrams": 2, "dim": 10, "bucket": 2_000_000}
VALID_SHARE = 10  # every tenth train document, where autotune chooses


def classify(corpus: Corpus, stages: Stages, arguments: argparse.Namespace) -> Sequence[str]:
    """Labels of the test documents."""
    import fasttext

    names = sorted({document.label for document in corpus.train})
    number = {name: str(at) for at, name in enumerate(names)}  # a label of the user's may hold blanks
    with tempfile.TemporaryDirectory() as folder:
        train, valid = Path(folder, "train.txt"), Path(folder, "valid.txt")
        with stages.stage("write"):
            documents = random.Random(13).sample(corpus.train, len(corpus.train))  # archives stand sorted by label
            held_out = documents[::VALID_SHARE] if arguments.autotune else []
            _write(valid, held_out, number)
            _write(train, [d for at, d in enumerate(documents) if not (arguments.autotune and at % VALID_SHARE == 0)], number)
        with stages.stage("train"):
            tuned = {"autotuneValidationFile": str(valid), "autotuneDuration": arguments.autotune}
            model = fasttext.train_supervised(str(train), verbose=0, **(tuned if arguments.autotune else SETTINGS))
    if arguments.save:
        model.save_model(str(arguments.save))
    with stages.stage("predict"):
        labels, _ = model.predict([line(document.text) for document in corpus.test])
    return [names[int(label[0].removeprefix(LABEL))] if len(label) else names[0] for label in labels]


def _write(path: Path, documents: Sequence[Document], number: dict[str, str]) -> None:
    path.write_text("".join(f"{LABEL}{number[d.label]} {line(d.text)}\n" for d in documents), encoding="utf-8")


if __name__ == "__main__":
    arguments = parser()
    arguments.add_argument("--autotune", type=int, default=0, metavar="SECONDS", help="let fastText choose its settings")
    arguments.add_argument("--save", type=Path, help="keep the model in this file")
    run_peer(classify, arguments.parse_args())
