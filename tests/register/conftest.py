import functools
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tasks.align.matrix import write_matrix
from tasks.align.settings import AlignConfig
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig
from tasks.pretrain.settings import PretrainConfig
from tasks.pretrain.vectors import train_vectors
from tasks.register.candidate import Candidate
from tasks.register.load import open_package
from tasks.register.models import Registration
from tasks.register.package import write_package
from tasks.register.recipe import Recipe
from tasks.register.registration import Registrar
from tasks.register.seal import package_digest
from tasks.register.settings import RegisterConfig
from tasks.register.shortfall import NO_SHORTFALL, Shortfall
from tasks.tracking.tracker import Tracker
from tests import writers
from tests.s3 import S3, s3_server

GOOD = ["profit", "rose", "gained", "surged", "improved", "strong", "record", "growth", "beat", "jumped"]
BAD = ["loss", "fell", "dropped", "plunged", "worsened", "weak", "slump", "decline", "missed", "shrank"]
FILLER = ["the", "company", "quarter", "sales", "said", "that", "its", "market", "shares", "year", "group", "and", "in", "of"]


@dataclass(frozen=True)
class Trained:
    """Folders of a tiny trained model: its corpus, dataset and package; `prepared` has the dataset and the other parts."""

    corpus: Path
    prepared: Path
    package: Path
    model: Path

    @property
    def dataset(self) -> Path:
        """The rows that it was trained on."""
        return self.prepared / "dataset"


def sentence(source: random.Random, words: list[str]) -> str:
    chosen = source.choices(FILLER, k=6) + source.sample(words, k=3)
    source.shuffle(chosen)
    return " ".join(chosen)


def write_corpus(folder: Path, seed: int, labels: dict[str, list[str]], num_documents: int) -> Path:
    """Ingest's artifact with `num_documents` sentences; half of them test rows."""
    source = random.Random(seed)
    names = sorted(labels)
    documents: list[writers.Document] = []
    for number in range(num_documents):
        label = names[number % len(names)]
        text = sentence(source, labels[label])
        documents.append((f"{number}", text, label, "test" if number % 4 > 1 else "train"))
    return writers.write_corpus(folder, documents)


def train(
    folder: Path,
    *,
    model: str = "bag",
    seed: int = 1,
    labels: dict[str, list[str]] | None = None,
    num_documents: int = 400,
    prepare: PrepareConfig | None = None,
    class_prior: tuple[str, ...] = (),
) -> Trained:
    """Run the rooms before this one on a tiny corpus, and write the package."""
    corpus = write_corpus(folder / "ingest", seed, labels or {"negative": BAD, "positive": GOOD}, num_documents)
    (folder / "prepare").mkdir()
    write_dataset(prepare or PrepareConfig(near_duplicates=False, valid_share=0.2), corpus, folder / "prepare")
    dataset = folder / "prepare" / "dataset"
    small = {"bag": {"epochs": 2}, "cnn": {"filters": 8}, "bilstm": {"hidden": 8}}
    config = FinetuneConfig(model=model, threads=1, epochs=2, class_prior=class_prior, **small)
    aligned = None
    if config.needs_vectors:
        vectors, aligned = folder / "pretrain", folder / "align"
        vectors.mkdir()
        aligned.mkdir()
        train_vectors(PretrainConfig(dim=8, min_count=1, epoch=2, threads=1, bucket=500), dataset, vectors)
        write_matrix(AlignConfig(min_count=1), dataset, vectors, aligned)
    for name in ("finetune", "scratch", "package"):
        (folder / name).mkdir()
    write_model(config, dataset, aligned, folder / "finetune", folder / "scratch")
    write_package(folder / "finetune", dataset, folder / "package")
    return Trained(corpus, folder / "prepare", folder / "package", folder / "finetune")


Train = Callable[..., Trained]


@pytest.fixture(scope="session")
def train_tiny() -> Train:
    """Train into a folder, with options."""
    return train


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A bag of n-grams."""
    return train(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def retrained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The same on other sentences."""
    return train(tmp_path_factory.mktemp("retrained"), seed=2)


@pytest.fixture(scope="session")
def thirdly_trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """And on others."""
    return train(tmp_path_factory.mktemp("thirdly"), seed=3)


