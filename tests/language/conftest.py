"""A tiny corpus of invented sentences, a vocabulary of its words, and a network of one layer that was trained on it."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests import writers

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("transformers", reason="the extra `encoder` is not installed")

SUBJECTS = ["The company", "Its rival", "The group", "A bank", "The maker"]
VERBS = ["raised", "cut", "kept", "doubled"]
OBJECTS = ["its outlook", "the dividend", "all prices", "its costs, again", "output by 3.5%"]
RARE = ["Örn", "Zyx", "Qua", "Vex", "Ulm", "Tor"]  # the names of few documents
TINY = {"layers": 1, "heads": 2, "dim": 16, "context": 16, "epochs": 3, "batch_size": 8, "lr": 0.01, "threads": 1}


def sentences(number: int, seed: int) -> list[str]:
    source = random.Random(seed)
    made = []
    for at in range(number):
        said = [" ".join(source.choice(part) for part in (SUBJECTS, VERBS, OBJECTS)) + "." for _ in range(source.randint(1, 3))]
        made.append(" ".join(said) + (f" {source.choice(RARE)}{at} agreed." if at % 4 == 0 else ""))
    return made


def write_texts(folder: Path, **splits: list[str]) -> Path:
    """The texts of splits, as prepare writes them."""
    rows = [(f"{split}/{at}", split, text) for split, texts in splits.items() for at, text in enumerate(texts)]
    return writers.write_texts(folder, rows)


def made_tokenizer(folder: Path, texts: Path, weights: Path | None = None, **settings: Any) -> Path:
    """The folder of a tokenizer."""
    from tasks.language.settings import TokenizerConfig
    from tasks.language.vocabulary import write_tokenizer
    from tasks.progress import SILENT

    folder.mkdir(parents=True)
    write_tokenizer(TokenizerConfig(**{"kind": "word", **settings}), texts, folder, weights=weights, progress=SILENT)
    return folder


def trained_model(
    folder: Path, tokenizer: Path, texts: Path, *, start: Path | None = None, progress: Any = None, **settings: Any
) -> Path:
    """The folder of a trained network, from pretrained weights if there are any; `folder` gets its scratch too."""
    from tasks.language.settings import SIZES, NetworkConfig
    from tasks.language.train import write_language_model
    from tasks.progress import SILENT

    for name in ("model", "scratch"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    plain = {name: value for name, value in TINY.items() if start is None or name not in SIZES}
    config = NetworkConfig(**{**plain, **({} if start is None else {"weights": start}), **settings})
    given: dict[str, Any] = {"weights": start, "progress": progress or SILENT}
    write_language_model(config, tokenizer, texts, folder / "model", folder / "scratch", **given)
    return folder / "model"


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_texts(tmp_path_factory.mktemp("texts") / "texts", train=sentences(120, 1), valid=sentences(20, 2))


@pytest.fixture(scope="session")
def holdout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_texts(tmp_path_factory.mktemp("holdout") / "texts", test=sentences(30, 3))


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory, texts: Path) -> Path:
    """A vocabulary of words."""
    return made_tokenizer(tmp_path_factory.mktemp("words") / "tokenizer", texts)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory, texts: Path, words: Path) -> Path:
    return trained_model(tmp_path_factory.mktemp("model"), words, texts)
