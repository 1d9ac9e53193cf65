"""Registered models: versions with the SHA-256 of each of their files, and aliases.

MLflow loads any files that lie at a version's place. Here the digests are in the version's tags, written when it is created,
and nothing of a version is used before every file was compared with them.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.crash import crash_point
from tasks.errors import RequestError, UnavailableError
from tasks.names import normal
from tasks.shown import one_line
from tasks.store.digests import sha256_file
from tasks.tracking.client import is_store_error, send_files, transient
from tasks.tracking.home import URI_VARIABLE
from tasks.tracking.places import is_local, local_path
from tasks.tracking.served import EXAMPLE as EXAMPLE
from tasks.writable import writable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlflow import MlflowClient

    from tasks.tracking.home import TrackingHome
    from tasks.tracking.places import Places
    from tasks.tracking.sqlite_reader import SqliteReader

log = logging.getLogger(__name__)

PACKAGE = "package"  # artifact of the pyfunc, and its folder below artifacts/
DIGEST_TAG = "textmill.package_digest"
REGISTERING_TAG = "textmill.registering"  # of a logged model, while its version is being made: the registered model's name
SHA_TAG = "sha256."  # sha256.0, sha256.1, … are one JSON object, cut where older servers' tags end
NOTE = "registered_model_meta"  # MLflow writes the model's name and version there when it loads one by its alias
TAG_CHARS = 4500
PAGE = 200
DOWNLOAD = ".download-"
GONE = "404 Client Error"  # in the words of MLflow's client for a file that its server does not have


class TamperedModel(RequestError):  # noqa: N818
    """A version's files are not those that were registered."""


class RegistryOutage(UnavailableError):  # noqa: N818
    """The registry's server did not answer, and the same call may succeed later.

    `since` is when it was asked, by time.monotonic: one that hangs has been waited for when this is raised. Now unless given.
    """

    def __init__(self, message: str, since: float | None = None) -> None:
        super().__init__(message)
        self.since = time.monotonic() if since is None else since


@dataclass(frozen=True)
class Version:
    """One version of a registered model. `created` is in seconds since 1970."""

    name: str
    version: int
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    run_id: str | None
    created: float

    @property
    def package_digest(self) -> str | None:
        """The digest of its package, if textmill registered it."""
        return self.tags.get(DIGEST_TAG)


@dataclass(frozen=True)
class RegisteredModel:
    """A name under which versions are registered: alias -> version number. `created` is in milliseconds since 1970."""

    name: str
    aliases: Mapping[str, int]
    tags: Mapping[str, str]
    created: int


