"""The parameters of a pretrained network that are trained, by depth, each with its learning rate and weight decay."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.errors import RequestError
from tasks.finetune.kinds.encoder.lora import is_adapter
from tasks.finetune.optimizer import DenseGroup

if TYPE_CHECKING:
    import torch

    from tasks.finetune.kinds.encoder.settings import EncoderSettings

LAYER = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")
INPUT_LAYERS = re.compile(r"(?:^|\.)(?:\w*embed\w*|wte|wpe)(?:\.|$)")
HEAD = "head."


def dense_groups(model: torch.nn.Module, settings: EncoderSettings) -> list[DenseGroup]:
    """The parameters that are trained, by depth: each layer's rate is `layer_decay` times that of the one above it.

    Of `last:N` the layers below the last N and the embeddings rest, of `lora` all but adapters and head. Biases and norms have
    no weight decay. RequestError if the network has fewer layers.
    """
    named = [(name, parameter) for name, parameter in model.named_parameters() if "pooler" not in name.split(".")]
    numbers = [int(found[1]) for name, _ in named if (found := LAYER.search(name))]
    layers = max(numbers, default=-1) + 1
    kind, _, number = settings.train.partition(":")
    last = int(number) if kind == "last" else layers + 1
    if kind == "last" and last > layers:
        raise RequestError(f"finetune.encoder.train {settings.train}: these weights have {layers} layers; lower it")
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    groups: dict[tuple[int, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in named:
        found = LAYER.search(name)
        depth = int(found[1]) + 1 if found else 0 if INPUT_LAYERS.search(name) else layers + 1
        moves = is_adapter(name) or name.startswith(HEAD) if kind == "lora" else depth > layers - last
        if moves:
            parameter.requires_grad_(True)
            groups.setdefault((depth, parameter.dim() > 1), []).append(parameter)
    return [
        DenseGroup(parameters, settings.layer_decay ** (layers + 1 - depth), settings.weight_decay if decays else 0.0)
        for (depth, decays), parameters in sorted(groups.items(), key=lambda each: each[0])
    ]
