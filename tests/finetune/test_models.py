from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tasks.finetune.kinds.bag.network import Bag, naive_bayes
from tasks.model.views.cnn import TextCNN
from tasks.model.word_view import WordView
from tests.finetune.networks import build

if TYPE_CHECKING:
    from tasks.model.reader import Reader

KINDS = ["mean", "cnn", "bilstm"]
DOCUMENTS = [[2, 3, 4, 5, 6, 7, 2, 3], [4], [], [9, 8, 7]]


def make(kind: str) -> Reader:
    torch.manual_seed(0)
    matrix_VD = torch.randn(10, 6)
    matrix_VD[0] = 0
    return build(kind, matrix_VD).eval()


def padded(documents: list[list[int]], length: int) -> torch.Tensor:
    return torch.tensor([document + [0] * (length - len(document)) for document in documents])


@pytest.mark.parametrize("kind", KINDS)
def test_logits_of_a_document_do_not_depend_on_padding_or_company(kind: str) -> None:
    model = make(kind)
    together = model(padded(DOCUMENTS, 12))
    assert together.shape == (4, 3)
    assert torch.isfinite(together).all()
    for number, document in enumerate(DOCUMENTS):
        alone = model(padded([document], max(len(document), 1)))
        torch.testing.assert_close(alone[0], together[number], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_word_order_matters_to_all_but_the_mean(kind: str) -> None:
    model = make(kind)
    forward, backward = model(torch.tensor([[2, 3, 4, 5]])), model(torch.tensor([[5, 4, 3, 2]]))
    assert torch.allclose(forward, backward, atol=1e-6) == (kind == "mean")


def test_cnn_has_the_values_and_gradients_of_plain_convolutions() -> None:
    model = make("cnn").train()
    assert isinstance(model, TextCNN)
    tokens_BL = padded(DOCUMENTS[:2] + DOCUMENTS[3:], 8)
    model(tokens_BL).square().sum().backward()
    ours = {name: p.grad.to_dense().clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    embedded_BDL = functional.embedding(tokens_BL, model.embedding.weight, padding_idx=0).transpose(1, 2)
    pooled = []
    for width, layer in zip(model.widths, model.filters, strict=True):
        assert isinstance(layer, nn.Linear)
        response = functional.conv1d(embedded_BDL, layer.weight.unflatten(1, (width, -1)).transpose(1, 2), layer.bias)
        kept = [response[0].amax(1), response[1, :, :1].amax(1), response[2, :, : max(3 - width + 1, 1)].amax(1)]
        pooled.append(functional.relu(torch.stack(kept)))
    model.last(torch.cat(pooled, 1)).square().sum().backward()
    plain = {name: p.grad.to_dense() for name, p in model.named_parameters() if p.grad is not None}
    assert ours.keys() == plain.keys()
    for name, gradient in plain.items():
        torch.testing.assert_close(ours[name], gradient, rtol=1e-4, atol=1e-5, msg=name)


def test_cnn_in_bfloat16_finds_windows_as_strong_and_reads_in_float32_when_not_training() -> None:
    model, tokens_BL = make("cnn"), padded(DOCUMENTS, 12)
    assert isinstance(model, TextCNN)
    exact = model(tokens_BL)
    model.training_dtype = torch.bfloat16
    assert torch.equal(model(tokens_BL), exact)
    rough = model.train()(tokens_BL)
    assert not torch.equal(rough, exact)
    torch.testing.assert_close(rough, exact, rtol=0.02, atol=0.02)


def test_cnn_learns_nothing_for_words_outside_the_vocabulary_but_from_them() -> None:
    model = make("cnn").train()
    model(torch.tensor([[2, 10, 3]]), torch.ones(1, 6)).sum().backward()
    assert model.embedding.weight.grad is not None
    assert model.embedding.weight.grad._indices().tolist() == [[2, 3]]
    gradient = model.get_parameter("filters.0.weight").grad
    assert gradient is not None
    moved = gradient.abs().sum(1) > 0
    assert moved.any()
    assert torch.equal(gradient[moved][:, 6:12] != 0, torch.ones(int(moved.sum()), 6, dtype=torch.bool))


def test_cnn_trains_its_filters_over_a_frozen_embedding() -> None:
    model = make("cnn").train()
    model.embedding.weight.requires_grad_(False)
    model(padded(DOCUMENTS, 12)).square().sum().backward()
    assert model.embedding.weight.grad is None
    assert model.get_parameter("filters.0.weight").grad is not None


@pytest.mark.parametrize("kind", KINDS)
def test_the_embedding_has_a_sparse_gradient_without_the_padding_row(kind: str) -> None:
    model = make(kind).train()
    model(padded(DOCUMENTS, 12)).sum().backward()
    gradient = model.embedding.weight.grad
    assert gradient is not None
    assert gradient.is_sparse
    assert 0 not in gradient._indices().unique().tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_rows_beyond_the_vocabulary_read_the_vectors_given_for_them(kind: str) -> None:
    model = make(kind)
    known = model(torch.tensor([[2, 3, 4]]))
    unseen_UD = torch.stack([model.embedding.weight[4], torch.ones(6)])
    with torch.no_grad():
        torch.testing.assert_close(model(torch.tensor([[2, 3, 10]]), unseen_UD), known)
        assert not torch.allclose(model(torch.tensor([[2, 3, 11]]), unseen_UD), known)


def test_dropped_tokens_only_while_training() -> None:
    model = make("mean")
    model.embedding_dropout = 0.5
    tokens_BL = torch.arange(2, 10).repeat(3, 1)
    assert torch.equal(model(tokens_BL)[0], model(tokens_BL)[1])
    model.train()
    assert not torch.equal(model(tokens_BL)[0], model(tokens_BL)[1])


def test_bag_is_the_sum_over_the_root_of_the_number() -> None:
    bag = Bag(4, 2)
    with torch.no_grad():
        bag.weights.weight.copy_(torch.arange(8.0).view(4, 2))
        bag.bias.copy_(torch.tensor([0.5, -0.5]))
    logits_BC = bag(torch.tensor([0, 1, 2, 3]), torch.tensor([0, 0, 4]))
    assert logits_BC.tolist() == [[0.5, -0.5], [6.5, 7.5]]


def test_naive_bayes_ratios_equal_the_formula() -> None:
    # Documents {0, 1} of class 0, {1} and {2} of class 1.
    batches = [(np.array([0, 1, 1, 2]), np.array([0, 2, 3, 4]), np.array([0, 1, 1]))]
    ratio_KC = naive_bayes(batches, 3, 2)
    inside, outside = np.array([2, 2, 1]) / 5, np.array([1, 2, 2]) / 5
    assert ratio_KC[:, 0].tolist() == pytest.approx(np.log(inside / outside).tolist(), abs=1e-6)
    assert ratio_KC[:, 1].tolist() == pytest.approx(np.log(outside / inside).tolist(), abs=1e-6)


@pytest.mark.parametrize(("side", "kept"), [("head", [2, 3, 4]), ("tail", [7, 2, 3])])
def test_long_documents_keep_the_side_asked_for(side: str, kept: list[int]) -> None:
    view = WordView("mean", make("mean"), 3, side)
    ids, offsets = np.array(DOCUMENTS[0] + DOCUMENTS[1], np.int32), np.array([0, 8, 9])
    tokens_BL, _ = view.inputs(ids, offsets, np.array([0, 1]))
    assert tokens_BL is not None
    assert tokens_BL.tolist() == [kept, [4, 0, 0]]
