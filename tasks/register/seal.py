"""What packages of every kind have: their code, the list of their files, and the digest of that list, which names a package."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.crash import crash_point
from tasks.register import load
from tasks.store.digests import canonical, sha256_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LABELLING = ("model/", "text.json", "labels.json")  # what decides on a text's label


def seal(folder: Path, sources: Mapping[str, bytes], entry: str, requirements: list[str]) -> tuple[Any, dict[str, Any]]:
    """Put a package's code and list of files into its folder, and open it: the module `entry`, and what names the package."""
    shutil.copyfile(Path(load.__file__), folder / "load.py")
    module = _write_code(folder / load.CODE, sources)
    files = {path.relative_to(folder).as_posix(): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    manifest = {"format": 1, "module": module, "entry": entry, "requirements": requirements, "files": files}
    (folder / load.MANIFEST).write_text(canonical(manifest), encoding="utf-8")
    crash_point("package.written")
    digest = package_digest(folder)
    return load.open_package(folder, digest), {"digest": digest, "module": module, "requirements": requirements}


def package_digest(folder: Path) -> str:
    """SHA-256 of a package's list of files, which names the package: equal for equal content."""
    return sha256_file(folder / load.MANIFEST)


def read_manifest(folder: Path) -> dict[str, Any]:
    """A package's module name, requirements and file digests."""
    return json.loads((folder / load.MANIFEST).read_bytes())


def same_model(package: Path, other: Path) -> bool:
    """Whether two packages label texts alike: the same weights, labels and way to tokens. False if one is no package."""
    if not ((package / load.MANIFEST).is_file() and (other / load.MANIFEST).is_file()):
        return False
    one, two = (
        {name: digest for name, digest in read_manifest(each)["files"].items() if name.startswith(LABELLING)}
        for each in (package, other)
    )
    return bool(one) and one == two


def copy_package(folder: Path, target: Path) -> None:
    """Copy a package, and nothing that a store keeps beside it, into the new folder `target`."""
    for name in [load.MANIFEST, *read_manifest(folder)["files"]]:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, path)


def _write_code(folder: Path, sources: Mapping[str, bytes]) -> str:
    """Copy the served code into a package named by its digest; return that name."""
    digest = hashlib.sha256()
    for name, content in sources.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    module = f"textmill_model_{digest.hexdigest()[:12]}"
    for name, content in sources.items():
        path = folder / module / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return module


def pinned(names: Iterable[str]) -> list[str]:
    """Libraries at their installed versions, without the build tags (`+cpu`) that package indexes do not know."""
    return [f"{name}=={importlib.metadata.version(name).partition('+')[0]}" for name in names]
