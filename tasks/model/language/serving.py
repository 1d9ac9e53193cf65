"""A language model as its users see it: a text goes on, or is measured in bits. Models carry a copy of this folder."""

from __future__ import annotations

import hashlib
import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from ...errors import RequestError
from .network import open_network, piece_bits, text_bits
from .pieces import Pieces, checked_prompt, normal
from .sampling import Sampling, continued
from .spelling import Spelling

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from .pieces import Encoded

MODEL = "language"
HASHES = "training_hashes.npy"
COLUMN = "prompt"
MAX_PROMPTS = 100  # of one request

__all__ = ["Bits", "LanguageModel", "RequestError", "Sampling", "request_prompts", "sampling_of", "text_hashes"]


class Bits(NamedTuple):
    """What N texts cost, [N] each: bits with those of spelled <unk>, pieces with the text's end, and <unk> among them."""

    bits: np.ndarray
    pieces: np.ndarray
    unknown: np.ndarray


class LanguageModel:
    """A network, its pieces, and what spells the words that are none of them."""

    def __init__(self, folder: Path, part: str = MODEL) -> None:
        """Read a package's folder, whose files somebody has verified; the model's own are in its sub-folder `part`."""
        self.folder = folder
        self.pieces = Pieces(folder / part)
        self.spelling = Spelling.load(folder / part)
        self.network = open_network(folder / part)
        self._hashes: np.ndarray | None = None

    def generate(self, prompt: str, sampling: Sampling | Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Let a text go on: the prompt with what follows as `text`, what follows as `completion`, `tokens`, `stopped`.

        `stopped` is `end` where the model ended the text, else `length`. The pieces <unk> and <pad> are never chosen.
        """
        if not isinstance(sampling, Sampling):
            sampling = Sampling.of(sampling or {})
        sampling.check()
        ids = [self.pieces.end, *self.pieces.encode([prompt]).ids.tolist()]
        reader = _Reader(self.network)
        own, ended = continued(reader.next_logits, ids, sampling, self.pieces.end, self.pieces.banned)
        before, after = self.pieces.text(ids[1:]), self.pieces.text([*ids[1:], *own])
        completion = after.removeprefix(before).rstrip("\ufffd")  # a piece of bytes may end within a character
        return {
            "text": normal(prompt) + completion,
            "completion": completion,
            "tokens": len(own),
            "stopped": "end" if ended else "length",
        }

    def bits(self, texts: Sequence[str]) -> Bits:
        """What texts, as they were ingested, cost: each from its beginning to its end."""
        encoded = self.pieces.encode(texts)
        bits = text_bits(piece_bits(self.network, encoded, self.pieces.end), encoded.offsets)
        spelled, unknown = self.spelled(encoded)
        return Bits(bits + spelled, np.diff(encoded.offsets) + 1, unknown)

    def spelled(self, encoded: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """Bits of the spelling of each text's <unk>, and how many it has: [N] each."""
        lengths = np.diff(encoded.offsets)
        if self.pieces.unknown is None or not encoded.unknown:
            return np.zeros(len(lengths)), np.zeros(len(lengths), np.int64)
        text = np.repeat(np.arange(len(lengths)), lengths)[encoded.ids == self.pieces.unknown]
        bits = self.spelling.bits(encoded.unknown)
        return np.bincount(text, weights=bits, minlength=len(lengths)), np.bincount(text, minlength=len(lengths))

    def trained_on(self, texts: Sequence[str]) -> np.ndarray:
        """Whether a text was among those that this model was trained or selected on: bool [N]."""
        if self._hashes is None:
            self._hashes = np.load(self.folder / HASHES, allow_pickle=False)
        return np.isin(text_hashes(texts), self._hashes)


class _Reader:
    """The network behind a text that grows; of one longer than it reads the last half of its window stays."""

    def __init__(self, network: Any) -> None:
        self.network, self.context = network, int(network.config.n_positions)
        self._start = self._read = 0
        # Its name in transformers 5.24 and later, and before.
        self._name = "cache" if "cache" in inspect.signature(network.forward).parameters else "past_key_values"
        self._past = self._empty()

    def _empty(self) -> Any:
        """A memory of what was read, which the network writes into."""
        from transformers import DynamicCache

        return DynamicCache(config=self.network.config)

    def next_logits(self, ids: list[int]) -> np.ndarray:
        """The logits of what may follow, float32 [V]."""
        if len(ids) - self._start > self.context:
            self._start = self._read = len(ids) - max(self.context // 2, 1)
            self._past = self._empty()
        new = torch.tensor([ids[self._read :]])
        with torch.inference_mode():
            answer = self.network(input_ids=new, use_cache=True, logits_to_keep=1, **{self._name: self._past})
        self._read = len(ids)
        logits_V: np.ndarray = answer.logits[0, -1].float().numpy()
        return logits_V


def text_hashes(texts: Iterable[str]) -> np.ndarray:
    """The first 8 bytes of SHA-256 over each text as it is modelled: uint64 [N]."""
    digests = (hashlib.sha256(normal(text).encode()).digest() for text in texts)
    return np.fromiter((int.from_bytes(digest[:8], "big") for digest in digests), np.uint64)


def request_prompts(request: Any) -> list[str]:
    """The prompts of a request: a frame with a column `prompt`, a list of texts, or one text. RequestError for others."""
    if isinstance(request, str):
        request = [request]
    columns = getattr(request, "columns", None)
    if columns is not None:
        if COLUMN not in columns:
            raise RequestError(f"column {COLUMN!r} is missing; send prompts as {{'inputs': ['…']}} or in a column {COLUMN!r}")
        request = request[COLUMN]
    values = list(request)
    if len(values) == 1 and isinstance(values[0], list | tuple | np.ndarray):
        values = list(values[0])
    if len(values) > MAX_PROMPTS:
        raise RequestError(f"{len(values)} prompts are too many for one request; send at most {MAX_PROMPTS}")
    return [checked_prompt(value, f"row {row}") for row, value in enumerate(values)]


def sampling_of(values: Mapping[str, Any] | None) -> Sampling:
    """How to go on, from the parameters of a request; RequestError for one that is wrong."""
    return Sampling.of(values or {})
