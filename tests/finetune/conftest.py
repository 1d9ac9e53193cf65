from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from tasks.embed.embed import write_vectors
from tasks.embed.reading import EmbedConfig
from tasks.finetune.settings import FinetuneConfig
from tasks.model.subwords import Subwords
from tasks.model.vocabulary import Vocabulary
from tasks.progress import SILENT
from tasks.token_counts import count_tokens
from tests import writers
from tests.encoders import fetched_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LABELS = ["bad", "fine", "good"]
CUES = {"bad": ["awful", "dull", "sinking"], "fine": ["average", "usual", "steady"], "good": ["great", "superb", "rising"]}
COMMON = ["the", "film", "plot", "shares", "of", "a", "market", "was", "in", "very"]
DIM = 8


def draw(source: random.Random, label: str, length: int) -> list[str]:
    words = [*source.choices(COMMON, k=length), source.choice(CUES[label])]
    source.shuffle(words)
    return words


@pytest.fixture
def rows() -> list[tuple[str, str, str, list[str]]]:
    """120 documents (id, split, label, tokens) that one cue word decides; a quarter is valid, one of each split is empty."""
    source = random.Random(5)
    made = []
    for number in range(120):
        split, label = "valid" if number % 4 == 0 else "train", LABELS[number % 3]
        made.append(
            (f"{split}/{number}", split, label, draw(source, label, source.randint(0, 12)) if number not in (7, 8) else [])
        )
    return made


@pytest.fixture
def write_dataset(tmp_path: Path) -> Callable[..., Path]:
    """Write rows (and the label names) as prepare does; return the folder."""

    def write(rows: list[tuple[str, str, str, list[str]]], labels: list[str] = LABELS, name: str = "dataset") -> Path:
        return writers.write_dataset(tmp_path / name, rows, labels, group=50)

    return write


@pytest.fixture
def dataset(rows: list, write_dataset: Callable[..., Path]) -> Path:
    return write_dataset(rows)


@pytest.fixture
def read(tmp_path: Path, rows: list, weights: Path) -> dict[str, Path]:
    """What a model that reads vectors of texts is handed: texts, weights, vectors."""
    texts = writers.write_texts(tmp_path / "texts", [(row[0], row[1], " ".join(row[3])) for row in rows])
    for folder in (embedded := tmp_path / "embedded", scratch := tmp_path / "embedding"):
        folder.mkdir()
    how = EmbedConfig(pooling="mean", max_len=16, truncate="head")
    write_vectors(how, weights, texts, ("train", "valid"), embedded, scratch, progress=SILENT)
    return {"texts": texts, "weights": weights, "embedded": embedded}


@pytest.fixture(scope="session")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the step `weights` writes of a tiny masked language model."""
    return fetched_weights(tmp_path_factory.mktemp("masked"), masked=True)


@pytest.fixture
def aligned(tmp_path: Path, rows: list) -> Path:
    """What align writes: a vocabulary of the frequent words, random vectors, subwords; half of the words have a vector."""
    folder = tmp_path / "aligned"
    folder.mkdir()
    vocabulary = Vocabulary.from_counts(count_tokens([pa.array([row[3] for row in rows if row[1] == "train"])]), min_count=3)
    vocabulary.save(folder)
    generator = np.random.default_rng(1)
    matrix_VD = generator.normal(0, 0.3, (len(vocabulary), DIM)).astype(np.float32)
    matrix_VD[0] = 0
    np.save(folder / "matrix.npy", matrix_VD)
    has_vector_V = np.arange(len(vocabulary)) % 2 == 0
    np.save(folder / "has_vector.npy", has_vector_V)
    Subwords(generator.normal(0, 1, (500, DIM)).astype(np.float32), 3, 5).save(folder)
    return folder


@pytest.fixture
def small() -> Callable[..., FinetuneConfig]:
    """A configuration that learns 90 documents by heart in a moment; keywords override."""

    def make(**values: object) -> FinetuneConfig:
        settings: dict[str, object] = {"model": "bag", "epochs": 12, "batch_size": 8, "patience": 12, "threads": 1}
        settings |= {"lr": 0.03, "hidden": 8, "dropout": 0.1, "max_len": 20, "bag_lr": 0.05}
        settings |= {"ca_dim": 12, "ca_min_documents": 2}
        return FinetuneConfig(**(settings | values))

    return make
