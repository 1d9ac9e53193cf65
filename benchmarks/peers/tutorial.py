"""The script that many tutorials arrive at: fastText vectors, gensim, mean pooling, dense Adam.

Skipgram of 100 dimensions with minCount 1, 10 epochs and one thread over all train text; the vectors written as text and loaded
with gensim; their mean over a document, a linear layer, the embedding trained by torch's dense Adam for 3 epochs.
Shapes: B documents of a batch, L tokens of the longest, V words, D dimensions.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.peers.peer import Stages, parser, run_peer
from benchmarks.peers.words import words

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    import torch

    from benchmarks.peers.corpus import Corpus

PRETRAIN = {"model": "skipgram", "dim": 100, "minCount": 1, "epoch": 10, "thread": 1}
BATCH, EPOCHS, LEARNING_RATE, MAX_LEN = 64, 3, 1e-3, 400


def classify(corpus: Corpus, stages: Stages, arguments: argparse.Namespace) -> Sequence[str]:
    """Labels of the test documents."""
    with stages.stage("tokenize"):
        train, test = ([words(document.text) for document in part] for part in (corpus.train, corpus.test))
    with tempfile.TemporaryDirectory() as folder:
        vectors = Path(folder, "vectors.vec")
        _pretrain(train, vectors, stages)
        with stages.stage("load"):
            from gensim.models import KeyedVectors

            loaded = KeyedVectors.load_word2vec_format(str(vectors))
    index = {word: row for row, word in enumerate(loaded.index_to_key, 1)}  # row 0 is padding and every unknown word
    matrix_VD = np.vstack([np.zeros((1, loaded.vector_size), np.float32), loaded.vectors])
    names = sorted({document.label for document in corpus.train})
    labels = [names.index(document.label) for document in corpus.train]
    ids_train, ids_test = ([[index.get(w, 0) for w in tokens[:MAX_LEN]] for tokens in part] for part in (train, test))
    return [names[number] for number in _train_and_predict(matrix_VD, ids_train, labels, ids_test, len(names), stages)]


def _pretrain(train: Sequence[Sequence[str]], path: Path, stages: Stages) -> None:
    import fasttext

    text = path.with_suffix(".txt")
    text.write_text("".join(" ".join(tokens) + "\n" for tokens in train), encoding="utf-8")
    with stages.stage("pretrain"):
        model = fasttext.train_unsupervised(str(text), verbose=0, **PRETRAIN)
    with stages.stage("write"), path.open("w", encoding="utf-8") as file:
        names = model.get_words()
        file.write(f"{len(names)} {model.get_dimension()}\n")
        for name in names:
            file.write(f"{name} {' '.join(f'{value:.5f}' for value in model.get_word_vector(name))}\n")


def _train_and_predict(
    matrix_VD: np.ndarray,
    train: Sequence[Sequence[int]],
    labels: Sequence[int],
    test: Sequence[Sequence[int]],
    num_labels: int,
    stages: Stages,
) -> list[int]:
    import torch
    from torch import nn

    torch.manual_seed(13)
    embedding = nn.Embedding.from_pretrained(torch.from_numpy(matrix_VD), freeze=False, padding_idx=0)
    last = nn.Linear(matrix_VD.shape[1], num_labels)
    optimizer = torch.optim.Adam([*embedding.parameters(), *last.parameters()], lr=LEARNING_RATE)

    def logits(documents: Sequence[Sequence[int]]) -> torch.Tensor:
        tokens_BL = nn.utils.rnn.pad_sequence([torch.tensor(ids or [0]) for ids in documents], batch_first=True)
        num_tokens_B1 = (tokens_BL != 0).sum(1, keepdim=True).clamp(min=1)
        return last(embedding(tokens_BL).sum(1) / num_tokens_B1)

    label_N = torch.tensor(labels)
    with stages.stage("train"):
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(train)).split(BATCH):
                loss = nn.functional.cross_entropy(logits([train[row] for row in rows]), label_N[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    with stages.stage("predict"), torch.no_grad():
        return [int(best) for at in range(0, len(test), BATCH) for best in logits(test[at : at + BATCH]).argmax(1)]


if __name__ == "__main__":
    run_peer(classify, parser().parse_args())
