import random

import pytest

from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.model.serving import TextClassifier
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig
from tasks.register.models import LoadedModel
from tasks.register.package import write_package
from tests.writers import Document, write_corpus

WORDS = {"negative": ["loss", "fell", "weak", "slump"], "positive": ["profit", "rose", "strong", "growth"]}
FILLER = ["the", "company", "sales", "said", "market", "year", "group"]


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A tiny bag of n-grams that tells `profit rose` from `loss fell`."""
    folder = tmp_path_factory.mktemp("model")
    for name in ("prepared", "model", "scratch", "package"):
        (folder / name).mkdir()
    source = random.Random(1)
    documents: list[Document] = []
    for number in range(200):
        label = sorted(WORDS)[number % 2]
        text = " ".join([*source.choices(FILLER, k=5), *source.sample(WORDS[label], k=2)])
        split = "test" if number % 10 == 9 else "train"
        documents.append((str(number), text, label, split))
    write_corpus(folder / "corpus", documents)
    write_dataset(PrepareConfig(near_duplicates=False), folder / "corpus", folder / "prepared")
    dataset = folder / "prepared" / "dataset"
    write_model(FinetuneConfig(model="bag", threads=1), dataset, None, folder / "model", folder / "scratch")
    write_package(folder / "model", dataset, folder / "package")
    return LoadedModel("news", 3, TextClassifier(folder / "package"))
