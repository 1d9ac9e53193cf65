"""Low-rank adapters of a pretrained network's linear layers (Hu et al. 2021, "LoRA", arXiv 2106.09685), by the library peft.

A layer W answers with W + 2 B A, of which only A and B are trained; in the end the sum is taken, so what is served is a network
like the one that came in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.weights.network import quiet

if TYPE_CHECKING:
    from tasks.finetune.kinds.encoder.settings import EncoderSettings
    from tasks.finetune.loop import Training

SCALE = 2  # alpha is twice the rank, so another rank asks for no other learning rate
MARK = ".lora_"  # in the names that peft gives to parameters of adapters


def add_adapters(network: Any, settings: EncoderSettings) -> Any:
    """The network with adapters, which start as nothing; A is drawn from torch's random numbers.

    RequestError for an architecture of which peft does not know the layers, and for a rank that saves nothing.
    """
    if settings.lora_rank >= network.config.hidden_size:
        raise RequestError(
            f"finetune.encoder.lora_rank {settings.lora_rank} is not below the {network.config.hidden_size} dimensions of "
            "these weights; lower it, or set finetune.encoder.train full"
        )
    every = settings.lora_layers == "all-linear"
    try:
        with quiet():
            from peft import LoraConfig, get_peft_model  # heavy

            config = LoraConfig(
                r=settings.lora_rank,
                lora_alpha=SCALE * settings.lora_rank,
                lora_dropout=settings.lora_dropout,
                target_modules="all-linear" if every else None,  # None: as peft knows the architecture
            )
            return get_peft_model(network, config)
    except ValueError:  # peft finds no layer to adapt
        layers = "linear" if every else "attention"
        instead = "train full or last:N" if every else "lora_layers all-linear, or train full"
        raise RequestError(
            f"finetune.encoder.train lora: peft knows no {layers} layers of the architecture "
            f"{network.config.model_type}; set finetune.encoder.{instead}"
        ) from None


def is_adapter(name: str) -> bool:
    """Whether the parameter of that name is part of an adapter."""
    return MARK in name


def merged(network: Any) -> Any:
    """The network with its adapters added to its layers, of the class that it had without them."""
    with quiet():
        return network.merge_and_unload()


def merge_adapters(training: Training) -> None:
    """Make the network a plain one, and the best weights all of its own."""
    model: Any = training.view.model
    model.network, training.moving = merged(model.network), None
    training.best = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
