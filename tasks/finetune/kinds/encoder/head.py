"""Logistic regression on scaled vectors of texts: the head of a network that stays as it is, or was tuned before.

In go vectors and labels, out come weights for the vectors as they are: the scaling is folded into them. Nothing is random.
Where labels are described in words, the head starts from what the descriptions say and moves away from it only as the rows ask
for it: the penalty is on the difference (Chelba & Acero 2004, "Adaptation of maximum entropy capitalizer"). It is that of the
sum of the rows' losses and not of their mean, so few rows keep to the descriptions, and many leave them.

Shapes: N texts, D dimensions, C classes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tasks.embed.labels_file import read_described
from tasks.embed.similarity import encoded_head
from tasks.finetune.calibrate import temperature
from tasks.finetune.class_weights import class_weights
from tasks.finetune.kinds.encoder.settings import EncoderSettings
from tasks.finetune.logistic import Solver, logistic_regression
from tasks.model.views.encoder import BIAS, WEIGHTS, Reading, TextEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.finetune.job import Job, Trained

VIEW = "encoder"
STEPS = 500  # of L-BFGS at most
# Of so many rows `l2` is the penalty beside descriptions. Chosen on the rows of PhraseBank's train split that were in no draw:
# for draws of 8 to 400 rows a class 3,000 to 100,000 were all better than none, and differed little.
DESCRIBED_ROWS = 10_000
DEAD = 1e-6  # of the largest deviation: dimensions below it are rounding alone; MiniLM has three such of 384


Head = tuple[np.ndarray, np.ndarray]  # weights [D, C] and bias [C]


def with_head(made: Trained, head: Head | None) -> Trained:
    """What was trained, with the head's tensors alone, or with none: what makes vectors is in the model's folder."""
    named = zip((WEIGHTS, BIAS), head, strict=True) if head is not None else ()
    tensors = {f"{VIEW}.{name}": np.ascontiguousarray(value) for name, value in named}
    return replace(made, tensors=tensors, first_tensors={})


def joined_heads(heads: Sequence[Head]) -> Head:
    """Weights [M D, C] and bias [C] for the vectors of M members side by side, whose logits are the mean of theirs.

    Hansen & Salamon 1990, "Neural network ensembles", have the mean of several networks.
    """
    weights, biases = zip(*heads, strict=True)
    return np.concatenate(weights) / np.float32(len(heads)), sum(biases) / np.float32(len(heads))


def member_logits(vectors_NE: np.ndarray, heads: Sequence[Head]) -> list[np.ndarray]:
    """Each member's logits [N, C]; `vectors` are theirs side by side, E = M D."""
    parts = np.split(vectors_NE, len(heads), axis=1)
    return [vectors_ND @ weights_DC + bias_C for vectors_ND, (weights_DC, bias_C) in zip(parts, heads, strict=True)]


def described_texts(job: Job) -> list[tuple[str, ...]] | None:
    """The description and examples of each label of the model, in order; None where no file describes them."""
    path = job.config.settings(EncoderSettings).labels
    return None if path is None else read_described(path).texts(job.labels)


def pretrained_prior(job: Job) -> Head | None:
    """The head that the described labels make by the pretrained network; None where no file describes them."""
    texts, how = described_texts(job), job.config.settings(EncoderSettings)
    if texts is None:
        return None
    if job.weights is None:
        raise ValueError("an encoder needs the folder that the step weights wrote")
    return encoded_head(TextEncoder(job.weights, Reading(how.pooling, how.max_len, how.truncate)), texts)


def fit_head(job: Job, vectors_ND: np.ndarray, labels_N: np.ndarray, prior: Head | None = None, *, states: int = 1) -> Head:
    """Weights [D, C] and bias [C] on vectors as they are, float32; fitted on vectors of mean 0 and deviation 1.

    Where a vector is so many `states` side by side, its deviation is less by their root: together they count as one, so that
    `l2` means the same for any number of them.

    `prior` is the head that it starts from, scaled so that the log-loss of these rows is least: a description that says
    nothing about them is scaled away. Beside it `l2` weighs more the fewer rows there are.

    One BLAS thread: the matrices are small, and two threads wait for one another on a busy machine.
    """
    config = job.config
    weights_C = class_weights(labels_N, job.class_weights)
    importance_N = None if weights_C is None else weights_C[labels_N]
    mean_D, deviation_D = vectors_ND.mean(0, dtype=np.float64), vectors_ND.std(0, dtype=np.float64)
    deviation_D[deviation_D <= DEAD * deviation_D.max()] = np.inf  # scaled to nothing, and of weight 0

    def advance(step: int) -> None:
        job.progress.advance(step, STEPS, "steps", f"logistic regression on {vectors_ND.shape[1]:,} dimensions")

    deviation_D *= states**0.5
    scaled_ND = vectors_ND - mean_D.astype(np.float32)
    scaled_ND /= deviation_D.astype(np.float32)
    start_DC: Any = 0.0
    start_C: Any = 0.0
    start_NC: np.ndarray | None = None
    if prior is not None:
        start_NC = (vectors_ND @ prior[0] + prior[1]).astype(np.float64)
        scale = 1 / temperature(start_NC, labels_N)
        start_DC, start_C, start_NC = scale * prior[0], scale * prior[1], scale * start_NC
    l2 = config.settings(EncoderSettings).l2 * (1 if prior is None else max(1, DESCRIBED_ROWS / len(labels_N)))
    with threadpool_limits(1, user_api="blas"):
        fitted_DC, bias_C = logistic_regression(
            scaled_ND,
            labels_N,
            len(job.labels),
            l2,
            importance_N,
            solver=Solver(STEPS),
            offset_NC=start_NC,
            advance=advance,
        )
    moved_DC = fitted_DC / deviation_D[:, None]
    return (start_DC + moved_DC).astype(np.float32), (start_C + bias_C - mean_D @ moved_DC).astype(np.float32)
