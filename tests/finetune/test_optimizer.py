from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tasks.checkout import CHECKOUT
from tasks.finetune import optimizer
from tasks.finetune.optimizer import Optimizer

RULES = ["sgd", "adam", "adamw", "adagrad"]
TORCH: dict[str, Any] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adagrad": torch.optim.Adagrad,
}
TOUCHED = [1, 3, 4]


def sparse_and_dense(
    rule: str, decay: float, mask: torch.Tensor | None = None
) -> tuple[nn.Embedding, torch.Tensor, torch.Tensor]:
    """Six steps on rows 1, 3 and 4 of 6: our embedding, torch's dense one, and both's start."""
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(6, 5, generator=generator)
    ours = nn.Embedding.from_pretrained(start.clone(), freeze=False, sparse=True)
    dense = nn.Parameter(start.clone())
    optimizer = Optimizer([], [(ours.weight, mask)], rule=rule, lr=0.1, row_lr=0.1, weight_decay=decay)
    reference = TORCH[rule]([dense], lr=0.1, weight_decay=decay)
    for _ in range(6):
        target = torch.randn(4, 5, generator=generator)
        rows = torch.tensor([*TOUCHED, 3])  # one row twice: its gradients are summed
        for matrix in (ours.weight, dense):
            loss = (torch.nn.functional.embedding(rows, matrix, sparse=matrix is ours.weight) - target).square().sum()
            loss.backward()
        optimizer.step(1.0)
        reference.step()
        reference.zero_grad()
    return ours, dense.detach(), start


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("rule", RULES)
def test_touched_rows_move_as_with_the_dense_optimizer_and_no_other_moves(rule: str, decay: float) -> None:
    ours, dense, start = sparse_and_dense(rule, decay)
    torch.testing.assert_close(ours.weight[TOUCHED], dense[TOUCHED], rtol=1e-5, atol=1e-6)
    assert torch.equal(ours.weight[[0, 2, 5]], start[[0, 2, 5]])
    assert not torch.equal(ours.weight[TOUCHED], start[TOUCHED])


