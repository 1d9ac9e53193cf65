"""A bidirectional LSTM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kinds.bilstm.settings import BilstmSettings
from tasks.finetune.networks.kind import network_kind

if TYPE_CHECKING:
    from tasks.finetune.job import Job, Trained


def _train(job: Job, epochs_before: int) -> list[Trained]:
    from tasks.finetune.kinds.bilstm.train import train_bilstm  # heavy libraries

    return train_bilstm(job, epochs_before)


KIND = network_kind(
    "bilstm",
    _train,
    BilstmSettings,
    called=("lstm", "bi-lstm", "rnn", "text-rnn"),
    words={"hidden-size": "hidden", "hidden-dim": "hidden"},
)
