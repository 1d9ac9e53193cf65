"""Train the network itself, whole, its last layers or adapters of it, with a linear head on its pooled states.

In go texts, cut once into pieces, and pretrained weights; out come the tuned network as ONNX in the model's folder and the
head's weights, so that what is served is opened as a frozen network's is. Several members are written as one network. The loop
is that of the other networks: checkpoints, exact resume, the best epoch by the validation rows.

Shapes: N texts, B texts of a batch, L pieces of the longest, D dimensions, C classes.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch

from tasks.finetune.documents import Documents, bucketed
from tasks.finetune.epochs import train_in_epochs
from tasks.finetune.kinds.encoder.groups import dense_groups
from tasks.finetune.kinds.encoder.head import VIEW, joined_heads, pretrained_prior, with_head
from tasks.finetune.kinds.encoder.int8 import served_int8
from tasks.finetune.kinds.encoder.lora import add_adapters, merge_adapters, merged
from tasks.finetune.kinds.encoder.settings import EncoderSettings
from tasks.finetune.kinds.encoder.side_by_side import joined_network
from tasks.finetune.loop import Recipe, Training, member_seed, num_threads, reproducible
from tasks.finetune.optimizer import Optimizer
from tasks.finetune.rows import check_rows, labelled_texts
from tasks.model.classifier import member_name
from tasks.model.padding import by_length, padded
from tasks.model.views.encoder import FACTS, STATES, TOKENIZER, Pieces, Reading, cleaned
from tasks.weights.files import CONFIG
from tasks.weights.int8 import write_int8
from tasks.weights.network import export, most_positions, open_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks.finetune.job import Job, Trained
    from tasks.finetune.kinds.encoder.head import Head

EPOCHS, PATIENCE = 4, 2  # of published fine-tunings (Devlin et al. 2019: 2 to 4)
WARMUP_SHARE, CLIP = 0.1, 1.0
HEAD_DEVIATION = 0.02  # of the head's first weights, as BERT's own layers start
BATCH = 64  # texts that are measured at a time


class PooledNetwork(torch.nn.Module):
    """The pretrained network and a pooling of its states: vectors of texts."""

    def __init__(self, network: Any, pooling: str) -> None:
        super().__init__()
        self.network, self.pooling = network, pooling
        self.width: int = network.config.hidden_size  # numbers that it answers with

    def forward(self, ids_BL: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor:
        """Vectors [B, D]; `mask` is 1 where a piece is."""
        states_BLD = self.network(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
        lengths_B = mask_BL.sum(1)
        if self.pooling == "mean":
            pooled_BD: torch.Tensor = (states_BLD * mask_BL[:, :, None]).sum(1) / lengths_B.clamp(min=1)[:, None]
            return pooled_BD
        last_B = (lengths_B - 1).clamp(min=0) if self.pooling == "last" else torch.zeros_like(lengths_B)
        return states_BLD[torch.arange(len(states_BLD), device=states_BLD.device), last_B]


class TunedNetwork(PooledNetwork):
    """Vectors of texts, dropout and a linear layer."""

    def __init__(self, network: Any, num_classes: int, pooling: str, dropout: float) -> None:
        super().__init__(network, pooling)
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(self.width, num_classes)
        self.width = num_classes
        torch.nn.init.normal_(self.head.weight, std=HEAD_DEVIATION)
        torch.nn.init.zeros_(self.head.bias)

    def forward(self, ids_BL: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor:
        """Logits [B, C]; `mask` is 1 where a piece is."""
        logits_BC: torch.Tensor = self.head(self.dropout(super().forward(ids_BL, mask_BL)))
        return logits_BC


@dataclass(frozen=True)
class TunedView:
    """What the training loop asks of the network; see `TrainedView`."""

    model: PooledNetwork
    device: torch.device
    pad: int
    name: str = VIEW
    member: int = 0

    @property
    def member_name(self) -> str:
        """What tensors, files and messages of this member are named by."""
        return member_name(self.name, self.member)

    def inputs(
        self, ids: np.ndarray, offsets: np.ndarray, rows_B: np.ndarray, unseen_UD: np.ndarray | None = None
    ) -> tuple[torch.Tensor | None, ...]:
        """Ids [B, L] and their mask."""
        lengths_B = offsets[rows_B + 1] - offsets[rows_B]
        ids_BL = padded(ids, offsets, rows_B, max_len=int(lengths_B.max(initial=1)), side="head")
        mask_BL = np.arange(ids_BL.shape[1]) < lengths_B[:, None]
        ids_BL[~mask_BL] = self.pad
        return torch.from_numpy(ids_BL).to(self.device), torch.from_numpy(mask_BL.astype(np.int64)).to(self.device)

    def epoch(self, offsets: np.ndarray, batch_size: int, order: np.random.Generator) -> Iterator[np.ndarray]:
        """Rows of each batch of one training epoch."""
        return bucketed(np.diff(offsets), batch_size, order)

    def logits(self, ids: np.ndarray, offsets: np.ndarray, unseen_UD: np.ndarray | None = None) -> np.ndarray:
        """Logits of all texts, float32 [N, C]; nothing is trained."""
        return self.answers(ids, offsets)

    def answers(self, ids: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """What the network answers to all texts, float32 [N, width]; nothing is trained."""
        self.model.eval()
        answers_NW = np.zeros((len(offsets) - 1, self.model.width), np.float32)
        with torch.inference_mode():
            for rows_B in by_length(np.diff(offsets), BATCH):
                answers_NW[rows_B] = self.model(*self.inputs(ids, offsets, rows_B)).float().cpu().numpy()
        return answers_NW


def train_tuned(job: Job, epochs_before: int) -> list[Trained]:
    """Tune the network with its head; see the module."""
    with num_threads(job.threads):
        return train_from(TunedStart(job), epochs_before)


def train_from(start: TunedStart, epochs_before: int) -> list[Trained]:
    """Train from a start, and write what is served."""
    job = start.job
    made = train_in_epochs(job, start, epochs_before, keep_first=start.settings.serve == "int8")
    heads = start.write([each.tensors for each in made], job.folder / VIEW, refitted=job.config.refit)
    if start.settings.serve == "int8":
        made = _served_int8(start, made, heads)
    first, *others = made
    return [with_head(first, joined_heads(heads)), *(with_head(each, None) for each in others)]


def _served_int8(start: TunedStart, made: list[Trained], heads: list[Head]) -> list[Trained]:
    """Serve the network with 8 bits; what is measured is the network that has not seen the validation rows."""
    job, folder, reading = start.job, start.job.folder / VIEW, start.pieces.reading
    texts, labels_N = labelled_texts(job, "valid")
    if made[0].first_tensors:  # another one is served, which has
        write_int8(folder / STATES, folder / STATES)
        folder = job.scratch / "first"
        shutil.rmtree(folder, ignore_errors=True)
        heads = start.write([each.first_tensors for each in made], folder, refitted=False)
    served = served_int8(folder, reading, heads, list(map(cleaned, texts)), [each.logits for each in made], labels_N)
    measured = [dataclasses.replace(each, logits=logits) for each, logits in zip(made, served.logits, strict=True)]
    return [dataclasses.replace(measured[0], figures=served.figures, note=served.note), *measured[1:]]


class TunedStart:
    """The networks before their first step, and the rows that they read."""

    def __init__(self, job: Job) -> None:
        if job.weights is None:
            raise ValueError("an encoder needs the folder that the step weights wrote")
        self.job, self.weights = job, job.weights
        self.settings = job.config.settings(EncoderSettings)
        self.members = self.settings.members
        how = self.settings
        self.pieces = Pieces(job.weights, Reading(how.pooling, how.max_len, how.truncate))
        self.train, self.valid = self._rows("train"), self._rows("valid")
        check_rows(self.train, self.valid)

    @property
    def shape(self) -> dict[str, Any]:
        """What the view is opened with: how a text is read. Vectors of other weights are never its own."""
        how = self.settings
        return {"made": {"weights": "tuned", "pooling": how.pooling, "max_len": how.max_len, "truncate": how.truncate}}

    def fit(self) -> tuple[Callable[[int], Training], Documents, Documents]:
        """What gives the network before its first step, the train rows and the valid rows."""
        return self._training, self.train, self.valid

    def refit(self, scratch: Path) -> tuple[Callable[[int], Training], Documents]:
        """What gives the network before its first step, and the rows of train and valid together."""
        return self._training, joined(self.train, self.valid)

    def recipe(self, num_documents: int, member: int) -> Recipe:
        """How it is trained; the same for any number of texts."""
        settings = self.settings
        return Recipe(
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            accumulate=settings.accumulate,
            warmup_share=WARMUP_SHARE,
            decay="linear",
            clip=CLIP,
            patience=PATIENCE,
            class_weights=self.job.class_weights,
            bfloat16=settings.bfloat16,
            seed=member_seed(self.job.config.seed, member),
        )

    def network(self, member: int) -> Any:
        """A member at the start."""
        with reproducible(member_seed(self.job.config.seed, member), 0, self.job.device):
            network = open_network(self.weights, "finetune.encoder.model")
            if self.settings.train == "lora":
                network = add_adapters(network, self.settings)
            return self.topped(network)

    def topped(self, network: Any) -> PooledNetwork:
        """A pretrained network with what is trained upon it: a head of small random weights, or of what the labels mean."""
        model = TunedNetwork(network, len(self.job.labels), self.settings.pooling, self.settings.dropout)
        if self.prior is not None:
            with torch.no_grad():
                model.head.weight.copy_(torch.from_numpy(self.prior[0].T))
        return model

    @cached_property
    def prior(self) -> Head | None:
        """The head that the described labels make."""
        return pretrained_prior(self.job)

    def write(self, trained: Sequence[Mapping[str, np.ndarray]], folder: Path, *, refitted: bool) -> list[Head]:
        """Write what is served of the members' trained tensors into the new `folder`.

        Their heads, made of the validation rows too if `refitted`.
        """
        tuned = [self._tuned(member, tensors) for member, tensors in enumerate(trained)]
        folder.mkdir()
        for name in (TOKENIZER, CONFIG):
            shutil.copyfile(self.weights / name, folder / name)
        facts = json.loads((self.weights / FACTS).read_text(encoding="utf-8"))
        if len(tuned) > 1:
            facts |= {"dim": facts["dim"] * len(tuned), "members": len(tuned)}
        (folder / FACTS).write_text(json.dumps(facts), encoding="utf-8")
        network = joined_network([each.network for each in tuned])
        export(network, folder / STATES, "the tuned network", most_positions(network))
        return [self.head(each, refitted=refitted) for each in tuned]

    def _tuned(self, member: int, tensors: Mapping[str, np.ndarray]) -> Any:
        tuned = self.network(member)
        if self.settings.train == "lora":
            tuned.network = merged(tuned.network)
        prefix = f"{member_name(VIEW, member)}."
        moved = {name.removeprefix(prefix): torch.from_numpy(value) for name, value in tensors.items()}
        tuned.load_state_dict({**tuned.state_dict(), **moved})
        return tuned.eval()

    def head(self, tuned: Any, *, refitted: bool) -> Head:
        """Weights [D, C] and bias [C] of a trained network's head; that of a linear layer is in the network."""
        return tuned.head.weight.detach().numpy().T, tuned.head.bias.detach().numpy()

    def pad(self, model: PooledNetwork) -> int:
        """The piece that fills the places after a short text."""
        return getattr(model.network.config, "pad_token_id", None) or 0

    def _training(self, member: int) -> Training:
        model, settings = self.network(member).to(self.job.device), self.settings
        groups = dense_groups(model, settings)
        rate = settings.peak_rate
        optimizer = Optimizer([], [], rule="adamw", lr=rate, row_lr=rate, weight_decay=0.0, groups=groups)
        resting = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
        return Training(
            TunedView(model, self.job.device, self.pad(model), member=member),
            optimizer,
            fold=merge_adapters if settings.train == "lora" else None,
            bfloat16=settings.bfloat16,
            moving=frozenset(model.state_dict().keys() - resting),
        )

    def _rows(self, split: str) -> Documents:
        texts, labels_N = labelled_texts(self.job, split)
        return self.documents(texts, labels_N, f"{split} row")

    def documents(self, texts: Sequence[str], labels_N: np.ndarray, called: str) -> Documents:
        """Texts as pieces; messages name each by its number."""
        pieces = [self.pieces.of(cleaned(text)) for text in texts]
        lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
        ids = np.concatenate([np.array(each, np.int32) for each in pieces]) if pieces else np.zeros(0, np.int32)
        names = pa.array([f"{called} {number + 1}" for number in range(len(texts))], pa.string())
        return Documents(ids, np.concatenate([[0], lengths.cumsum()]), labels_N, names)


def joined(one: Documents, other: Documents) -> Documents:
    """The rows of both."""
    names = pa.array([*one.names.to_pylist(), *other.names.to_pylist()], pa.string())
    offsets = np.concatenate([one.offsets, other.offsets[1:] + one.offsets[-1]])
    labels, ids = np.concatenate([one.labels, other.labels]), np.concatenate([one.ids, other.ids])
    return Documents(ids, offsets, labels, names)