@pytest.fixture
def beginning() -> Path | None:
    """The data root whose models a test begins with; none, unless its file has a fixture of this name."""
    return None


@pytest.fixture
def tracker(
    beginning: Path | None, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Tracker]:
    """A tracker with a store of its own; nothing may land in the current folder."""
    here = tmp_path_factory.mktemp("here")
    monkeypatch.chdir(here)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    if beginning is not None:
        shutil.copytree(beginning / "mlflow", tmp_path / "mlflow")
    tracker = Tracker.open(None, tmp_path, tmp_path / "checkout", "films")
    yield tracker
    tracker.close()
    assert list(here.iterdir()) == []


Enrol = Callable[..., Registration]
Candidacy = Callable[..., Candidate]


def candidate(
    folder: Path,
    model: Trained,
    *,
    on: Trained | None = None,
    accuracy: float | None = None,
    shortfall: Shortfall = NO_SHORTFALL,
    recipe: Recipe | None = None,
) -> Candidate:
    """A trained model as what is to be registered, with what it, or somebody, got right of the test rows of `on`'s corpus."""
    given = on or model
    serving = open_package(model.package)
    classifier = serving.TextClassifier(model.package)
    rows = pq.read_table(given.corpus / "corpus.parquet").filter(pc.field("split") == "test")
    texts, labels = rows["text"].to_pylist(), rows["label"].to_pylist()
    predicted = [prediction["label"] for prediction in classifier.predict(texts)]
    correct = np.array([guess == label for guess, label in zip(predicted, labels, strict=True)])
    if accuracy is not None:
        correct = np.arange(len(labels)) < accuracy * len(labels)
    predictions = folder / f"{package_digest(model.package)[:8]}.parquet"
    table = pa.table({"id": rows["id"], "label": rows["label"], "correct": correct})
    pq.write_table(table, predictions, write_page_checksum=True)
    stored = folder / "store" / package_digest(model.package)  # a folder of the store is named for its key
    shutil.copytree(model.package, stored, dirs_exist_ok=True)
    (stored / "manifest.json").write_text("{}")
    tags = {"textmill.test_accuracy": f"{correct.mean():.6f}", **(recipe.tags() if recipe else {})}
    holdout_texts = given.prepared / "holdout_texts"
    return Candidate(
        "films", stored, predictions, holdout_texts, "holdout", tuple(classifier.labels), tags, shortfall=shortfall
    )


@pytest.fixture
def candidacy(tmp_path: Path) -> Candidacy:
    """Make a candidate of a trained model, with options."""
    return functools.partial(candidate, tmp_path)


@pytest.fixture
def enrol(tracker: Tracker, candidacy: Candidacy) -> Enrol:
    """Register a trained model; `folds` is recipe evidence, the other options are the gate's."""

    def enrolled(
        model: Trained,
        *,
        on: Trained | None = None,
        accuracy: float | None = None,
        shortfall: Shortfall = NO_SHORTFALL,
        recipe: Recipe | None = None,
        folds: dict[int, Any] | None = None,
        **options: Any,
    ) -> Registration:
        made = candidacy(model, on=on, accuracy=accuracy, shortfall=shortfall, recipe=recipe)
        return Registrar(tracker, RegisterConfig(**options)).register(made, folds)

    return enrolled


@pytest.fixture(scope="session")
def four_versions(
    trained: Trained, retrained: Trained, thirdly_trained: Trained, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The data root of versions 1, 2 and 3, each promoted over the one before, and a fourth that was refused; to be copied."""
    root = tmp_path_factory.mktemp("four")
    tracker = Tracker.open(None, root, root / "checkout", "films")
    registrar = Registrar(tracker, RegisterConfig(margin=0.99))
    for model in (trained, retrained, thirdly_trained):
        assert registrar.register(candidate(root, model, accuracy=1.0)).alias == "champion"
    fourth = train(tmp_path_factory.mktemp("fourth"), seed=4)
    made = Registrar(tracker, RegisterConfig()).register(candidate(root, fourth, accuracy=0.1))
    assert made.alias == "challenger"
    tracker.close()
    return root


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """A real S3 server on this machine, with a bucket."""
    with s3_server() as server:
        server.make()
        yield server
