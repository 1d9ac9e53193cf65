"""Train a model by each way to weigh its classes, where `finetune.class_weights` is auto; the validation rows choose.

A way is judged by what the model is for: its accuracy, as the gate judges, or with `finetune.class_prior` the accuracy to
expect where classes have those shares. Of equally good ones the first of WAYS is kept.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.finetune.lanes import train_kinds
from tasks.finetune.ngram_rows import NgramRows
from tasks.finetune.summed import expected_accuracy, summed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.finetune.job import Job, Trained
    from tasks.finetune.settings import FinetuneConfig
    from tasks.finetune.summed import Summed

AUTO = "auto"
WAYS = ("none", "sqrt", "balanced", "prior")


@dataclass(frozen=True)
class Weighed:
    """A trained model, the numbers of its sum, how long each kind took, and what each way that was tried came to."""

    job: Job
    trained: Mapping[str, list[Trained]]
    seconds: Mapping[str, float]
    sum: Summed
    tried: Mapping[str, float] = field(default_factory=dict)

    @property
    def report(self) -> dict[str, Any]:
        """What is said about the choice; nothing where there was none."""
        if not self.tried:
            return {}
        by = "accuracy" if self.job.prior is None else "accuracy under class_prior"
        return {"class_weights": {"chosen": self.job.config.class_weights, "judged by": by, **self.tried}}

    @property
    def note(self) -> str:
        """The choice and why, in a line; empty where there was none."""
        if not self.tried:
            return ""
        chosen, by = self.job.config.class_weights, "accuracy" if self.job.prior is None else "accuracy under class_prior"
        others = ", ".join(f"{way} {found:.4f}" for way, found in self.tried.items() if way != chosen)
        return f"class weights {chosen}: valid {by} {self.tried[chosen]:.4f} ({others})"


def train_weighed(job: Job) -> Weighed:
    """Train the kinds of a model; with `class_weights` auto once for each way, and with `refit` once more by the best."""
    if job.config.class_weights != AUTO:
        return _trained(job)
    tried: dict[str, float] = {}
    best: Weighed | None = None
    for way in _ways(job):
        made = _trained(_apart(job, way))
        tried[way] = expected_accuracy(made.sum.logits, made.sum.labels, job.prior)
        if best is None or tried[way] > tried[best.job.config.class_weights]:
            best = made
    assert best is not None
    chosen = best.job.config.class_weights
    if job.config.refit:
        best = _trained(replace(job, config=_with(job.config, chosen)))
    else:
        shutil.copytree(best.job.folder, job.folder, dirs_exist_ok=True, copy_function=shutil.move)
    return replace(best, tried=tried)


def _trained(job: Job) -> Weighed:
    trained, seconds = train_kinds(job)
    return Weighed(job, trained, seconds, summed(job, trained))


def _ways(job: Job) -> list[str]:
    """The ways that differ: without a prior there is none by it, and one of equal shares is `balanced`."""
    even = job.prior is None or bool(np.allclose(job.prior, 1 / len(job.labels)))
    return [way for way in WAYS if way != "prior" or not even]


def _apart(job: Job, way: str) -> Job:
    """The job by one way, without a refit, in folders of its own, so that a killed call goes on where it was."""
    places = {name: job.scratch / "class_weights" / way / name for name in ("model", "checkpoints")}
    shutil.rmtree(places["model"], ignore_errors=True)
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    config = _with(job.config, way).model_copy(update={"refit": False})
    asked = [kind.counts(config) for kind in config.kinds if kind.counts]
    rows = NgramRows(job.dataset, job.labels, places["checkpoints"], asked, job.threads)
    return replace(job, config=config, folder=places["model"], scratch=places["checkpoints"], ngram_rows=rows)


def _with(config: FinetuneConfig, way: str) -> FinetuneConfig:
    return config.model_copy(update={"class_weights": way})
