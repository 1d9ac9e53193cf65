"""Train pretrained weights on with the corpus' own texts, without labels. In go the folder of the step `weights` and texts, out
comes one like it: whatever starts from pretrained weights starts from these in the same way.

`masked`: the network fills in pieces that were masked (Devlin et al. 2019; with the texts of a task Gururangan et al. 2020,
"Don't Stop Pretraining"). `causal`: it tells the next piece from those before it, as GPT does (Radford et al. 2018), for
weights that read in one direction.

The loss of the validation rows' texts is measured before and after, with the same pieces masked each time. Training goes in
rounds of some steps with a checkpoint after each; what is random in a round follows from the seed and its number, so that a
killed call ends with the same weights.

Shapes: B parts of a batch, L pieces of the longest, D dimensions, M pieces to tell, V pieces of the tokenizer.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tasks.adapt.parts import MASKS, NOTHING, following, masked, read_parts, special_of
from tasks.crash import crash_point
from tasks.durable import num_cores
from tasks.errors import RequestError
from tasks.finetune.checkpoint import load_checkpoint, save_checkpoint
from tasks.finetune.documents import bucketed
from tasks.finetune.encode import content_digest
from tasks.finetune.loop import Epoch, NonFiniteLossError, Recipe, Training, num_threads, rate_factor, reproducible
from tasks.finetune.optimizer import DenseGroup, Optimizer
from tasks.finetune.rows import check_rows
from tasks.model.padding import by_length
from tasks.model.views.encoder import FACTS, STATES, TOKENIZER, Pieces, Reading
from tasks.weights.network import export, load, most_positions, quiet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.adapt.parts import Filling, Special
    from tasks.adapt.settings import AdaptConfig
    from tasks.finetune.documents import Documents
    from tasks.progress import Progress

CLASSES = {"masked": "AutoModelForMaskedLM", "causal": "AutoModelForCausalLM"}
ROUND = 100  # steps between two checkpoints
WARMUP_SHARE, CLIP = 0.06, 1.0  # RoBERTa's (Liu et al. 2019), and BERT's
VALID_SEED = 41


class Picked(torch.nn.Module):
    """The network below the head, which hands on only the states of the pieces to tell: [1, M, D]."""

    def __init__(self, base: torch.nn.Module) -> None:
        super().__init__()
        self.base = base
        self.at_M = torch.zeros(0, dtype=torch.long)

    def forward(self, *given: Any, **named: Any) -> Any:
        """The network's output, with those states as its first."""
        made = self.base(*given, **named)
        made.last_hidden_state = made.last_hidden_state.flatten(0, 1)[self.at_M][None]
        return made


@dataclass(frozen=True)
class AdaptedView:
    """What a checkpoint asks of the network; see `TrainedView`."""

    model: Any
    device: torch.device
    name: str = "adapted"
    member: int = 0

    @property
    def member_name(self) -> str:
        """What files are named by."""
        return self.name


