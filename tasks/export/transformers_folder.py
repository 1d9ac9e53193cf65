"""A folder that transformers loads, with a certificate in it. In goes a package whose one view is an encoder.

The texts go to the tokenizer as they are, as whoever loads the folder would send them, while the package takes markup and
control characters out first: the certificate says how often that matters.

Shapes: N texts, C labels.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tasks.export.certificate import Agreement
from tasks.export.rows import Rows
from tasks.export.write import certify, check_target, made_beside
from tasks.finetune.exported import export_model
from tasks.model.serving import MODEL
from tasks.model.views.encoder import Reading

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.export.write import Exported

MOST_ROWS = 1000  # a network reads some ten texts a second on one core
LIBRARIES = ("torch", "transformers")


class Answer(NamedTuple):
    """Probabilities float32 [N, C], numbers of tokens [N], and `blank` [N], which such a folder says of no text."""

    probabilities: np.ndarray
    tokens: np.ndarray
    blank: np.ndarray


class TransformersFolder:
    """A written folder, loaded by transformers; see tasks/finetune/kinds/encoder/export.py for its two forms."""

    def __init__(self, folder: Path, labels: list[str]) -> None:
        from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

        self.labels = labels
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.head: tuple[Any, Any] | None = None
        if (folder / "head.json").is_file():
            from safetensors.torch import load_file

            self.reading = Reading.of(json.loads((folder / "head.json").read_text(encoding="utf-8")))
            tensors = load_file(folder / "head.safetensors")
            self.head = tensors["weight"], tensors["bias"]
        self.network = (AutoModelForSequenceClassification if self.head is None else AutoModel).from_pretrained(folder).eval()

    def answer(self, texts: Sequence[str]) -> Answer:
        """The probabilities of each text, one after another."""
        rows_NC = np.array([self._probabilities(text) for text in texts], np.float32).reshape(len(texts), len(self.labels))
        return Answer(rows_NC, np.ones(len(texts), np.int64), np.zeros(len(texts), bool))

    def _probabilities(self, text: str) -> np.ndarray:
        import torch

        from tasks.weights.network import vector  # torch and transformers

        # Half of a character cannot be encoded, and the package writes a blank in its place too.
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        ids_1L = self.tokenizer(whole, truncation=True, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            if self.head is None:
                return np.asarray(self.network(input_ids=ids_1L).logits[0].softmax(0))
            return np.asarray((self.head[0] @ vector(self.network, ids_1L, self.reading) + self.head[1]).softmax(0))


def write_folder(exported: Exported, target: Path, form: str, rows: Rows | None) -> dict[str, Any]:
    """Write the folder, certified on the first thousand of `rows`; without rows there is no certificate in it.

    RequestError as `export_model` has it.
    """
    check_target(target)
    with made_beside(target) as folder:
        written = export_model(exported.package / MODEL, folder, form, exported.title)
        if rows is not None:
            more = rows.source if len(rows.texts) <= MOST_ROWS else f"the first {MOST_ROWS:,} of {rows.source}"
            tried = Rows(more, rows.texts[:MOST_ROWS], rows.labels[:MOST_ROWS])
            measured = Agreement.of(exported.model, TransformersFolder(folder, exported.model.labels), tried)
            written |= certify(exported, folder, form, {"test": measured.figures()}, LIBRARIES)
    return {**written, "folder": str(target)}
