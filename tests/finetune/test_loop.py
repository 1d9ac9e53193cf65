from __future__ import annotations

import dataclasses
import math
import shutil
from typing import TYPE_CHECKING, cast

import numpy as np
import pyarrow as pa
import pytest
import torch
from packaging.version import Version

from tasks.errors import RequestError
from tasks.finetune.class_weights import class_weights
from tasks.finetune.documents import Documents, bucketed
from tasks.finetune.kinds.bag.train import bag_recipe
from tasks.finetune.loop import (
    Epoch,
    NonFiniteLossError,
    Recipe,
    Training,
    _beside,
    num_threads,
    rate_factor,
    train_epochs,
)
from tasks.finetune.networks.train import network_recipe, network_training
from tasks.finetune.objective import Adversary, Batch, add_gradients
from tests.finetune.networks import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.finetune.settings import FinetuneConfig

CPU = torch.device("cpu")
# Losses of the tiny training below, on one thread, by what `drawn` gives: torch 2.13 and torch 2.3 draw other random numbers.
GOLDEN = {
    (0, 1, 1, 1, 1, 0): {
        "mean": [0.6722, 0.5764, 0.4875, 0.5196],
        "cnn": [0.7291, 0.6302, 0.5304, 0.4558],
        "bilstm": [0.7031, 0.6734, 0.622, 0.5467],
    },
    (1, 0, 0, 0, 1, 0): {
        "mean": [0.6740, 0.5654, 0.5259, 0.5131],
        "cnn": [0.7222, 0.6195, 0.4795, 0.4071],
        "bilstm": [0.7027, 0.6539, 0.6148, 0.5618],
    },
}
KINDS = ("mean", "cnn", "bilstm")


@pytest.fixture
def documents() -> Documents:
    """40 documents of 1 to 9 tokens in two classes: a document is of class 1 if it holds token 2."""
    generator = np.random.default_rng(0)
    lengths_N = generator.integers(1, 10, 40)
    offsets = np.concatenate([[0], np.cumsum(lengths_N)])
    ids = generator.integers(3, 12, offsets[-1]).astype(np.int32)
    labels_N = np.arange(40) % 2
    ids[offsets[:-1][labels_N == 1]] = 2
    return Documents(ids, offsets, labels_N, pa.array([f"doc{number}" for number in range(40)]))


def start(config: FinetuneConfig, kind: str = "mean") -> Training:
    matrix_VD = np.random.default_rng(1).normal(0, 0.5, (12, 6)).astype(np.float32)
    matrix_VD[0] = 0
    return network_training(NETWORKS[kind](config), config, matrix_VD, np.ones(12, bool), 2, CPU)


def run(training: Training, documents: Documents, recipe: Recipe) -> list[Epoch]:
    with num_threads(1):
        return list(train_epochs(training, documents, documents, recipe))


@pytest.mark.parametrize("kind", KINDS)
def test_losses_follow_the_recorded_curve(kind: str, documents: Documents, small: Callable[..., FinetuneConfig]) -> None:
    recipe = Recipe(epochs=4, batch_size=8, warmup_share=0.1, clip=1.0, seed=3)
    epochs = run(
        start(small(model=kind, hidden=6, dropout=0.2, embedding_dropout=0.1, mixed_precision=False), kind), documents, recipe
    )
    drawn = tuple(torch.empty(6).bernoulli_(0.5, generator=torch.Generator().manual_seed(5)).int().tolist())
    assert [epoch.train_loss for epoch in epochs] == pytest.approx(GOLDEN[drawn][kind], abs=2e-3)


@pytest.mark.parametrize("balance", ["none", "balanced"])
def test_a_step_in_parts_is_the_same_step(balance: str, documents: Documents, small: Callable[..., FinetuneConfig]) -> None:
    uneven = dataclasses.replace(documents, labels=(np.arange(40) % 5 == 0).astype(np.int64))
    made = []
    for accumulate in (1, 3, 8):
        training = start(small(dropout=0.0), "cnn")
        recipe = Recipe(epochs=3, batch_size=8, clip=1.0, seed=3, class_weights=balance, accumulate=accumulate)
        losses = [epoch.train_loss for epoch in run(training, uneven, recipe)]
        made.append((losses, training.best))
    for losses, weights in made[1:]:
        assert losses == pytest.approx(made[0][0], rel=1e-4)
        for name, value in made[0][1].items():
            torch.testing.assert_close(weights[name], value, rtol=1e-3, atol=1e-4)