class Teller:
    """The network with its head that tells pieces; `new_head` where the weights brought none."""

    def __init__(self, weights: Path, config: AdaptConfig, device: torch.device) -> None:
        """RequestError for an architecture that has no such head, or for `causal` one that reads in both directions."""
        self.config, title = config, f"pretrain.kind {config.kind}"
        with reproducible(config.seed, 0, device):  # a head that the weights bring none of starts at random
            self.whole, loaded = load(
                weights,
                CLASSES[config.kind],
                lambda reason: f"{title}: transformers cannot train these weights so ({reason}); give others, or leave it out",
            )
        prefix = self.whole.base_model_prefix
        self.base: Any = getattr(self.whole, prefix)
        self.new_head = any(not name.startswith(f"{prefix}.") for name in loaded["missing_keys"])
        if config.kind == "causal" and not _reads_forwards(self.base):
            raise RequestError(f"{title}: these weights read a text in both directions; set pretrain.kind masked")
        self._picked = Picked(self.base)
        setattr(self.whole, prefix, self._picked)
        self.whole.to(device)
        self.device = device

    def filling(self, rows: Documents, rows_B: np.ndarray, special: Special, random: np.random.Generator) -> Filling:
        """What is read of some parts, and what is to be told."""
        if self.config.kind == "causal":
            return following(rows, rows_B, special)
        return masked(rows, rows_B, self.config.share, special, random)

    def loss(self, filling: Filling) -> torch.Tensor:
        """The mean loss of the pieces to tell, in nats."""
        given = torch.from_numpy(filling.ids_BL), torch.from_numpy(filling.text_BL.astype(np.int64))
        ids_BL, text_BL = (value.to(self.device) for value in given)
        self._picked.at_M = torch.from_numpy(filling.at_M).to(self.device)
        logits_MV = self.whole(input_ids=ids_BL, attention_mask=text_BL).logits[0]
        return torch.nn.functional.cross_entropy(logits_MV.float(), torch.from_numpy(filling.was_M).to(self.device))

    def groups(self, weight_decay: float) -> list[DenseGroup]:
        """What is trained; biases and norms have no weight decay."""
        trained = [value for value in self.whole.parameters() if value.requires_grad]
        parts = [value for value in trained if value.dim() > 1], [value for value in trained if value.dim() < 2]
        return [DenseGroup(part, 1.0, decay) for part, decay in zip(parts, (weight_decay, 0.0), strict=True)]


