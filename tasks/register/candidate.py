"""A trained model that wants to be registered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.register.models import ACCURACY_TAG, MACRO_F1_TAG
from tasks.register.shortfall import NO_SHORTFALL, Shortfall
from tasks.wording.sentence import joined

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.register.slices import NamedSlices


@dataclass(frozen=True)
class Candidate:
    """The name to register under, the package, evaluate's predictions of it (None: nothing was measured), the test rows' texts.

    `holdout` is the digest of the test rows, `labels` the classes of the model. `tags` go to the version: flow run, corpus
    digest, accuracy, recipe. `run_id` is the MLflow run that the version belongs to. `shortfall` names a
    baseline that is better than the model, if one is. `slices` are those on which it must not lose to the champion.
    """

    name: str
    package: Path
    predictions: Path | None
    texts: Path
    holdout: str
    labels: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    run_id: str | None = None
    shortfall: Shortfall = NO_SHORTFALL
    slices: NamedSlices | None = None

    def with_shortfall(self, reason: str) -> str:
        """The reason of a decision with the shortfall, unless the reason names it already."""
        clause = self.shortfall.clause
        return reason if not clause or clause in reason else joined("; ", [reason, clause])


def evaluation_tags(report: Mapping[str, Any]) -> dict[str, str]:
    """The version tags that evaluate's report gives: accuracy and macro-F1."""
    named = {ACCURACY_TAG: report.get("accuracy"), MACRO_F1_TAG: report.get("macro_f1")}
    return {tag: f"{value:.6f}" for tag, value in named.items() if value is not None}
