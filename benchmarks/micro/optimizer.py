"""One training step of an embedding and a linear layer: sparse rows (textmill's optimizer) beside torch's dense Adam.

    python -m benchmarks.micro.optimizer --words 250000

Word frequencies follow Zipf's law; a batch holds 64 documents of 250 tokens. `step` is the optimizer's part alone,
`whole` also the forward and backward pass. Medians of interleaved rounds. Shapes: B documents, L tokens, V words, D dimensions.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

from tasks.finetune.optimizer import Optimizer

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTS, TOKENS, DIM, LEARNING_RATE = 64, 250, 100, 1e-3


def batches(num_words: int, number: int) -> list[torch.Tensor]:
    """Token ids int64 [B, L], Zipf-distributed over `num_words`."""
    weights_V = 1.0 / np.arange(1, num_words + 1)
    cumulative_V = np.cumsum(weights_V / weights_V.sum())
    random = np.random.default_rng(13)
    drawn = [np.searchsorted(cumulative_V, random.random((DOCUMENTS, TOKENS))) for _ in range(number)]
    return [torch.from_numpy(np.minimum(ids_BL, num_words - 1)) for ids_BL in drawn]


class Contender:
    """A model and the way it is updated."""

    def __init__(self, num_words: int, *, sparse: bool) -> None:
        torch.manual_seed(13)
        self.embedding, self.last = nn.Embedding(num_words, DIM, sparse=sparse), nn.Linear(DIM, 2)
        self.update: Callable[[], None] = self._sparse() if sparse else self._dense()

    def _sparse(self) -> Callable[[], None]:
        rates: dict[str, Any] = {"lr": LEARNING_RATE, "row_lr": LEARNING_RATE, "weight_decay": 0.0}
        optimizer = Optimizer(
            list(self.last.parameters()), [(cast("nn.Parameter", self.embedding.weight), None)], rule="adam", **rates
        )
        return lambda: optimizer.step(1.0)

    def _dense(self) -> Callable[[], None]:
        optimizer = torch.optim.Adam([*self.embedding.parameters(), *self.last.parameters()], lr=LEARNING_RATE)

        def update() -> None:
            optimizer.step()
            optimizer.zero_grad()

        return update

    def train(self, tokens_BL: torch.Tensor) -> tuple[float, float]:
        """Seconds of the optimizer alone and of the whole step."""
        start = time.perf_counter()
        loss = nn.functional.cross_entropy(self.last(self.embedding(tokens_BL).mean(1)), tokens_BL[:, 0] % 2)
        loss.backward()
        before = time.perf_counter()
        self.update()
        end = time.perf_counter()
        return end - before, end - start


def main() -> None:
    """Time both in turn, so that whatever else the machine does falls on both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--words", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    contenders = {"sparse": Contender(arguments.words, sparse=True), "dense": Contender(arguments.words, sparse=False)}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    given = batches(arguments.words, arguments.rounds + 3)
    for tokens_BL in given:
        for name, contender in contenders.items():
            times[name].append(contender.train(tokens_BL))
    answer: dict[str, float] = {"rows_touched": round(statistics.mean(len(tokens_BL.unique()) for tokens_BL in given))}
    for name, pairs in times.items():
        steps, wholes = zip(*pairs[3:], strict=True)  # the first rounds pay for memory that later ones reuse
        answer[f"{name}_step_ms"] = round(1e3 * statistics.median(steps), 3)
        answer[f"{name}_whole_ms"] = round(1e3 * statistics.median(wholes), 3)
    answer["step_ratio"] = round(answer["dense_step_ms"] / answer["sparse_step_ms"], 2)
    answer["whole_ratio"] = round(answer["dense_whole_ms"] / answer["sparse_whole_ms"], 2)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
