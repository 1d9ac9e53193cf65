"""What a kind gives to be trained as a network that reads words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from tasks.finetune.documents import bucketed
from tasks.model.classifier import member_name
from tasks.model.word_view import WordView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np

    from tasks.finetune.networks.settings import NetworkSettings
    from tasks.model.reader import Reader


@dataclass(frozen=True)
class Network:
    """`build(matrix_VD, num_classes, bfloat16, rates)` makes it, from torch's random numbers; its embedding is a
    copy of the matrix.

    `rate` is the learning rate by default, `shape` what its view is opened with. `bfloat16_on_processor`: where a processor
    multiplies in bfloat16 itself, this network is faster so.
    """

    name: str
    rate: float
    build: Callable[[torch.Tensor, int, bool, Mapping[str, float]], Reader]
    shape: Mapping[str, Any] = field(default_factory=dict)
    bfloat16_on_processor: bool = False

    def trains_in_bfloat16(self, settings: NetworkSettings, device: torch.device) -> bool:
        """Whether it multiplies in bfloat16 while it trains, else in float32.

        That follows from the machine, not from the configuration alone, and the weights depend on it: so reports name it, and
        a checkpoint of one kind is not gone on with in the other.
        """
        if not settings.mixed_precision:
            return False
        return device.type == "cuda" or (self.bfloat16_on_processor and has_bfloat16_units())


@dataclass(frozen=True)
class NetworkView(WordView):
    """A network while it is trained: one of its kind's members, counted from 0."""

    member: int = 0

    @property
    def member_name(self) -> str:
        """What tensors, files and messages of this member are named by."""
        return member_name(self.name, self.member)

    def epoch(self, offsets: np.ndarray, batch_size: int, order: np.random.Generator) -> Iterator[np.ndarray]:
        """Rows of each batch of one training epoch."""
        return bucketed(self.lengths(offsets), batch_size, order)


def has_bfloat16_units() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware (AMX: ten times float32's speed); else it is slower.

    False too where torch is too old to tell.
    """
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return capabilities.get("amx_bf16", False)
