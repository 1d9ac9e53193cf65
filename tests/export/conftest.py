"""A registered model with the record and the rows of its run, and its package opened."""

from __future__ import annotations

import dataclasses
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tasks.export.rows import Prepared, Rows
from tasks.export.write import Exported
from tasks.prepare.settings import PrepareConfig
from tasks.register.load import open_package
from tasks.register.registration import Registrar
from tasks.register.settings import RegisterConfig
from tasks.store.artifact import Store
from tasks.tracking.tags import RUN_TAG
from tasks.tracking.tracker import Tracker
from tests.register.conftest import Train, Trained, candidate, train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN, KEY = "run-1", "0" * 64
# What texts of strangers hold: markup, entities, signs, other scripts, halves of characters, nothing at all.
TEXTS = [
    "",
    "   \t\n",
    "profit rose, and sales jumped 5.2% &amp; more!!!",
    "<b>loss</b> fell<br />dropped <script>x()</script> it's don't",
    "zyxwv qwrtp",
    "漢字 profit 、loss。日本語",
    "naïve café \u2212 5 \u202e evil \ufeff growth",
    "half \ud800 of a character",
    "profit " * 3000,
    "-5 % +3% ±2 10-20% Q2-2008",
]


@pytest.fixture(scope="session")
def train_tiny() -> Train:
    """Train into a folder, with options."""
    return train


@pytest.fixture(scope="session")
def exported_of() -> Callable[[Trained], Exported]:
    """A trained package as what is to be exported."""

    def made(trained: Trained) -> Exported:
        model = open_package(trained.package).TextClassifier(trained.package)
        return Exported("films/1", model, trained.package, "textmill models export films FOLDER")

    return made


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A sum of two bags of n-grams, marks kept, for other shares of the classes than the rows have."""
    prior = ("negative=0.8", "positive=0.2")
    prepare = PrepareConfig(near_duplicates=False, valid_share=0.2, punctuation="keep")
    return train(tmp_path_factory.mktemp("trained"), model="bag+tfidf", prepare=prepare, class_prior=prior)


@pytest.fixture(scope="session")
def exported(trained: Trained, exported_of: Callable[[Trained], Exported]) -> Exported:
    """The same, opened."""
    return exported_of(trained)


@pytest.fixture(scope="session")
def rows(trained: Trained) -> Rows:
    """Its test rows, and texts of strangers among them."""
    tested = Prepared(trained.prepared).rows("test")
    return Rows("rows", [*tested.texts, *TEXTS], [*tested.labels, *[None] * len(TEXTS)])


@pytest.fixture(scope="session")
def root(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root where the model is the champion of `films`, with the record and the rows of the run that made it."""
    root = tmp_path_factory.mktemp("root")
    store = Store(root)
    with store.locked("prepare", KEY), store.building("prepare", KEY) as build:
        shutil.copytree(trained.prepared, build.folder, dirs_exist_ok=True)
        store.commit(build, "prepare", KEY, report={}, seconds=0.0, inputs={})
    (root / "runs").mkdir(exist_ok=True)
    (root / "runs" / f"{RUN}.json").write_text(json.dumps({"keys": {"prepare": KEY}, "config": {"finetune": {"refit": True}}}))
    tracker = Tracker.open(None, root, root / "checkout", "films")
    made = candidate(root, trained)
    made = dataclasses.replace(made, tags={**made.tags, RUN_TAG: RUN})
    assert Registrar(tracker, RegisterConfig()).register(made).alias == "champion"
    tracker.close()
    return root
