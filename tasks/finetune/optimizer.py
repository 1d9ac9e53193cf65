"""Optimizers whose step costs what the batch touched: torch's own for dense parameters, row by row for sparse gradients.

A row's moments move only when the row has a gradient (as in torch.optim.SparseAdam); the bias correction counts all steps.
Shapes: V rows, D columns, R rows touched by a batch, B rows of a block of those.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BLOCK_NUMBERS = 32_768  # of a moment or gradient that are worked on at a time: they stay in the processor's cache
BETAS, EPSILON, ADAGRAD_EPSILON = (0.9, 0.999), 1e-8, 1e-10  # torch's defaults
MOMENTS = ("exp_avg", "exp_avg_sq", "step")  # as torch.optim names what it keeps of a parameter
STATE = {"sgd": (), "adam": MOMENTS, "adamw": MOMENTS, "adagrad": ("sum", "step")}


class RowOptimizer:
    """Update those rows of a matrix [V, D] that have a gradient and that `trainable_V` allows; no other is read or written.

    Before its step a touched row goes `pull` of the way back to where it started, times the schedule's factor: L2-SP (Li et al.
    2018), decoupled from the gradient as AdamW's weight decay is (Loshchilov & Hutter 2019). Rows at rest feel none.
    """

    def __init__(
        self,
        weight_VD: torch.nn.Parameter,
        rule: str,
        lr: float,
        weight_decay: float,
        trainable_V: torch.Tensor | None = None,
        pull: float = 0.0,
    ) -> None:
        self.weight, self.rule, self.lr, self.weight_decay, self.trainable = weight_VD, rule, lr, weight_decay, trainable_V
        self.pull, self.start = pull, weight_VD.detach().clone() if pull else None
        names = {"sgd": (), "adam": ("mean", "square"), "adamw": ("mean", "square"), "adagrad": ("square",)}[rule]
        self.moments = {name: torch.zeros_like(weight_VD, requires_grad=False) for name in names}
        self.num_steps = 0

    def take_gradient(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows [R], ascending, and their summed gradients [R, D]; the parameter's own gradient is freed.

        A dense gradient touches every row; of a vector [V] a row is one number.
        """
        gradient = self.weight.grad
        self.weight.grad = None
        if gradient is None:
            return torch.zeros(0, dtype=torch.long, device=self.weight.device), self.weight.new_zeros(0, self.weight.shape[1])
        if not gradient.is_sparse:
            return torch.arange(len(gradient), device=gradient.device), gradient
        rows, summed = sum_by_row(gradient._indices()[0], gradient._values())
        if self.trainable is not None:
            allowed = self.trainable[rows]
            rows, summed = rows[allowed], summed[allowed]
        return rows, summed

    @torch.no_grad()
    def step(self, rows_R: torch.Tensor, gradient_RD: torch.Tensor, factor: float) -> None:
        """One update of those rows at `factor` times the learning rate; the gradient is used up."""
        self.num_steps += 1
        size = max(1, BLOCK_NUMBERS // max(gradient_RD[:1].numel(), 1)) if self.weight.device.type == "cpu" else len(rows_R)
        for start in range(0, len(rows_R), max(size, 1)):
            self._update(rows_R[start : start + size], gradient_RD[start : start + size], factor)

    @property
    def num_trainable(self) -> int:
        """How many numbers may move."""
        num_rows = len(self.weight) if self.trainable is None else int(self.trainable.sum())
        return num_rows * self.weight[:1].numel()

    def _update(self, rows_B: torch.Tensor, gradient_BD: torch.Tensor, factor: float) -> None:
        lr, weight_BD = self.lr * factor, self.weight.index_select(0, rows_B)
        if self.start is not None:
            weight_BD.lerp_(self.start.index_select(0, rows_B), self.pull * factor)
        if self.weight_decay and self.rule == "adamw":
            weight_BD.mul_(1 - lr * self.weight_decay)
        elif self.weight_decay:
            gradient_BD.add_(weight_BD, alpha=self.weight_decay)
        weight_BD.sub_(self._direction(rows_B, gradient_BD), alpha=lr)
        self.weight.index_copy_(0, rows_B, weight_BD)

    def _direction(self, rows_B: torch.Tensor, gradient_BD: torch.Tensor) -> torch.Tensor:
        if self.rule == "sgd":
            return gradient_BD
        if self.rule == "adagrad":
            square_BD = self.moments["square"].index_select(0, rows_B).addcmul_(gradient_BD, gradient_BD)
            self.moments["square"].index_copy_(0, rows_B, square_BD)
            return gradient_BD.div_(square_BD.sqrt_().add_(ADAGRAD_EPSILON))
        first, second = BETAS
        mean_BD = self.moments["mean"].index_select(0, rows_B).lerp_(gradient_BD, 1 - first)
        square_BD = self.moments["square"].index_select(0, rows_B).mul_(second)
        square_BD.addcmul_(gradient_BD, gradient_BD, value=1 - second)
        self.moments["mean"].index_copy_(0, rows_B, mean_BD)
        self.moments["square"].index_copy_(0, rows_B, square_BD)
        spread_BD = square_BD.sqrt_().div_(math.sqrt(1 - second**self.num_steps)).add_(EPSILON)
        return mean_BD.div_(1 - first**self.num_steps).div_(spread_BD)


class DenseOptimizer:
    """Update dense parameters by torch's own rules, called as functions.

    Making a torch.optim.Optimizer imports torch's compiler, and that takes seconds. The steps are the same to the bit, and so
    are the names of what is kept of a parameter. A parameter without a gradient keeps its moments and its count of steps.
    """

    def __init__(self, parameters: Sequence[torch.nn.Parameter], rule: str, lr: float, weight_decay: float) -> None:
        self.parameters, self.rule, self.lr, self.weight_decay = list(parameters), rule, lr, weight_decay
        self.state: list[dict[str, torch.Tensor]] = [{} for _ in self.parameters]

    def step(self, factor: float) -> None:
        """One update at `factor` times the learning rate; the gradients are freed."""
        moving = [(p, p.grad, state) for p, state in zip(self.parameters, self.state, strict=True) if p.grad is not None]
        for parameter, _, state in moving:
            for name in STATE[self.rule] if not state else ():
                state[name] = torch.tensor(0.0) if name == "step" else torch.zeros_like(parameter, requires_grad=False)
        parameters: list[torch.Tensor] = [parameter for parameter, _, _ in moving]
        gradients = [gradient for _, gradient, _ in moving]
        kept = [[state[name] for _, _, state in moving] for name in STATE[self.rule]]
        values: dict[str, Any] = {"lr": self.lr * factor, "weight_decay": self.weight_decay, "maximize": False}
        with torch.no_grad():
            if self.rule == "sgd":
                sgd(parameters, gradients, [None] * len(moving), momentum=0.0, dampening=0.0, nesterov=False, **values)
            elif self.rule == "adagrad":
                sums, steps = kept
                adagrad(parameters, gradients, sums, steps, lr_decay=0.0, eps=ADAGRAD_EPSILON, **values)
            else:
                means, squares, steps = kept
                first, second = BETAS
                values |= {"beta1": first, "beta2": second, "eps": EPSILON, "amsgrad": False}
                rule = adamw if self.rule == "adamw" else adam  # torch 2.3's adam cannot decouple the decay
                rule(parameters, gradients, means, squares, [], steps, **values)
        for moved in parameters:
            moved.grad = None


def sum_by_row(indices_T: torch.Tensor, values_TD: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The distinct indices [R], ascending, and for each the sum of its values [R, D], added in their order.

    Faster than coalesce() or unique() and index_add_(), and nothing of V rows is built: indices are sorted with their
    positions in one integer each, and the values summed as an embedding bag sums its rows.
    """
    bits = max(len(indices_T) - 1, 1).bit_length()
    packed_T = (indices_T << bits) | torch.arange(len(indices_T), device=indices_T.device)
    if packed_T.device.type == "cpu":
        packed_T.numpy().sort()  # a vectorised sort, several times as fast as torch's
    else:
        packed_T = packed_T.sort().values
    rows_R, counts_R = torch.unique_consecutive(packed_T >> bits, return_counts=True)
    starts_R = counts_R.cumsum(0) - counts_R
    order_T = packed_T & ((1 << bits) - 1)
    return rows_R, torch.nn.functional.embedding_bag(order_T, values_TD, starts_R, mode="sum")


@dataclass(frozen=True)
class DenseGroup:
    """Parameters whose learning rate is `scale` times the optimizer's, with a weight decay of their own."""

    parameters: Sequence[torch.nn.Parameter]
    scale: float
    weight_decay: float


class Optimizer:
    """One step over dense parameters and embedding matrices together, with one gradient norm."""

    def __init__(
        self,
        dense: Sequence[torch.nn.Parameter],
        rows: Sequence[tuple[torch.nn.Parameter, torch.Tensor | None]],
        *,
        rule: str,
        lr: float,
        row_lr: float,
        weight_decay: float,
        row_pull: float = 0.0,
        groups: Sequence[DenseGroup] = (),
    ) -> None:
        """`rows` pairs each sparse parameter with a mask [V] of the rows that may move (None: all).

        `groups` are more dense parameters, with rates of their own.
        """
        self.lr = lr
        self.rows = [RowOptimizer(weight, rule, row_lr, weight_decay, mask, row_pull) for weight, mask in rows]
        self.dense = DenseOptimizer(dense, rule, lr, weight_decay)
        self.others = [DenseOptimizer(each.parameters, rule, lr * each.scale, each.weight_decay) for each in groups]

    @property
    def parts(self) -> list[DenseOptimizer]:
        """What moves the dense parameters."""
        return [self.dense, *self.others]

    @property
    def num_trainable(self) -> int:
        """How many numbers may move."""
        return sum(p.numel() for part in self.parts for p in part.parameters) + sum(rows.num_trainable for rows in self.rows)

    def step(self, factor: float, clip: float = 0.0) -> None:
        """Apply the gradients at `factor` times the learning rates; their norm is first brought down to `clip` (0: never).

        Parameters at rest (`requires_grad` off) are passed over: their moments and their count of steps stay.
        """
        dense = [p for part in self.parts for p in part.parameters if p.grad is not None]
        moving = [optimizer for optimizer in self.rows if optimizer.weight.requires_grad]
        sparse = [optimizer.take_gradient() for optimizer in moving]
        if clip:
            gradients = [p.grad for p in dense if p.grad is not None] + [gradient for _, gradient in sparse]
            norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))
            scale = (clip / (norm + 1e-6)).clamp(max=1.0)  # as torch.nn.utils.clip_grad_norm_
            for gradient in gradients:
                gradient.mul_(scale)
        for part in self.parts:
            part.step(factor)
        for optimizer, (rows_R, gradient_RD) in zip(moving, sparse, strict=True):
            optimizer.step(rows_R, gradient_RD, factor)

    def state(self) -> dict[str, torch.Tensor]:
        """All moments and counters by name, for a checkpoint."""
        tensors = {
            f"dense.{number}.{name}": value
            for number, (_, state) in enumerate(self._moments())
            for name, value in state.items()
        }
        for number, optimizer in enumerate(self.rows):
            tensors |= {f"rows.{number}.{name}": value for name, value in optimizer.moments.items()}
            tensors[f"rows.{number}.num_steps"] = torch.tensor(optimizer.num_steps)
        return tensors

    def load_state(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take over what `state` gave."""
        dense = self._moments()
        for key, value in tensors.items():
            kind, number, name = key.split(".")
            if kind == "dense":
                parameter, state = dense[int(number)]
                state[name] = value.to(value.device if name == "step" else parameter.device, copy=True)
            elif name == "num_steps":
                self.rows[int(number)].num_steps = int(value)
            else:
                self.rows[int(number)].moments[name].copy_(value)

    def _moments(self) -> list[tuple[torch.nn.Parameter, dict[str, torch.Tensor]]]:
        """Each dense parameter with its moments, in the order in which a checkpoint numbers them."""
        return [pair for part in self.parts for pair in zip(part.parameters, part.state, strict=True)]
