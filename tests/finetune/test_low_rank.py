from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.errors import RequestError
from tasks.finetune.networks.low_rank import LowRankEmbedding
from tests.finetune.networks import build

TOKENS = torch.tensor([[2, 3, 4, 5, 2, 3], [6, 0, 0, 0, 0, 0]])


def matrix() -> torch.Tensor:
    matrix_VD = torch.randn(10, 6, generator=torch.Generator().manual_seed(0))
    matrix_VD[0] = 0
    return matrix_VD


def low_rank(rank: int = 2) -> LowRankEmbedding:
    torch.manual_seed(1)
    embedding = LowRankEmbedding(nn.Embedding.from_pretrained(matrix(), padding_idx=0), rank)
    with torch.no_grad():
        embedding.rows[1:] = torch.randn(9, rank)
    return embedding


def test_it_starts_at_the_matrix_and_its_columns_have_variance_one_over_the_rank() -> None:
    plain = nn.Embedding.from_pretrained(torch.randn(3, 400), padding_idx=0)
    embedding = LowRankEmbedding(plain, 100)
    assert torch.equal(embedding(torch.tensor([1, 2])), plain.weight[[1, 2]])
    assert embedding.columns.var().item() == pytest.approx(1 / 100, rel=0.1)


def test_merged_reads_as_the_sum_and_a_row_without_an_update_keeps_its_bits() -> None:
    embedding = low_rank()
    with torch.no_grad():
        embedding.rows[7] = 0
    merged = embedding.merged()
    assert type(merged) is nn.Embedding
    assert torch.equal(merged.weight[[0, 7]], matrix()[[0, 7]])
    assert not torch.equal(merged.weight[6], matrix()[6])
    torch.testing.assert_close(merged(TOKENS), embedding(TOKENS))
    assert torch.linalg.matrix_rank(merged.weight - matrix(), atol=1e-5) == 2


@pytest.mark.parametrize("kind", ["mean", "cnn", "bilstm"])
def test_gradients_are_those_of_the_product_and_the_rows_are_sparse(kind: str) -> None:
    torch.manual_seed(2)
    model = build(kind, matrix(), (3, 4))
    model.embedding = low_rank()
    model(TOKENS).square().sum().backward()
    embedding = model.embedding
    assert isinstance(embedding, LowRankEmbedding)
    assert embedding.weight.grad is None
    assert embedding.rows.grad is not None
    assert embedding.rows.grad.is_sparse
    assert set(embedding.rows.grad.coalesce().indices()[0].tolist()) <= {2, 3, 4, 5, 6}
    model.embedding = nn.Embedding.from_pretrained(embedding.merged().weight, freeze=False, padding_idx=0, sparse=True)
    model(TOKENS).square().sum().backward()
    whole_VD = model.embedding.weight.grad.to_dense()
    assert whole_VD.abs().sum() > 0
    torch.testing.assert_close(embedding.rows.grad.to_dense(), whole_VD @ embedding.columns.detach().T, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(embedding.columns.grad, embedding.rows.detach().T @ whole_VD, rtol=1e-4, atol=1e-6)


def test_a_rank_that_saves_nothing_is_refused() -> None:
    with pytest.raises(
        RequestError, match=r"embedding_rank 6 is not below the 6 dimensions .* finetune\.network\.embedding full"
    ):
        low_rank(6)
