"""Train a GPT-2 network on blocks of the train texts. In go a tokenizer's folder and texts, out comes a folder with

config.json, model.safetensors, tokenizer.json   as transformers reads them: a start for the kind `encoder` too
language.json, spelling.safetensors              as the tokenizer's folder has them
history.json                                     loss and perplexity by epoch

Shapes: N blocks, B blocks of a step, L pieces of a block, V pieces of the vocabulary.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import math
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tasks.crash import crash_point
from tasks.durable import num_cores
from tasks.errors import RequestError
from tasks.finetune.checkpoint import load_checkpoint, save_checkpoint
from tasks.finetune.history import HISTORY
from tasks.finetune.loop import Epoch, NonFiniteLossError, Recipe, Training, num_threads, rate_factor, reproducible
from tasks.finetune.optimizer import DenseGroup, Optimizer
from tasks.language.blocks import NOTHING, Blocks, blocks_of, stream_of
from tasks.language.start import first_network
from tasks.language.vocabulary import iter_train
from tasks.model.language.pieces import FACTS, TOKENIZER, Pieces, num_words
from tasks.model.language.spelling import FILE as SPELLING
from tasks.weights.network import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.language.settings import NetworkConfig
    from tasks.progress import Progress

log = logging.getLogger(__name__)

TIED = "lm_head.weight"  # GPT-2 predicts with the matrix that it reads with
LOGITS = 1 << 25  # float32 numbers of a batch that is measured: 128 MiB
STEP = "train_language"


@dataclass(frozen=True)
class LanguageEpoch(Epoch):
    """An epoch of a language model: losses are nats a piece; the best has the smallest validation loss."""

    @property
    def score(self) -> float:
        """What the best epoch has most of."""
        return -float(self.valid_loss or 0.0)


@dataclass(frozen=True)
class LanguageView:
    """What a checkpoint asks of a network."""

    model: Any
    device: torch.device
    name: str = "language"
    member: int = 0

    @property
    def member_name(self) -> str:
        """What files and messages are named by."""
        return self.name


@dataclass
class _Speed:
    """Words a second and the time left, for people: nothing depends on it."""

    words_a_token: float
    tokens: int  # of all epochs
    started: float = dataclasses.field(default_factory=time.monotonic)
    done: int = 0

    def add(self, tokens: int) -> None:
        self.done += tokens

    @property
    def words_per_second(self) -> float:
        """Words a second since training began."""
        return self.words_a_token * self.done / max(time.monotonic() - self.started, 1e-9)

    def left(self, before: int) -> str:
        """The time left if all epochs are run; `before` are the tokens of epochs that a checkpoint spared."""
        rate = self.done / max(time.monotonic() - self.started, 1e-9)
        minutes, seconds = divmod(int((self.tokens - before - self.done) / max(rate, 1e-9)), 60)
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def write_language_model(
    config: NetworkConfig,
    tokenizer: Path,
    texts: Path,
    folder: Path,
    scratch: Path,
    *,
    weights: Path | None = None,
    progress: Progress,
) -> dict[str, Any]:
    """Train on the train texts, keep the epoch with the smallest loss of the validation texts; the report.

    `tokenizer` is the folder that `write_tokenizer` wrote, `weights` that of the step of this name. `scratch` keeps a
    checkpoint of each epoch, so that a killed call, made again, ends with the same weights. RequestError for texts or weights
    that cannot be trained on, NonFiniteLossError if training diverges.
    """
    pieces = Pieces(tokenizer)
    train = blocks_of(stream_of(pieces, iter_train(texts)), config.context, "train")
    valid = blocks_of(stream_of(pieces, iter_train(texts, "valid")), config.context, "validation")
    words = sum(map(num_words, iter_train(texts)))
    threads = num_cores() if config.threads == "auto" else config.threads
    with num_threads(threads):
        training = _start(config, pieces, weights)
        recipe = _recipe(config)
        digest = _digest(config, training, train, valid, threads)
        resumed = len(training.history) if load_checkpoint(scratch, training, digest) else 0
        speed = _Speed(words / train.num_tokens, config.epochs * train.num_tokens)
        while not training.finished(recipe):
            _run_epoch(training, train, valid, recipe, speed, resumed * train.num_tokens, progress)
            save_checkpoint(scratch, training, digest)
            epoch = training.history[-1]
            progress.log({**_figures(epoch), f"{STEP}/words_per_second": speed.words_per_second}, at=epoch.number)
            crash_point(f"{STEP}.epoch.{epoch.number}")
        training.load_best()
        _save(training, pieces, tokenizer, folder)
    best = training.best_epoch
    return {
        "valid_perplexity": math.exp(best.valid_loss or 0.0),
        "train_tokens": train.num_tokens,
        "valid_tokens": valid.num_tokens,
        "parameters": sum(value.numel() for value in training.view.model.parameters()),
        "trainable_parameters": training.optimizer.num_trainable,
        "epochs": len(training.history),
        "best_epoch": best.number,
        "resumed_from_epoch": resumed,
        "words_per_second": round(speed.words_per_second),
        "threads": threads,
    }


def valid_loss(network: Any, blocks: Blocks) -> float:
    """The mean loss of a piece, in nats: each piece counts the same, whichever block it is in."""
    network.eval()
    total, size = 0.0, max(1, LOGITS // (blocks.ids.shape[1] * int(network.config.vocab_size)))
    with torch.inference_mode():
        for start in range(0, len(blocks), size):
            rows = np.arange(start, min(start + size, len(blocks)))
            total += float(_loss(network, blocks, rows, torch.device("cpu"), reduction="sum"))
    return total / blocks.num_tokens


def _run_epoch(
    training: Training, train: Blocks, valid: Blocks, recipe: Recipe, speed: _Speed, before: int, progress: Progress
) -> None:
    """One pass, and what the validation texts say of it; added to the history."""
    number, view = len(training.history) + 1, training.view
    with reproducible(recipe.seed, number, view.device):
        train_loss, rate = _one_pass(training, train, recipe, number, speed, before, progress)
    measured = valid_loss(view.model, valid)
    if not math.isfinite(measured):
        raise NonFiniteLossError(f"the validation loss is {measured} after epoch {number}; a lower train.lr usually helps")
    epoch = LanguageEpoch(number, train_loss, rate, valid_loss=measured)
    training.history.append(epoch)
    if training.best_epoch is epoch:
        training.best = {name: value.detach().cpu().clone() for name, value in training.weights().items()}


def _one_pass(
    training: Training, train: Blocks, recipe: Recipe, number: int, speed: _Speed, before: int, progress: Progress
) -> tuple[float, float]:
    """The mean loss of a piece as it was read, and the last step's learning rate."""
    network = training.view.model
    network.train()
    order = np.random.default_rng([recipe.seed, number]).permutation(len(train))
    steps, total, done, factor = -(-len(train) // recipe.batch_size), 0.0, 0, 0.0
    for step, start in enumerate(range(0, len(train), recipe.batch_size)):
        rows_B = order[start : start + recipe.batch_size]
        tokens = int((train.targets[rows_B] != NOTHING).sum())
        loss = _loss(network, train, rows_B, training.view.device, reduction="mean")
        value = float(loss.detach())
        if not math.isfinite(value):
            raise NonFiniteLossError(
                f"the loss is {value} in step {step + 1} of epoch {number}; a lower train.lr usually helps"
            )
        loss.backward()
        factor = rate_factor((number - 1) * steps + step, recipe.epochs * steps, recipe)
        training.optimizer.step(factor, recipe.clip)
        for parameter in network.parameters():
            parameter.grad = None
        total, done = total + value * tokens, done + tokens
        speed.add(tokens)
        note = (
            f"epoch {number} of {recipe.epochs}, perplexity {math.exp(min(total / done, 99.0)):,.1f}, "
            f"{speed.words_per_second:,.0f} words/s, {speed.left(before)} left at most"
        )
        progress.advance((number - 1) * steps + step + 1, recipe.epochs * steps, "steps", note)
    return total / done, training.optimizer.lr * factor


def _loss(network: Any, blocks: Blocks, rows_B: np.ndarray, device: torch.device, *, reduction: str) -> torch.Tensor:
    """The loss of the pieces that follow; the targets are one place on already, so the network is not given them."""
    ids_BL = torch.from_numpy(blocks.ids[rows_B].astype(np.int64)).to(device)
    targets_BL = torch.from_numpy(blocks.targets[rows_B].astype(np.int64)).to(device)
    logits_BLV = network(input_ids=ids_BL, use_cache=False).logits
    return torch.nn.functional.cross_entropy(
        logits_BLV.flatten(0, 1), targets_BL.flatten(), ignore_index=NOTHING, reduction=reduction
    )


def _start(config: NetworkConfig, pieces: Pieces, weights: Path | None) -> Training:
    network = first_network(config, pieces, weights)
    resting = (
        (network.transformer.wte, network.transformer.wpe, *network.transformer.h[: config.freeze]) if config.freeze else ()
    )
    for module in resting:
        module.requires_grad_(False)
    moving = [parameter for parameter in network.parameters() if parameter.requires_grad]
    if not moving:
        raise RequestError("train.freeze leaves nothing to train; lower it")
    groups = [
        DenseGroup([each for each in moving if (each.dim() > 1) == matrix], 1.0, config.weight_decay if matrix else 0.0)
        for matrix in (True, False)
    ]
    optimizer = Optimizer([], [], rule="adamw", lr=config.lr, row_lr=config.lr, weight_decay=0.0, groups=groups)
    at_rest = {name for name, parameter in network.named_parameters() if not parameter.requires_grad} | {TIED}
    view: Any = LanguageView(network, torch.device("cpu"))
    return Training(view, optimizer, moving=frozenset(network.state_dict().keys() - at_rest), epoch=LanguageEpoch)


def _recipe(config: NetworkConfig) -> Recipe:
    return Recipe(
        epochs=config.epochs,
        batch_size=config.batch_size,
        warmup_share=config.warmup_share,
        clip=config.clip,
        patience=config.patience,
        seed=config.seed,
    )


def _figures(epoch: Epoch) -> dict[str, float]:
    """The figures of an epoch, as MLflow is told them."""
    losses = {"loss": epoch.train_loss, "valid_loss": float(epoch.valid_loss or 0.0)}
    perplexities = {
        "perplexity": math.exp(min(losses["loss"], 99.0)),
        "valid_perplexity": math.exp(min(losses["valid_loss"], 99.0)),
    }
    return {f"{STEP}/{name}": value for name, value in (losses | perplexities).items()}


def _save(training: Training, pieces: Pieces, tokenizer: Path, folder: Path) -> None:
    network: Any = training.view.model
    network.config._name_or_path = ""  # where the weights were
    with quiet():
        network.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)  # how a text goes on is said where it does
    for name in (TOKENIZER, FACTS, SPELLING):
        shutil.copyfile(tokenizer / name, folder / name)
    epochs = [_as_written(epoch) for epoch in training.history]
    (folder / HISTORY).write_text(json.dumps({training.view.member_name: epochs}, indent=1, allow_nan=False), encoding="utf-8")


def _as_written(epoch: Epoch) -> Mapping[str, float]:
    figures = {name.removeprefix(f"{STEP}/"): value for name, value in _figures(epoch).items()}
    return {"number": epoch.number, "learning_rate": epoch.learning_rate, **figures}


def _digest(config: NetworkConfig, training: Training, train: Blocks, valid: Blocks, threads: int) -> str:
    """SHA-256 over all that decides the bits of the trained weights."""
    digest = hashlib.sha256(json.dumps([config.model_dump(mode="json"), threads, torch.__version__]).encode())
    for array in (train.ids, train.targets, valid.ids, valid.targets):
        digest.update(np.ascontiguousarray(array).data)
    for name, value in sorted(training.view.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().data)
    return digest.hexdigest()
