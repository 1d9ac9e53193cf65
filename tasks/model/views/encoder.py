"""The view `encoder`: logistic regression on vectors that a pretrained network makes of texts.

In go texts as they were ingested; each is cleaned gently, cut by the network's own tokenizer, and read alone, without padding,
on one thread: a text's vector depends on nothing else, neither on its companions nor on the number of cores. ONNX Runtime and
`tokenizers` do it, here and where a model is served; neither torch nor transformers is needed.

Shapes: N texts, L pieces of a text, D dimensions, C classes.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import RequestError
from ..pretrained import INPUT, cleaned, open_session, open_tokenizer, output_names, special_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ..classifier import ModelFolder, Tokens

TOKENIZER, STATES, FACTS = "tokenizer.json", "states.onnx", "weights.json"
FILES = (TOKENIZER, STATES, FACTS)  # what makes vectors of texts
VECTORS, NAMES, MADE = "vectors.npy", "texts.npy", "made.json"
WEIGHTS, BIAS = "weights", "bias"
NAME_BYTES = 16  # of the SHA-256 of a cleaned text, by which its vector is found again
BLOCK = 256  # texts that threads are handed at a time


def text_name(text: str) -> bytes:
    """What a cleaned text's vector is found by."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:NAME_BYTES]


@dataclass(frozen=True)
class Reading:
    """How a text becomes a vector: `pooling` mean, cls or last; of more than `max_len` pieces the head, tail or head+tail.

    With `layers` the vector is long: the pooled states of so many layers, at most as many as there are, the last one first, and
    then the largest value of each dimension among their states.
    """

    pooling: str
    max_len: int
    truncate: str
    layers: int = 0

    @classmethod
    def of(cls, made: Mapping[str, Any]) -> Reading:
        """How a model reads texts, by what is kept with it; before there were `layers` none was kept."""
        return cls(made["pooling"], made["max_len"], made["truncate"], made.get("layers", 0))

    @property
    def num_outputs(self) -> int:
        """How many layers' states are read."""
        return max(self.layers, 1)

    def pooled(self, states: Sequence[np.ndarray]) -> np.ndarray:
        """The vector of a text of which `states` are those of its layers, the last one first, each [L, D]."""
        pools = [each.mean(0) if self.pooling == "mean" else each[0 if self.pooling == "cls" else -1] for each in states]
        if self.layers:
            pools += [each.max(0) for each in states]
        return pools[0] if len(pools) == 1 else np.concatenate(pools)


class Pieces:
    """Texts to the numbers of their pieces, by the tokenizer of a folder.

    `dim` is the length of a text's vector, of which `states` stand side by side.
    """

    def __init__(self, folder: Path, reading: Reading) -> None:
        """RequestError if the network cannot read texts so long."""
        self.reading = reading
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        most = facts["most_pieces"]
        self.states = 2 * min(reading.layers, facts.get("layers", 1)) or 1
        self.dim = facts["dim"] * self.states
        if most is not None and reading.max_len > most:
            raise RequestError(f"max_len {reading.max_len} is above the {most} pieces that these weights read; lower it")
        self._tokenizer = open_tokenizer(folder / TOKENIZER, str(folder))
        self._before, self._after = special_pieces(self._tokenizer)
        if len(self._before) + len(self._after) >= reading.max_len:
            raise RequestError(f"max_len {reading.max_len} leaves no room beside the special pieces of a text; raise it")

    @property
    def ends(self) -> tuple[list[int], list[int]]:
        """The special pieces before and after a text's own."""
        return self._before, self._after

    @property
    def size(self) -> int:
        """How many pieces there are."""
        return int(self._tokenizer.get_vocab_size())

    def number(self, piece: str) -> int | None:
        """The number of a piece, if there is such a one."""
        number: int | None = self._tokenizer.token_to_id(piece)
        return number

    def own(self, text: str) -> list[int]:
        """All pieces of a cleaned text itself."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def of(self, text: str) -> list[int]:
        """The pieces that are read of a cleaned text, the special ones among them."""
        ids = self.own(text)
        room = self.reading.max_len - len(self._before) - len(self._after)
        if len(ids) > room:
            tail = {"head": 0, "tail": room}.get(self.reading.truncate, room // 2)
            ids = ids[: room - tail] + (ids[-tail:] if tail else [])
        return [*self._before, *ids, *self._after]


class TextEncoder:
    """Texts to vectors, by the files FILES of a folder."""

    def __init__(self, folder: Path, reading: Reading) -> None:
        """RequestError if the network cannot read texts so long."""
        self.reading, self.pieces = reading, Pieces(folder, reading)
        self.dim = self.pieces.dim
        self._session = open_session(folder / STATES)
        self._outputs = output_names(self._session)[: reading.num_outputs]

    def vectors(self, texts: Sequence[str]) -> Iterator[np.ndarray]:
        """The vector of each cleaned text, float32 [D], in order."""
        with ThreadPoolExecutor(min(len(os.sched_getaffinity(0)), max(len(texts), 1))) as pool:
            for start in range(0, len(texts), BLOCK):
                yield from pool.map(self.vector, texts[start : start + BLOCK])

    def vector(self, text: str) -> np.ndarray:
        """The vector of one cleaned text, float32 [D]; zeros where the tokenizer finds nothing in it."""
        ids = self.pieces.of(text)
        if not ids:
            return np.zeros(self.dim, np.float32)
        states = self._session.run(self._outputs, {INPUT: np.array([ids], np.int64)})
        return self.reading.pooled([states_1LD[0] for states_1LD in states])


class StoredVectors:
    """Vectors that were made before, by their texts' names; `made` says of what and how, None where nothing is stored."""

    def __init__(self, folder: Path | None) -> None:
        self.made: Mapping[str, Any] | None = None
        self._rows: dict[bytes, int] = {}
        if folder is not None:
            self.made = json.loads((folder / MADE).read_text(encoding="utf-8"))
            self._vectors_ND = np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)
            names = np.load(folder / NAMES, allow_pickle=False)
            self._rows = {name.tobytes(): row for row, name in enumerate(names)}

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, name: bytes) -> np.ndarray | None:
        """The vector of the text of that name, float32 [D], if it is there."""
        row = self._rows.get(name)
        return None if row is None else np.asarray(self._vectors_ND[row])