def test_a_step_in_parts_reads_no_more_at_a_time(documents: Documents, small: Callable[..., FinetuneConfig]) -> None:
    read, training = [], start(small(), "cnn")
    training.view.model.register_forward_pre_hook(lambda network, inputs: read.append(len(inputs[0])))
    list(train_epochs(training, documents, None, Recipe(epochs=1, batch_size=16, accumulate=3)))
    assert sorted(read) == [2, 4, 4, 6, 6, 6, 6, 6]  # of batches of 16, 16 and 8


def test_training_leaves_torch_as_it_was(documents: Documents, small: Callable[..., FinetuneConfig]) -> None:
    torch.manual_seed(11)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    run(start(small()), documents, Recipe(epochs=1, batch_size=8))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_random_numbers_of_others_do_not_change_the_weights(documents: Documents, small: Callable[..., FinetuneConfig]) -> None:
    finals = []
    for seed in (0, 99):
        torch.manual_seed(seed)
        np.random.seed(seed)
        training = start(small(dropout=0.5), "cnn")
        for _ in train_epochs(training, documents, documents, Recipe(epochs=2, batch_size=8, seed=1)):
            torch.rand(seed + 1)
        finals.append(training.best)
    assert all(torch.equal(finals[0][name], finals[1][name]) for name in finals[0])


def test_a_loss_that_is_no_number_stops_before_the_update_and_names_the_documents(
    documents: Documents, small: Callable[..., FinetuneConfig]
) -> None:
    training = start(small())
    with torch.no_grad():
        cast("torch.nn.Linear", training.view.model.last).bias[0] = torch.nan
    before = {name: value.clone() for name, value in training.view.model.state_dict().items()}
    with pytest.raises(
        NonFiniteLossError, match=r"loss is nan in batch 1 of epoch 1, documents doc\d+, doc\d+, doc\d+; a lower"
    ):
        run(training, documents, Recipe(epochs=1, batch_size=3))
    for name, value in training.view.model.state_dict().items():
        assert torch.equal(torch.nan_to_num(value), torch.nan_to_num(before[name]))


def test_without_valid_rows_a_part_of_the_plan_is_run_and_the_last_weights_are_kept(
    documents: Documents, small: Callable[..., FinetuneConfig]
) -> None:
    whole = run(start(small(lr=0.05)), documents, Recipe(epochs=5, batch_size=8, patience=9))
    training = start(small(lr=0.05))
    with num_threads(1):
        part = list(train_epochs(training, documents, None, Recipe(epochs=5, batch_size=8, patience=1, last_epoch=3)))
    assert [one.train_loss for one in part] == [one.train_loss for one in whole[:3]]
    assert [one.learning_rate for one in part] == [one.learning_rate for one in whole[:3]]
    assert part[-1].valid_loss is None
    assert training.best_epoch.number == 3
    for name, value in training.view.model.state_dict().items():
        assert torch.equal(training.best[name], value)


def epoch(number: int, score: float) -> Epoch:
    return Epoch(number, 1.0, 0.1, 1.0, score, score, -score)


def test_ties_keep_the_earlier_epoch_in_selection_and_in_patience(small: Callable[..., FinetuneConfig]) -> None:
    training = start(small())
    recipe = Recipe(epochs=10, batch_size=8, patience=2)
    scores = [0.5, 0.7, 0.7, 0.7]
    stops = []
    for number, score in enumerate(scores, start=1):
        training.history.append(epoch(number, score))
        stops.append(training.finished(recipe))
    assert training.best_epoch.number == 2
    assert stops == [False, False, False, True]


