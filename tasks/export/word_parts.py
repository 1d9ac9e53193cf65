"""What an export holds of a network that reads words: its tensors, and the words and character n-grams that it reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tasks.export.served.arrays import text_of
from tasks.model.views.bilstm import BiLSTM
from tasks.model.views.cnn import TextCNN
from tasks.model.views.mean import Mean

if TYPE_CHECKING:
    from tasks.model.reader import Ensemble
    from tasks.model.subwords import Subwords
    from tasks.model.word_view import ServedWords

ROWS = "rows"  # under which the words of all networks of a model are
ARITHMETIC = {Mean: "average", TextCNN: "windows", BiLSTM: "states"}  # by the names that the reader's table has


def word_part(view: ServedWords) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """Settings of a network and its tensors by member; None for a network that the reader does not have."""
    members: list[Any] = list(cast("Ensemble", view.view.model).members)
    if type(members[0]) not in ARITHMETIC:
        return None
    settings: dict[str, Any] = {
        "reads": ARITHMETIC[type(members[0])],
        "members": len(members),
        "max_len": view.view.max_len,
        "truncate": view.view.truncate,
        "dim": members[0].embedding.embedding_dim,
        "subwords": _subword_settings(view.source.subwords),
    }
    if isinstance(members[0], TextCNN):
        settings["widths"] = list(members[0].widths)
    tensors = [(number, member.state_dict()) for number, member in enumerate(members)]
    return settings, {f"{at}.{name}": value.numpy() for at, state in tensors for name, value in state.items()}


def shared_words(view: ServedWords) -> dict[str, np.ndarray]:
    """The words that have rows, in order, and the table of character n-grams, if the model has one."""
    arrays = {f"{ROWS}.words": text_of(list(view.source.vocabulary.tokens))}
    subwords = view.source.subwords
    return arrays if subwords is None else {**arrays, f"{ROWS}.subwords": np.asarray(subwords.table)}


def _subword_settings(subwords: Subwords | None) -> dict[str, int] | None:
    if subwords is None:
        return None
    return {name: getattr(subwords, name) for name in ("minn", "maxn", "leading", "padding")}
