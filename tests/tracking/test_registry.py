import contextlib
import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

import mlflow.artifacts
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
    with pytest.raises(TamperedModel, match=rf"one\.py was changed; .* remove {folder}\)"):
        tracker.registry.verify(version)
    shutil.rmtree(folder)
    assert tracker.registry.verify(version) == folder


def test_a_registry_out_of_reach_fails_loudly(server: Any, open_tracker: Opener, package: Path) -> None:
    tracker = open_tracker("films", server.uri)
    server.close()
    with pytest.raises(UnavailableError, match="failed"):
        tracker.registry.set_alias("films", "champion", 1)
    with pytest.raises(UnavailableError, match="failed"):
        add(tracker, package)


def test_two_processes_that_want_a_servers_model_first_download_it_once(
    server: Any, open_tracker: Opener, data_root: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = open_tracker("films", server.uri)
    version = add(tracker, package, "cold")
    left = data_root / "mlflow" / "downloads" / "cold" / ".download-killed"
    left.mkdir(parents=True)
    (left / "half").write_text("")
    together, downloads = threading.Barrier(2), []
    download = mlflow.artifacts.download_artifacts

    def both_at_once(artifact_uri: str, **more: Any) -> str:
        downloads.append(artifact_uri)
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(2)  # for a second one, which had better not come
        return str(download(artifact_uri=artifact_uri, **more))

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", both_at_once)
    with ThreadPoolExecutor(2) as pool:
        folders = set(pool.map(tracker.registry.verify, [version, version]))
    assert len(downloads) == 1
    assert [path.name for path in left.parent.iterdir()] == [folder.name for folder in folders]


def test_what_a_server_hands_out_is_verified_and_not_what_was_downloaded_before(
    server: Any, open_tracker: Opener, package: Path
) -> None:
    tracker = open_tracker("films", server.uri)
    version = add(tracker, package, "handed")
    folder = tracker.registry.verify(version)
    tracker.registry.verify_at_source(version)
    model_id = tracker._client.get_model_version("handed", "1").source.removeprefix("models:/")
    changed = package.parent / "changed"
    changed.mkdir()
    (changed / "MLmodel").write_text("changed")
    tracker._client.log_model_artifacts(model_id, str(changed))
    assert tracker.registry.verify(version) == folder
    with pytest.raises(TamperedModel, match="MLmodel was changed"):
        tracker.registry.verify_at_source(version)


@pytest.mark.long
@pytest.mark.parametrize("served", [False, True])
def test_what_a_killed_registration_left_of_its_model_is_removed_by_the_next(
    request: pytest.FixtureRequest, open_tracker: Opener, package: Path, monkeypatch: pytest.MonkeyPatch, served: bool
) -> None:
    tracker = open_tracker("swept", request.getfixturevalue("server").uri if served else None)
    registry, client = tracker.registry, tracker._client

    def killed(*arguments: Any, **keywords: Any) -> None:
        raise KeyboardInterrupt

    # The last comes after the version was made.
    for method in ("log_model_artifacts", "finalize_logged_model", "create_model_version", "delete_logged_model_tag"):
        with monkeypatch.context() as patch:
            patch.setattr(client, method, killed)
            with pytest.raises(KeyboardInterrupt):
                add(tracker, package, "swept")
    foreign = client.create_logged_model(tracker.experiment_id, name="by-hand")
    other = client.create_logged_model(tracker.experiment_id, name="other", tags={"textmill.registering": "films"})
    assert len(client.search_logged_models([tracker.experiment_id])) == 6

    registry.sweep("swept", min_age_seconds=3600.0)
    assert len(client.search_logged_models([tracker.experiment_id])) == 6  # another machine may be at work
    stale = [each for each in client.search_logged_models([tracker.experiment_id]) if each.name == "model"]
    registry.sweep("swept")
    versions = registry.versions("swept")
    left = {each.model_id: each for each in client.search_logged_models([tracker.experiment_id])}
    kept = left.keys() - {foreign.model_id, other.model_id}
    assert len(versions) == len(kept) == 1
    assert "textmill.registering" not in left[kept.pop()].tags
    registry.verify_at_source(versions[0])
    if not served:
        folders = [Path(url2pathname(urlparse(each.artifact_location).path)) for each in stale]
        assert [folder.exists() for folder in folders].count(True) == 1


def test_a_registered_model_is_not_marked_as_half_registered(open_tracker: Opener, package: Path) -> None:
    tracker = open_tracker()
    add(tracker, package)
    tracker.registry.sweep("films")
    tracker.registry.verify(tracker.registry.version("films", 1))
    (model,) = tracker._client.search_logged_models([tracker.experiment_id])
    assert "textmill.registering" not in model.tags