def test_best_weights_are_those_of_the_first_best_epoch(documents: Documents, small: Callable[..., FinetuneConfig]) -> None:
    """With a learning rate of nothing every epoch ties, and with patience 2 the third is the last."""
    training = start(small(lr=1e-30))
    weights = [value.clone() for value in training.view.model.state_dict().values()]
    epochs = run(training, documents, Recipe(epochs=9, batch_size=8, patience=2))
    assert [one.number for one in epochs] == [1, 2, 3]
    assert training.best_epoch.number == 1
    assert all(torch.equal(a, b) for a, b in zip(weights, training.best.values(), strict=True))


@pytest.mark.parametrize("embedding", ["full", "low_rank"])
@pytest.mark.parametrize("kind", ["mean", "cnn"])
def test_the_embedding_rests_in_the_first_epochs_and_then_moves(
    kind: str, embedding: str, documents: Documents, small: Callable[..., FinetuneConfig]
) -> None:
    """In the epochs at rest all else is trained as with a frozen embedding."""
    recipe = Recipe(epochs=4, batch_size=8, warmup_share=0.1, clip=1.0, seed=3)
    gradual = start(small(model=kind, frozen_epochs=2, embedding=embedding, embedding_rank=2), kind)
    frozen = start(small(model=kind, embedding="frozen"), kind)
    if embedding == "low_rank":  # drawing its columns must not have been what differs
        for name in ("last.weight", "last.bias"):
            assert torch.equal(gradual.view.model.get_parameter(name), frozen.view.model.get_parameter(name))
    tokens = torch.arange(12)
    before = gradual.view.model.get_submodule("embedding")(tokens).detach().clone()
    for one, other in zip(
        train_epochs(gradual, documents, documents, recipe), train_epochs(frozen, documents, documents, recipe), strict=True
    ):
        moved = not torch.equal(gradual.view.model.get_submodule("embedding")(tokens), before)
        assert moved == (one.number > 2)
        assert (one.train_loss == other.train_loss) == (one.number <= 2)


def test_patience_begins_when_the_embedding_moves(small: Callable[..., FinetuneConfig]) -> None:
    training = start(small(model="mean", frozen_epochs=3))
    stops = []
    for number in range(1, 6):
        training.history.append(epoch(number, 0.5))
        stops.append(training.finished(Recipe(epochs=10, batch_size=8, patience=2)))
    assert stops == [False, False, False, False, True]


def test_a_schedule_that_never_trains_the_embedding_is_refused(small: Callable[..., FinetuneConfig]) -> None:
    config = small(model="bag+cnn", frozen_epochs=3, epochs="auto", bag_epochs=3)
    with pytest.raises(
        RequestError, match=r"frozen_epochs 3 leaves none of cnn's 3 epochs to train the embedding in; lower it"
    ):
        network_recipe(NETWORKS["cnn"](config), config, 1_000_000)
    assert network_recipe(NETWORKS["cnn"](config), config, 100).epochs > 3
    assert bag_recipe(config, 100).epochs == 3


def test_a_few_documents_get_more_epochs_as_an_epoch_is_a_few_steps(small: Callable[..., FinetuneConfig]) -> None:
    config = small(model="cnn", epochs="auto", batch_size=64, patience="auto")
    recipes = [network_recipe(NETWORKS["cnn"](config), config, num_documents) for num_documents in (80, 800, 20_000, 1_000_000)]
    assert [(recipe.epochs, recipe.patience) for recipe in recipes] == [(120, 13), (20, 2), (4, 2), (3, 2)]
    recipe = bag_recipe(config, 80)
    assert (recipe.epochs, recipe.patience) == (10, 2)


@pytest.mark.parametrize("adversarial", ["fgm", "virtual"])
@pytest.mark.parametrize("kind", KINDS)
def test_adversarial_training_learns_and_has_less_to_fear_from_its_adversary(
    kind: str, adversarial: str, documents: Documents, small: Callable[..., FinetuneConfig]
) -> None:
    """Over a frozen embedding, so that words cannot outgrow the norm."""
    found = {}
    for asked in ("none", adversarial):
        config = small(model=kind, embedding="frozen", adversarial=asked, adversarial_norm=0.3, hidden=6, lr=0.02, dropout=0)
        training = start(config, kind)
        epochs = run(training, documents, Recipe(epochs=12, batch_size=8, clip=1.0, seed=3))
        inputs = training.view.inputs(documents.ids, documents.offsets, np.arange(40))
        batch = Batch(training.view.model.train(), inputs, torch.from_numpy(documents.labels), None, mixed_precision=False)
        torch.manual_seed(0)
        found[asked] = (epochs[-1].train_loss, add_gradients(batch, Adversary(adversarial, 0.3, 6))[1])
    assert found[adversarial][0] < 0.66
    assert found[adversarial][1] < found["none"][1]


