"""The view `cloze`: which of the labels' words a masked language model puts into a prompt with the text.

In go texts as they were ingested; each is cleaned gently, set into the prompt and read alone, on one thread. Out come scores of
the words at the mask; a label's is the mean of its words' less what they score in the prompt without a text. ONNX Runtime and
`tokenizers` do it, here and where a model is served.

Shapes: N texts, L pieces of a prompt, W words, C classes.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..pretrained import cleaned, open_session, open_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..classifier import ModelFolder, Tokens

TOKENIZER, SCORES, PROMPT = "tokenizer.json", "words.onnx", "prompt.json"
INPUT, AT, OUTPUT = "input_ids", "at", "scores"
TEXT, MASK = "text", "mask"  # parts of a prompt beside lists of pieces
WEIGHTS, BIAS = "weights", "bias"
BLOCK = 256  # texts that threads are handed at a time


class Prompt:
    """Texts to the pieces of a prompt, as prompt.json in a folder says: its parts, the mask's piece, and the longest."""

    def __init__(self, folder: Path) -> None:
        made = json.loads((folder / PROMPT).read_text(encoding="utf-8"))
        self.parts: list[Any] = made["parts"]
        self.mask: int = made["mask"]
        own = sum(1 if part == MASK else len(part) for part in self.parts if part != TEXT)
        self.room: int = made["max_len"] - own
        self._tokenizer = open_tokenizer(folder / TOKENIZER, str(folder))

    def of(self, text: str) -> tuple[list[int], int]:
        """The pieces of the prompt with a cleaned text, of which the first are read, and where the mask is."""
        pieces: list[int] = []
        at = 0
        for part in self.parts:
            if part == MASK:
                at = len(pieces)
                pieces.append(self.mask)
            elif part == TEXT:
                pieces += list(self._tokenizer.encode(text, add_special_tokens=False).ids)[: self.room]
            else:
                pieces += part
        return pieces, at


class WordScorer:
    """Texts to scores of the labels' words, by the files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.prompt = Prompt(folder)
        self._session = open_session(folder / SCORES)

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """The scores of the words in the prompts with cleaned texts, float32 [N, W]."""
        rows: list[np.ndarray] = []
        with ThreadPoolExecutor(min(len(os.sched_getaffinity(0)), max(len(texts), 1))) as pool:
            for start in range(0, len(texts), BLOCK):
                rows += pool.map(self.score, texts[start : start + BLOCK])
        return np.array(rows, np.float32)

    def score(self, text: str) -> np.ndarray:
        """The scores of one text's prompt, float32 [W]."""
        pieces, at = self.prompt.of(text)
        (scores_1W,) = self._session.run([OUTPUT], {INPUT: np.array([pieces], np.int64), AT: np.array([at], np.int64)})
        scores_W: np.ndarray = scores_1W[0]
        return scores_W


@dataclass(frozen=True)
class Cloze:
    """The view as it is served."""

    scorer: WordScorer
    weights_WC: np.ndarray  # noqa: N815
    bias_C: np.ndarray  # noqa: N815
    reads = "text"
    reads_unseen_words = True

    def logits(self, tokens: Tokens) -> np.ndarray:
        """Logits of documents, float32 [N, C]."""
        scores_NW = self.scorer.scores([cleaned(text) for text in tokens.texts]).reshape(-1, len(self.weights_WC))
        logits_NC: np.ndarray = scores_NW @ self.weights_WC + self.bias_C
        return logits_NC

    def unseen(self, tokens: Tokens) -> np.ndarray:
        """No word is unknown to it: its tokenizer has pieces for each."""
        return np.zeros(len(tokens), np.int64)


def open_view(source: ModelFolder, name: str) -> Cloze:
    """The view as it is served."""
    tensors = source.tensors(name)
    return Cloze(WordScorer(source.folder / name), tensors[WEIGHTS], tensors[BIAS])
