from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.model.serving import TextClassifier
from tasks.register.models import LoadedModel
from tasks.tracking.tracker import Tracker
from tests.served import NAME, Serving, add_version, open_root, package, serving


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three packages of a tiny bag of n-grams, each trained on other sentences."""
    return [package(tmp_path_factory.mktemp("package") / "one", seed=seed) for seed in (1, 2, 3)]


@pytest.fixture(scope="session")
def loaded(packages: list[Path]) -> LoadedModel:
    """The first of them."""
    return LoadedModel(NAME, 1, TextClassifier(packages[0]))


@pytest.fixture(scope="module")
def tracker(packages: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tracker]:
    """A data root with three versions, the first of which is the champion."""
    root = tmp_path_factory.mktemp("root")
    opened = open_root(root)
    for each in packages:
        add_version(opened, each)
    opened.registry.set_alias(NAME, "champion", 1)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def root(tracker: Tracker) -> Path:
    """The folder of it."""
    return tracker.home.folder.parent


@pytest.fixture(scope="module")
def served(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server of its champion, with two processes where there are two cores."""
    with serving(root, "--serve.follow-seconds", "0.1", folder=tmp_path_factory.mktemp("served")) as running:
        yield running
