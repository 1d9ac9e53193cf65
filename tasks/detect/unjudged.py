"""Find the series that are not judged: a name with few documents could stay silent for ever, as if nothing had happened.

Shapes: S series, D days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.detect.small import MIN_IN_WINDOW, has_few
from tasks.detect.surges import blocks
from tasks.detect.tails import trailing, trailing_before
from tasks.monitor.series import series_in_words
from tasks.monitor.tables import ALL
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from tasks.detect.settings import DetectConfig


NUM_NAMED = 8  # series in one line
UNJUDGED = "unjudged"  # the setting of the monitor that keeps the line about them


@dataclass(frozen=True)
class Unjudged:
    """A series no day of which could be judged among the latest `baseline_days` days of the stream.

    Its windows of `window_days` held `fewest` to `most` documents, where one has to hold `needed`. Of the days before them at
    most `days` had documents (of a series of a few documents a week: were part of the stream), where `days_needed` are wanted.
    """

    series: str
    fewest: int
    most: int
    needed: int
    days: int
    days_needed: int
    window_days: int
    is_small: bool = False

    @property
    def reason(self) -> str:
        """The missing documents or days, in a few words."""
        if self.most < self.needed:
            return said("{held} of {needed} documents", held=_range(self.fewest, self.most), needed=self.needed)
        if self.days >= self.days_needed:
            return said("never {documents} documents after {days} days", documents=self.needed, days=self.days_needed)
        days = {"days": self.days, "needed": self.days_needed}
        if self.is_small:
            return said("{days} of {needed} days before", **days)
        return said("{days} of {needed} days with documents before", **days)


def find_unjudged(counts: pa.Table, config: DetectConfig) -> list[Unjudged]:
    """The series that cannot raise an alarm: the whole stream first, then those with most documents.

    `counts` is that of `find_surges`.
    """
    found: list[Unjudged] = []
    for names, _, documents_SD, _ in blocks(counts):
        large, small = _large(documents_SD, config), _small(documents_SD, config)
        is_small_SD = has_few(documents_SD, config)
        latest = slice(max(0, documents_SD.shape[1] - config.baseline_days), None)
        enough_SD = np.where(is_small_SD, small.enough, large.enough) & (documents_SD > 0)
        for row in np.flatnonzero(~enough_SD[:, latest].any(axis=1)):
            rule = small if is_small_SD[row, -1] else large
            has_any_D = documents_SD[row, latest] > 0
            held, before = rule.in_window[row, latest][has_any_D], rule.before[row, latest][has_any_D]
            fewest, most = (int(held.min()), int(held.max())) if len(held) else (0, 0)
            wanted = (rule.needed, int(before.max(initial=0)), config.min_baseline_days, rule.window_days, rule is small)
            found.append(Unjudged(names[row], fewest, most, *wanted))
    return sorted(found, key=lambda each: (each.series != ALL, -each.most, each.series))


class _Rule(NamedTuple):
    """What a judgement of some series asks for, and what they had: arrays [S, D]."""

    in_window: np.ndarray
    needed: int
    before: np.ndarray
    window_days: int
    enough: np.ndarray


def _large(documents_SD: np.ndarray, config: DetectConfig) -> _Rule:
    in_window_SD = trailing(documents_SD, config.window_days)
    active_SD = trailing_before((documents_SD > 0).astype(np.int64), config.baseline_days, config.window_days)
    enough_SD = (in_window_SD >= config.min_documents) & (active_SD >= config.min_baseline_days)
    return _Rule(in_window_SD, config.min_documents, active_SD, config.window_days, enough_SD)


def _small(documents_SD: np.ndarray, config: DetectConfig) -> _Rule:
    in_window_SD = trailing(documents_SD, config.small_window or config.window_days)
    days_D = np.clip(np.arange(documents_SD.shape[1]) - config.small_window + 1, 0, None)
    days_SD = np.broadcast_to(days_D, documents_SD.shape)
    enough_SD = (in_window_SD >= MIN_IN_WINDOW) & (days_SD >= config.min_baseline_days)
    return _Rule(in_window_SD, MIN_IN_WINDOW, days_SD, config.small_window, enough_SD)


def unjudged_in_words(unjudged: Sequence[Unjudged], num_series: int, config: DetectConfig) -> str:
    """One line about the series that are not judged, why, and what to do; empty where all are."""
    if not unjudged:
        return ""
    if unjudged[0].series == ALL:
        return said("no series is judged yet: the whole stream has {reason}", reason=unjudged[0].reason)
    named = joined(
        ", ",
        [said("{series} {reason}", series=series_in_words(each.series), reason=each.reason) for each in unjudged[:NUM_NAMED]],
    )
    if len(unjudged) > NUM_NAMED:
        named = said("{names}, and {count:,} more", names=named, count=len(unjudged) - NUM_NAMED)
    few = [each for each in unjudged if each.most < each.needed]
    counts = {"count": len(unjudged), "of": num_series, "names": named}
    if not few:
        return said("{count:,} of {of:,} series are not judged ({names})", **counts)
    least = min(few, key=lambda each: each.needed)
    remedy = said("lower --detect.min-documents or widen --detect.window-days")
    if least.is_small:
        remedy = said("widen --detect.small-window-days")
    return said(
        "{count:,} of {of:,} series are not judged: {held} of {needed} documents in their busiest {days} days ({names}); "
        "{remedy}",
        **counts,
        held=_range(min(each.most for each in few), max(each.most for each in few)),
        needed=least.needed,
        days=least.window_days,
        remedy=remedy,
    )


def _range(fewest: int, most: int) -> str:
    return said("{fewest} to {most}", fewest=fewest, most=most) if fewest < most else str(most)
