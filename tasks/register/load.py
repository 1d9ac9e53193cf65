"""Open a model package: compare every file with the digests it was written with, then import its own code.

This file travels at the top of each package, where the served model runs it, and depends on the standard library alone. The
code of a package is compiled from the very bytes that were compared, so no file, and no `.pyc` beside one, can slip in
between; each package has a module name of its own, so two versions in one process never share code.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.abc
import importlib.machinery
import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

MANIFEST = "package.json"
CODE = "code"


class DamagedPackage(Exception):  # noqa: N818
    """A package does not hold the files that its list names."""


def open_package(folder: Path, digest: str | None = None) -> ModuleType:
    """Import the serving module of a package, `textmill_model_<digest>.model.serving`.

    `digest` is the SHA-256 of its list of files, in hex; without one the list itself is believed. DamagedPackage names the
    first file that is missing, changed or unknown.
    """
    try:
        listed = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise DamagedPackage(f"{folder / MANIFEST} cannot be read ({error.strerror})") from error
    if digest is not None and hashlib.sha256(listed).hexdigest() != digest:
        raise DamagedPackage(f"{folder / MANIFEST} is not the list that was registered")
    manifest = json.loads(listed)
    sources = _verified(folder, manifest["files"])
    name = manifest["module"]
    if name not in sys.modules:
        finder = PackageFinder(name, folder / CODE, sources)
        sys.meta_path.insert(0, finder)
    return importlib.import_module(f"{name}.{manifest['entry']}")


def _verified(folder: Path, expected: Mapping[str, str]) -> dict[str, bytes]:
    """Compare all files; return the bytes of those below code/, by path relative to it."""
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} - {MANIFEST}
    for name in sorted(present ^ expected.keys()):
        raise DamagedPackage(f"{folder / name} {'is missing' if name in expected else 'does not belong to the model'}")
    sources = {}
    for name in sorted(expected):
        with (folder / name).open("rb") as file:
            content = file.read() if name.startswith(f"{CODE}/") else None
            digest = hashlib.file_digest(file, "sha256") if content is None else hashlib.sha256(content)
        if digest.hexdigest() != expected[name]:
            raise DamagedPackage(f"{folder / name} was changed")
        if content is not None:
            sources[name.removeprefix(f"{CODE}/")] = content
    return sources


class PackageFinder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Import one package from sources held in memory."""

    def __init__(self, name: str, folder: Path, sources: Mapping[str, bytes]) -> None:
        self.name = name
        self.folder = folder
        self.sources = sources

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of a module of this package; None for any other."""
        if fullname.partition(".")[0] != self.name or self._file(fullname) is None:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, self, is_package=self.is_package(fullname))
        spec.origin = str(self.folder / (self._file(fullname) or ""))
        spec.has_location = True  # gives the module its __file__
        return spec

    def is_package(self, fullname: str) -> bool:
        """Whether a module is a folder of modules."""
        return (self._file(fullname) or "").endswith("__init__.py")

    def get_source(self, fullname: str) -> str:
        """The verified source of a module."""
        file = self._file(fullname)
        if file is None:
            raise ImportError(f"no module named {fullname!r} in the model package", name=fullname)
        return self.sources[file].decode("utf-8")

    def get_filename(self, fullname: str) -> str:
        """The path of the source on disk, for tracebacks."""
        return str(self.folder / (self._file(fullname) or ""))

    def _file(self, fullname: str) -> str | None:
        base = fullname.replace(".", "/")
        return next((file for file in (f"{base}.py", f"{base}/__init__.py") if file in self.sources), None)
