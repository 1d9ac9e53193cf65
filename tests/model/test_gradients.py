"""Integrated gradients of networks: they add up, they are captum's, and words that are not read have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients

from tasks.model.gradients import STEPS, GradientSplit
from tasks.model.padding import padded
from tasks.model.reader import Ensemble
from tasks.model.word_view import WordView
from tests.finetune.networks import NETWORKS, build

if TYPE_CHECKING:
    from tasks.model.reader import Reader

DIM, WORDS, MAX_LEN = 6, 9, 12
LENGTHS = (5, 0, 3, 12, 1, 20)  # the last one is longer than is read
TOWARD_NC = np.array([[1.0, -0.5, -0.5]] * 3 + [[-0.5, 1.0, -0.5]] * 3)


@pytest.fixture
def read() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ids of documents, their offsets, and vectors of two words beyond the vocabulary."""
    generator = np.random.default_rng(5)
    offsets = np.concatenate([[0], np.cumsum(LENGTHS)])
    return generator.integers(1, WORDS + 2, offsets[-1], np.int32), offsets, generator.normal(size=(2, DIM)).astype(np.float32)


def network(kind: str, seed: int = 3) -> Reader:
    torch.manual_seed(seed)
    matrix_VD = torch.randn(WORDS, DIM)
    matrix_VD[0] = 0.0
    return build(kind, matrix_VD, widths=(2, 3)).eval()


def split(members: list[Reader], read: tuple[np.ndarray, np.ndarray, np.ndarray], side: str = "head") -> GradientSplit:
    return GradientSplit(WordView("test", Ensemble(members), MAX_LEN, side), *read)


@pytest.mark.parametrize("kind", NETWORKS)
def test_shares_are_those_of_captum(kind: str, read: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    member, (ids, offsets, unseen) = network(kind), read
    row = 3
    tokens_1L = torch.from_numpy(padded(ids, offsets, np.array([row]), max_len=MAX_LEN, side="head"))
    vectors_1LD = member.embed(tokens_1L, torch.from_numpy(unseen)).detach()
    peer = IntegratedGradients(
        lambda given: (member(tokens_1L, torch.from_numpy(unseen), given - vectors_1LD) * torch.from_numpy(TOWARD_NC[row])).sum(
            1
        )
    )
    theirs = torch.cat([peer.attribute(vectors_1LD, n_steps=STEPS, internal_batch_size=1).sum(-1)[0]])
    ours = split([member], read).toward(TOWARD_NC).words[offsets[row] : offsets[row + 1]]
    assert ours == pytest.approx(theirs.numpy(), abs=1e-5)
    assert np.abs(ours).max() > 1e-3


@pytest.mark.parametrize("kind", NETWORKS)
def test_shares_and_remainder_add_up_to_the_logits(kind: str, read: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    found = split([network(kind), network(kind, 4)], read)
    words_T, alone_N, remainder_N = found.toward(TOWARD_NC)
    shared_N = np.array([words_T[start:stop].sum() for start, stop in zip(read[1], read[1][1:], strict=False)])
    total_N = (found.logits * TOWARD_NC).sum(1)
    assert shared_N + alone_N + remainder_N == pytest.approx(total_N, abs=1e-6)
    assert np.abs(remainder_N).max() < {"mean": 1e-5, "bilstm": 0.01, "cnn": 0.1 * np.abs(total_N).max()}[kind]


@pytest.mark.parametrize("side", ["head", "tail"])
def test_words_that_are_not_read_have_no_share(side: str, read: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    words_T = split([network("mean")], read, side).toward(TOWARD_NC).words[read[1][-2] :]
    of_read, of_others = (words_T[:MAX_LEN], words_T[MAX_LEN:]) if side == "head" else (words_T[-MAX_LEN:], words_T[:-MAX_LEN])
    assert np.all(of_read != 0)
    assert np.all(of_others == 0)


def test_a_mean_of_members_has_the_mean_of_their_shares(read: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    members = [network("bilstm", seed) for seed in (1, 2)]
    alone = [split([member], read).toward(TOWARD_NC).words for member in members]
    assert split(members, read).toward(TOWARD_NC).words == pytest.approx(np.mean(alone, axis=0), abs=1e-7)
