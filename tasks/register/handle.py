"""A loaded model that may be sent to another process: what is sent is its place, and it is opened there once."""

from __future__ import annotations

import hashlib
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.engine.engine import UnseenError
from tasks.errors import RequestError
from tasks.register.load import MANIFEST, DamagedPackage, open_package

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.register.models import LoadedModel

OWN = "tasks.model.serving"  # the module of a model that no package's code serves, but this project's


class Place(NamedTuple):
    """Where a model can be opened again: its package's folder, and the digest of that package's list of files.

    Without a digest it is opened by this project's own code.
    """

    name: str
    version: int
    folder: Path
    digest: str | None


class Handle:
    """A model that is open here, and its place, if it has one; pickled it is the place alone."""

    def __init__(self, loaded: LoadedModel | None, place: Place | None) -> None:
        self._loaded, self.place = loaded, place

    @classmethod
    def of(cls, loaded: LoadedModel) -> Handle:
        """The handle of a loaded model; its place is that of its package as it is now."""
        return cls(loaded, _place_of(loaded))

    @cached_property
    def loaded(self) -> LoadedModel:
        """The model; RequestError if its package cannot be opened, or was changed since; UnseenError if it is not there."""
        if self._loaded is not None:
            return self._loaded
        assert self.place is not None
        return _opened(self.place)

    @property
    def shares_no_lock(self) -> bool:
        """Whether threads label as fast as processes: a model that reads texts works without Python's lock, on every core."""
        classifier = getattr(self.loaded.model, "_classifier", None)
        return bool(getattr(classifier, "reads_text", False))

    def __reduce__(self) -> tuple[Callable[..., Handle], tuple[None, Place]]:
        if self.place is None:
            raise TypeError("a model without a package cannot be sent to another process")
        return Handle, (None, self.place)


def _place_of(loaded: LoadedModel) -> Place | None:
    model: Any = loaded.model
    folder = getattr(model, "folder", None)
    if not isinstance(folder, Path):
        return None
    if type(model).__module__ == OWN:
        return Place(loaded.name, loaded.version, folder.absolute(), None)
    try:
        listed = (folder / MANIFEST).read_bytes()
    except OSError:  # its files went away after it was loaded
        return None
    return Place(loaded.name, loaded.version, folder.absolute(), hashlib.sha256(listed).hexdigest())


@cache
def _opened(place: Place) -> LoadedModel:
    from tasks.register.models import LoadedModel

    if not place.folder.is_dir():
        gone = f"{place.name}/{place.version}: {place.folder} was removed while it was in use; run again"
        raise UnseenError(gone, str(place.folder))
    if place.digest is None:
        from tasks.model import serving as own

        return LoadedModel(place.name, place.version, own.TextClassifier(place.folder))
    try:
        serving: Any = open_package(place.folder, place.digest)
    except DamagedPackage as error:
        raise RequestError(f"{place.name}/{place.version}: {error} while it was in use; run again") from None
    return LoadedModel(place.name, place.version, serving.TextClassifier(place.folder))