def train_on(
    config: AdaptConfig, weights: Path, texts: Path, folder: Path, scratch: Path, *, progress: Progress
) -> dict[str, Any]:
    """Train and write the folder of weights; the report. RequestError for weights or texts that it cannot be done with.

    `texts` are those of the train, validation and unlabelled rows. A killed call, made again with the same `scratch`, ends with
    the same bytes.
    """
    threads = num_cores() if config.threads == "auto" else config.threads
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    try:
        pieces = Pieces(weights, Reading("mean", config.max_len, "head"))
    except RequestError as error:  # it begins with max_len, and there is another one
        raise RequestError(f"pretrain.adapt.{error}") from None
    train = read_parts(texts, ("train", "unlabelled") if config.unlabelled else ("train",), pieces)
    valid = read_parts(texts, ("valid",), pieces)
    check_rows(train, valid)
    with num_threads(threads):
        teller = Teller(weights, config, device)
        special = special_of(pieces, teller.base.config.pad_token_id)
        if config.kind == "masked" and special.mask == NOTHING:
            raise RequestError(
                f"pretrain.kind masked: tokenizer.json has no piece {' or '.join(MASKS)}, so these weights were not trained to "
                "fill in masked text; give others, or leave pretrain.kind out"
            )
        training = Training(
            AdaptedView(teller.whole, device),  # type: ignore[arg-type]
            Optimizer(
                [],
                [],
                rule="adamw",
                lr=config.lr,
                row_lr=config.lr,
                weight_decay=0.0,
                groups=teller.groups(config.weight_decay),
            ),
            moving=frozenset(name for name, _ in teller.whole.named_parameters()),  # a tied one once
        )
        before = measured(teller, valid, config, special)
        digest = _digest(config, teller, threads, device, train)
        resumed = len(training.history) if load_checkpoint(scratch, training, digest) else 0
        steps = config.epochs * -(-len(train) // config.batch_size)
        for number in range(len(training.history) + 1, -(-steps // ROUND) + 1):
            with reproducible(config.seed, number, device):
                loss = _round(teller, training, train, config, special, number, steps, progress)
            training.history.append(Epoch(number, loss, config.lr))
            save_checkpoint(scratch, training, digest)
            progress.log({"adapt/loss": loss}, at=min(number * ROUND, steps))
            crash_point(f"adapt.round.{number}")
        after = measured(teller, valid, config, special)
        difference = _write(teller, weights, folder)
    network = teller.base.config
    return {
        "kind": config.kind,
        "network": network.model_type,
        "parameters": sum(value.numel() for value in teller.base.parameters()),
        "dim": int(network.hidden_size),
        "parts": len(train),
        "pieces": int(train.offsets[-1]),
        "steps": steps,
        "epochs": config.epochs,
        "resumed_from_step": min(resumed * ROUND, steps),
        "valid_loss_before": before,
        "valid_loss_after": after,
        "new_head": teller.new_head,
        "largest_difference": difference,
        "threads": threads,
        "device": str(device),
    }


def _reads_forwards(base: Any) -> bool:
    """Whether a piece's state is the same whatever follows it."""
    ids_BL = torch.tensor([[5, 6, 7], [5, 6, 8]])
    with torch.inference_mode():
        states_BLD = base.eval()(input_ids=ids_BL).last_hidden_state
    return bool(torch.allclose(states_BLD[0, :2], states_BLD[1, :2], atol=1e-5))


def measured(teller: Teller, rows: Documents, config: AdaptConfig, special: Special) -> float:
    """The mean loss of the pieces of some texts that are to be told, always the same ones, in nats."""
    teller.whole.eval()
    total, pieces, random = 0.0, 0, np.random.default_rng([config.seed, VALID_SEED])
    with torch.inference_mode():
        for rows_B in by_length(np.diff(rows.offsets), config.batch_size):
            filling = teller.filling(rows, rows_B, special, random)
            total += float(teller.loss(filling)) * len(filling.at_M)
            pieces += len(filling.at_M)
    return total / max(pieces, 1)


def _round(
    teller: Teller,
    training: Training,
    train: Documents,
    config: AdaptConfig,
    special: Special,
    number: int,
    steps: int,
    progress: Progress,
) -> float:
    """The steps of one round; their mean loss."""
    teller.whole.train()
    recipe = Recipe(epochs=config.epochs, batch_size=config.batch_size, warmup_share=WARMUP_SHARE, decay="linear")
    total, first = 0.0, (number - 1) * ROUND
    last = min(first + ROUND, steps)
    random = np.random.default_rng([config.seed, number, 1])
    for step, rows_B in zip(range(first, last), _batches(train, config, first), strict=False):
        filling = teller.filling(train, rows_B, special, random)
        with torch.autocast(teller.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
            loss = teller.loss(filling)
        if not math.isfinite(value := float(loss.detach())):
            raise NonFiniteLossError(
                f"pretrain.kind {config.kind}: the loss is {value} in step {step + 1}; a lower pretrain.adapt.lr usually helps"
            )
        loss.backward()
        training.optimizer.step(rate_factor(step, steps, recipe), CLIP)
        total += value
        progress.advance(step + 1, steps, "steps", f"{config.kind}, loss {total / (step + 1 - first):.3f}")
    return total / max(last - first, 1)


def _batches(train: Documents, config: AdaptConfig, first: int) -> Iterator[np.ndarray]:
    """The rows of each step from `first` on, epoch after epoch."""
    each = -(-len(train) // config.batch_size)
    for epoch in range(first // each, config.epochs):
        batches = bucketed(np.diff(train.offsets), config.batch_size, np.random.default_rng([config.seed, epoch]))
        for number, rows_B in enumerate(batches):
            if epoch * each + number >= first:
                yield rows_B


def _write(teller: Teller, weights: Path, folder: Path) -> float:
    """Write the folder as the step `weights` does; how much torch and ONNX Runtime differ."""
    network = teller.base.eval().cpu()
    with quiet():
        network.save_pretrained(folder)
    for name in (TOKENIZER, FACTS):
        shutil.copyfile(weights / name, folder / name)
    return export(network, folder / STATES, "the trained network", most_positions(network))[0]


def _digest(config: AdaptConfig, teller: Teller, threads: int, device: torch.device, train: Documents) -> str:
    """SHA-256 over all that decides the bits of the trained weights."""
    digest = hashlib.sha256()
    settings = [config.model_dump(mode="json"), threads, str(device), torch.__version__, ROUND]
    digest.update(json.dumps(settings, sort_keys=True).encode())
    digest.update(content_digest(train).encode())
    for name, value in sorted(teller.whole.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().data)
    return digest.hexdigest()
