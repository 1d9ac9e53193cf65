import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import RequestError, UnavailableError
from tasks.tracking import registry as registry_module
from tasks.tracking.registry import TamperedModel, Version
from tasks.tracking.tracker import Tracker

Opener = Callable[..., Tracker]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Some files; the registry never looks into them."""
    folder = tmp_path / "work" / "package"
    (folder / "code").mkdir(parents=True)
    for name in ("package.json", "code/one.py"):
        (folder / name).write_text("{}")
    return folder


def add(tracker: Tracker, package: Path, name: str = "films", digest: str = "d1", run_id: str | None = None) -> Version:
    return tracker.registry.add_version(name, package, digest, ["numpy"], {"textmill.test_accuracy": "0.9"}, run_id)


def test_versions_aliases_and_tags(open_tracker: Opener, package: Path) -> None:
    tracker = open_tracker()
    registry = tracker.registry
    assert registry.names() == registry.versions("films") == []
    run = tracker.start_run("whole")
    first, second = add(tracker, package, run_id=run), add(tracker, package, digest="d2")
    registry.set_alias("films", "champion", 2)
    assert [version.version for version in registry.versions("films")] == [first.version, second.version] == [1, 2]
    found = registry.version("films", "champion")
    assert (found.version, found.aliases, found.package_digest) == (2, ("champion",), "d2")
    assert registry.version("films", 1).run_id == run
    assert found.tags["textmill.test_accuracy"] == "0.9"
    registry.delete_alias("films", "champion")
    assert registry.aliases("films") == {}
    assert registry.names() == ["films"]
    with pytest.raises(RequestError, match="versions 1 to 2"):
        registry.version("films", "champion")
    with pytest.raises(RequestError, match="known: films"):
        registry.version("books", 1)


def test_digests_longer_than_a_tag_are_split(open_tracker: Opener, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "TAG_CHARS", 100)
    tracker = open_tracker()
    version = add(tracker, package)
    pieces = [version.tags[f"sha256.{number}"] for number in range(len([tag for tag in version.tags if tag[:7] == "sha256."]))]
    assert len(pieces) > 3
    assert "artifacts/package/code/one.py" in json.loads("".join(pieces))
    tracker.registry.verify(version)


def test_a_version_that_textmill_did_not_register_is_not_loaded(open_tracker: Opener, package: Path) -> None:
    tracker = open_tracker()
    tracker._client.create_registered_model("foreign")
    tracker._client.create_model_version("foreign", package.as_uri())
    with pytest.raises(TamperedModel, match="textmill did not register it"):
        tracker.registry.verify(tracker.registry.version("foreign", 1))


def test_a_servers_model_is_downloaded_once_and_compared_every_time(
    server: Any, open_tracker: Opener, data_root: Path, package: Path
) -> None:
    tracker = open_tracker("films", server.uri)
    version = add(tracker, package, "served")
    folder = tracker.registry.verify(version)
    assert folder.is_relative_to(data_root / "mlflow" / "downloads")
    assert (folder / "artifacts" / "package" / "code" / "one.py").read_text() == "{}"
    assert tracker.registry.verify(version) == folder
    (folder / "artifacts" / "package" / "code" / "one.py").write_text("import os")
    with pytest.raises(TamperedModel, match=r"one\.py was changed"):
        tracker.registry.verify(version)


def test_a_registry_out_of_reach_fails_loudly(server: Any, open_tracker: Opener, package: Path) -> None:
    tracker = open_tracker("films", server.uri)
    server.close()
    with pytest.raises(UnavailableError, match="failed"):
        tracker.registry.set_alias("films", "champion", 1)
    with pytest.raises(UnavailableError, match="failed"):
        add(tracker, package)
