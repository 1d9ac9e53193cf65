"""How good the model is on the latest documents: what is expected, what was promised, what people's labels say."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.monitor.tables import ALL, LENGTH, UNSEEN
from tasks.today.corrected import Corrected, find_corrected
from tasks.today.expected import estimate
from tasks.today.sample import days_read, sample_documents
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tasks.detect.drift import Drift
    from tasks.monitor.state import MonitorState
    from tasks.register.models import LoadedModel
    from tasks.today.expected import Estimate, Promised
    from tasks.today.settings import TodayConfig

MOST = 20_000  # documents of the sample
SAME = 0.1  # a stability index below is customarily no shift (Siddiqi 2006)
WRITING = (LENGTH, UNSEEN)  # features that no change of the classes' shares alone moves far
DRIFTED = {LENGTH: said("length"), UNSEEN: said("unseen words")}


@dataclass(frozen=True)
class Standing:
    """What is expected of `model` (NAME/VERSION) on the documents from `start` to `end` (YYYY-MM-DD), and what it promised.

    `drifted` are the features of length and unseen words that have drifted from the training data: the estimate is unreliable
    then. `known` says whether these features could be compared at all.
    """

    model: str
    start: str
    end: str
    estimate: Estimate
    promised: Promised
    drifted: tuple[str, ...]
    known: bool
    corrected: Corrected

    @property
    def reliable(self) -> bool:
        """Whether the estimate may be believed as far as the input tells."""
        return self.known and not self.drifted

    def is_below(self, margin: float) -> bool:
        """Whether less is expected than was promised, by more than `margin` and by more than chance."""
        promised = self.promised.measured.accuracy
        return self.estimate.figures.accuracy < promised - margin and self.estimate.accuracy_interval[1] < promised

    def held(self, margin: float) -> dict[str, Any]:
        """As JSON."""
        found, promised = self.estimate, self.promised.measured
        return {
            "model": self.model,
            "window_start": self.start,
            "window_end": self.end,
            "documents": found.documents,
            "accuracy": round(found.figures.accuracy, 4),
            "accuracy_interval": [round(value, 4) for value in found.accuracy_interval],
            "macro_f1": round(found.figures.macro_f1, 4),
            "macro_f1_interval": [round(value, 4) for value in found.macro_f1_interval],
            "promised_accuracy": promised.accuracy,
            "promised_macro_f1": promised.macro_f1,
            "test_rows": self.promised.rows,
            "below_promise": self.is_below(margin),
            "reliable": self.reliable,
            "why_unreliable": self.doubt,
            "drifted": list(self.drifted),
            "class_shares": {label: round(share, 4) for label, share in found.shares.items()},
            "shares_changed": found.adjusted,
            "labelled": {
                "random": self.corrected.random,
                "random_right": self.corrected.random_right,
                "interval": self.corrected.interval,
                "chosen": self.corrected.chosen,
                "chosen_right": self.corrected.chosen_right,
            },
        }

    @property
    def doubt(self) -> str:
        """Why the estimate is unreliable, in a few words; empty if it is not."""
        return _doubt(self.drifted, self.known)


def _doubt(drifted: Sequence[str], known: bool) -> str:
    """Why an estimate is unreliable, in a few words; empty if it is not."""
    if drifted:
        return said("{features} drifted from the training data", features=joined(" and ", [DRIFTED[name] for name in drifted]))
    return "" if known else said("too few documents to compare with the training data")


def find_standing(
    state: MonitorState, loaded: LoadedModel, config: TodayConfig, drifts: Sequence[Drift], data_root: Path
) -> Standing | None:
    """Judge the last `config.days` days of the stream; None without a promise, or with too few documents with probabilities."""
    latest = max(state.counts(ALL)["day"].to_pylist(), default="")
    if loaded.promised is None or not latest:
        return None
    start = (datetime.date.fromisoformat(latest) - datetime.timedelta(days=config.days - 1)).isoformat()
    days = days_read(state, start, latest)
    sample = sample_documents(state, days, MOST, ["id", "day", "probabilities"], loaded.title)
    sample = sample.filter(sample["probabilities"].is_valid())
    if sample.num_rows < config.min_documents:
        return None
    probabilities_NC = sample["probabilities"].combine_chunks().flatten().to_numpy().reshape(sample.num_rows, -1)
    days_N = sample["day"].cast("int32").to_numpy()
    writing = [drift for drift in drifts if drift.feature in WRITING]
    same = len(writing) == len(WRITING) and all(drift.value < SAME for drift in writing)
    found = estimate(probabilities_NC, days_N, loaded.model.labels, loaded.promised, same_writing=same)
    drifted = tuple(drift.feature for drift in writing if drift.drifted)
    corrected = find_corrected(state, days, loaded.title, data_root)
    return Standing(loaded.title, start, latest, found, loaded.promised, drifted, len(writing) == len(WRITING), corrected)


def standing_in_words(held: Mapping[str, Any]) -> str:
    """One line about what `Standing.held` holds."""
    low, high = held["accuracy_interval"]
    parts = [
        said(
            "expected accuracy {accuracy:.1%} ({low:.1%} to {high:.1%}), macro-F1 {macro_f1:.3f}, in {documents:,} documents",
            low=low,
            high=high,
            **{name: held[name] for name in ("accuracy", "macro_f1", "documents")},
        ),
        said(
            "registered with {accuracy:.1%} and {macro_f1:.3f}",
            accuracy=held["promised_accuracy"],
            macro_f1=held["promised_macro_f1"],
        ),
    ]
    labelled = held["labelled"]
    if labelled["random"]:
        confirmed = {"right": labelled["random_right"], "random": labelled["random"]}
        parts.append(said("people confirm {right:,} of {random:,} drawn at random", **confirmed))
    if held["below_promise"]:
        parts.append(said("below the promise"))
    if not held["reliable"]:
        parts.append(said("unreliable: {why}", why=doubt_of(held)))
    return joined("; ", parts)


def doubt_of(held: Mapping[str, Any]) -> str:
    """Why an estimate, as `Standing.held` holds it, is unreliable; empty if it is not."""
    if "drifted" not in held:  # as earlier versions hold it
        return str(held["why_unreliable"])
    return _doubt(held["drifted"], held["reliable"] or bool(held["drifted"]))