@pytest.mark.parametrize("rule", ["adam", "adamw"])
def test_adam_is_given_what_torch_2_3_takes(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """torchtext is tied to that version, and its `adam` has no `decoupled_weight_decay`."""
    known = {"amsgrad", "beta1", "beta2", "lr", "weight_decay", "eps", "maximize"}
    given: set[str] = set()
    for name in ("adam", "adamw"):
        monkeypatch.setattr(optimizer, name, lambda *_, **values: given.update(values))
    parameter = nn.Parameter(torch.ones(2))
    parameter.grad = torch.ones(2)
    Optimizer([parameter], [], rule=rule, lr=0.1, row_lr=0.1, weight_decay=0.1).step(1.0)
    assert given == known


@pytest.mark.parametrize("rule", RULES)
def test_rows_outside_the_mask_do_not_move_by_one_bit(rule: str) -> None:
    mask = torch.tensor([False, True, True, False, True, True])
    ours, _, start = sparse_and_dense(rule, 0.1, mask)
    assert torch.equal(ours.weight[3], start[3])
    assert not torch.equal(ours.weight[[1, 4]], start[[1, 4]])


@pytest.mark.parametrize("rule", RULES)
def test_touched_rows_are_pulled_towards_their_start_and_no_other_is_read(rule: str) -> None:
    """A gradient of nothing leaves the pull alone; rows 0 and 2 are not touched, row 3 is not trained."""
    start = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    matrix = nn.Parameter(start.clone())
    mask = torch.tensor([True, True, True, False, True])
    optimizer = Optimizer([], [(matrix, mask)], rule=rule, lr=0.1, row_lr=0.1, weight_decay=0.0, row_pull=0.5)
    with torch.no_grad():
        matrix.add_(1.0)
    for factor in (1.0, 0.5):
        (0 * torch.nn.functional.embedding(torch.tensor([1, 3, 4, 1]), matrix, sparse=True)).sum().backward()
        optimizer.step(factor)
    left = (matrix - start).detach()
    torch.testing.assert_close(left[[1, 4]], torch.full((2, 4), (1 - 0.5) * (1 - 0.25)))
    assert torch.equal(matrix[[0, 2, 3]], (start + 1.0)[[0, 2, 3]])


def test_rows_at_rest_keep_values_and_moments_and_the_steps_of_others_are_not_counted_for_them() -> None:
    """Three steps at rest, then two: as two steps from the beginning."""
    ends = []
    for rest in (3, 0):
        matrix, bias = nn.Parameter(torch.ones(4, 2)), nn.Parameter(torch.zeros(2))
        optimizer = Optimizer([bias], [(matrix, None)], rule="adam", lr=0.1, row_lr=0.1, weight_decay=0.1)
        for step in range(rest + 2):
            matrix.requires_grad_(step >= rest)
            (bias + torch.nn.functional.embedding(torch.tensor([1, 2]), matrix, sparse=True)).square().sum().backward()
            optimizer.step(1.0, clip=5.0)
            if step < rest:
                assert torch.equal(matrix, torch.ones(4, 2))
                assert not optimizer.rows[0].moments["square"].any()
        assert optimizer.rows[0].num_steps == 2
        ends.append(matrix.detach())
    torch.testing.assert_close(*ends, rtol=0.05, atol=0.0)  # the gradients differ, by what the bias has learned


@pytest.mark.parametrize("rule", TORCH)
def test_dense_parameters_move_as_torch_moves_them_to_the_bit_and_go_on_from_what_was_kept(rule: str) -> None:
    generator = torch.Generator().manual_seed(1)
    starts = [torch.randn(7, 5, generator=generator), torch.randn(5, generator=generator)]
    gradients = [[torch.randn(start.shape, generator=generator) for start in starts] for _ in range(6)]
    ours, theirs = ([nn.Parameter(start.clone()) for start in starts] for _ in range(2))
    optimizer = Optimizer(ours, [], rule=rule, lr=0.1, row_lr=0.1, weight_decay=0.01)
    reference = TORCH[rule](theirs, lr=0.1, weight_decay=0.01)
    for number, step in enumerate(gradients):
        for position, gradient in enumerate(step):
            if position and number == 2:  # this one rests
                continue
            ours[position].grad, theirs[position].grad = gradient.clone(), gradient.clone()
        reference.param_groups[0]["lr"] = 0.1 * 0.5**number
        reference.step()
        reference.zero_grad()
        optimizer.step(0.5**number)
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
        assert all(parameter.grad is None for parameter in ours)
        kept, optimizer = optimizer.state(), Optimizer(ours, [], rule=rule, lr=0.1, row_lr=0.1, weight_decay=0.01)
        optimizer.load_state(kept)
    wanted = {
        f"dense.{number}.{name}": value
        for number, state in reference.state_dict()["state"].items()
        for name, value in state.items()
        if isinstance(value, torch.Tensor)
    }
    assert {name: value.tolist() for name, value in optimizer.state().items()} == {
        name: value.tolist() for name, value in wanted.items()
    }


@pytest.mark.long
def test_a_step_imports_no_compiler() -> None:
    program = (
        "import sys, torch; from tasks.finetune.optimizer import Optimizer; bias = torch.nn.Parameter(torch.zeros(3)); "
        "optimizer = Optimizer([bias], [], rule=sys.argv[1], lr=0.1, row_lr=0.1, weight_decay=0.0); "
        "bias.square().sum().backward(); optimizer.step(1.0, clip=1.0); optimizer.load_state(optimizer.state()); "
        "print('torch._dynamo' in sys.modules)"
    )
    for rule in ("adam", "adagrad"):
        said = subprocess.run([sys.executable, "-c", program, rule], cwd=CHECKOUT, capture_output=True, text=True, check=True)
        assert said.stdout.split() == ["False"]


def test_trainable_numbers_are_those_of_dense_parameters_and_of_rows_in_the_mask() -> None:
    matrix, bias = nn.Parameter(torch.ones(4, 3)), nn.Parameter(torch.zeros(2))
    values: dict[str, Any] = {"rule": "adam", "lr": 0.1, "row_lr": 0.1, "weight_decay": 0.0}
    assert Optimizer([bias], [], **values).num_trainable == 2
    assert Optimizer([bias], [(matrix, torch.tensor([False, True, False, True]))], **values).num_trainable == 8
    assert Optimizer([], [(matrix, None), (bias, None)], **values).num_trainable == 14


def test_the_gradient_norm_covers_dense_parameters_and_rows() -> None:
    weight = nn.Embedding.from_pretrained(torch.zeros(4, 1), freeze=False, sparse=True)
    bias = nn.Parameter(torch.zeros(1))
    optimizer = Optimizer([bias], [(weight.weight, None)], rule="sgd", lr=1.0, row_lr=1.0, weight_decay=0.0)
    (3 * weight(torch.tensor([2])).sum() + 4 * bias.sum()).backward()
    optimizer.step(1.0, clip=1.0)
    assert weight.weight[2].item() == pytest.approx(-0.6, abs=1e-5)
    assert bias.item() == pytest.approx(-0.8, abs=1e-5)


def test_a_step_without_any_gradient_for_the_rows_is_allowed() -> None:
    weight = nn.Embedding.from_pretrained(torch.ones(4, 1), freeze=False, sparse=True)
    bias = nn.Parameter(torch.zeros(1))
    optimizer = Optimizer([bias], [(weight.weight, None)], rule="adam", lr=1.0, row_lr=1.0, weight_decay=0.0)
    bias.sum().backward()
    optimizer.step(1.0, clip=1.0)
    assert torch.equal(weight.weight, torch.ones(4, 1))


class Touched(TorchDispatchMode):
    """Counts the numbers that operations read and write: of a table that is read or written by rows, those rows alone."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = func.__name__.partition(".")[0]
        given = [each for each in tree_leaves((args, kwargs, result)) if isinstance(each, torch.Tensor)]
        if name in BY_ROWS:
            given = [each for each in given if each.shape[:1] != self.table]
        if name not in VIEWS:
            self.count += sum(each._nnz() if each.is_sparse else each.numel() for each in given)
        return result

    table: tuple[int, ...] = (250_000,)


BY_ROWS = {"index_select", "index_copy_", "index_add_", "embedding"}
VIEWS = {"detach", "alias", "view", "_values", "_indices", "t", "select", "slice", "unsqueeze", "squeeze", "reshape"}


@pytest.mark.parametrize("rule", ["adam", "adamw"])
def test_a_step_costs_what_the_batch_touches(rule: str) -> None:
    """250,000 x 100 and 4,000 tokens: a step touches ten times fewer numbers than a dense one, at the least."""
    rows = torch.randint(0, 250_000, (4000,), generator=torch.Generator().manual_seed(0))
    start = torch.zeros(250_000, 100)

    def touched(sparse: bool) -> int:
        matrix = nn.Parameter(start.clone())
        ours = Optimizer([], [(matrix, None)], rule=rule, lr=0.1, row_lr=0.1, weight_decay=0.0) if sparse else None
        dense = TORCH[rule]([matrix], lr=0.1)
        counts = []
        for _ in range(2):  # the first may make what the others use
            torch.nn.functional.embedding(rows, matrix, sparse=sparse).sum().backward()
            with Touched() as counted:
                if ours is not None:
                    ours.step(1.0)
                else:
                    dense.step()
            counts.append(counted.count)
            dense.zero_grad()
        return counts[-1]

    assert 4000 * 100 < touched(sparse=True) < touched(sparse=False) / 10