def vectors_of(
    texts: Sequence[str],
    dim: int,
    stored: Sequence[StoredVectors],
    encode: Callable[[list[str]], Iterator[np.ndarray]],
) -> np.ndarray:
    """The vectors of texts as they were ingested, float32 [N, D]; what is stored nowhere is encoded, each text once."""
    clean_texts = [cleaned(text) for text in texts]
    names = [text_name(text) for text in clean_texts]
    vectors_ND = np.zeros((len(texts), dim), np.float32)
    missing: dict[bytes, list[int]] = {}
    for row, name in enumerate(names):
        found = next((vector for each in stored if (vector := each.find(name)) is not None), None)
        if found is None:
            missing.setdefault(name, []).append(row)
        else:
            vectors_ND[row] = found
    made = encode([clean_texts[rows[0]] for rows in missing.values()]) if missing else iter(())
    for rows, vector_D in zip(missing.values(), made, strict=True):
        vectors_ND[rows] = vector_D
    return vectors_ND


def content_digest(folder: Path) -> str:
    """SHA-256 over the files that make vectors of texts."""
    digest = hashlib.sha256()
    for name in FILES:
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@dataclass(frozen=True)
class Encoder:
    """The view as it is served."""

    encoder: TextEncoder
    stored: StoredVectors
    weights_DC: np.ndarray  # noqa: N815
    bias_C: np.ndarray  # noqa: N815
    reads = "text"
    reads_unseen_words = True

    def logits(self, tokens: Tokens) -> np.ndarray:
        """Logits of documents, float32 [N, C]."""
        logits_NC: np.ndarray = self.vectors(tokens) @ self.weights_DC + self.bias_C
        return logits_NC

    def vectors(self, tokens: Tokens) -> np.ndarray:
        """The vectors that its weights read, float32 [N, D]."""
        return vectors_of(tokens.texts, self.encoder.dim, [self.stored], self.encoder.vectors)

    def unseen(self, tokens: Tokens) -> np.ndarray:
        """No word is unknown to it: its tokenizer has pieces for each."""
        return np.zeros(len(tokens), np.int64)


def open_view(source: ModelFolder, name: str) -> Encoder:
    """The view as it is served; vectors that `source` was given are used if they were made by the same weights, as it reads."""
    shape, tensors = source.views[name], source.tensors(name)
    made = dict(shape["made"])
    encoder = TextEncoder(source.folder / name, Reading.of(made))
    stored = StoredVectors(source.embedded)
    return Encoder(encoder, stored if stored.made == made else StoredVectors(None), tensors[WEIGHTS], tensors[BIAS])
