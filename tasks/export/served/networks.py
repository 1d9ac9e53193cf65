"""The networks that read words, in NumPy: what torch computes in tasks/model/views, written with arrays alone.

Shapes: B documents, L words, D dimensions, F filters of one width W, H units of one direction, C classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.export.served.words import WordView

if TYPE_CHECKING:
    from collections.abc import Mapping


class AverageView(WordView):
    """A linear layer on the average of the words' vectors."""

    def network(self, member: Mapping[str, np.ndarray], embedded_BLD: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Logits [B, C]."""
        return _last(member, embedded_BLD.sum(1) / np.maximum(lengths_B, 1)[:, None])


class WindowsView(WordView):
    """Filters over windows of words, the strongest window of each kept (Kim 2014)."""

    def __init__(self, arrays: Mapping[str, np.ndarray], name: str, settings: Mapping[str, Any]) -> None:
        super().__init__(arrays, name, settings)
        self.shortest = max(settings["widths"])

    def network(self, member: Mapping[str, np.ndarray], embedded_BLD: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Logits [B, C]."""
        strongest = []
        for number, width in enumerate(self.settings["widths"]):
            weight_FE, bias_F = member[f"filters.{number}.weight"], member[f"filters.{number}.bias"]
            places = embedded_BLD.shape[1] - width + 1
            windows = np.concatenate([embedded_BLD[:, at : at + places] for at in range(width)], axis=2)
            response_BPF = windows @ weight_FE.T
            beyond_BP = np.arange(places) > np.maximum(lengths_B - width, 0)[:, None]
            response_BPF[beyond_BP] = -np.inf
            strongest.append(response_BPF.max(1) + bias_F)
        return _last(member, np.maximum(np.concatenate(strongest, axis=1), 0))


class StatesView(WordView):
    """A long short-term memory in both directions, maximum and mean over its states (Hochreiter & Schmidhuber 1997)."""

    def network(self, member: Mapping[str, np.ndarray], embedded_BLD: np.ndarray, lengths_B: np.ndarray) -> np.ndarray:
        """Logits [B, C]. An empty document is read as one word of zeros."""
        lengths_B = np.maximum(lengths_B, 1)
        embedded_BLD = embedded_BLD[:, : int(lengths_B.max())]
        at_BL = np.arange(embedded_BLD.shape[1])[None]
        inside_BL = at_BL < lengths_B[:, None]
        back_BL = np.where(inside_BL, lengths_B[:, None] - 1 - at_BL, at_BL)  # each document from its end
        rows = np.arange(len(lengths_B))[:, None]
        forward = _states(member, "", embedded_BLD)
        backward = _states(member, "_reverse", embedded_BLD[rows, back_BL])[rows, back_BL]
        states_BLH = np.concatenate([forward, backward], axis=2)
        largest = np.where(inside_BL[..., None], states_BLH, -np.inf).max(1)
        total = np.where(inside_BL[..., None], states_BLH, 0).sum(1)
        return _last(member, np.concatenate([largest, total / lengths_B[:, None]], axis=1))


def _states(member: Mapping[str, np.ndarray], direction: str, embedded_BLD: np.ndarray) -> np.ndarray:
    """States [B, L, H] of one direction; the gates are in torch's order: input, forget, cell, output."""
    own = {name: member[f"lstm.{name}_l0{direction}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    inputs_BLG = embedded_BLD @ own["weight_ih"].T + (own["bias_ih"] + own["bias_hh"])
    recurrent_HG = own["weight_hh"].T
    state_BH = np.zeros((len(embedded_BLD), len(recurrent_HG)), np.float32)
    cell_BH, states = np.zeros_like(state_BH), []
    for at in range(embedded_BLD.shape[1]):
        enters, forgets, new, leaves = np.split(inputs_BLG[:, at] + state_BH @ recurrent_HG, 4, axis=1)
        cell_BH = _sigmoid(forgets) * cell_BH + _sigmoid(enters) * np.tanh(new)
        state_BH = _sigmoid(leaves) * np.tanh(cell_BH)
        states.append(state_BH)
    return np.stack(states, axis=1)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * (np.tanh(0.5 * values) + 1)  # of no number too large


def _last(member: Mapping[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    return features @ member["last.weight"].T + member["last.bias"]