@pytest.mark.parametrize("adversarial", ["fgm", "virtual"])
def test_an_adversary_whose_loss_is_no_number_stops_before_the_update(
    adversarial: str, documents: Documents, small: Callable[..., FinetuneConfig]
) -> None:
    training = start(small(model="mean", adversarial=adversarial))
    assert training.adversary is not None
    training.adversary = dataclasses.replace(training.adversary, norm=math.inf)
    before = {name: value.clone() for name, value in training.view.model.state_dict().items()}
    with pytest.raises(NonFiniteLossError, match=r"loss is (nan|inf) in batch 1 of epoch 1, documents doc"):
        run(training, documents, Recipe(epochs=1, batch_size=3))
    assert all(torch.equal(value, before[name]) for name, value in training.view.model.state_dict().items())


@pytest.fixture
def others() -> Documents:
    """30 unlabelled documents of 2 to 6 tokens, among them an empty one."""
    lengths_N = np.append(np.random.default_rng(4).integers(2, 7, 29), 0)
    offsets = np.append(0, np.cumsum(lengths_N))
    ids = np.random.default_rng(5).integers(2, 12, offsets[-1]).astype(np.int32)
    return Documents(ids, offsets, np.full(30, -1), pa.array([f"other{number}" for number in range(30)]))


def virtual(training: Training, others: Documents, per_labelled: float, norm: float = 0.3) -> Training:
    training.adversary = Adversary("virtual", norm, 6, others, per_labelled)
    return training


@pytest.mark.parametrize(("per_labelled", "size", "steps"), [(0.01, 1, 30), (0.5, 4, 8), (2.0, 16, 2)])
def test_each_step_reads_as_many_unlabelled_documents_as_asked_for(
    per_labelled: float, size: int, steps: int, others: Documents, small: Callable[..., FinetuneConfig]
) -> None:
    """All of them before any comes again, and in another order in the next epoch."""
    training = virtual(start(small(model="mean")), others, per_labelled)
    passes = []
    for number in (1, 2):
        beside = _beside(training, 8, np.random.default_rng(number))
        read = [next(beside) for _ in range(2 * steps)]
        rows = [rows_B for ((documents, rows_B),) in read if documents is others]
        assert {len(rows_B) for rows_B in rows} <= {size, 30 % size}
        for part in (rows[:steps], rows[steps:]):
            assert sorted(np.concatenate(part).tolist()) == list(range(30))
        passes.append(np.concatenate(rows).tolist())
    assert passes[0] != passes[1]


def test_unlabelled_documents_make_answers_smoother_where_they_stand(
    documents: Documents, others: Documents, small: Callable[..., FinetuneConfig]
) -> None:
    """Over a frozen embedding, so that words cannot outgrow the norm."""
    found = {}
    for per_labelled in (0.0, 2.0):
        config = small(
            model="cnn", embedding="frozen", adversarial="virtual", adversarial_norm=0.3, hidden=6, lr=0.02, dropout=0
        )
        training = start(config, "cnn")
        if per_labelled:
            virtual(training, others, per_labelled)
        epochs = run(training, documents, Recipe(epochs=12, batch_size=8, clip=1.0, seed=3))
        assert all((epoch.adversarial_loss or 0) > 0 for epoch in epochs)
        inputs = training.view.inputs(others.ids, others.offsets, np.arange(30))
        batch = Batch(training.view.model.train(), inputs, torch.zeros(30, dtype=torch.int64), None, mixed_precision=False)
        torch.manual_seed(0)
        found[per_labelled] = (epochs[-1].train_loss, add_gradients(batch, Adversary("virtual", 0.3, 6))[1])
    assert found[2.0][0] < 0.66
    assert found[2.0][1] < 0.95 * found[0.0][1]


