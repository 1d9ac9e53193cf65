"""A pretrained language model: logistic regression on the vectors that it makes of texts, or the network tuned itself."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from tasks.embed.labels_file import read_described
from tasks.embed.reading import EmbedConfig
from tasks.errors import RequestError
from tasks.finetune.kind import Kind, ZeroShot
from tasks.finetune.kinds.encoder.settings import EncoderSettings
from tasks.weights.place import weights_config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

    from tasks.finetune.job import Job, Trained
    from tasks.finetune.settings import SharedSettings
    from tasks.weights.place import WeightsConfig

FLAG = "--finetune.encoder.model"
PACKAGES = ("transformers", "tokenizers", "onnx", "onnxruntime")  # of the extra


def _train(job: Job, epochs_before: int) -> list[Trained]:
    from tasks.finetune.kinds.encoder.train import train_encoder  # heavy libraries

    return train_encoder(job, epochs_before)


def _weights(config: SharedSettings) -> WeightsConfig | None:
    return weights_config(config.settings(EncoderSettings).model, FLAG)


def _embeds(config: SharedSettings) -> EmbedConfig | None:
    settings = config.settings(EncoderSettings)
    if not settings.frozen:
        return None
    return EmbedConfig(
        pooling=settings.pooling, max_len=settings.max_len, truncate=settings.truncate, layers=settings.layers_read
    )


def _serves_embedded(config: SharedSettings) -> bool:
    return config.settings(EncoderSettings).serve == "float32"


def _also_trained_with(config: SharedSettings) -> tuple[str, ...]:
    return ("peft",) if config.settings(EncoderSettings).train == "lora" else ()


def _own_labels(config: SharedSettings) -> list[str] | None:
    settings = config.settings(EncoderSettings)
    return read_described(settings.labels).labels if settings.zero_shot and settings.labels else None


def _by_meaning(texts: Sequence[str], config: SharedSettings, weights: Path) -> tuple[list[str], np.ndarray]:
    from tasks.finetune.kinds.encoder.zero_shot import label_by_description  # heavy libraries

    return label_by_description(texts, config, weights)


def _check(config: SharedSettings) -> None:
    if (described := config.settings(EncoderSettings).labels) is not None:
        read_described(described)
    missing = [name for name in (*PACKAGES, *_also_trained_with(config)) if find_spec(name) is None]
    if missing:
        raise RequestError(
            f"finetune.model encoder needs the package {missing[0]}, which is not installed; "
            "run pip install 'textmill[encoder]', or choose another model"
        )
    if config.settings(EncoderSettings).model is None:
        raise RequestError(f"finetune.model encoder has no weights to start from; give {FLAG} FOLDER or NAME@COMMIT of the hub")


KIND = Kind(
    "encoder",
    reads="text",
    train=_train,
    sections={"encoder": EncoderSettings},
    shared=frozenset({"class_weights"}),
    trained_with=("scipy", "torch", "transformers", "onnx"),
    libraries=("onnxruntime", "tokenizers"),
    also_trained_with=_also_trained_with,
    weights=_weights,
    embeds=_embeds,
    serves_embedded=_serves_embedded,
    check=_check,
    exports=("transformers",),
    own_labels=_own_labels,
    zero_shot=ZeroShot({"train": "zero-shot"}, _by_meaning),
)
