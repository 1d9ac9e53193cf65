"""Write a registered model as a folder for another program, with a certificate. In go a verified package and rows.

reader.py          the program that reads the folder: one file, for NumPy alone
settings.json      labels, how texts are cleaned and cut, the views
*.npy              arrays, read as memory maps; or arrays.npz, where they were packed
model.onnx         of the format onnx: the arithmetic
certificate.json   what was measured, on which rows, by which versions
README.md          how to use it

The folder is made beside its place and renamed, so that it is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.crash import crash_point
from tasks.durable import PARTIAL, flush, flush_tree
from tasks.errors import RequestError
from tasks.export.certificate import TOLERANCE, Agreement, libraries
from tasks.export.content import Content, read_content
from tasks.export.onnx_file import check_packages, onnx_bytes
from tasks.export.reader import CLASSES, READER, open_reader, reader_source
from tasks.export.served.arrays import PACKED
from tasks.export.served.model import SETTINGS
from tasks.export.served.onnx_model import NETWORK
from tasks.processes import runs, start_time
from tasks.register.seal import package_digest
from tasks.shown import inert

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tasks.export.certificate import Answering
    from tasks.export.rows import Rows

CERTIFICATE, README = "certificate.json", "README.md"
FORMATS = tuple(CLASSES)
_PARTIAL_NAME = re.compile(rf"(\d+)-(\d+){re.escape(PARTIAL)}")
LIBRARIES = {"onnx": ("onnxruntime",), "fasttext": ("fasttext-community",)}  # that answer, beside NumPy
READS = {"numpy": "NumPy alone", "onnx": "NumPy, and with ONNX Runtime", "fasttext": "NumPy, and with fastText"}


@dataclass(frozen=True)
class Exported:
    """A registered model that is to be exported: its title (NAME/VERSION), its opened package and that package's folder."""

    title: str
    model: Answering
    package: Path
    command: str


def check_target(target: Path) -> None:
    """RequestError if there is something at the place of the new folder already."""
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise RequestError(f"{target}: there is something already; give a new folder")


def write_export(exported: Exported, target: Path, form: str, rows: Rows) -> dict[str, Any]:
    """Write the folder and certify it on `rows`; the certificate.

    RequestError if the format cannot hold the model, if the place is taken, or if the folder answers otherwise than the model.
    """
    check_target(target)
    if form == "onnx":
        check_packages()
    content = read_content(exported.package, exported.title, form)
    with made_beside(target) as folder:
        write_content(exported, content, folder, form, packed=False)
        measured = Agreement.of(exported.model, open_reader(folder, form), rows)
        if not measured.largest <= TOLERANCE:
            raise RequestError(
                f"{exported.title}: what would be written answers otherwise than the model, by {measured.largest:.2g} of a "
                f"probability on {rows.source}; nothing was written"
            )
        certificate = certify(exported, folder, form, {"test": measured.figures()}, LIBRARIES.get(form, ()))
    return {"folder": str(target), **certificate}


def settings_text(content: Content) -> str:
    """The settings as they are written."""
    return json.dumps(content.settings, ensure_ascii=False, indent=1)


def parted(content: Content, form: str) -> tuple[Mapping[str, np.ndarray], bytes]:
    """The arrays that the reader reads, and the bytes of the ONNX file, which has the others."""
    return (content.of_reading, onnx_bytes(content)) if form == "onnx" else (content.arrays, b"")


def write_content(exported: Exported, content: Content, folder: Path, form: str, *, packed: bool) -> None:
    """Write everything but the certificate."""
    digest = package_digest(exported.package)
    source = reader_source(exported.package, form, content.reads, title=exported.title, digest=digest)
    (folder / READER).write_text(source, encoding="utf-8")
    (folder / SETTINGS).write_text(settings_text(content), encoding="utf-8")
    (folder / README).write_text(readme(exported.title, form), encoding="utf-8")
    arrays, network = parted(content, form)
    if network:
        (folder / NETWORK).write_bytes(network)
    for name, write in content.files.items():
        write(folder / name)
    if packed:
        np.savez_compressed(folder / PACKED, allow_pickle=False, **arrays)
        return
    for name, value in arrays.items():
        np.save(folder / f"{name}.npy", value, allow_pickle=False)


def certify(
    exported: Exported, folder: Path, form: str, measured: dict[str, Any], answering: tuple[str, ...], **more: Any
) -> dict[str, Any]:
    """Write the certificate of a folder that is whole but for it; what it says. `answering` are the libraries that answered."""
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    of_package = sum(path.stat().st_size for path in exported.package.rglob("*") if path.is_file())
    certificate = {
        "model": exported.title,
        "package": package_digest(exported.package),
        "format": form,
        **measured,
        **more,
        "bytes": sum(sizes.values()),
        "bytes_of_package": of_package,
        "files": sizes,
        "libraries": libraries("numpy", *answering),
        "command": exported.command,
    }
    text = json.dumps(certificate, ensure_ascii=False, indent=1)
    (folder / CERTIFICATE).write_text(text, encoding="utf-8")
    return certificate


def readme(title: str, form: str) -> str:
    """How the folder is used."""
    name = CLASSES[form][1]
    lines = [
        f"# {inert(title)}",
        "",
        f"A text classifier, exported by textmill in the format {form}. `reader.py` reads it, with Python 3.11 or newer and",
        f"{READS[form]}.",
        "",
        "    python reader.py 'a text'",
        "",
        "or in Python, in this folder:",
        "",
        f"    from reader import {name}",
        f"    model = {name}()",
        "    model.predict(['a text'])  # label, confidence, probabilities; a reason where there is no label",
        "",
    ]
    if form == "onnx":
        lines += [
            "Other runtimes of ONNX take `model.inputs(['a text'])`, the ids that the file `model.onnx` reads, and give",
            "`probabilities`, one column for each of `model.labels`.",
            "",
        ]
    if form == "fasttext":
        lines += [
            "fastText itself reads `model.bin`. Feed it `model.lines(['a text'])`, texts cut into words as it was trained on.",
            "Its labels are the model's. Its probabilities are not calibrated: the reader does that.",
            "",
        ]
    lines += ["`certificate.json` says on which rows the answers were compared with the model's own, and what came out.", ""]
    return "\n".join(lines)


@contextlib.contextmanager
def made_beside(target: Path) -> Iterator[Path]:
    """Give a folder to write into that takes the place of `target` when the block ends; if it raises, nothing is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target)
    own = os.getpid()
    made = target.with_name(f".{target.name}.{own}-{start_time(own)}{PARTIAL}")
    made.mkdir()
    try:
        yield made
        flush_tree(made)
        crash_point("export.flushed")
        try:
            os.replace(made, target)  # an empty folder in its place is replaced, one that was filled meanwhile is not
        except OSError as error:
            raise RequestError(f"{target}: cannot be put in its place ({error.strerror}); give a new folder") from None
        crash_point("export.renamed")
        flush(target.parent)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _sweep(target: Path) -> None:
    """Remove what killed exports to the same place left."""
    for left in target.parent.iterdir():
        begun = _PARTIAL_NAME.fullmatch(left.name.removeprefix(f".{target.name}."))
        if left.name.startswith(f".{target.name}.") and begun is not None and not runs(int(begun[1]), begun[2]):
            shutil.rmtree(left, ignore_errors=True)
