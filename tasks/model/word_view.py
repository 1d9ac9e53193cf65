"""A network that reads words in order, at most `max_len` of them from one side.

Shapes: N documents, T ids, B documents of a batch, L tokens of the longest of those, U unseen words, D dimensions, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from .neighbours import mean_vectors
from .padding import by_length, padded
from .reader import Ensemble
from .vocabulary import UNK_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import nn

    from .classifier import ModelFolder, Tokens
    from .gradients import GradientSplit
    from .reader import Reader

READ_BATCH = 256  # documents at a time where nothing is trained
READ_TOKENS = 65_536  # and at most this many tokens, padding included


@dataclass(frozen=True)
class WordView:
    """The network, and how its inputs are laid out."""

    name: str
    model: nn.Module
    max_len: int
    truncate: str

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    @property
    def members(self) -> Sequence[Reader]:
        """The networks whose mean it is."""
        return cast("Sequence[Reader]", self.model.members if isinstance(self.model, Ensemble) else [self.model])

    def inputs(
        self, ids: np.ndarray, offsets: np.ndarray, rows_B: np.ndarray, unseen_UD: np.ndarray | None = None
    ) -> tuple[torch.Tensor | None, ...]:
        """The model's arguments for those documents."""
        tokens_BL = torch.from_numpy(padded(ids, offsets, rows_B, max_len=self.max_len, side=self.truncate))
        return tokens_BL.to(self.device), None if unseen_UD is None else torch.from_numpy(unseen_UD).to(self.device)

    def lengths(self, offsets: np.ndarray) -> np.ndarray:
        """How many ids of each document the model reads; int64 [N]."""
        return np.minimum(np.diff(offsets), self.max_len)

    def logits(self, ids: np.ndarray, offsets: np.ndarray, unseen_UD: np.ndarray | None = None) -> np.ndarray:
        """Logits of all documents, float32 [N, C]; nothing is trained."""
        self.model.eval()
        lengths_N = self.lengths(offsets)
        size = max(1, min(READ_BATCH, READ_TOKENS // max(int(lengths_N.max(initial=1)), 1)))
        found: list[tuple[np.ndarray, np.ndarray]] = []
        with torch.inference_mode():
            for rows_B in by_length(lengths_N, size):
                logits_BC = self.model(*self.inputs(ids, offsets, rows_B, unseen_UD))
                found.append((rows_B, logits_BC.float().cpu().numpy()))
        num_classes = found[0][1].shape[1] if found else 0
        logits_NC = np.zeros((len(lengths_N), num_classes), np.float32)
        for rows_B, part in found:
            logits_NC[rows_B] = part
        return logits_NC


@dataclass(frozen=True)
class ServedWords:
    """A view of words as it is served: unseen words get vectors from their character n-grams, where the model has some."""

    view: WordView
    source: ModelFolder

    reads = "words"

    @property
    def reads_unseen_words(self) -> bool:
        """Whether a word outside the vocabulary still says something."""
        return self.source.subwords is not None

    def logits(self, tokens: Tokens) -> np.ndarray:
        """Logits of documents, float32 [N, C]."""
        return self.view.logits(*tokens.words(self.source))

    def split(self, tokens: Tokens) -> GradientSplit:
        """What it says of documents, and which words make it say so, by integrated gradients."""
        from .gradients import GradientSplit

        return GradientSplit(self.view, *tokens.words(self.source))

    def vectors(self, tokens: Tokens) -> np.ndarray:
        """The mean of the documents' word vectors, those of its first member, float32 [N, D]; unknown words count as zeros."""
        ids_T, offsets, unseen_UD = tokens.words(self.source)
        matrix_VD = self.view.members[0].embedding.weight.detach().cpu().numpy()
        known_T, beyond_T = ids_T < len(matrix_VD), ids_T - len(matrix_VD)
        rows_TD = matrix_VD[np.where(known_T, ids_T, UNK_ID)].astype(np.float32)
        rows_TD[ids_T == UNK_ID] = 0.0
        if unseen_UD is not None:
            rows_TD[~known_T] = unseen_UD[beyond_T[~known_T]]
        return mean_vectors(rows_TD, offsets)

    def unseen(self, tokens: Tokens) -> np.ndarray:
        """How many tokens of each document are not in the vocabulary: int64 [N]."""
        ids_T, offsets = self.source.vocabulary.encode(tokens.documents)
        document_T = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        return np.bincount(document_T[ids_T == UNK_ID], minlength=len(offsets) - 1)


def open_words(source: ModelFolder, name: str, build: Callable[[torch.Tensor, Mapping[str, Any]], Reader]) -> ServedWords:
    """The view `name` with the mean of its members, each made by `build` from its embedding and the view's settings."""
    shape, members = source.views[name], list[torch.nn.Module]()
    for number in range(shape["members"]):
        tensors = {key: torch.from_numpy(value) for key, value in source.tensors(name, number).items()}
        members.append(build(tensors["embedding.weight"], shape))
        members[-1].load_state_dict(tensors)
    return ServedWords(WordView(name, Ensemble(members).eval(), shape["max_len"], shape["truncate"]), source)