class Registry:
    """The registered models of one MLflow store.

    Every method may raise UnavailableError if the store fails, and RegistryOutage if it is a server that does not answer.
    """

    def __init__(
        self,
        home: TrackingHome,
        client: MlflowClient | SqliteReader,
        experiment_id: str,
        places: Places,
        *,
        to_change: Callable[[], MlflowClient],
    ) -> None:
        self.home = home
        self.places = places
        self._client = client  # enough to read
        self._client_to_change = to_change
        self._experiment_id = experiment_id

    def names(self) -> list[str]:
        """Names of all registered models."""
        return [model.name for model in self.models()]

    def models(self) -> list[RegisteredModel]:
        """All registered models by name, without their aliases."""
        found = self._pages(self._call, "search_registered_models")
        return sorted((_registered_model(each, {}) for each in found), key=lambda model: model.name)

    def model(self, name: str) -> RegisteredModel | None:
        """One registered model; None if there is no such model."""
        try:
            found = self._call("get_registered_model", name)
        except UnavailableError as error:
            if getattr(error.__cause__, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return _registered_model(found, {alias: int(version) for alias, version in found.aliases.items()})

    def versions(self, name: str) -> list[Version]:
        """Every version of a model, oldest first; none if there is no such model."""
        aliases = self.aliases(name)
        entities = self._pages(self._call, "search_model_versions", f"name = '{name}'")
        found = [_version(each, aliases) for each in entities if each.status == "READY"]
        return sorted(found, key=lambda version: version.version)

    def must_have(self, name: str) -> list[Version]:
        """Every version of a model; RequestError, with the names there are, if it has none."""
        versions = self.versions(normal(name))
        if not versions:
            known = ", ".join(self.names()) or "none yet; run textmill train first"
            raise RequestError(f"no registered model is named {name!r}; known: {known}")
        return versions

    def version(self, name: str, wanted: int | str) -> Version:
        """The version of a number or an alias; RequestError if it does not exist."""
        versions = {version.version: version for version in self.must_have(name)}
        text = str(wanted)
        number = int(text) if text.isascii() and text.isdigit() else self.aliases(name).get(text)
        if number not in versions:
            aliases = sorted(self.aliases(name))
            raise RequestError(f"model {name} has no version {text!r}; it has {_listed(versions)} and aliases {aliases}")
        return versions[number]

    def aliases(self, name: str) -> dict[str, int]:
        """Alias to version number; empty if there is no such model."""
        model = self.model(name)
        return {} if model is None else dict(model.aliases)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Point an alias at a version."""
        self._change("set_registered_model_alias", name, alias, str(version))

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias."""
        self._change("delete_registered_model_alias", name, alias)

    def set_model_tag(self, name: str, tag: str, value: str) -> None:
        """Set a tag of a registered model."""
        self._change("set_registered_model_tag", name, tag, value)

    def add_version(
        self, name: str, package: Path, digest: str, requirements: list[str], tags: Mapping[str, str], run_id: str | None
    ) -> Version:
        """Log the package as an MLflow model and create a version of it, its files' digests in its tags.

        The version appears whole or not at all; the remains of a killed call are marked, for `sweep`. `package` is the
        folder that register.package wrote, `digest` its own.
        """
        marked = {REGISTERING_TAG: name}
        logged = self._change("create_logged_model", self._experiment_id, name="model", source_run_id=run_id, tags=marked)
        with tempfile.TemporaryDirectory(prefix="textmill-") as temporary:
            folder = Path(temporary) / "model"
            _save(folder, package, digest, requirements, logged, run_id)
            digests = _digests(folder)
            self._send_files(logged, folder)
        crash_point("register.logged")
        self._change("finalize_logged_model", logged.model_id, "READY")
        if run_id:
            from mlflow.entities import LoggedModelOutput

            self._change("log_outputs", run_id, [LoggedModelOutput(logged.model_id, step=0)])
        try:
            self._change("create_registered_model", name)
        except UnavailableError as error:
            if getattr(error.__cause__, "error_code", "") != "RESOURCE_ALREADY_EXISTS":
                raise
        with _named_in_environment(self.home.uri):
            made = self._change(
                "create_model_version",
                name,
                f"models:/{logged.model_id}",
                run_id=run_id,
                tags={**tags, DIGEST_TAG: digest, **_digest_tags(digests)},
                model_id=logged.model_id,
            )
        crash_point("register.versioned")
        self._change("delete_logged_model_tag", logged.model_id, REGISTERING_TAG)
        log.info("registered %s version %s", name, made.version)
        return _version(made, {})

    def _send_files(self, logged: Any, folder: Path) -> None:
        if not self.places.former:
            self._change("log_model_artifacts", logged.model_id, str(folder))
            return
        with self._asking():
            send_files(folder, self.places.here(logged.artifact_location, to_write=True), None, self.home.uri)

    def sweep(self, name: str, *, min_age_seconds: float = 0.0) -> None:
        """Remove the logged models, files included, that registrations of `name` left behind when they were cut short.

        Only those of this experiment that bear the mark, that no version of any model refers to, and that were begun so long
        ago. The caller holds the model's lock. A model that cannot be removed is logged and stays.
        """
        begun_before = (time.time() - min_age_seconds) * 1000
        marked = [
            logged
            for logged in self._pages(self._change, "search_logged_models", [self._experiment_id])
            if logged.tags.get(REGISTERING_TAG) == name and logged.creation_timestamp <= begun_before
        ]
        if not marked:
            return
        versions = [(version.model_id, version.source or "") for version in self._pages(self._change, "search_model_versions")]
        for logged in marked:
            if any(logged.model_id == model_id or logged.model_id in source for model_id, source in versions):
                self._change("delete_logged_model_tag", logged.model_id, REGISTERING_TAG)
            else:
                self._remove(logged)

    def verify(self, version: Version) -> Path:
        """Compare every file of a version with its digests and return the folder they are in.

        The files of a server are downloaded first, once. TamperedModel names the first file that is missing, changed or more
        than was registered.
        """
        return self._compare(version, self._folder(version))

    def verify_at_source(self, version: Version) -> None:
        """Compare the files that the store hands out now, whatever was downloaded before, as `verify` does."""
        uri = self._uri(version)
        with tempfile.TemporaryDirectory(prefix="textmill-") as temporary:
            self._compare(
                version, self._local(version, uri) if self._is_local(uri) else self._download(version, uri, temporary)
            )

    def _compare(self, version: Version, folder: Path) -> Path:
        expected = _tagged_digests(version)
        # Python leaves byte code of pyfunc_model.py when MLflow serves the version. It cannot be compared, and would be run.
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        present = _digests(folder) if folder.is_dir() else {}
        present.pop(NOTE, None)
        if not writable(folder):  # and it could not be removed; it is of no use to us, since nothing here imports that file
            present = {name: digest for name, digest in present.items() if not name.startswith("__pycache__/")}
        for name in sorted(expected.keys() | present.keys()):
            if present.get(name) != expected.get(name):
                kind = "is missing" if name not in present else "was changed" if name in expected else "was not registered"
                remedy = f" (to download it again, remove {folder})" if folder.is_relative_to(self._downloads) else ""
                raise TamperedModel(
                    f"{version.name} version {version.version}: {folder / name} {kind}; it will not be loaded{remedy}"
                )
        return folder

    def _folder(self, version: Version) -> Path:
        """Where the version's files are on this machine."""
        uri = self._uri(version)
        if self._is_local(uri):
            return self._local(version, uri)
        kept = self._downloads / version.name / f"{version.version}-{(version.package_digest or 'x')[:12]}"
        if kept.is_dir():
            return kept
        if not writable(kept):
            return self._download(version, uri, to=_folder_of_this_process())
        with self.home.locked(f"download-{version.name}"):
            if not kept.is_dir():  # still: another process may have been at it
                kept.parent.mkdir(parents=True, exist_ok=True)
                for left in kept.parent.glob(f"{DOWNLOAD}*"):  # under the lock, so a killed process left it
                    shutil.rmtree(left)
                with tempfile.TemporaryDirectory(prefix=DOWNLOAD, dir=kept.parent) as temporary:
                    self._download(version, uri, to=temporary).rename(kept)  # a folder, which `replaced` has no way to swap
        return kept

    @property
    def _downloads(self) -> Path:
        return self.home.folder / "downloads"

    def _uri(self, version: Version) -> str:
        uri = str(self._call("get_model_version_download_uri", version.name, str(version.version)))
        if not self.home.is_server and uri.startswith("models:/"):
            return str(self._call("get_logged_model", uri.removeprefix("models:/")).artifact_location)
        return uri

    def _is_local(self, uri: str) -> bool:
        return not self.home.is_server and is_local(uri)

    def _local(self, version: Version, uri: str) -> Path:
        """The folder of a version's files; TamperedModel names the one that is missing."""
        folder = local_path(self.places.here(uri))
        if not folder.is_dir():
            recorded = "" if folder == local_path(uri) else f" (registered in {local_path(uri)}, which is not there either)"
            remedy = "restore it from a backup, or promote another version"
            title = f"{version.name} version {version.version}"
            raise TamperedModel(f"{title}: its files are missing: there is no folder {folder}{recorded}; {remedy}")
        return folder

    def _remove(self, logged: Any) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        folder = self.places.here(logged.artifact_location, to_write=True).rstrip("/").removesuffix("/artifacts")
        try:
            if folder.endswith(f"/{logged.model_id}"):
                with self._asking():
                    get_artifact_repository(folder, tracking_uri=self.home.uri).delete_artifacts()
            self._change("delete_logged_model", logged.model_id)
            log.info("removed %s, which a registration that was cut short had left", folder)
        except (UnavailableError, NotImplementedError) as error:
            log.warning("%s, left by a registration that was cut short, stays: %s", folder, one_line(error))

    def _download(self, version: Version, uri: str, to: str) -> Path:
        """Bring a version's files from their server; TamperedModel where it has not all of them."""
        import mlflow.artifacts

        try:
            with self._asking():
                return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=to, tracking_uri=self.home.uri))
        except UnavailableError as error:
            if GONE not in str(error.__cause__):
                raise
            title = f"{version.name} version {version.version}"
            raise TamperedModel(
                f"{title}: {self.home.uri} has not all of its files; restore them where that server keeps files, or promote "
                "another version"
            ) from None

    def _pages(self, call: Callable[..., Any], method: str, *arguments: Any) -> Iterator[Any]:
        token = None
        while True:
            page = call(method, *arguments, max_results=PAGE, page_token=token)
            yield from page
            if not (token := page.token):
                return

    def _call(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        with self._asking():
            return getattr(self._client, method)(*arguments, **keywords)

    def _change(self, method: str, *arguments: Any, **keywords: Any) -> Any:
        """Make a call that changes something, or asks what only MLflow's client knows."""
        with self._asking():
            return getattr(self._client_to_change(), method)(*arguments, **keywords)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        since = time.monotonic()
        try:
            yield
        except Exception as error:
            if not is_store_error(error):
                raise
            message = f"MLflow store {self.home.uri} failed: {one_line(error)}"
            if self.home.is_server and transient(error):
                raise RegistryOutage(message, since) from error
            raise UnavailableError(message) from error


def _folder_of_this_process() -> str:
    """A new folder that goes when this process ends: for downloads where nothing can be kept."""
    folder = tempfile.mkdtemp(prefix="textmill-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _save(folder: Path, package: Path, digest: str, requirements: list[str], logged: Any, run_id: str | None) -> None:
    """Write the MLflow model: our one code file, the package as its artifact, and no path of this machine."""
    import mlflow.pyfunc
    from mlflow.models import Model

    from tasks.tracking.served import served_as

    served = served_as(package)
    model = Model(artifact_path=logged.artifact_location, model_uuid=logged.model_id, model_id=logged.model_id, run_id=run_id)
    mlflow.pyfunc.save_model(
        path=str(folder),
        python_model=str(served.code),
        artifacts={PACKAGE: str(package)},
        mlflow_model=model,
        signature=served.signature(package),
        input_example=served.example,
        pip_requirements=requirements,
        model_config={"package_digest": digest},
    )
    model.flavors["python_function"]["model_code_path"] = served.code.name
    model.save(str(folder / "MLmodel"))


@contextlib.contextmanager
def _named_in_environment(uri: str) -> Iterator[None]:
    """Name the store where MLflow's SQLite registry looks models up, whatever its client was told."""
    before = os.environ.get(URI_VARIABLE)
    os.environ[URI_VARIABLE] = uri
    try:
        yield
    finally:
        if before is None:
            del os.environ[URI_VARIABLE]
        else:
            os.environ[URI_VARIABLE] = before


def _registered_model(entity: Any, aliases: Mapping[str, int]) -> RegisteredModel:
    return RegisteredModel(entity.name, aliases, dict(entity.tags), int(entity.creation_timestamp))


def _version(entity: Any, aliases: Mapping[str, int]) -> Version:
    number = int(entity.version)
    own = tuple(sorted(alias for alias, version in aliases.items() if version == number))
    return Version(entity.name, number, own, dict(entity.tags), entity.run_id or None, entity.creation_timestamp / 1000)


def _digests(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if not path.is_dir()}


def _digest_tags(digests: Mapping[str, str]) -> dict[str, str]:
    text = json.dumps(digests, sort_keys=True, separators=(",", ":"))
    pieces = [text[start : start + TAG_CHARS] for start in range(0, len(text), TAG_CHARS)]
    return {f"{SHA_TAG}{number}": piece for number, piece in enumerate(pieces)}


def _tagged_digests(version: Version) -> dict[str, str]:
    pieces: list[str] = []
    while (piece := version.tags.get(f"{SHA_TAG}{len(pieces)}")) is not None:
        pieces.append(piece)
    try:
        return dict(json.loads("".join(pieces)))
    except ValueError:
        raise TamperedModel(
            f"{version.name} version {version.version} has no list of file digests in its tags; textmill did not register it"
        ) from None


def _listed(versions: Mapping[int, Version]) -> str:
    numbers = sorted(versions)
    return f"versions {numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else f"version {numbers[0]}"
