"""The training loop: a generator of epochs that knows neither disk nor logger.

Shapes: N documents, B documents of a batch, C classes.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tasks.finetune.calibrate import temperature
from tasks.finetune.class_weights import How, class_weights
from tasks.finetune.measures import accuracy, log_loss, macro_f1
from tasks.finetune.objective import Adversary, Batch, add_gradients
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tasks.finetune.documents import Documents
    from tasks.finetune.optimizer import Optimizer
    from tasks.finetune.view import TrainedView

SHOWN_NAMES = 8


class NonFiniteLossError(ArithmeticError):
    """The loss of a batch is not a finite number; nothing was updated. The message names the documents."""


@dataclass(frozen=True)
class Recipe:
    """How one view is trained; see FinetuneConfig for each field.

    The learning rate falls over all `epochs`, also where training ends after `last_epoch` of them (None: after all). A step
    reads its batch in `accumulate` parts, one after the other, and adds their gradients: less memory, and the same step.
    `mixed_precision`: on CUDA the network multiplies in bfloat16; `bfloat16`: on any device.
    """

    epochs: int
    batch_size: int
    warmup_share: float = 0.0
    decay: str = "linear"
    clip: float = 0.0
    patience: int = 1_000_000
    class_weights: How = "none"
    mixed_precision: bool = False
    compile: bool = False
    seed: int = 0
    last_epoch: int | None = None
    accumulate: int = 1
    bfloat16: bool = False


@dataclass(frozen=True)
class Epoch:
    """What one pass over the train rows came to. Losses in nats; the learning rate is the last step's.

    The figures of the validation rows are None where there were none. `valid_calibrated_loss` is the log-loss that a
    temperature leaves: it is fitted afterwards in any case. `adversarial_loss` is None without an adversary.
    """

    number: int
    train_loss: float
    learning_rate: float
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    valid_macro_f1: float | None = None
    valid_calibrated_loss: float | None = None
    adversarial_loss: float | None = None

    @property
    def score(self) -> float:
        """What the best epoch has most of; without validation rows the last epoch is the best.

        Not accuracy: on a few thousand rows the differences between epochs are a few documents, and the luckiest epoch is
        not the best one. Not the plain loss: it punishes a model for being sure, which calibration mends.
        """
        return float(self.number) if self.valid_calibrated_loss is None else -self.valid_calibrated_loss


@dataclass
class Training:
    """All that the loop changes, which is what a checkpoint holds, and how it is changed.

    `resting` are parameters that rest in the first `frozen_epochs` epochs (gradual unfreezing, Howard & Ruder 2018). `fold`
    makes the network at the end a plain one, as it is served. `bfloat16`: the network multiplies in it while it is trained.
    `moving` names the tensors of the network that training changes (None: all); no others are kept of an epoch.
    `objective(answers, labels)` is what a step descends in place of the cross-entropy. `reads`: how often an epoch of the view
    reads each document. `epoch` is the class of `history`.
    """

    view: TrainedView
    optimizer: Optimizer
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    adversary: Adversary | None = None
    resting: tuple[torch.nn.Parameter, ...] = ()
    frozen_epochs: int = 0
    fold: Callable[[Training], None] | None = None
    bfloat16: bool = False
    moving: frozenset[str] | None = None
    objective: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None
    reads: int = 1
    epoch: type[Epoch] = Epoch

    @property
    def best_epoch(self) -> Epoch:
        """The epoch with the best validation score; of equals the earliest."""
        return max(self.history, key=lambda epoch: (epoch.score, -epoch.number))

    def finished(self, recipe: Recipe) -> bool:
        """Whether all epochs are run, or `patience` of them, since parameters at rest moved too, without a better score."""
        if not self.history:
            return False
        last, since = self.history[-1].number, max(self.best_epoch.number, self.frozen_epochs)
        return last >= (recipe.last_epoch or recipe.epochs) or last - since >= recipe.patience

    def load_best(self) -> None:
        """Put the best epoch's weights into the model."""
        self.load_weights(self.best)

    def weights(self) -> dict[str, torch.Tensor]:
        """The tensors of the network that training changes, by name; they are not copies."""
        state = self.view.model.state_dict()
        return {name: value for name, value in state.items() if self.moving is None or name in self.moving}

    def load_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Put what `weights` gave into the network."""
        state = self.view.model.state_dict()
        resting = {name: state[name] for name in state.keys() - self.weights().keys()}
        self.view.model.load_state_dict({**resting, **weights})


def train_epochs(
    training: Training, train: Documents, valid: Documents | None, recipe: Recipe, *, progress: Progress = SILENT
) -> Iterator[Epoch]:
    """Train, and yield each epoch when it is done; goes on from `training.history` where that is not empty.

    Without `valid` nothing is chosen: every epoch is run, and the last one's weights are the best.

    What is random in an epoch follows from the seed and the epoch's number alone, so an interrupted training that is taken
    up again ends where an uninterrupted one does. No global random state is left changed. Raises NonFiniteLossError.
    """
    if recipe.accumulate > 1 and training.adversary is not None:
        raise ValueError("an adversary moves the documents of a whole step; accumulate has to be 1")
    balance_C = class_weights(train.labels, recipe.class_weights)
    network = _compiled(training.view.model) if recipe.compile else training.view.model
    while not training.finished(recipe):
        number = len(training.history) + 1
        with reproducible(recipe.seed, number, training.view.device):
            epoch = _run_epoch(training, network, train, recipe, number, balance_C, progress)
        if valid is not None:
            epoch = _measured(epoch, training.view, valid)
        training.history.append(epoch)
        if training.best_epoch is epoch:
            training.best = {name: value.detach().cpu().clone() for name, value in training.weights().items()}
        yield epoch


def _compiled(model: torch.nn.Module) -> Callable[..., torch.Tensor]:
    """The network compiled, with dropout from torch's own random numbers.

    Those that the compiler makes differ between the passes of a step, and an adversary's loss is about the shift alone.
    """
    return torch.compile(model, dynamic=True, options={"fallback_random": True})


def _measured(epoch: Epoch, view: TrainedView, valid: Documents) -> Epoch:
    """The epoch with the fields that validation rows give."""
    logits_NC = view.logits(valid.ids, valid.offsets, valid.unseen)
    return replace(
        epoch,
        valid_loss=log_loss(logits_NC, valid.labels),
        valid_accuracy=accuracy(logits_NC, valid.labels),
        valid_macro_f1=macro_f1(logits_NC, valid.labels),
        valid_calibrated_loss=log_loss(logits_NC / temperature(logits_NC, valid.labels), valid.labels),
    )


def _run_epoch(
    training: Training,
    network: Callable[..., torch.Tensor],
    train: Documents,
    recipe: Recipe,
    number: int,
    balance_C: np.ndarray | None,
    progress: Progress,
) -> Epoch:
    """One pass; the losses are the means of its documents."""
    view, device, adversary = training.view, training.view.device, training.adversary
    view.model.train()
    for parameter in training.resting:
        parameter.requires_grad_(number > training.frozen_epochs)
    num_read = len(train) * training.reads
    num_batches = -(-num_read // recipe.batch_size)
    weights_C = None if balance_C is None else torch.from_numpy(balance_C).to(device)
    mixed = recipe.bfloat16 or (recipe.mixed_precision and device.type == "cuda")
    total, total_moved, factor = 0.0, 0.0, 0.0
    order = np.random.default_rng([recipe.seed, number])
    beside = _beside(training, recipe.batch_size, np.random.default_rng([recipe.seed, number, 1]))
    for batch, rows_B in enumerate(view.epoch(train.offsets, recipe.batch_size, order)):
        value = moved = 0.0
        read = [(train, rows_B), *next(beside)]
        unlabelled = [Batch(network, _inputs(view, *others), None, None, mixed) for others in read[1:]]
        for rows_P, share in _parts(rows_B, train.labels, recipe, balance_C):
            labels_P = torch.from_numpy(train.labels[rows_P]).to(device)
            labelled = Batch(network, _inputs(view, train, rows_P), labels_P, weights_C, mixed, share, training.objective)
            part, part_moved = add_gradients(labelled, adversary, *unlabelled)
            value, moved = value + part, moved + part_moved
        if not math.isfinite(value + moved):
            raise NonFiniteLossError(
                f"{view.member_name}: the loss is {value + moved} in batch {batch + 1} of epoch {number}, "
                f"documents {_shown(read)}; a lower learning rate or a smaller clip usually helps"
            )
        factor = rate_factor((number - 1) * num_batches + batch, recipe.epochs * num_batches, recipe)
        training.optimizer.step(factor, recipe.clip)
        total, total_moved = total + value * len(rows_B), total_moved + moved * len(rows_B)
        last = recipe.last_epoch or recipe.epochs
        note = f"{view.member_name} epoch {number} of {last}, loss {total / ((batch + 1) * recipe.batch_size):.3f}"
        progress.advance((number - 1) * num_batches + batch + 1, last * num_batches, "batches", note)
    adversarial_loss = None if adversary is None else total_moved / num_read
    return Epoch(number, total / num_read, training.optimizer.lr * factor, adversarial_loss=adversarial_loss)


def _parts(
    rows_B: np.ndarray, labels_N: np.ndarray, recipe: Recipe, balance_C: np.ndarray | None
) -> Iterator[tuple[np.ndarray, float]]:
    """The rows [P] of each part of a batch, and its share in the batch's mean loss; a whole batch has share 1."""
    size = -(-recipe.batch_size // recipe.accumulate)
    importance_B = np.ones(len(rows_B)) if balance_C is None else balance_C[labels_N[rows_B]]
    for start in range(0, len(rows_B), size):
        part = slice(start, start + size)
        yield rows_B[part], float(importance_B[part].sum() / importance_B.sum())


def _beside(training: Training, batch_size: int, order: np.random.Generator) -> Iterator[list[tuple[Documents, np.ndarray]]]:
    """For each step the unlabelled documents, and rows of them of like length, that it reads beside the labelled ones.

    Without end; a row comes again only when all others were read in the epoch.
    """
    adversary = training.adversary
    if adversary is None or adversary.unlabelled is None:
        yield from itertools.repeat([])
        return
    size = max(round(adversary.per_labelled * batch_size), 1)
    while True:
        for rows_B in training.view.epoch(adversary.unlabelled.offsets, size, order):
            yield [(adversary.unlabelled, rows_B)]


def _inputs(view: TrainedView, documents: Documents, rows_B: np.ndarray) -> tuple[torch.Tensor | None, ...]:
    return view.inputs(documents.ids, documents.offsets, rows_B, documents.unseen)


def _shown(read: Sequence[tuple[Documents, np.ndarray]]) -> str:
    """The names of documents, SHOWN_NAMES of them."""
    rows = [(documents, int(row)) for documents, rows_B in read for row in rows_B]
    names = [documents.names[row].as_py() for documents, row in rows[:SHOWN_NAMES]]
    return ", ".join(names) + (f" and {len(rows) - SHOWN_NAMES} more" if len(rows) > SHOWN_NAMES else "")


def rate_factor(step: int, num_steps: int, recipe: Recipe) -> float:
    """The share of the peak learning rate at a step, counted from 0: a linear rise, then the decay."""
    warmup = math.ceil(recipe.warmup_share * num_steps)
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(num_steps - warmup, 1)
    return {"none": 1.0, "linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done))}[recipe.decay]


def member_seed(seed: int, member: int) -> int:
    """The seed of a member; the first one's is the configuration's, the others' share nothing with seeds near it."""
    return seed if member == 0 else int(np.random.SeedSequence([seed, member]).generate_state(1)[0])


@contextlib.contextmanager
def reproducible(seed: int, number: int, device: torch.device) -> Iterator[None]:
    """Seed torch inside, and put its random state and settings back after; on CPU only deterministic operations are allowed."""
    # Not torch.use_deterministic_algorithms, which does the same and imports the compiler: two seconds.
    deterministic = torch.get_deterministic_debug_mode()
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    memory.fill_uninitialized_memory = False  # a tenth of the bag's time, for memory that nothing reads
    # On CUDA some sums have no deterministic form and cuBLAS would need an environment variable set before the process began.
    torch.set_deterministic_debug_mode("error" if device.type == "cpu" else "default")
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]) >> 1)
            yield
    finally:
        torch.set_deterministic_debug_mode(deterministic)
        memory.fill_uninitialized_memory = filled


@contextlib.contextmanager
def num_threads(number: int) -> Iterator[None]:
    """Let torch use that many threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
