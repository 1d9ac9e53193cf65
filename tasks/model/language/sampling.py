"""Choose piece after piece of a text that goes on.

Shapes: V pieces of the vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MOST_TOKENS = 10_000


@dataclass(frozen=True)
class Sampling:
    """How a text goes on.

    `temperature` 0 is greedy: always the likeliest piece. Of the pieces only the `top_k` likeliest are left (0: all), and of
    these the likeliest that have `top_p` of the probability together (Holtzman et al. 2020). `repetition_penalty` divides the
    logits of pieces that are in the text already, or multiplies them where they are negative (Keskar et al. 2019).
    """

    max_tokens: int = 100
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int = 0

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Sampling:
        """Make one of the values that are given; RequestError names the one that is wrong."""
        known = {field.name: field.type for field in fields(cls)}
        made: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise RequestError(f"{name} is no setting of a text that goes on; known: {', '.join(known)}")
            if value is None:
                continue
            whole = known[name] == "int"
            if isinstance(value, bool) or not isinstance(value, int | float) or (whole and int(value) != value):
                raise RequestError(f"{name} {value!r} is not {'an integer' if whole else 'a number'}")
            made[name] = int(value) if whole else float(value)
        sampling = cls(**made)
        sampling.check()
        return sampling

    def check(self) -> None:
        """Raise RequestError for a value that is out of its bounds."""
        bounds = {
            "max_tokens": (1, MOST_TOKENS),
            "temperature": (0.0, 100.0),
            "top_k": (0, 1 << 31),
            "top_p": (0.0, 1.0),
            "repetition_penalty": (0.01, 100.0),
            "seed": (0, (1 << 63) - 1),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high or (name == "top_p" and value == 0.0):
                shown = f"above 0, up to {high:g}" if name == "top_p" else f"from {low:,g} to {high:,g}"
                raise RequestError(f"{name} {value} is out of bounds; give a value {shown}")


def distribution(logits_V: np.ndarray, seen: Sequence[int], sampling: Sampling, banned: Sequence[int] = ()) -> np.ndarray:
    """The probability of each piece to come next: float64 [V]. `seen` are the pieces so far; `banned` ones never come."""
    scores_V = logits_V.astype(np.float64)
    if sampling.repetition_penalty != 1.0 and len(seen):
        at = np.unique(np.asarray(seen, np.int64))
        own = scores_V[at]
        scores_V[at] = np.where(own > 0, own / sampling.repetition_penalty, own * sampling.repetition_penalty)
    scores_V[list(banned)] = -np.inf
    order_V = np.argsort(-scores_V, kind="stable")
    if sampling.temperature == 0.0:
        only_V = np.zeros(len(scores_V))
        only_V[order_V[0]] = 1.0
        return only_V
    if sampling.top_k:
        scores_V[order_V[sampling.top_k :]] = -np.inf
    scaled_V = np.exp((scores_V - scores_V[order_V[0]]) / sampling.temperature)
    probabilities_V: np.ndarray = scaled_V / scaled_V.sum()
    if sampling.top_p < 1.0:
        before_V = np.cumsum(probabilities_V[order_V]) - probabilities_V[order_V]
        probabilities_V[order_V[before_V >= sampling.top_p]] = 0.0
        probabilities_V /= probabilities_V.sum()
    return probabilities_V


def continued(
    next_logits: Callable[[list[int]], np.ndarray],
    prompt: Sequence[int],
    sampling: Sampling,
    end: int,
    banned: Sequence[int] = (),
) -> tuple[list[int], bool]:
    """The pieces that follow those of the prompt, and whether the text came to its end; the end is not among them."""
    random = np.random.default_rng(sampling.seed)
    ids, own = list(prompt), list[int]()
    for _ in range(sampling.max_tokens):
        probabilities_V = distribution(next_logits(ids), ids, sampling, banned)
        chosen = int(np.searchsorted(np.cumsum(probabilities_V), random.random() * probabilities_V.sum(), side="right"))
        chosen = min(chosen, int(np.flatnonzero(probabilities_V)[-1]))  # rounding
        if chosen == end:
            return own, True
        ids.append(chosen)
        own.append(chosen)
    return own, False
