"""Train a network that reads words: its members at their start, their optimizers and recipes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from tasks.errors import RequestError
from tasks.finetune.encode import REFITTED, UNLABELLED_SPLIT, encode_in_order, encode_split
from tasks.finetune.epochs import train_in_epochs
from tasks.finetune.loop import Recipe, Training, member_seed, num_threads, reproducible
from tasks.finetune.networks.low_rank import LowRankEmbedding, merge_low_rank
from tasks.finetune.networks.network import NetworkView
from tasks.finetune.networks.settings import NetworkSettings
from tasks.finetune.networks.trained_rows import started_anew, trained_rows
from tasks.finetune.objective import Adversary
from tasks.finetune.optimizer import Optimizer
from tasks.finetune.rows import check_rows
from tasks.model.subwords import FILES as SUBWORD_FILES
from tasks.model.subwords import Subwords
from tasks.model.vocabulary import FILE as VOCABULARY_FILE
from tasks.model.vocabulary import Vocabulary
from tasks.model.words import same_length

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.finetune.documents import Documents
    from tasks.finetune.job import Job, Trained
    from tasks.finetune.networks.network import Network
    from tasks.finetune.settings import FinetuneConfig
    from tasks.model.reader import Reader

# Epochs where they are left to us: about so many steps, within bounds, which give way where an epoch has so few steps that
# those of all epochs would hardly train anything.
STEPS, FEWEST, MOST = 1200, 3, 20
FEWEST_STEPS = 240
# Epochs without a better score that are waited for, and at least how many steps.
PATIENCE, PATIENCE_STEPS = 2, 26
# A word's row is updated far less often than a filter: on IMDB four times the rate gained a TextCNN 0.4 points of accuracy.
ROW_RATE = 4.0


def train_network(job: Job, network: Network, epochs_before: int) -> list[Trained]:
    """Train the members of a network; the vocabulary that it reads goes to the model's folder."""
    with num_threads(job.threads):
        if job.former is None:
            return train_in_epochs(job, NetworkStart(job, network), epochs_before)
        from tasks.finetune.networks.warm import WarmNetwork  # it imports this module

        return train_in_epochs(job, WarmNetwork(job, network), epochs_before)


class NetworkStart:
    """Starts of a network that reads rows of align's matrix; its vocabulary is align's, in a refit too."""

    def __init__(self, job: Job, network: Network) -> None:
        if job.aligned is None:
            raise ValueError(f"{network.name} reads word vectors: it needs the folder that align wrote")
        self.job, self.network, self.aligned = job, network, job.aligned
        self.settings = job.config.settings(NetworkSettings)
        self.members = self.settings.members
        self.vocabulary = Vocabulary.load(job.aligned)
        self.unlabelled = self._read_unlabelled() if self.settings.adversarial_unlabelled else None

    @property
    def shape(self) -> dict[str, Any]:
        """The network's own settings, and how it reads a long document."""
        return {**self.network.shape, "max_len": self.settings.max_len, "truncate": self.settings.truncate}

    def fit(self) -> tuple[Callable[[int], Training], Documents, Documents]:
        """What gives a member before its first step, the train rows and the valid rows."""
        job, subwords = self.job, Subwords.load(self.aligned)
        train, valid = encode_in_order(job.dataset, job.labels, job.scratch, self.vocabulary, subwords)
        check_rows(train, valid)
        for name in (VOCABULARY_FILE, *(SUBWORD_FILES if subwords else ())):
            shutil.copyfile(self.aligned / name, job.folder / name)
        return self._make(), train, valid

    def refit(self, scratch: Path) -> tuple[Callable[[int], Training], Documents]:
        """What gives a member before its first step, and the rows of train and valid together."""
        job = self.job
        rows = encode_split(job.dataset, REFITTED, job.labels, self.vocabulary.encode, scratch / "rows")
        return self._make(), rows

    def _make(self) -> Callable[[int], Training]:
        matrix_VD = same_length(np.load(self.aligned / "matrix.npy", allow_pickle=False))
        has_vector_V = np.load(self.aligned / "has_vector.npy", allow_pickle=False)
        config, num_classes, device = self.job.config, len(self.job.labels), self.job.device
        trained_V = trained_rows(config, self.vocabulary, has_vector_V)
        if self.settings.partial_start == "random":
            matrix_VD = started_anew(matrix_VD, trained_V, config.seed)
        return lambda member: network_training(
            self.network, config, matrix_VD, trained_V, num_classes, device, member, self.unlabelled
        )

    def _read_unlabelled(self) -> Documents:
        """The unlabelled rows; RequestError where there are none."""
        job = self.job
        rows = encode_split(
            job.dataset, (UNLABELLED_SPLIT,), job.labels, self.vocabulary.encode, job.scratch / "unlabelled.rows"
        )
        if not len(rows):
            raise RequestError(
                f"finetune.network.adversarial_unlabelled {self.settings.adversarial_unlabelled:g} reads unlabelled "
                "documents, and the corpus has none; give ingest.unlabelled, or leave adversarial_unlabelled out"
            )
        return rows

    def recipe(self, num_documents: int, member: int) -> Recipe:
        """How a member is trained on so many documents."""
        recipe = network_recipe(self.network, self.job.config, num_documents, member)
        return replace(recipe, class_weights=self.job.class_weights)


