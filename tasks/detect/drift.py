"""Tell whether the stream still looks like the data that the model was trained on.

Four features of a document are followed: the label it was given, the model's confidence, its length, and the share of its
words that the model has not seen. Each feature's histogram of the latest days is compared with that of the reference by the
population stability index (PSI, the symmetrised Kullback-Leibler divergence).

Two small samples of one distribution differ too, so the threshold is a quantile of such differences: both samples are drawn
again from the pooled histogram at their own sizes (a parametric bootstrap; for the index' distribution see Yurdakul and Naranjo
2020, "Statistical properties of the population stability index"). With many documents any difference is certain, so a PSI below
`drift_min_psi` does not count as drift; 0.25 is the customary border of a major shift (Siddiqi 2006, "Credit Risk Scorecards").

Shapes: R resamples, K bins, N rows of the histograms.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.monitor.tables import CONFIDENCE, LABEL, LENGTH, UNSEEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.detect.settings import DetectConfig
    from tasks.register.profile import Profile

FEATURES = (LABEL, CONFIDENCE, LENGTH, UNSEEN)
RESAMPLES = 2000
SEED = 13  # equal histograms give equal thresholds


@dataclass(frozen=True)
class Drift:
    """One feature of the latest days against the reference.

    `value` is the PSI, `drifted` whether it exceeds `threshold`. `documents` are in the days from `window_start` to
    `window_end`, `reference_documents` in the reference: the model's `training` data, or the `stream`'s own first days.
    """

    feature: str
    value: float
    threshold: float
    drifted: bool
    documents: int
    reference_documents: int
    reference: Literal["training", "stream"]
    window_start: datetime.date
    window_end: datetime.date


def find_drift(
    histograms: pa.Table, reference: Profile | None, config: DetectConfig, own_days: Sequence[str] | None = None
) -> list[Drift]:
    """Compare the latest `drift_days` days with the reference; features without enough documents on both sides are left out.

    `histograms` has the columns of HISTOGRAMS_SCHEMA. Without a profile of the training data the stream's first
    `drift_reference_days` days take its place, as far as they end before the latest days begin. Of these days only `own_days`
    count (YYYY-MM-DD; None: all), those that the model alone has scored: another version labels the same stream otherwise.
    """
    own_N = np.ones(histograms.num_rows, bool)
    if own_days is not None:
        own_N = pc.is_in(histograms["day"], value_set=pa.array(own_days, pa.string())).to_numpy()
    if not own_N.any():
        return []
    features = np.asarray(histograms["feature"].to_pylist(), dtype=object)
    days = histograms["day"].combine_chunks().cast("date32").cast("int32").to_numpy(zero_copy_only=False)
    bins, documents = (histograms[name].to_numpy() for name in ("bin", "documents"))
    last, first = int(days.max()), int(days[own_N].min())
    recent = own_N & (days > last - config.drift_days)
    early = own_N & (days < first + config.drift_reference_days) & ~recent
    found = []
    for feature in FEATURES:
        own = features == feature
        now = _histogram(bins[own & recent], documents[own & recent])
        if reference is not None:
            before = np.asarray(reference.histograms.get(feature, ()), np.int64)
        else:
            before = _histogram(bins[own & early], documents[own & early])
        if min(now.sum(), before.sum()) < config.drift_min_documents:
            continue
        value, threshold = compare(before, now, config)
        found.append(
            Drift(
                feature=feature,
                value=value,
                threshold=threshold,
                drifted=value > threshold,
                documents=int(now.sum()),
                reference_documents=int(before.sum()),
                reference="stream" if reference is None else "training",
                window_start=_day(last - config.drift_days + 1),
                window_end=_day(last),
            )
        )
    return found


def renumbered(reference: Profile, labels: Sequence[str]) -> Profile:
    """The profile with the bins of `label` as the stream numbers them: its own count a model's classes in the model's order.

    `labels` are the stream's, by bin; classes of the profile alone follow.
    """
    names = [*labels, *(name for name in reference.labels if name not in labels)]
    counts = dict(zip(reference.labels, reference.histograms.get(LABEL, ()), strict=False))  # the last may lack: zeros
    histograms = {**reference.histograms, LABEL: tuple(counts.get(name, 0) for name in names)}
    return replace(reference, labels=tuple(names), histograms=histograms)


def compare(before: np.ndarray, now: np.ndarray, config: DetectConfig) -> tuple[float, float]:
    """The PSI of two histograms of counts, and the threshold above which it is drift."""
    num_bins = max(len(before), len(now))
    before_K, now_K = (np.pad(counts, (0, num_bins - len(counts))) for counts in (before, now))
    occurs_K = before_K + now_K > 0
    before_K, now_K = before_K[occurs_K], now_K[occurs_K]
    pooled_K = (before_K + now_K) / (before_K.sum() + now_K.sum())
    source = np.random.default_rng(SEED)
    drawn = [source.multinomial(int(counts.sum()), pooled_K, size=RESAMPLES) for counts in (before_K, now_K)]
    chance = float(np.quantile(stability_index(*drawn), 1 - config.drift_level))
    return float(stability_index(before_K, now_K)), max(chance, config.drift_min_psi)


def stability_index(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """PSI of counts over their last axis; each bin gets half a document, or an empty one were an infinite surprise."""
    shares = [(counts + 0.5) / (counts + 0.5).sum(axis=-1, keepdims=True) for counts in (before, now)]
    return ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum(axis=-1)


def _histogram(bins: np.ndarray, documents: np.ndarray) -> np.ndarray:
    return np.bincount(bins, weights=documents).astype(np.int64)


def _day(number: int) -> datetime.date:
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=number)
