"""Write the vectors of the texts of some splits. In go texts and the folder of weights, out comes a folder with

vectors.npy   float32 [N, D], a row for each different text
texts.npy     uint8 [N, 16], the names of the texts
made.json     the digest of what made them, and how

Parts that are done lie in `scratch`, so a killed call goes on after them; vectors of earlier artifacts that were made in the
same way are copied. Neither changes a byte: a text's vector depends on the text alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.crash import crash_point
from tasks.durable import replaced
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
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tasks.embed.reading import EmbedConfig
    from tasks.progress import Progress

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
    progress: Progress,
) -> dict[str, Any]:
    """Embed the texts of `splits`; the report. `earlier` are folders of vectors; those made in the same way are used."""
    made = made_by(config, weights)
    wanted: dict[bytes, str] = {}
    for batch in iter_texts(texts, splits):
        for text in batch.column("text").to_pylist():
            wanted.setdefault(text_name(read := cleaned(text)), read)
    stored = [each for each in map(StoredVectors, earlier) if each.made == made]
    found = {name: vector for name in wanted if (vector := _find(stored, name)) is not None}
    missing = [name for name in wanted if name not in found]
    encoder = TextEncoder(weights, Reading(config.pooling, config.max_len, config.truncate))
    for start in range(0, len(missing), PART):
        part = missing[start : start + PART]
        found |= zip(part, _part(encoder, [wanted[name] for name in part], made, scratch), strict=True)
        progress.advance(start + len(part), len(missing), "texts")
        crash_point("embed.part")
    vectors_ND = np.array([found[name] for name in wanted], np.float32).reshape(-1, encoder.dim)
    if not np.isfinite(vectors_ND).all():
        raise RequestError("a vector of a text has numbers that are not finite, so the weights are damaged; fetch them again")
    np.save(folder / VECTORS, vectors_ND, allow_pickle=False)
    names_NB = np.frombuffer(b"".join(wanted), np.uint8).reshape(-1, NAME_BYTES)
    np.save(folder / NAMES, names_NB, allow_pickle=False)
    (folder / MADE).write_text(json.dumps(made), encoding="utf-8")
    return {"texts": len(wanted), "encoded": len(missing), "dim": encoder.dim}


def _find(stored: Sequence[StoredVectors], name: bytes) -> np.ndarray | None:
    return next((vector for each in stored if (vector := each.find(name)) is not None), None)


def _part(encoder: TextEncoder, texts: list[str], made: dict[str, Any], scratch: Path) -> np.ndarray:
    """The vectors of some texts, float32 [P, D]; from `scratch` if an earlier call came so far."""
    named = "".join(text_name(text).hex() for text in texts)
    path = scratch / f"{sha256_text(json.dumps(made) + named)[:32]}.npy"
    if not path.is_file():
        vectors_PD = np.array(list(encoder.vectors(texts)), np.float32)
        with replaced(path, flushed=True) as partial, partial.open("wb") as file:
            np.save(file, vectors_PD, allow_pickle=False)
    kept: np.ndarray = np.load(path, allow_pickle=False)
    return kept
