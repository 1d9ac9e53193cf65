"""The section `runtime` for verbs that train nothing: most need only that one, and not what importing all others takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.runtime import Runtime
from tasks.store.shared.address import is_address
from tasks.urls import holds_password

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "TEXTMILL_"
# A seam of the fault tests; traces for developers; what a worker tells its runs.
NOT_SETTINGS = frozenset({"TEXTMILL_CRASH_AT", "TEXTMILL_DEBUG", "TEXTMILL_HOST", "TEXTMILL_ANY_HOST"})
# The variables that are read here.
PLAIN = {
    "TEXTMILL_RUNTIME__DATA_ROOT": "data_root",
    "TEXTMILL_RUNTIME__TRACKING_URI": "tracking_uri",
    "TEXTMILL_RUNTIME__STORE": "store",
}


def runtime_of(data_root: Path | None, store: str | None = None, **more: str | Path | None) -> Runtime:
    """The runtime section as the environment gives it, with this data root, bucket and more settings if they are given.

    RequestError says in one line what is wrong with the environment, with the path or with another setting.
    """
    given = {"data_root": data_root, "store": store, **more}
    read_here = None if any(value is not None for value in more.values()) else _read_here(data_root, store)
    return read_here or _resolved(given)


def _read_here(data_root: Path | None, store: str | None) -> Runtime | None:
    """The section, where nothing but plain values of PLAIN is set; else None."""
    given = {name.upper(): value for name, value in os.environ.items() if name.upper().startswith(PREFIX)}
    if not given.keys() <= PLAIN.keys() | NOT_SETTINGS:
        return None
    values: dict[str, str | Path] = {PLAIN[name]: value for name, value in given.items() if name in PLAIN}
    if data_root is not None:
        values["data_root"] = data_root
    if store is not None:
        values["store"] = store
    if "store" in values and not is_address(str(values["store"])):
        return None
    place = str(values.get("data_root", ""))
    if place.startswith("~") or not place.isprintable() or holds_password(str(values.get("tracking_uri", ""))):
        return None
    if "data_root" in values:
        values["data_root"] = Path(os.path.normpath(Path.cwd() / place))
    return Runtime.model_validate(values)


def _resolved(given: Mapping[str, str | Path | None]) -> Runtime:
    from flows.commands.settings import DEFAULT_PRESET, check_paths, resolve

    flags = [f"--runtime.{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
    runtime = resolve(flags, preset=DEFAULT_PRESET).runtime
    check_paths(runtime, "--runtime.")
    return runtime
