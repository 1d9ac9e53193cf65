"""Write a model as a folder that needs nothing of this project: weights, settings, and a copy of the code that reads them.

package.json            module name, requirements, and the SHA-256 of every other file
load.py                 verifies and imports the rest
model/                  the files of finetune
text.json, labels.json  how text becomes tokens, and the names of the classes
split.json              how the rows were split: rule, salt, seed
training_hashes.npy     sorted uint64, one for each row the model was trained or selected on
lineage.json            the model that it was trained on from, the labels of its rows, the batches of test rows, if the run
lineage.safetensors     may start from a champion (see tasks/warm/lineage.py)
profile.json            histograms of the validation rows as the model reads them, for drift
abstention.json         when it answers, if the run was asked to promise an error (see tasks/model/abstention.py)
costs.json              what errors cost, if the run was asked to carry that (see tasks/model/costs.py)
replies.json            answers by label and the training questions, if the run was asked for answers,
questions.safetensors   and what the questions are found by (see tasks/model/replies.py)
code/textmill_model_*/  a copy of the folder `tasks/model`, without views and tokenizers that the model does not have
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from tasks.checkout import CHECKOUT
from tasks.finetune.uses import view_libraries
from tasks.model.abstention import ABSTENTION
from tasks.model.costs import COSTS
from tasks.model.replies import QUESTIONS, REPLIES
from tasks.prepare.read import LABELS, SPLIT, TEXT, iter_batches, read_labels, read_text_settings
from tasks.prepare.uses import text_libraries
from tasks.progress import SILENT
from tasks.register.profile import write_profile
from tasks.register.seal import pinned, seal
from tasks.store.digests import canonical
from tasks.store.source import reachable
from tasks.warm.lineage import FILES as LINEAGE_FILES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from tasks.progress import Progress

ENTRY = "model.serving"
VIEWS, TOKENIZERS = "model/views", "model/text/tokenizers"  # a package has of these what it opens
# What some packages have, each with what reads it.
CARRIED = {
    ABSTENTION: "model/abstention.py",
    COSTS: "model/costs.py",
    REPLIES: "model/replies.py",
    QUESTIONS: "model/replies.py",
}
LANGUAGE = "model/language"  # what serves language models, in their packages alone
LIBRARIES = ("numpy", "pyarrow", "safetensors", "pandas")
SELF_CHECK = "profit rose zyxwv 漢字"  # a word that is in no vocabulary, and characters that a library may have to convert


def write_package(
    model: Path,
    dataset: Path,
    folder: Path,
    *,
    texts: Path | None = None,
    embedded: Path | None = None,
    carries: Sequence[Path] = (),
    lineage: Path | None = None,
    code: Mapping[str, bytes] | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Write the package of `model` (finetune's folder) into `folder`, open it and let it label one text.

    `dataset` is the folder with the rows it was trained on, `texts` that of their texts if the model reads them, `embedded`
    that of these texts' vectors, `carries` folders with files of CARRIED, `lineage` that of the step of this name (default: the
    rows known are those of `dataset`), `code` what serves it (default: `served_code`).
    Equal inputs give equal bytes. The report holds the package's digest, module name and labels, and how many training rows
    it remembers.
    """
    from tasks.model import serving  # torch: registration, which reads packages, can do without it
    from tasks.model.classifier import MODEL_FILE, Classifier

    ignored = shutil.ignore_patterns("side", "manifest.json")
    shutil.copytree(model, folder / serving.MODEL, ignore=ignored, copy_function=shutil.copyfile)
    for name in (TEXT, LABELS, SPLIT):
        shutil.copyfile(dataset / name, folder / name)
    if not read_labels(dataset):  # a model that knows its labels without rows
        labels = json.loads((model / MODEL_FILE).read_text(encoding="utf-8"))["labels"]
        (folder / LABELS).write_text(canonical({"labels": labels}), encoding="utf-8")
    if lineage is None:
        np.save(folder / serving.HASHES, _training_hashes(dataset, progress), allow_pickle=False)
    else:
        for name in LINEAGE_FILES:
            shutil.copyfile(lineage / name, folder / name)
    hashes = np.load(folder / serving.HASHES, mmap_mode="r", allow_pickle=False)
    write_profile(Classifier.load(folder / serving.MODEL, embedded), dataset, folder, texts)
    others = [each / name for each in carries for name in CARRIED if (each / name).is_file()]
    for path in others:
        shutil.copyfile(path, folder / path.name)
    views = json.loads((model / MODEL_FILE).read_text(encoding="utf-8"))["views"]
    text = read_text_settings(dataset)
    sources = served_code(views, text["tokenizer"], carries={path.name for path in others}) if code is None else code
    packaged_code, named = seal(folder, sources, ENTRY, _requirements(views, text))
    packaged = packaged_code.TextClassifier(folder)
    confidence = float(packaged.probabilities([SELF_CHECK]).max())
    if not 0.0 <= confidence <= 1.0:
        raise ValueError(f"the packaged model answers with probability {confidence}")
    return {**named, "labels": packaged.labels, "training_rows": len(hashes)}


def _training_hashes(dataset: Path, progress: Progress) -> np.ndarray:
    from tasks.model.serving import SEPARATOR, text_hashes

    parts, done = [], 0
    for batch in iter_batches(dataset, ("train", "valid"), ["tokens"]):
        parts.append(text_hashes(pc.binary_join(batch.column("tokens"), SEPARATOR).to_pylist()))
        done += len(batch)
        progress.advance(done, None, "documents")
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)


def served_code(
    views: Iterable[str], tokenizer: str, root: Path = CHECKOUT, *, carries: Collection[str] = ()
) -> dict[str, bytes]:
    """The folder `tasks/model` below `root` and the errors that it raises; by path below `tasks`, sorted.

    Of its views and tokenizers it has those named, and what they import, and what reads `carries`, files of CARRIED.
    All imports in it are relative.
    """
    home = root / "tasks"
    opened = {*(home / VIEWS / f"{view}.py" for view in views), home / TOKENIZERS / f"{tokenizer}.py"}
    others = {path for folder in (VIEWS, TOKENIZERS) for path in (home / folder).glob("[!_]*.py")} - reachable(opened, root)
    others |= set((home / LANGUAGE).glob("*.py"))
    others |= {home / reader for reader in set(CARRIED.values()) - {CARRIED[name] for name in carries}}
    paths = set((home / "model").rglob("*.py")) - others
    files = {path.relative_to(home).as_posix(): path.read_bytes() for path in paths}
    return dict(sorted(({"__init__.py": b"", "errors.py": (home / "errors.py").read_bytes()} | files).items()))


def _requirements(views: Iterable[str], text: Mapping[str, Any]) -> list[str]:
    """What serves these views and cuts their texts."""
    return pinned([*sorted(view_libraries(views)), *LIBRARIES, *text_libraries(text["tokenizer"], text["han"])])
