"""TextCNN: filters over windows of words (Kim 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kinds.cnn.settings import CnnSettings
from tasks.finetune.networks.kind import network_kind

if TYPE_CHECKING:
    from tasks.finetune.job import Job, Trained


def _train(job: Job, epochs_before: int) -> list[Trained]:
    from tasks.finetune.kinds.cnn.train import train_cnn  # heavy libraries

    return train_cnn(job, epochs_before)


KIND = network_kind(
    "cnn",
    _train,
    CnnSettings,
    called=("textcnn", "text-cnn", "kim-cnn"),
    words={
        "filter-sizes": "widths",
        "kernel-sizes": "widths",
        "kernel-size": "widths",
        "num-filters": "filters",
        "n-filters": "filters",
    },
)
