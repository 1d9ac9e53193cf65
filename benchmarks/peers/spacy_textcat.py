"""spaCy's text classifier with the settings that `spacy init config --optimize efficiency` gives, 3 epochs.

spaCy is no requirement of this project: without it the row says so. `pip install spacy` adds it.
"""

from __future__ import annotations

import importlib.util
import json
import random
from typing import TYPE_CHECKING

from benchmarks.peers.peer import Stages, parser, run_peer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from benchmarks.peers.corpus import Corpus

EPOCHS = 3
MODEL = {"@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True, "ngram_size": 1, "no_output_layer": False}


def classify(corpus: Corpus, stages: Stages, arguments: argparse.Namespace) -> Sequence[str]:
    """Labels of the test documents."""
    import spacy
    from spacy.training import Example
    from spacy.util import compounding, minibatch

    spacy.util.fix_random_seed(13)
    pipeline = spacy.blank("en")
    categories = pipeline.add_pipe("textcat", config={"model": MODEL})
    names = sorted({document.label for document in corpus.train})
    for name in names:
        categories.add_label(name)
    with stages.stage("convert"):
        examples = [
            Example.from_dict(pipeline.make_doc(text), {"cats": {name: float(name == label) for name in names}})
            for text, label in corpus.train
        ]
    with stages.stage("train"):
        optimizer = pipeline.initialize(lambda: examples)
        for _ in range(EPOCHS):
            random.Random(13).shuffle(examples)
            for batch in minibatch(examples, size=compounding(100, 1000, 1.001)):
                pipeline.update(batch, sgd=optimizer)
    with stages.stage("predict"):
        documents = pipeline.pipe((document.text for document in corpus.test), batch_size=1000)
        return [max(document.cats, key=document.cats.__getitem__) for document in documents]


if __name__ == "__main__":
    arguments = parser().parse_args()
    if importlib.util.find_spec("spacy") is None:
        print(json.dumps({"not_measured": "spaCy is not installed; pip install spacy"}))
    else:
        run_peer(classify, arguments)
