"""What a killed training leaves behind, so that it ends with the same bits when it is run again.

Two files a member of a view: `<member>-<epoch>.safetensors` (weights that move, those of the best epoch, optimizer moments) and
`<member>.json` (epochs so far, what was trained on what, SHA-256 of the first), replaced last and at once. There is no random
state to keep: an epoch's random numbers follow from the seed and its number.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from tasks.crash import crash_point
from tasks.durable import flush, replaced
from tasks.store.digests import sha256_file

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from tasks.finetune.loop import Training

log = logging.getLogger(__name__)


def save_checkpoint(folder: Path, training: Training, digest: str) -> None:
    """Write the state after an epoch; `digest` is of its configuration and its data."""
    name, number = training.view.member_name, len(training.history)
    tensors = {f"weights.{key}": value for key, value in training.weights().items()}
    tensors |= {f"best.{key}": value for key, value in training.best.items()}
    tensors |= {f"optimizer.{key}": value for key, value in training.optimizer.state().items()}
    path = folder / f"{name}-{number}.safetensors"
    save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, path)
    flush(path)
    crash_point("checkpoint.written")
    state = {
        "digest": digest,
        "file": path.name,
        "sha256": sha256_file(path),
        "history": [dataclasses.asdict(epoch) for epoch in training.history],
    }
    with replaced(folder / f"{name}.json", flushed=True) as partial:
        partial.write_text(json.dumps(state), encoding="utf-8")
    crash_point("checkpoint.named")
    for old in folder.glob(f"{name}-*.safetensors"):
        if old != path:
            old.unlink()


def load_checkpoint(folder: Path, training: Training, digest: str) -> bool:
    """Take over the state of the last epoch written; False, and nothing changed, if there is none that fits and is whole."""
    name = training.view.member_name
    try:
        state = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        if state["digest"] != digest:
            log.info("%s: the checkpoint is of another configuration, corpus, processor or thread count; training anew", name)
            return False
        path = folder / state["file"]
        if sha256_file(path) != state["sha256"]:
            raise ValueError("its bytes have changed")
        tensors = load_file(path)
        history = [training.epoch(**epoch) for epoch in state["history"]]
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        log.warning("%s: the checkpoint is damaged (%s); training anew", name, error)
        return False
    training.load_weights(_part(tensors, "weights."))
    training.optimizer.load_state(_part(tensors, "optimizer."))
    training.best, training.history = _part(tensors, "best."), history
    log.info("%s: going on after epoch %d", name, len(history))
    return True


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
