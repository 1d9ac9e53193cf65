"""What a step of training descends: the cross-entropy, and if asked for a loss on words moved to where it hurts most.

Miyato, Dai & Goodfellow (2017), "Adversarial training methods for semi-supervised text classification", arXiv 1605.07725. Both
kinds move the embedded words of a document by one vector of a given L2 norm, which costs a second pass, or a third. The paper
normalizes the embedding, lest it outgrow the norm; here its rows start at one length (see words.LENGTH) and are tuned for a few
epochs only. The virtual loss needs no labels, so it may read unlabelled documents beside a step's labelled ones.

Shapes: B documents of a batch, L tokens of the longest, D dimensions, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.finetune.documents import Documents

# Norm of the random step from which the virtual direction is found. A TextCNN's direction had a cosine of 0.99 with that from a
# thirtieth of the norm, and of 0.98 where bfloat16 chose the windows.
PROBE = 0.3


@dataclass(frozen=True)
class Adversary:
    """`kind` is `fgm` (up the loss' gradient) or `virtual` (to where the answer changes most); `norm` is a document's.

    `virtual` moves `per_labelled` of the `unlabelled` documents too for each labelled one of a step.
    """

    kind: str
    norm: float
    dim: int
    unlabelled: Documents | None = None
    per_labelled: float = 0.0


@dataclass(frozen=True)
class Batch:
    """Documents of one step, their labels [B] (None: unlabelled ones), and the network that answers.

    `class_weights` [C] are those of the loss, of which these documents' mean counts by `share`: below 1 for a part of a step.
    `objective(answers, labels)` is the loss in place of the cross-entropy, where there is one.
    """

    network: Callable[..., torch.Tensor]
    inputs: tuple[torch.Tensor | None, ...]
    labels: torch.Tensor | None
    class_weights: torch.Tensor | None
    mixed_precision: bool
    share: float = 1.0
    objective: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def tokens(self) -> torch.Tensor:
        """What the network reads first: of models that read words, their ids [B, L]."""
        assert self.inputs[0] is not None
        return self.inputs[0]

    def logits(self, *shift_BLD: torch.Tensor) -> torch.Tensor:
        """Logits [B, C], float32, of the documents with their words moved."""
        # bfloat16 has float32's range: no loss scaling is needed.
        with torch.autocast(self.tokens.device.type, torch.bfloat16, enabled=self.mixed_precision):
            return self.network(*self.inputs, *shift_BLD).float()

    def loss(self, logits_BC: torch.Tensor) -> torch.Tensor:
        """Cross-entropy in nats, or the objective: the mean of the documents times their share."""
        assert self.labels is not None
        if self.objective is not None:
            return self.objective(logits_BC, self.labels) * self.share
        return functional.cross_entropy(logits_BC, self.labels, self.class_weights) * self.share


def add_gradients(batch: Batch, adversary: Adversary | None, unlabelled: Batch | None = None) -> tuple[float, float]:
    """Add the gradients of the batch's loss to the parameters'; the cross-entropy, and the adversary's loss (0 without one).

    The virtual adversary's loss is the mean of all documents, those of the batch `unlabelled` too.
    """
    if adversary is None:
        loss = batch.loss(batch.logits())
        loss.backward()
        return loss.item(), 0.0
    return _add_fgm(batch, adversary) if adversary.kind == "fgm" else _add_virtual(batch, adversary, unlabelled)


def _add_fgm(batch: Batch, adversary: Adversary) -> tuple[float, float]:
    random = RandomNumbers(batch.tokens.device)
    shift_BLD = _no_shift(batch, adversary).requires_grad_()
    loss = batch.loss(batch.logits(shift_BLD))
    loss.backward()
    assert shift_BLD.grad is not None
    random.again()
    moved = batch.loss(batch.logits(_scaled(shift_BLD.grad, adversary.norm)))
    moved.backward()
    return loss.item(), moved.item()


def _add_virtual(batch: Batch, adversary: Adversary, unlabelled: Batch | None) -> tuple[float, float]:
    probe_BLD = _probe(batch, adversary)
    random = RandomNumbers(batch.tokens.device)
    logits_BC = batch.logits()
    loss = batch.loss(logits_BC)
    loss.backward()
    num_documents = len(batch) + (len(unlabelled) if unlabelled else 0)
    moved = len(batch) / num_documents * _change(batch, adversary, probe_BLD, logits_BC, random)
    moved.backward()
    if not unlabelled:
        return loss.item(), moved.item()
    probe_BLD = _probe(unlabelled, adversary)
    random = RandomNumbers(unlabelled.tokens.device)
    with torch.no_grad():
        logits_BC = unlabelled.logits()
    others = len(unlabelled) / num_documents * _change(unlabelled, adversary, probe_BLD, logits_BC, random)
    others.backward()
    return loss.item(), moved.item() + others.item()


def _probe(batch: Batch, adversary: Adversary) -> torch.Tensor:
    """A random shift from which the virtual direction is found."""
    return _scaled(torch.randn_like(_no_shift(batch, adversary)), PROBE).requires_grad_()


def _change(
    batch: Batch, adversary: Adversary, probe_BLD: torch.Tensor, logits_BC: torch.Tensor, random: RandomNumbers
) -> torch.Tensor:
    """How far the answers are from `logits_BC` once the words are moved to where they change most.

    One power iteration from the probe; Miyato et al. 2019 (arXiv 1704.03976), algorithm 1.
    """
    random.again()
    (direction_BLD,) = torch.autograd.grad(_divergence(logits_BC, batch.logits(probe_BLD)), probe_BLD)
    random.again()
    return _divergence(logits_BC, batch.logits(_scaled(direction_BLD, adversary.norm)))


def _no_shift(batch: Batch, adversary: Adversary) -> torch.Tensor:
    return torch.zeros(*batch.tokens.shape, adversary.dim, device=batch.tokens.device)


def _scaled(shift_BLD: torch.Tensor, norm: float) -> torch.Tensor:
    """Each document's shift at that L2 norm; one of nothing stays nothing."""
    shift_BN = shift_BLD.flatten(1)
    # First by the largest entry: the squares of a sure document's gradient are too small for float32.
    largest_B1 = shift_BN.abs().amax(1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
    return norm * functional.normalize(shift_BN / largest_B1, dim=1).view_as(shift_BLD)


def _divergence(logits_BC: torch.Tensor, moved_BC: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of the moved documents' answers from the first ones, which are taken as given; nats."""
    given_BC = functional.log_softmax(logits_BC.detach(), 1)
    return functional.kl_div(functional.log_softmax(moved_BC, 1), given_BC, reduction="batchmean", log_target=True)


class RandomNumbers:
    """Torch's random numbers from here on, to be drawn again: a document's passes differ by the shift, not by dropout."""

    def __init__(self, device: torch.device) -> None:
        self._device = device if device.type == "cuda" else None
        self._state = torch.get_rng_state() if self._device is None else torch.cuda.get_rng_state(self._device)

    def again(self) -> None:
        """Go back to where this was made."""
        if self._device is None:
            torch.set_rng_state(self._state)
        else:
            torch.cuda.set_rng_state(self._state, self._device)
