from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from tasks.finetune.objective import Adversary, Batch, add_gradients
from tasks.model.views.cnn import TextCNN
from tests.finetune.networks import build

if TYPE_CHECKING:
    from tasks.model.reader import Reader

KINDS = ["mean", "cnn", "bilstm"]
TOKENS = torch.tensor([[2, 3, 4, 5, 6, 7, 2, 3], [4, 0, 0, 0, 0, 0, 0, 0], [0] * 8, [9, 8, 7, 0, 0, 0, 0, 0]])
LABELS = torch.tensor([0, 1, 2, 1])


def make(kind: str, **rates: Any) -> Reader:
    torch.manual_seed(0)
    matrix_VD = torch.randn(10, 6)
    matrix_VD[0] = 0
    return build(kind, matrix_VD, **rates)


class Recorder:
    """A network that keeps the shifts it was given, and what it answered."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.shifts: list[torch.Tensor | None] = []
        self.answers: list[torch.Tensor] = []

    def __call__(self, *inputs: torch.Tensor | None) -> torch.Tensor:
        self.shifts.append(inputs[2].detach().clone() if len(inputs) > 2 else None)
        self.answers.append(self.model(*inputs))
        return self.answers[-1]


def batch(network: Any, labels_B: torch.Tensor = LABELS) -> Batch:
    return Batch(network, (TOKENS, None), labels_B, None, mixed_precision=False)


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    found = {name: p.grad.to_dense().clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_shift_moves_words_and_never_padding(kind: str) -> None:
    model = make(kind).eval()
    still = model(TOKENS)
    padding_BL1 = (TOKENS == 0)[..., None]
    assert torch.equal(model(TOKENS, None, padding_BL1 * torch.ones(4, 8, 6)), still)
    moved = model(TOKENS, None, torch.ones(4, 8, 6))
    assert torch.equal(moved[2], still[2])
    assert (moved[[0, 1, 3]] != still[[0, 1, 3]]).any(1).all()
    # As if the words had other rows.
    other = make(kind).eval()
    with torch.no_grad():
        other.embedding.weight[1:] += 1
    torch.testing.assert_close(moved, other(TOKENS))
    short = model(TOKENS[1:2, :1], None, torch.ones(1, 1, 6))
    torch.testing.assert_close(short, moved[1:2])


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_a_shift_is_the_slope_of_the_loss(kind: str, trained: bool) -> None:
    model = make(kind).double()
    if isinstance(model, TextCNN):
        model.float()  # its responses are float32
    model.embedding.weight.requires_grad_(trained)
    shift_BLD = torch.zeros(4, 8, 6, dtype=model.last.weight.dtype, requires_grad=True)

    def loss(shift_BLD: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(model(TOKENS, None, shift_BLD), LABELS)

    loss(shift_BLD).backward()
    gradient_BLD = shift_BLD.grad
    assert gradient_BLD is not None
    assert torch.equal(gradient_BLD[TOKENS == 0], torch.zeros_like(gradient_BLD[TOKENS == 0]))
    step = 1e-3
    for number in (0, 1, 3):
        along_BLD = torch.zeros_like(gradient_BLD)
        along_BLD[number] = gradient_BLD[number] / gradient_BLD[number].norm()
        with torch.no_grad():
            slope = (loss(step * along_BLD) - loss(-step * along_BLD)) / (2 * step)
        assert slope.item() == pytest.approx(gradient_BLD[number].norm().item(), rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_fgm_adds_the_gradient_at_words_moved_up_the_loss(kind: str) -> None:
    model = make(kind)
    add_gradients(batch(model), None)
    plain = gradients(model)
    network = Recorder(model)
    loss, moved = add_gradients(batch(network), Adversary("fgm", 0.1, 6))
    both = gradients(model)
    assert loss == pytest.approx(functional.cross_entropy(network.answers[0], LABELS).item())
    assert moved > loss
    start_BLD, shift_BLD = network.shifts
    assert start_BLD is not None
    assert shift_BLD is not None
    assert not start_BLD.any()
    assert shift_BLD.flatten(1).norm(dim=1).tolist() == pytest.approx([0.1, 0.1, 0.0, 0.1], abs=1e-6)
    functional.cross_entropy(model(TOKENS, None, shift_BLD), LABELS).backward()
    there = gradients(model)
    assert plain.keys() == both.keys() == there.keys()
    for name, gradient in both.items():
        torch.testing.assert_close(gradient, plain[name] + there[name], rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_the_virtual_direction_changes_the_answers_more_than_chance_and_knows_no_labels(kind: str) -> None:
    model = make(kind)
    found: list[tuple[Any, Any]] = []
    for labels_B in (LABELS, (LABELS + 1) % 3):
        torch.manual_seed(3)
        network = Recorder(model)
        _, moved = add_gradients(batch(network, labels_B), Adversary("virtual", 0.1, 6))
        model.zero_grad()
        found.append((network.shifts[2], moved))
    shift_BLD, moved = found[0]
    assert shift_BLD is not None
    assert torch.equal(shift_BLD, found[1][0])
    assert moved == found[1][1]
    assert shift_BLD.flatten(1).norm(dim=1).tolist() == pytest.approx([0.1, 0.1, 0.0, 0.1], abs=1e-6)
    still_BC = functional.log_softmax(model(TOKENS), 1).detach()
    assert moved == pytest.approx(divergence(still_BC, model(TOKENS, None, shift_BLD)), rel=1e-3)
    by_chance = []
    for _ in range(20):
        random_BLD = torch.randn(4, 8, 6).masked_fill((TOKENS == 0)[..., None], 0)
        random_BLD = 0.1 * functional.normalize(random_BLD.flatten(1), dim=1).view_as(random_BLD)
        by_chance.append(divergence(still_BC, model(TOKENS, None, random_BLD)))
    assert moved > max(by_chance)


def divergence(still_BC: torch.Tensor, moved_BC: torch.Tensor) -> float:
    return (still_BC.exp() * (still_BC - functional.log_softmax(moved_BC, 1))).sum(1).mean().item()


def test_the_virtual_loss_adds_the_gradient_of_the_divergence() -> None:
    model = make("cnn")
    add_gradients(batch(model), None)
    plain = gradients(model)
    network = Recorder(model)
    add_gradients(batch(network), Adversary("virtual", 0.5, 6))
    both = gradients(model)
    given_BC = functional.softmax(model(TOKENS), 1).detach()
    functional.cross_entropy(model(TOKENS, None, network.shifts[2]), given_BC).backward()  # up to a constant
    there = gradients(model)
    for name, gradient in both.items():
        torch.testing.assert_close(gradient, plain[name] + there[name], rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_unlabelled_documents_have_their_share_of_the_virtual_loss_and_none_of_the_cross_entropy(kind: str) -> None:
    """The loss is the mean of all documents' divergences, whichever of them have a label."""
    model = make(kind)
    others = torch.tensor([[5, 6, 7, 0, 0], [3, 3, 9, 8, 2]])
    network = Recorder(model)
    unlabelled = Batch(network, (others, None), None, None, mixed_precision=False)
    loss, moved = add_gradients(batch(network), Adversary("virtual", 0.5, 6), unlabelled)
    both = gradients(model)
    labelled_BLD, others_BLD = network.shifts[2], network.shifts[5]
    assert labelled_BLD is not None
    assert others_BLD is not None
    assert others_BLD.flatten(1).norm(dim=1).tolist() == pytest.approx([0.5, 0.5])
    cross_entropy = functional.cross_entropy(model(TOKENS), LABELS)
    assert loss == pytest.approx(cross_entropy.item())
    changes = []
    for tokens_BL, shift_BLD in ((TOKENS, labelled_BLD), (others, others_BLD)):
        given_BC = functional.softmax(model(tokens_BL), 1).detach()
        changed_BC = functional.log_softmax(model(tokens_BL, None, shift_BLD), 1)
        changes.append((given_BC * (given_BC.log() - changed_BC)).sum(1))
    expected = torch.cat(changes).mean()
    assert moved == pytest.approx(expected.item(), rel=1e-3)
    (cross_entropy + expected).backward()
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(both[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("kind", ["fgm", "virtual"])
def test_passes_of_a_batch_drop_the_same_and_the_next_batch_drops_anew(kind: str) -> None:
    model = make("cnn", dropout=0.5, embedding_dropout=0.3)
    network = Recorder(model)
    for _ in range(2):
        add_gradients(batch(network), Adversary(kind, 1e-6, 6))
    passes = len(network.answers) // 2
    first, second = network.answers[:passes], network.answers[passes:]
    for answers in (first, second):
        torch.testing.assert_close(answers[-1], answers[0], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(first[0], second[0], atol=0.1)


def test_passes_of_unlabelled_documents_drop_the_same() -> None:
    model = make("cnn", dropout=0.5, embedding_dropout=0.3)
    network = Recorder(model)
    unlabelled = Batch(network, (TOKENS, None), None, None, mixed_precision=False)
    add_gradients(batch(network), Adversary("virtual", 1e-6, 6), unlabelled)
    labelled, others = network.answers[:3], network.answers[3:]
    assert len(others) == 3
    torch.testing.assert_close(others[-1], others[0], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(others[0], labelled[0], atol=0.1)


def test_a_gradient_too_small_to_square_still_gives_a_shift_of_the_norm() -> None:
    model = make("mean")
    with torch.no_grad():
        model.last.weight.mul_(1e-25)
    network = Recorder(model)
    add_gradients(batch(network), Adversary("fgm", 0.1, 6))
    shift_BLD = network.shifts[1]
    assert shift_BLD is not None
    assert shift_BLD.flatten(1).norm(dim=1).tolist() == pytest.approx([0.1, 0.1, 0.0, 0.1], abs=1e-6)
