"""A bidirectional LSTM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kind import Kind
from tasks.finetune.kinds.bilstm.settings import BilstmSettings
from tasks.finetune.networks.settings import INSTEAD, NETWORK, NetworkSettings, reads_unlabelled

if TYPE_CHECKING:
    from tasks.finetune.job import Job, Trained


def _train(job: Job, epochs_before: int) -> list[Trained]:
    from tasks.finetune.kinds.bilstm.train import train_bilstm  # heavy libraries

    return train_bilstm(job, epochs_before)


KIND = Kind(
    "bilstm",
    reads="words",
    train=_train,
    sections={"bilstm": BilstmSettings, NETWORK: NetworkSettings},
    trained_with=("torch",),
    shared=frozenset({"epochs", "patience", "class_weights"}),
    libraries=("torch",),
    reads_unlabelled=reads_unlabelled,
    instead=INSTEAD,
    called=("lstm", "bi-lstm", "rnn", "text-rnn"),
    words={"hidden-size": "hidden", "hidden-dim": "hidden"},
)
