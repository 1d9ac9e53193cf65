"""What an exported folder holds of a model: settings as JSON, and arrays by name. In goes a package's model.

Shapes: K n-grams, C classes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import RequestError
from tasks.export.fasttext_file import label_names, write_with_names
from tasks.export.served.arrays import text_of
from tasks.export.served.fasttext_view import BINARY
from tasks.model.classifier import ModelFolder
from tasks.model.ngram_sum import NgramSum
from tasks.model.serving import MODEL, TEXT
from tasks.model.text.tokenize import LISTS, SETTINGS
from tasks.model.views.fasttext import FasttextView
from tasks.prepare.uses import text_libraries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tasks.model.ngrams import NgramVocabulary


_OF_READING = re.compile(r"\.(words|subwords|keys_[0-9]+)$")


@dataclass(frozen=True)
class Content:
    """Settings, which are JSON, and arrays whose names begin with that of their view."""

    settings: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    files: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)  # name -> writes it

    @property
    def reads(self) -> list[str]:
        """What its views read, each once."""
        return sorted({part["reads"] for part in self.settings["views"].values()})

    @property
    def of_reading(self) -> dict[str, np.ndarray]:
        """The arrays by which texts become ids, without those of the arithmetic."""
        return {name: value for name, value in self.arrays.items() if _OF_READING.search(name)}


def read_content(package: Path, title: str, form: str) -> Content:
    """The content of a verified package; RequestError where this format cannot hold it, `title` is how the message names it."""
    text = json.loads((package / TEXT).read_text(encoding="utf-8"))
    libraries = text_libraries(text["tokenizer"], text["han"])
    if libraries:
        raise RequestError(
            f"{title} reads texts with {libraries[0]}, whose dictionary is inside that library, and --format {form} reads them "
            "with NumPy alone; train one with prepare.tokenizer char and without prepare.han simplified"
        )
    source = ModelFolder(package / MODEL)
    views: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    files: dict[str, Callable[[Path], None]] = {}
    for name, shape in source.views.items():
        view = source.open_view(name)
        made = _fasttext_file(view, source, files) if form == "fasttext" else _part(view, arrays)
        if made is None:
            raise RequestError(f"{title} has the view {name}, which --format {form} cannot hold; {_remedy(view, form)}")
        part, own = made
        views[name] = {**part, "weight": shape["weight"], "deviation": shape["deviation"]}
        arrays |= {f"{name}.{each}": value for each, value in own.items()}
    kept = {each: text[each] for each in (*SETTINGS, *LISTS)}
    labels, temperature = list(source.settings["labels"]), source.settings["temperature"]
    shift = {"shift": source.settings["shift"]} if "shift" in source.settings else {}
    return Content({"labels": labels, "temperature": temperature, **shift, "text": kept, "views": views}, arrays, files)


def _remedy(view: Any, form: str) -> str:
    if form == "fasttext":  # an n-gram sum counts each n-gram once, over a root; fastText's classifier is a mean
        return "it holds fastText's own classifier alone: train one with finetune.model fasttext, or take --format numpy"
    if isinstance(view, FasttextView):
        return "take --format fasttext"
    return "a pretrained network alone can be exported with --format transformers"


def _fasttext_file(
    view: Any, source: ModelFolder, files: dict[str, Callable[[Path], None]]
) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """The settings of fastText's own classifier; `files` gets its file."""
    if not isinstance(view, FasttextView):
        return None
    names = label_names(source.settings["labels"])
    files[BINARY] = partial(write_with_names, view.path, names=names)
    return {"reads": "fasttext", "names": names}, {}


def _part(view: Any, shared: dict[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Settings and arrays of a view, None for one that no reader has; `shared` gets what several views read."""
    if isinstance(view, NgramSum):
        return _ngram_sum(view)
    if view.reads != "words" or not hasattr(view, "source"):
        return None
    from tasks.export.word_parts import shared_words, word_part  # torch

    shared |= shared_words(view)
    return word_part(view)


def _ngram_sum(view: NgramSum) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    settings, arrays = vocabulary_of(view.vocabulary)
    return settings, {**arrays, "weights": view.weights_KC[: len(view.vocabulary)], "bias": view.bias_C}


def vocabulary_of(vocabulary: NgramVocabulary) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Settings and arrays of an n-gram vocabulary; ValueError if the keys of a level do not ascend."""
    for level in vocabulary.keys:
        if (np.diff(level) <= 0).any():
            raise ValueError("the keys of an n-gram vocabulary do not ascend")
    keys = {f"keys_{n}": level for n, level in enumerate(vocabulary.keys, start=2)}
    return {"reads": "ngrams", "longest": len(keys) + 1}, {"words": text_of(list(vocabulary.words)), **keys}
