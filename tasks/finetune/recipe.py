"""From the configuration to what trains each view: its model, its optimizer, its recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from tasks.durable import num_cores
from tasks.errors import RequestError
from tasks.finetune.encode import slices
from tasks.finetune.loop import Recipe, Training, reproducible
from tasks.finetune.low_rank import LowRankEmbedding
from tasks.finetune.objective import Adversary
from tasks.finetune.optimizer import Optimizer
from tasks.model.bag import Bag, batch_size, naive_bayes, start_from
from tasks.model.models import build_model
from tasks.model.view import NGRAM_VIEWS, View

if TYPE_CHECKING:
    from tasks.config import FinetuneConfig
    from tasks.model.batches import Documents

# Epochs where they are left to us: for the bag about so many documents read, for the others so many steps; within bounds,
# which give way where an epoch has so few steps that those of all epochs would hardly train anything.
BAG_DOCUMENTS, BAG_FEWEST, BAG_MOST = 50_000, 5, 10
STEPS, FEWEST, MOST = 1200, 3, 20
FEWEST_STEPS = 240
# Epochs without a better score that are waited for, and at least how many steps.
PATIENCE, PATIENCE_STEPS = 2, 26
# A word's row is updated far less often than a filter: on IMDB four times the rate gained a TextCNN 0.4 points of accuracy.
ROW_RATE = 4.0
RATES = {"mean": 5e-3, "cnn": 1e-3, "bilstm": 1e-3}


def resolved_threads(config: FinetuneConfig) -> int:
    """The number of threads; auto: the cores this process may use."""
    return num_cores() if config.threads == "auto" else config.threads


def resolved_device() -> torch.device:
    """The first CUDA device, else the processor."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def has_bfloat16_units() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware (AMX: ten times float32's speed); else it is slower.

    False too where torch is too old to tell.
    """
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return capabilities.get("amx_bf16", False)


def trains_in_bfloat16(view: str, config: FinetuneConfig, device: torch.device) -> bool:
    """Whether `view`'s network multiplies in bfloat16 while it trains, else in float32.

    That follows from the machine, not from the configuration alone, and the weights depend on it: so reports name it, and a
    checkpoint of one kind is not gone on with in the other.
    """
    if not config.mixed_precision or view in NGRAM_VIEWS or view == "fasttext":
        return False
    return device.type == "cuda" or (view == "cnn" and has_bfloat16_units())


def member_seed(seed: int, member: int) -> int:
    """The seed of a view's member; the first one's is the configuration's, the others' share nothing with seeds near it."""
    return seed if member == 0 else int(np.random.SeedSequence([seed, member]).generate_state(1)[0])


def recipe_for(view: str, config: FinetuneConfig, num_documents: int, member: int = 0) -> Recipe:
    """How that member of `view` is trained on that many documents."""
    seed = member_seed(config.seed, member)
    if view == "bag":
        size = batch_size(num_documents) if config.bag_batch_size == "auto" else config.bag_batch_size
        asked = config.bag_epochs or config.epochs
        automatic = min(max(BAG_FEWEST, round(BAG_DOCUMENTS / max(num_documents, 1))), BAG_MOST)
        epochs = automatic if asked == "auto" else asked
        patience = PATIENCE if config.patience == "auto" else config.patience
        return Recipe(epochs=epochs, batch_size=size, patience=patience, class_weights=config.class_weights, seed=seed)
    num_batches = max(-(-num_documents // config.batch_size), 1)
    automatic = max(min(max(FEWEST, round(STEPS / num_batches)), MOST), -(-FEWEST_STEPS // num_batches))
    epochs = automatic if config.epochs == "auto" else config.epochs
    if config.frozen_epochs >= epochs:
        raise RequestError(
            f"finetune.frozen_epochs {config.frozen_epochs} leaves none of {view}'s {epochs} epochs to train the embedding in; "
            "lower it, raise finetune.epochs, or set finetune.embedding frozen"
        )
    return Recipe(
        epochs=epochs,
        batch_size=config.batch_size,
        warmup_share=config.warmup_share,
        decay=config.decay,
        clip=config.clip,
        patience=max(PATIENCE, PATIENCE_STEPS // num_batches) if config.patience == "auto" else config.patience,
        class_weights=config.class_weights,
        mixed_precision=config.mixed_precision,
        compile=config.compile,
        seed=seed,
    )


def bag_training(config: FinetuneConfig, num_ngrams: int, num_classes: int, train: Documents, device: torch.device) -> Training:
    """The bag at its start, and its optimizer."""
    bag = Bag(num_ngrams, num_classes, dropout=config.bag_dropout)
    start_from(bag, naive_bayes(slices(train), num_ngrams, num_classes))
    bag = bag.to(device)
    weights = [(bag.bias, None), (cast(torch.nn.Parameter, bag.weights.weight), None)]
    optimizer = Optimizer([], weights, rule="adam", lr=config.bag_lr, row_lr=config.bag_lr, weight_decay=0.0)
    return Training(View("bag", bag, config.max_len, config.truncate), optimizer)


def words_training(
    view: str,
    config: FinetuneConfig,
    matrix_VD: np.ndarray,
    trained_V: np.ndarray,
    num_classes: int,
    device: torch.device,
    member: int = 0,
    unlabelled: Documents | None = None,
) -> Training:
    """A member of a neural view at its start, and its optimizer; of the embedding only `trained_V` (bool [V]) is trained.

    The virtual adversary moves `unlabelled` documents too, as many as the configuration asks for.
    """
    with reproducible(member_seed(config.seed, member), 0, device):
        model = build_model(
            view,
            torch.from_numpy(matrix_VD),
            num_classes,
            hidden=config.hidden,
            widths=config.widths,
            dropout=config.dropout,
            embedding_dropout=config.embedding_dropout,
            mixed_precision=trains_in_bfloat16(view, config, device),
        )
        if config.embedding == "low_rank":
            model.embedding = LowRankEmbedding(model.embedding, config.embedding_rank)
        model = model.to(device)
    embedding = model.embedding
    rows_VD = embedding.rows if isinstance(embedding, LowRankEmbedding) else cast(torch.nn.Parameter, embedding.weight)
    embedding.weight.requires_grad_(config.embedding in ("full", "partial"))
    rate = config.lr or RATES[view]
    optimizer = Optimizer(
        [parameter for name, parameter in model.named_parameters() if name not in ("embedding.weight", "embedding.rows")],
        [(rows_VD, torch.from_numpy(trained_V).to(device))] if rows_VD.requires_grad else [],
        rule=config.optimizer,
        lr=rate,
        row_lr=config.embedding_lr or ROW_RATE * rate,
        weight_decay=config.weight_decay,
        row_pull=config.embedding_pull,
    )
    return Training(
        View(view, model, config.max_len, config.truncate, member),
        optimizer,
        adversary=None
        if config.adversarial == "none"
        else Adversary(
            config.adversarial, config.adversarial_norm, matrix_VD.shape[1], unlabelled, config.adversarial_unlabelled
        ),
        resting=tuple(parameter for parameter in embedding.parameters() if parameter.requires_grad),
        frozen_epochs=config.frozen_epochs,
    )
