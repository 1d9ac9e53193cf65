"""Answers with the words that made them, as columns of Arrow. Shapes: N texts, C labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tasks.score.answers import answers, reasons
from tasks.score.explain import check_explains, explanations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.model.explain import Explained, Explanation
    from tasks.register.models import LoadedModel

SHARE = pa.struct([("word", pa.string()), ("start", pa.int32()), ("end", pa.int32()), ("share", pa.float32())])
WORDS = pa.list_(SHARE)


def explained_answers(loaded: LoadedModel, texts: Sequence[str]) -> tuple[np.ndarray, list[str | None], pa.ChunkedArray]:
    """What `answers` gives, and the words of each text [N] as WORDS: null for one without tokens.

    RequestError for a model that cannot tell.
    """
    check_explains(loaded)
    if not hasattr(loaded.model, "answer_explained"):  # a package of when explanations had no columns
        return *answers(loaded.model, texts), pa.chunked_array([_listed(explanations(loaded, texts))], WORDS)
    probabilities, blank, words = [np.zeros((0, len(loaded.model.labels)), np.float32)], list[str | None](), list[pa.Array]()
    for answer, explained in loaded.model.answer_explained(texts):
        probabilities.append(answer.probabilities)
        blank += reasons(answer.tokens, answer)
        words.append(_columns(explained))
    return np.concatenate(probabilities), blank, pa.chunked_array(words, WORDS)


def of_other_labels(
    loaded: LoadedModel, words: pa.ChunkedArray, texts: Sequence[str], labels: Mapping[int, str]
) -> pa.ChunkedArray:
    """The words of each text [N], of those in `labels` as they speak for the label given there, which is not the likeliest."""
    if not labels:
        return words
    anew = _listed(explanations(loaded, [texts[at] for at in labels], list(labels.values())))
    place_N = np.arange(len(texts))
    place_N[list(labels)] = len(texts) + np.arange(len(labels))
    return pa.chunked_array([*words.chunks, anew], WORDS).take(pa.array(place_N))


def _columns(explained: Explained) -> pa.ListArray:
    fields = [
        pa.array(explained.words, pa.string()),
        pa.array(explained.starts.astype(np.int32)),
        pa.array(explained.ends.astype(np.int32)),
        pa.array(explained.shares.astype(np.float32)),
    ]
    empty = np.diff(explained.first, append=explained.first[-1] + 1) == 0  # an offset that is null makes its text's list null
    offsets = pa.array(explained.first.astype(np.int32), mask=empty)
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(fields, fields=list(SHARE)))


def _listed(explained: Sequence[Explanation | None]) -> pa.Array:
    return pa.array([None if each is None else [word._asdict() for word in each.words] for each in explained], WORDS)
