"""Write the vectors of the texts of some splits. In go texts and the folder of weights, out comes a folder with

vectors.npy   float32 [N, D], a row for each different text
texts.npy     uint8 [N, 16], the names of the texts
made.json     the digest of what made them, and how

Parts that are done lie in `scratch`, so a killed call goes on after them; vectors of earlier artifacts that were made in the
same way are copied. Neither changes a byte: a text's vector depends on the text alone.
"""

from __future__ import annotations

import itertools
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tasks.crash import crash_point
from tasks.durable import replaced
from tasks.engine.engine import UnseenError
from tasks.errors import RequestError
from tasks.model.views.encoder import (
    MADE,
    NAME_BYTES,
    NAMES,
    VECTORS,
    Reading,
    StoredVectors,
    TextEncoder,
    cleaned,
    content_digest,
    text_name,
)
from tasks.prepare.read import iter_texts
from tasks.store.digests import sha256_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from tasks.embed.reading import EmbedConfig
    from tasks.engine.engine import Engine
    from tasks.progress import Progress
    from tasks.store.shared.exchange import Exchange, Route

PART = 512  # texts


def made_by(config: EmbedConfig, weights: Path) -> dict[str, Any]:
    """What vectors depend on beside their texts."""
    return {"weights": content_digest(weights), **config.model_dump()}


def write_vectors(
    config: EmbedConfig,
    weights: Path,
    texts: Path,
    splits: Sequence[str],
    folder: Path,
    scratch: Path,
    *,
    earlier: Iterable[Path] = (),
    engine: Engine | None = None,
    exchange: Exchange | None = None,
    progress: Progress,
) -> dict[str, Any]:
    """Embed the texts of `splits`; the report. `earlier` are folders of vectors; those made in the same way are used.

    The parts are done by the workers of `engine` where these are elsewhere: here one network takes every core. Workers that do
    not see the folder of weights have it by `exchange`.
    """
    made = made_by(config, weights)
    wanted: dict[bytes, str] = {}
    for batch in iter_texts(texts, splits):
        for text in batch.column("text").to_pylist():
            wanted.setdefault(text_name(read := cleaned(text)), read)
    stored = [each for each in map(StoredVectors, earlier) if each.made == made]
    found = {name: vector for name in wanted if (vector := _find(stored, name)) is not None}
    missing = [name for name in wanted if name not in found]
    _encoder.cache_clear()  # of another call, whose weights may have changed since
    reading = Reading.of(made)
    dim = _encoder(weights, reading).dim
    parts = [
        _Part(start, tuple(wanted[name] for name in missing[start : start + PART])) for start in range(0, len(missing), PART)
    ]
    for part, vectors_PD in zip(parts, _vectors(parts, weights, reading, made, scratch, engine, exchange), strict=True):
        end = part.first + len(part.texts)
        found |= zip(missing[part.first : end], vectors_PD, strict=True)
        progress.advance(end, len(missing), "texts")
        crash_point("embed.part")
    _encoder.cache_clear()
    vectors_ND = np.array([found[name] for name in wanted], np.float32).reshape(-1, dim)
    if not np.isfinite(vectors_ND).all():
        raise RequestError("a vector of a text has numbers that are not finite, so the weights are damaged; fetch them again")
    np.save(folder / VECTORS, vectors_ND, allow_pickle=False)
    names_NB = np.frombuffer(b"".join(wanted), np.uint8).reshape(-1, NAME_BYTES)
    np.save(folder / NAMES, names_NB, allow_pickle=False)
    (folder / MADE).write_text(json.dumps(made), encoding="utf-8")
    return {"texts": len(wanted), "encoded": len(missing), "dim": dim}


def _find(stored: Sequence[StoredVectors], name: bytes) -> np.ndarray | None:
    return next((vector for each in stored if (vector := each.find(name)) is not None), None)


class _Part(NamedTuple):
    """Some cleaned texts, the first with the number `first`, from 0."""

    first: int
    texts: tuple[str, ...]

    def __str__(self) -> str:
        return f"texts {self.first + 1:,} to {self.first + len(self.texts):,} of those to be encoded"


def encode_part(part: _Part, weights: Path, reading: Reading) -> np.ndarray:
    """The vectors of some texts, float32 [P, D]; UnseenError where the weights are not there."""
    if not weights.is_dir():
        raise UnseenError(f"{weights}: no such folder", str(weights))
    return np.array(list(_encoder(weights, reading).vectors(part.texts)), np.float32)


def encode_elsewhere(part: _Part, reading: Reading, route: Route) -> np.ndarray:
    """`encode_part` on a worker that shares no disk with the command: it has the weights from the bucket."""
    with route.working() as here:
        return encode_part(part, here.folder, reading)


@lru_cache(maxsize=1)
def _encoder(weights: Path, reading: Reading) -> TextEncoder:
    """Opened once in a process."""
    return TextEncoder(weights, reading)


def _vectors(
    parts: Sequence[_Part],
    weights: Path,
    reading: Reading,
    made: dict[str, Any],
    scratch: Path,
    engine: Engine | None,
    exchange: Exchange | None,
) -> Iterator[np.ndarray]:
    """The vectors of each part; from `scratch` if an earlier call came so far."""
    digests = ["".join(text_name(text).hex() for text in part.texts) for part in parts]
    paths = [scratch / f"{sha256_text(json.dumps(made) + named)[:32]}.npy" for named in digests]
    calls = ((part, weights.absolute(), reading) for part, path in zip(parts, paths, strict=True) if not path.is_file())
    encoded: Iterator[np.ndarray] = (encode_part(*call) for call in calls)
    if engine is not None and engine.elsewhere and exchange is not None:
        rest = ((part, reading) for part, _, reading in calls)  # of what `encoded` has not taken
        encoded = itertools.chain(itertools.islice(encoded, 1), exchange.map_ordered(engine, encode_elsewhere, rest))
    elif engine is not None and engine.elsewhere:
        encoded = engine.map_ordered(encode_part, calls, few=1)
    for path in paths:
        if not path.is_file():
            with replaced(path, flushed=True) as partial, partial.open("wb") as file:
                np.save(file, next(encoded), allow_pickle=False)
        yield np.load(path, allow_pickle=False)
