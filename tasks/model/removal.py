"""The shares of words in what any view says, by taking words out of the document: Shapley values (Shapley 1953).

A word's share is what it adds to the words before it, on average over orders in which words may come; a few orders drawn at
random, each of them backwards too, stand for all (Castro, Gomez & Tejada 2009; Mitchell et al. 2022). In every order the shares
add up to what all words together add, so nothing remains. A long document is taken apart in runs of neighbours.

Shapes: N documents, T tokens of them one after another, R runs of a document, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .shares import Shares

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .classifier import Tokens, View

RUNS = 24  # of a document at most
ORDERS = 8  # half of them are the others backwards
SEED = 1953


@dataclass(frozen=True)
class RemovalSplit:
    """What a view says of documents, whose texts have their places with them if the view reads those."""

    view: View
    tokens: Tokens

    @cached_property
    def logits(self) -> np.ndarray:
        """Logits of the documents, float32 [N, C]."""
        return self.view.logits(self.tokens)

    def toward(self, toward_NC: np.ndarray) -> Shares:
        """The shares of each document's logits times its row of `toward_NC`."""
        alone_N, words, first = np.zeros(len(toward_NC)), [np.zeros(0)], 0
        for row, toward_C in enumerate(toward_NC):
            number = len(self.tokens.documents[row])
            run_T = np.arange(number) * min(number, RUNS) // max(number, 1)
            share_R, alone_N[row] = self._shapley(row, first, run_T, toward_C)
            words.append((share_R / np.maximum(np.bincount(run_T, minlength=len(share_R)), 1))[run_T])
            first += number
        return Shares(np.concatenate(words), alone_N, np.zeros(len(toward_NC)))

    def _shapley(self, row: int, first: int, run_T: np.ndarray, toward_C: np.ndarray) -> tuple[np.ndarray, float]:
        """The shares of a document's runs, and what is there without any."""
        num_runs = int(run_T.max(initial=-1)) + 1
        orders = list(_orders(num_runs))
        kept: dict[bytes, np.ndarray] = {}  # which runs are there, each set of them once
        chains = []
        for order_R in orders:
            sets = np.tri(num_runs + 1, num_runs, -1, bool)[:, np.argsort(order_R)]
            chains.append([each.tobytes() for each in sets])
            kept.update(zip(chains[-1], sets, strict=True))
        logits = self.view.logits(self._parts(row, first, [set_R[run_T] for set_R in kept.values()]))
        said = dict(zip(kept, logits.astype(np.float64) @ toward_C, strict=True))
        share_R = np.zeros(num_runs)
        for order_R, chain in zip(orders, chains, strict=True):
            share_R[order_R] += np.diff([said[each] for each in chain]) / len(orders)
        return share_R, float(said[bytes(num_runs)])

    def _parts(self, row: int, first: int, kept: Sequence[np.ndarray]) -> Tokens:
        """The document with some of its tokens, once for each set of those."""
        document = list(self.tokens.documents[row])
        documents = [[token for token, there in zip(document, kept_T, strict=True) if there] for kept_T in kept]
        if self.view.reads != "text":
            return type(self.tokens)(documents)
        text, places = self.tokens.texts[row], slice(first, first + len(document))
        start_T, end_T = (side[places] for side in self.tokens.places)
        return type(self.tokens)(documents, [_without(text, start_T[~kept_T], end_T[~kept_T]) for kept_T in kept])


def _orders(num_runs: int) -> Iterator[np.ndarray]:
    """Orders of runs, each followed by itself backwards; the same ones for every document of so many."""
    generator = np.random.default_rng(SEED)
    for _ in range(ORDERS // 2):
        order_R = generator.permutation(num_runs)
        yield order_R
        yield order_R[::-1]


def _without(text: str, starts: np.ndarray, ends: np.ndarray) -> str:
    """A text without the characters of those places, which ascend and may overlap."""
    parts, at = [], 0
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        parts.append(text[at : max(start, at)])
        at = max(end, at)
    return "".join([*parts, text[at:]])
