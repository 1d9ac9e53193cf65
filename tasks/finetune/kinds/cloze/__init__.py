"""A masked language model that fills a prompt: the label whose words fit best is the answer. Nothing is trained."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from tasks.embed.labels_file import read_described
from tasks.errors import RequestError
from tasks.finetune.kind import Kind, ZeroShot
from tasks.finetune.kinds.cloze.settings import ClozeSettings
from tasks.weights.place import weights_config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

    from tasks.finetune.job import Job, Trained
    from tasks.finetune.settings import SharedSettings
    from tasks.weights.place import WeightsConfig

FLAG = "--finetune.cloze.model"
PACKAGES = ("transformers", "tokenizers", "onnx", "onnxruntime")  # of the extra


def _train(job: Job, epochs_before: int) -> list[Trained]:
    from tasks.finetune.kinds.cloze.train import train_cloze  # heavy libraries

    return train_cloze(job)


def _weights(config: SharedSettings) -> WeightsConfig | None:
    return weights_config(config.settings(ClozeSettings).model, FLAG)


def _own_labels(config: SharedSettings) -> list[str] | None:
    labels = config.settings(ClozeSettings).labels
    return None if labels is None else read_described(labels).labels


def _by_words(texts: Sequence[str], config: SharedSettings, weights: Path) -> tuple[list[str], np.ndarray]:
    from tasks.finetune.kinds.cloze.train import label_by_words  # heavy libraries

    return label_by_words(texts, config, weights)


def _check(config: SharedSettings) -> None:
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise RequestError(
            f"finetune.model cloze needs the package {missing[0]}, which is not installed; "
            "run pip install 'textmill[encoder]', or choose another model"
        )
    settings = config.settings(ClozeSettings)
    if settings.model is None:
        raise RequestError(f"finetune.model cloze has no weights to start from; give {FLAG} FOLDER or NAME@COMMIT of the hub")
    if settings.labels is None:
        raise RequestError("finetune.model cloze needs words for each label; give --finetune.cloze.labels FILE")
    described = read_described(settings.labels)
    described.words(described.labels)
    if described.template is None:
        raise RequestError(f'{settings.labels}: no template in it; add one such as template = "{{text}} It was {{mask}}."')


KIND = Kind(
    "cloze",
    reads="text",
    train=_train,
    sections={"cloze": ClozeSettings},
    trained_with=("torch", "transformers", "onnx"),
    libraries=("onnxruntime", "tokenizers"),
    weights=_weights,
    check=_check,
    own_labels=_own_labels,
    zero_shot=ZeroShot({}, _by_words),
)
