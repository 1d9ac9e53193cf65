"""Write a language model as a folder that needs nothing of this project, as classifiers are: weights, settings, and their code.

package.json            module name, requirements, and the SHA-256 of every other file
load.py                 verifies and imports the rest
language/               the files of the trained model
training_hashes.npy     sorted uint64, one for each document the model was trained or selected on
code/textmill_model_*/  a copy of `tasks/model/language`, and what it imports
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.checkout import CHECKOUT
from tasks.language.vocabulary import iter_train
from tasks.model.language.pieces import FACTS
from tasks.model.language.serving import HASHES, MODEL, text_hashes
from tasks.register.seal import pinned, seal
from tasks.store.source import reachable

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = "model.language.serving"
LIBRARIES = ("transformers", "torch", "tokenizers", "numpy", "safetensors", "pandas")
SELF_CHECK = "Profit 漢字"


def write_language_package(model: Path, texts: Path, folder: Path) -> dict[str, Any]:
    """Write the package of `model` into `folder`, open it and let it write a piece. Equal inputs give equal bytes.

    `texts` are those of train and validation. The report holds the package's digest, its module and requirements.
    """
    ignored = shutil.ignore_patterns("side", "manifest.json", "history.json")
    shutil.copytree(model, folder / MODEL, ignore=ignored, copy_function=shutil.copyfile)
    hashes = [text_hashes(iter_train(texts, split)) for split in ("train", "valid")]
    np.save(folder / HASHES, np.unique(np.concatenate(hashes)), allow_pickle=False)
    kind = json.loads((model / FACTS).read_text(encoding="utf-8"))["kind"]
    requirements = pinned([*LIBRARIES, *(["rjieba"] if kind == "jieba" else [])])
    serving, made = seal(folder, served_code(), ENTRY, requirements)
    answer = serving.LanguageModel(folder).generate(SELF_CHECK, serving.Sampling(max_tokens=1))
    return {**made, "training_documents": int(sum(map(len, hashes))), "self_check": answer["stopped"]}


def served_code(root: Path = CHECKOUT) -> dict[str, bytes]:
    """The modules that serve a language model, by path below `tasks`, sorted. All imports in them are relative."""
    home = root / "tasks"
    paths = reachable({home / "model/language/serving.py"}, root)
    paths |= {
        parent / "__init__.py" for path in paths for parent in path.parents if (home / "model") in (parent, *parent.parents)
    }
    files = {path.relative_to(home).as_posix(): path.read_bytes() for path in paths}
    return dict(sorted(({"__init__.py": b""} | files).items()))
