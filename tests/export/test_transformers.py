"""A folder for transformers says how far its answers are the package's."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.export.rows import Rows
from tasks.export.transformers_folder import Answer, write_folder
from tasks.export.write import Exported
from tasks.model.classifier import Classifier
from tests.finetune.test_encoder_export import LABELS, TEXTS, model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["model"]  # a fixture
pytestmark = pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="the extra encoder is not installed")


class Package:
    """Answers as a package with that model does."""

    labels = LABELS

    def __init__(self, folder: Path) -> None:
        self._classifier = Classifier.load(folder)

    def answer(self, texts: Sequence[str]) -> Answer:
        found = self._classifier.probabilities([["x"]] * len(texts), list(texts))
        return Answer(found, np.ones(len(texts), np.int64), np.zeros(len(texts), bool))


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_the_certificate_is_in_the_folder(model: Callable[..., Path], tmp_path: Path, pooling: str) -> None:
    folder = model(pooling=pooling)
    package = tmp_path / "package"
    package.mkdir()
    (folder).rename(package / "model")
    (package / "package.json").write_text("{}")
    exported = Exported("films/1", Package(package / "model"), package, "textmill models export")
    rows = Rows("rows", TEXTS, [*LABELS, *[None] * (len(TEXTS) - 3)])
    written = write_folder(exported, tmp_path / "made", "transformers", rows)
    certificate = json.loads((tmp_path / "made" / "certificate.json").read_text())
    assert certificate["test"]["same_label"] == certificate["test"]["rows"] == len(TEXTS)
    assert certificate["test"]["largest_difference"] < 1e-3
    assert certificate["test"]["labelled_rows"] == 3
    assert written["folder"] == str(tmp_path / "made")
    assert {"torch", "transformers"} <= certificate["libraries"].keys()


def test_without_rows_there_is_no_certificate(model: Callable[..., Path], tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    model().rename(package / "model")
    exported = Exported("films/1", Package(package / "model"), package, "")
    assert "test" not in write_folder(exported, tmp_path / "made", "transformers", None)
    assert not (tmp_path / "made" / "certificate.json").exists()
