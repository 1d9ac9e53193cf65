"""The histograms of the training data that travel with a model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.model.serving import TextClassifier
from tasks.monitor.tables import confidence_bins, length_bins, unseen_bins
from tasks.prepare.read import read_split
from tasks.register.load import DamagedPackage, open_package
from tasks.register.package import write_package
from tasks.register.profile import make_profile, read_profile


def test_the_profile_counts_each_validation_row_once_in_each_feature(trained: Any) -> None:
    profile = read_profile(trained.package)
    assert profile is not None
    rows = read_split(trained.dataset, "valid").num_rows
    assert rows > 0
    assert set(profile.histograms) == {"label", "confidence", "length", "unseen"}
    assert {sum(counts) for counts in profile.histograms.values()} == {rows}
    assert profile.labels == ("negative", "positive")


def test_the_bins_are_those_in_which_a_stream_is_counted(trained: Any) -> None:
    profile = read_profile(trained.package)
    assert profile is not None
    documents = read_split(trained.dataset, "valid").tokens.to_pylist()
    # With these settings a text of its tokens has the same tokens.
    read = TextClassifier(trained.package).read([" ".join(tokens) for tokens in documents])
    assert read.tokens.tolist() == [len(tokens) for tokens in documents]
    expected = {
        "label": read.probabilities.argmax(axis=1),
        "confidence": confidence_bins(read.probabilities.max(axis=1)),
        "length": length_bins(read.tokens),
        "unseen": unseen_bins(read.tokens, read.unseen),
    }
    assert {name: tuple(np.bincount(bins).tolist()) for name, bins in expected.items()} == dict(profile.histograms)


def test_a_package_without_a_profile_has_none(tmp_path: Path) -> None:
    assert read_profile(tmp_path) is None


def test_a_dataset_without_validation_rows_has_an_empty_profile(trained: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.register.profile.iter_batches", lambda *_: iter(()))
    classifier = TextClassifier(trained.package)._classifier
    assert all(sum(counts) == 0 for counts in make_profile(classifier, trained.dataset).histograms.values())


def test_a_changed_profile_is_found_before_any_code_runs(trained: Any, tmp_path: Path) -> None:
    folder = tmp_path / "package"
    folder.mkdir()
    write_package(trained.model, trained.dataset, folder)
    content = json.loads((folder / "profile.json").read_text())
    content["histograms"]["label"][0] += 1
    (folder / "profile.json").write_text(json.dumps(content))
    with pytest.raises(DamagedPackage, match=r"profile\.json was changed"):
        open_package(folder)