def network_training(
    network: Network,
    config: FinetuneConfig,
    matrix_VD: np.ndarray,
    trained_V: np.ndarray,
    num_classes: int,
    device: torch.device,
    member: int = 0,
    unlabelled: Documents | None = None,
    slower: float = 1.0,
) -> Training:
    """A member at its start, and its optimizer; of the embedding only `trained_V` (bool [V]) is trained.

    The virtual adversary moves `unlabelled` documents too, as many as the configuration asks for.
    Learning rates are `slower` times those of the configuration.
    """
    settings = config.settings(NetworkSettings)
    bfloat16 = network.trains_in_bfloat16(settings, device)
    with reproducible(member_seed(config.seed, member), 0, device):
        rates = {"dropout": settings.dropout, "embedding_dropout": settings.embedding_dropout}
        model = network.build(torch.from_numpy(matrix_VD), num_classes, bfloat16, rates)
        if settings.embedding == "low_rank":
            model.embedding = LowRankEmbedding(model.embedding, settings.embedding_rank)
        model = model.to(device)
    model.embedding.weight.requires_grad_(settings.embedding in ("full", "partial"))
    return Training(
        NetworkView(network.name, model, settings.max_len, settings.truncate, member),
        _optimizer(model, settings, settings.lr or network.rate, slower, torch.from_numpy(trained_V).to(device)),
        adversary=None
        if settings.adversarial == "none"
        else Adversary(
            settings.adversarial,
            settings.adversarial_norm,
            matrix_VD.shape[1],
            unlabelled,
            settings.adversarial_unlabelled,
        ),
        resting=tuple(parameter for parameter in model.embedding.parameters() if parameter.requires_grad),
        frozen_epochs=settings.frozen_epochs,
        fold=merge_low_rank,
        bfloat16=bfloat16,
    )


def _optimizer(model: Reader, settings: NetworkSettings, rate: float, slower: float, trained_V: torch.Tensor) -> Optimizer:
    embedding = model.embedding
    rows_VD = embedding.rows if isinstance(embedding, LowRankEmbedding) else cast(torch.nn.Parameter, embedding.weight)
    return Optimizer(
        [parameter for name, parameter in model.named_parameters() if name not in ("embedding.weight", "embedding.rows")],
        [(rows_VD, trained_V)] if rows_VD.requires_grad else [],
        rule=settings.optimizer,
        lr=slower * rate,
        row_lr=slower * (settings.embedding_lr or ROW_RATE * rate),
        weight_decay=settings.weight_decay,
        row_pull=settings.embedding_pull,
    )


def network_recipe(network: Network, config: FinetuneConfig, num_documents: int, member: int = 0) -> Recipe:
    """How a member is trained on so many documents."""
    settings = config.settings(NetworkSettings)
    num_batches = max(-(-num_documents // settings.batch_size), 1)
    automatic = max(min(max(FEWEST, round(STEPS / num_batches)), MOST), -(-FEWEST_STEPS // num_batches))
    epochs = automatic if config.epochs == "auto" else config.epochs
    if settings.frozen_epochs >= epochs:
        raise RequestError(
            f"finetune.network.frozen_epochs {settings.frozen_epochs} leaves none of {network.name}'s {epochs} epochs to train "
            "the embedding in; lower it, raise finetune.epochs, or set finetune.network.embedding frozen"
        )
    return Recipe(
        epochs=epochs,
        batch_size=settings.batch_size,
        warmup_share=settings.warmup_share,
        decay=settings.decay,
        clip=settings.clip,
        patience=max(PATIENCE, PATIENCE_STEPS // num_batches) if config.patience == "auto" else config.patience,
        mixed_precision=settings.mixed_precision,
        compile=settings.compile,
        seed=member_seed(config.seed, member),
    )
