"""Several tuned networks as one, whose states are theirs side by side: one ONNX file, one vector of a text, one head.

Shapes: B texts, L pieces of the longest, M members, D dimensions of one.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence


class SideBySide(torch.nn.Module):
    """Networks that read the same pieces; it answers as each of them does, with states [B, L, M D]."""

    def __init__(self, networks: Sequence[Any]) -> None:
        super().__init__()
        self.networks, self.config = torch.nn.ModuleList(networks), networks[0].config

    def forward(self, **given: Any) -> SimpleNamespace:
        """The last states, and the hidden ones where they are asked for."""
        made = [network(**given) for network in self.networks]
        answers = SimpleNamespace(last_hidden_state=torch.cat([each.last_hidden_state for each in made], -1))
        if given.get("output_hidden_states"):
            layers = zip(*(each.hidden_states for each in made), strict=True)
            answers.hidden_states = tuple(torch.cat(states, -1) for states in layers)
        return answers


def joined_network(networks: Sequence[Any]) -> Any:
    """The one network, or all side by side."""
    return networks[0] if len(networks) == 1 else SideBySide(networks)
