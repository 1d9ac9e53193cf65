"""Find the series that are not judged: a name with few documents could stay silent for ever, as if nothing had happened.

Shapes: S series, D days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.detect.surges import blocks, delayed, trailing
from tasks.monitor.series import series_in_words
from tasks.monitor.tables import ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from tasks.detect.settings import DetectConfig


NUM_NAMED = 8  # series in one line
UNJUDGED = "unjudged"  # the setting of the monitor that keeps the line about them


@dataclass(frozen=True)
class Unjudged:
    """A series no day of which could be judged among the latest `baseline_days` days of the stream.

    Its windows held `fewest` to `most` documents, where one has to hold `needed`. Of the days before them at most `days` had
    documents, where `days_needed` are wanted.
    """

    series: str
    fewest: int
    most: int
    needed: int
    days: int
    days_needed: int

    @property
    def reason(self) -> str:
        """The missing documents or days, in a few words."""
        if self.most < self.needed:
            held = f"{self.fewest} to {self.most}" if self.fewest < self.most else str(self.most)
            return f"{held} of {self.needed} documents"
        return f"{self.days} of {self.days_needed} days with documents before"


def find_unjudged(counts: pa.Table, config: DetectConfig) -> list[Unjudged]:
    """The series that cannot raise an alarm: the whole stream first, then those with most documents.

    `counts` is that of `find_surges`.
    """
    found: list[Unjudged] = []
    for names, _, documents_SD, _ in blocks(counts):
        in_window_SD = trailing(documents_SD, config.window_days)
        active_SD = trailing((documents_SD > 0).astype(np.int64), config.baseline_days)
        before_SD = delayed(active_SD, config.window_days)
        latest = slice(max(0, documents_SD.shape[1] - config.baseline_days), None)
        has_any_SD = documents_SD[:, latest] > 0
        in_window_SD, before_SD = in_window_SD[:, latest] * has_any_SD, before_SD[:, latest] * has_any_SD
        enough_SD = (in_window_SD >= config.min_documents) & (before_SD >= config.min_baseline_days)
        for row in np.flatnonzero(~enough_SD.any(axis=1)):
            held = in_window_SD[row][has_any_SD[row]]
            fewest, most = (int(held.min()), int(held.max())) if len(held) else (0, 0)
            days = int(before_SD[row].max(initial=0))
            found.append(Unjudged(names[row], fewest, most, config.min_documents, days, config.min_baseline_days))
    return sorted(found, key=lambda each: (each.series != ALL, -each.most, each.series))


def unjudged_in_words(unjudged: Sequence[Unjudged], num_series: int, config: DetectConfig) -> str:
    """One line about the series that are not judged, why, and what to do; empty where all are."""
    if not unjudged:
        return ""
    if unjudged[0].series == ALL:
        return f"no series is judged yet: the whole stream has {unjudged[0].reason}"
    named = [f"{series_in_words(each.series)} {each.reason}" for each in unjudged[:NUM_NAMED]]
    more = f", and {len(unjudged) - NUM_NAMED:,} more" if len(unjudged) > NUM_NAMED else ""
    few = [each.most for each in unjudged if each.most < each.needed]
    held = f"{min(few)} to {max(few)}" if few and min(few) < max(few) else str(max(few, default=0))
    why = f": {held} of {config.min_documents} documents in their busiest {config.window_days} days" if few else ""
    remedy = "; lower --detect.min-documents or widen --detect.window-days" if few else ""
    return f"{len(unjudged):,} of {num_series:,} series are not judged{why} ({', '.join(named)}{more}){remedy}"
