"""Every read of the store is verified: an artifact that was damaged in any way is noticed, set aside and made again.

A trial copies one artifact of a real run, damages it in one to three ways (file times are put back, so that only bytes can
tell), asks the store for it and builds it again. In one of two hundred trials the whole pipeline runs on the damaged store
instead.
"""

from __future__ import annotations

import logging
import os
import shutil
from typing import TYPE_CHECKING

from tasks.store.artifact import MANIFEST, Artifact, DamagedArtifact, Store
from tests.faults.trained import make_corpus, train, trained

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from random import Random

NUMBER = 2
PROMISE = (
    "Every read of the store is verified: a deleted, truncated, overwritten, zero-filled, swapped, emptied, added or "
    "replaced file (by a folder, a link, a named pipe) or manifest of any artifact is detected, set aside, and healed by the"
    " next run"
)
COUNT = 1000
TAKEN_OUT = "`Store.verify` compares sizes and no SHA-256: 2 of 60 trials fail (most damage shows in sizes or names already)"
FLOW_SHARE = 0.005


def trial(random: Random, folder: Path) -> str | None:
    """Damage an artifact; wrong is whatever is not noticed, not healed, or noticed where nothing was damaged."""
    whole = random.random() < FLOW_SHARE
    root = folder / "root"
    pristine = random.choice(artifacts(trained() / "store"))
    if whole:
        shutil.copytree(trained(), root, symlinks=True)
    else:
        shutil.copytree(pristine, root / "store" / pristine.parent.name / pristine.name)
    store, (step, key) = Store(root), (pristine.parent.name, pristine.name)
    known = store.verify(step, key)  # raises where a copy that is whole is taken for damaged
    names = sorted(path.relative_to(pristine) for path in pristine.rglob("*") if path.is_file())
    done = [damage(random, store.root / step / key, names) for _ in range(random.randint(1, 3))]
    wrong = run_again(root, step) if whole else find_and_build(store, known, pristine)
    return f"{step}, {' and '.join(done)}: {wrong}" if wrong else None


def artifacts(store: Path) -> list[Path]:
    """The folders of all artifacts, sorted."""
    return sorted(path for path in store.glob("[!.]*/*") if (path / MANIFEST).exists())


def find_and_build(store: Store, known: Artifact, pristine: Path) -> str | None:
    """What the step layer does, with a build that gives the same bytes."""
    logging.getLogger("tasks.store.artifact").setLevel(logging.ERROR)  # a warning for every trial
    step, key = known.step, known.key
    with store.locked(step, key):
        if store.find(step, key) is not None:
            return "was read as if it were whole"
        with store.building(step, key) as build:
            shutil.copytree(pristine, build.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))
            store.commit(build, step, key, report=known.report, seconds=0.0, inputs={})
    if store.find(step, key) != known:
        return "was not healed"
    return None if list((store.root / ".damaged").iterdir()) else "was not set aside"


def run_again(root: Path, step: str) -> str | None:
    """Run the pipeline: the damaged step alone runs, unless its bytes are the same only up to a timing."""
    before = Store(root)
    digests = {
        path.parent.name: before.verify(path.parent.name, path.name).digest
        for path in artifacts(trained() / "store")
        if path.parent.name != step
    }
    result = train(root, make_corpus(root.parent / "news"))
    again = {name for name, stage in result["stages"].items() if not stage["cached"]}
    if step not in again or again - {step, "register"}:
        return f"{sorted(again)} ran"
    for path in artifacts(root / "store"):
        try:
            found = before.verify(path.parent.name, path.name)
        except DamagedArtifact as error:
            return f"is still damaged: {error}"
        if digests.get(found.step, found.digest) != found.digest:
            return f"{found.step} has other bytes"
    return None


def damage(random: Random, folder: Path, names: list[Path]) -> str:
    """Damage one of these files of an artifact in one way; say how. A second damage cannot undo the first."""
    files = [folder / name for name in names if (folder / name).is_file() and not (folder / name).is_symlink()]
    if not files:
        return "nothing left to damage"
    path = random.choice(files)
    how = random.choice(DAMAGES)
    times = path.stat()
    how(random, path, files)
    if path.is_file() and not path.is_symlink():
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return f"{how.__name__} {path.relative_to(folder)}"


def delete(random: Random, path: Path, files: list[Path]) -> None:
    path.unlink()


def empty(random: Random, path: Path, files: list[Path]) -> None:
    path.write_bytes(b"" if path.stat().st_size else b"\0")


def truncate(random: Random, path: Path, files: list[Path]) -> None:
    os.truncate(path, random.randrange(path.stat().st_size) if path.stat().st_size else 1)


def append(random: Random, path: Path, files: list[Path]) -> None:
    with path.open("ab") as file:
        file.write(random.randbytes(random.choice([1, 4096])) if path.name != MANIFEST else b"}")


def flip_a_bit(random: Random, path: Path, files: list[Path]) -> None:
    data = bytearray(path.read_bytes() or b"\0")
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    path.write_bytes(data)


def zero_fill(random: Random, path: Path, files: list[Path]) -> None:
    """Zeros from some place on, as after a power cut; one other byte where they are zeros already."""
    data = bytearray(path.read_bytes())
    start = random.randrange(len(data) or 1)
    filled = data[:start] + bytes(len(data) - start)
    path.write_bytes(filled if filled != data else data + b"\1")


def swap(random: Random, path: Path, files: list[Path]) -> None:
    """Change places with another file; with other bytes, or it is none."""
    others = [other for other in files if other.read_bytes() != path.read_bytes()]
    if not others:
        return append(random, path, files)
    other = random.choice(others)
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)
    return None


def replace_by_another_artifact(random: Random, path: Path, files: list[Path]) -> None:
    """The whole folder changes for that of another key."""
    folder = next(parent for parent in path.parents if len(parent.name) == 64)
    others = [other for other in artifacts(trained() / "store") if other.name != folder.name]
    shutil.rmtree(folder)
    shutil.copytree(random.choice(others), folder)


def folder_for_file(random: Random, path: Path, files: list[Path]) -> None:
    path.unlink()
    path.mkdir()


def link_to_nothing(random: Random, path: Path, files: list[Path]) -> None:
    path.unlink()
    path.symlink_to("nothing")


def link_to_a_loop(random: Random, path: Path, files: list[Path]) -> None:
    path.unlink()
    path.symlink_to(path.name)


def named_pipe(random: Random, path: Path, files: list[Path]) -> None:
    path.unlink()
    os.mkfifo(path)


def add(random: Random, path: Path, files: list[Path]) -> None:
    path.with_name(random.choice(["x.parquet", ".hidden", "weights.safetensors.tmp"])).write_bytes(b"x")


DAMAGES: list[Callable[[Random, Path, list[Path]], None]] = [
    delete,
    empty,
    truncate,
    append,
    flip_a_bit,
    zero_fill,
    swap,
    replace_by_another_artifact,
    folder_for_file,
    link_to_nothing,
    link_to_a_loop,
    named_pipe,
    add,
]