def test_a_loss_of_unlabelled_documents_that_is_no_number_names_them_too(
    documents: Documents, others: Documents, small: Callable[..., FinetuneConfig]
) -> None:
    training = virtual(start(small(model="mean")), others, 1.0, norm=math.inf)
    with pytest.raises(NonFiniteLossError, match=r"epoch 1, documents doc\d+, doc\d+, doc\d+, other\d+, other\d+, other\d+;"):
        run(training, documents, Recipe(epochs=1, batch_size=3))


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's compiler, about its own parts
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.skipif(
    Version(torch.__version__) < Version("2.4"), reason="torch 2.3 cannot compile the pass over unlabelled documents"
)
def test_a_compiled_network_drops_what_the_plain_one_drops(
    documents: Documents, others: Documents, small: Callable[..., FinetuneConfig]
) -> None:
    """Else the passes of a document differ by more than their shift."""
    losses = []
    for compiled in (False, True):
        training = virtual(start(small(model="mean", dropout=0.5, embedding_dropout=0.2)), others, 1.0, norm=1e-4)
        epochs = run(training, documents, Recipe(epochs=2, batch_size=8, seed=3, compile=compiled))
        losses.append([(epoch.train_loss, epoch.adversarial_loss) for epoch in epochs])
    assert np.array(losses[1]) == pytest.approx(np.array(losses[0]), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("decay", ["none", "linear", "cosine"])
def test_the_rate_rises_over_the_warm_up_and_then_decays(decay: str) -> None:
    recipe = Recipe(epochs=1, batch_size=1, warmup_share=0.1, decay=decay)
    rates = [rate_factor(step, 100, recipe) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * step for step in range(1, 11)])
    assert rates[10] == pytest.approx(1.0)
    middle, end = {"none": (1.0, 1.0), "linear": (0.5, 1 / 90), "cosine": (0.5, 0.0003)}[decay]
    assert rates[55] == pytest.approx(middle)
    assert rates[99] == pytest.approx(end, abs=1e-4)


def test_balanced_weights_are_inverse_to_frequency_and_change_what_is_learned(
    documents: Documents, small: Callable[..., FinetuneConfig]
) -> None:
    labels_N = np.array([0] * 9 + [1] * 3)
    weights_C = class_weights(labels_N, "balanced")
    assert weights_C is not None
    assert weights_C.tolist() == pytest.approx([12 / 18, 12 / 6])
    assert weights_C[torch.from_numpy(labels_N)].mean().item() == pytest.approx(1.0)
    assert class_weights(labels_N, "none") is None
    # Nothing to tell the classes by: the share of rows is learned without weights, evens with them.
    blind = dataclasses.replace(
        documents, ids=np.full(len(documents.ids), 3, np.int32), labels=(np.arange(40) % 4 == 0).astype(int)
    )
    odds = {}
    for kind in ("none", "balanced"):
        training = start(small(model="mean", lr=0.05, embedding_lr=0.05, dropout=0.0))
        run(training, blind, Recipe(epochs=30, batch_size=40, decay="none", class_weights=kind))
        logits_C = training.view.logits(blind.ids, blind.offsets)[0]
        odds[kind] = math.exp(logits_C[1] - logits_C[0])
    assert odds["none"] == pytest.approx(1 / 3, rel=0.1)
    assert odds["balanced"] == pytest.approx(1.0, rel=0.1)


def test_batches_hold_documents_of_like_length_and_every_document_once() -> None:
    lengths_N = np.random.default_rng(0).integers(1, 400, 1000)
    batches = list(bucketed(lengths_N, 16, np.random.default_rng(1)))
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
    padding = sum(lengths_N[rows].max() * len(rows) for rows in batches) / lengths_N.sum()
    assert padding < 1.1
    again = list(bucketed(lengths_N, 16, np.random.default_rng(2)))
    assert [rows.tolist() for rows in batches] != [rows.tolist() for rows in again]
