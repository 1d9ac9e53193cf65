"""Train `encoder`: a head on the vectors of a frozen network, or the network with it, as its settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kinds.encoder.settings import EncoderSettings

if TYPE_CHECKING:
    from tasks.finetune.job import Job, Trained


def train_encoder(job: Job, epochs_before: int) -> list[Trained]:
    """The one member of the kind."""
    settings = job.config.settings(EncoderSettings)
    if settings.zero_shot:
        from tasks.finetune.kinds.encoder.frozen import describe

        return describe(job)
    if settings.frozen:
        from tasks.finetune.kinds.encoder.frozen import train_frozen

        return train_frozen(job)
    if settings.contrastive:
        from tasks.finetune.kinds.encoder.contrast import train_contrastive  # torch and transformers

        return train_contrastive(job, epochs_before)
    from tasks.finetune.kinds.encoder.tune import train_tuned  # the same

    return train_tuned(job, epochs_before)
