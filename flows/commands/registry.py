"""The registered models that a verb asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.errors import RequestError
from tasks.writable import check_data_root

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.register.models import LoadedModel
    from tasks.tracking.tracker import RegistryReader, Tracker


def open_to_read(data_root: Path | None) -> RegistryReader:
    """Open the registry of a data root, or of the default one, to look something up."""
    from flows.commands.runtime import runtime_of
    from tasks.checkout import CHECKOUT
    from tasks.tracking import tracker

    runtime = runtime_of(data_root)
    return tracker.open_to_read(runtime.tracking_uri, runtime.data_root, CHECKOUT)


def open_to_change(data_root: Path | None, store: str | None = None) -> Tracker:
    """Open the registry of a data root, or of the default one, to move aliases; RequestError if it cannot be written.

    `store` is the bucket that hosts share.
    """
    from flows.commands.runtime import runtime_of
    from tasks.tracking.opened import open_tracker

    runtime = runtime_of(data_root, store)
    check_data_root(runtime.data_root)
    return open_tracker(runtime, None)


def the_only_name(tracker: Tracker, name: str | None) -> str | None:
    """The given name; RequestError if none is given and there are several models.

    Which model is changed must not depend on which was promoted last.
    """
    names = tracker.registry.names()
    if name is None and len(names) > 1:
        raise RequestError(f"there are several models ({', '.join(sorted(names))}); say which with --name")
    return name


def load(model: str | None, data_root: Path | None) -> LoadedModel:
    """Load a registered model, the last promoted champion if none is named."""
    from tasks.register.models import load_model

    return load_model(open_to_read(data_root), model)
