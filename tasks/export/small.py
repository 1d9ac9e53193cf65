"""Write a registered model of n-grams as a folder of a bounded size. Validation rows choose; test rows say what it cost."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import RequestError
from tasks.export.certificate import Agreement
from tasks.export.compact import USUAL, Compactor, Documents
from tasks.export.content import read_content
from tasks.export.onnx_file import check_packages
from tasks.export.reader import open_reader, reader_source
from tasks.export.size import size_text
from tasks.export.write import LIBRARIES, certify, check_target, made_beside, parted, readme, settings_text, write_content
from tasks.model.serving import MODEL
from tasks.prepare.read import iter_batches, read_split
from tasks.register.seal import package_digest

if TYPE_CHECKING:
    from tasks.export.content import Content
    from tasks.export.rows import Prepared, Rows
    from tasks.export.write import Exported

FORMATS = ("numpy", "onnx")
CERTIFICATE_BYTES = 6000  # at most, without the command
GROWTH, LARGER = 1.5, 12  # of the sizes tried where the one asked for is too small


@dataclass(frozen=True)
class Wanted:
    """How many bytes a folder may have, and how much accuracy on validation rows it may lose for that (0.005: half a point)."""

    bytes: int
    loss: float


@dataclass(frozen=True)
class Sizes:
    """The bytes of a folder, reckoned from its content."""

    exported: Exported
    form: str

    def of(self, content: Content) -> int:
        """The whole folder's."""
        arrays, network = parted(content, self.form)
        np.savez_compressed(packed := io.BytesIO(), allow_pickle=False, **arrays)
        return self.fixed(content) + len(settings_text(content).encode()) + len(packed.getvalue()) + len(network)

    def fits(self, most: int, content: Content) -> bool:
        """Whether the folder has at most so many bytes."""
        return self.of(content) <= most

    def fixed(self, content: Content) -> int:
        """What is there beside the content, with room for the certificate."""
        title, package = self.exported.title, self.exported.package
        source = reader_source(package, self.form, content.reads, title=title, digest=package_digest(package))
        beside = (source, readme(title, self.form), self.exported.command)
        return CERTIFICATE_BYTES + sum(len(text.encode()) for text in beside)


def write_small(exported: Exported, target: Path, form: str, prepared: Prepared, rows: Rows, wanted: Wanted) -> dict[str, Any]:
    """Write a folder of at most `wanted.bytes`; the certificate, with the loss on validation rows and on `rows`.

    RequestError if the model is not one of n-grams, if it has no validation rows, or if it cannot be so small without a loss
    above `wanted.loss`; then the message says which size would do.
    """
    check_target(target)
    if form == "onnx":
        check_packages()
    content = read_content(exported.package, exported.title, form)
    valid, split = prepared.rows("valid"), read_split(prepared.dataset, "valid")
    documents = Documents(split.tokens, split.labels_ids(content.settings["labels"]))
    if not (documents.labels >= 0).any():
        raise RequestError(f"--max-size: {exported.title} has no validation rows to choose on; leave the option out")
    train = (batch.column("tokens") for batch in iter_batches(prepared.dataset, ("train",), ["tokens"]))
    compactor = Compactor(exported.package / MODEL, content, train, documents, exported.title)
    sizes = Sizes(exported, form)
    best = compactor.made(partial(sizes.fits, wanted.bytes))
    with made_beside(target) as folder:
        measured = None
        if best is not None:
            write_content(exported, best.content, folder, form, packed=True)
            measured = Agreement.of(exported.model, open_reader(folder, form), valid)
        if best is None or measured is None or measured.loss > wanted.loss:
            raise RequestError(_too_small(exported, wanted, measured, _size_that_does(sizes, compactor, valid, wanted)))
        tested = Agreement.of(exported.model, open_reader(folder, form), rows)
        figures = {"test": tested.figures(), "validation": measured.figures()}
        made = {**best.made, "bytes_asked_for": wanted.bytes, "loss_allowed": wanted.loss}
        certificate = certify(exported, folder, form, figures, LIBRARIES.get(form, ()), made_small=made)
        taken = sum(path.stat().st_size for path in folder.iterdir())
        if taken > wanted.bytes:
            raise ValueError(f"the folder has {taken} bytes, more than were reckoned")
    return {"folder": str(target), **certificate}


def _too_small(exported: Exported, wanted: Wanted, measured: Agreement | None, size: str | None) -> str:
    lost = f": it would lose {100 * measured.loss:.2g} points of accuracy on validation rows" if measured else ""
    remedy = f"give --max-size {size}, or leave it out" if size else "leave the option out"
    return f"{exported.title} cannot be as small as {size_text(wanted.bytes)}{lost}; {remedy}"


def _size_that_does(sizes: Sizes, compactor: Compactor, valid: Rows, wanted: Wanted) -> str | None:
    """The smallest of growing sizes with which the validation rows lose no more than is allowed; None if none is known."""
    most = max(wanted.bytes, sizes.fixed(compactor.content))
    for _ in range(LARGER):
        most = int(most * GROWTH)
        tried = compactor.made_so(partial(sizes.fits, most), *USUAL)
        if tried is None:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            write_content(sizes.exported, tried.content, folder, sizes.form, packed=True)
            if Agreement.of(sizes.exported.model, open_reader(folder, sizes.form), valid).loss <= wanted.loss:
                return size_text(most)
        if tried.made["ngrams"] == tried.made["ngrams_before"]:
            return None
    return None
