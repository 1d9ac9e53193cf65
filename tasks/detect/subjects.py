"""Find the subject that fills a small stream: what so few headlines cannot tell by how negative they are, they tell by words.

The model may find the news of a crash hardly more negative than other news, and of three headlines a day that is lost in the
noise; but a fifth of them are about one thing. On each day the words of the window are compared with those of the baseline, by
Fisher's exact test: were the documents that have a word drawn from both alike, how often would the window have so many of
them? The chance that belongs to the accepted number of false alarms in 1,000 days (tasks/detect/judged.py) holds for all words
of a day together (Bonferroni). A word counts once in a document, and a subject whose documents are not more negative than all
were before is no bad news.

Only the whole stream is looked at, on days on which it is small (tasks/detect/small.py); there this test and that of its surges
share the accepted false alarms.

Shapes: N documents in order of days, V words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from tasks.detect.explain import MIN_DOCUMENTS, distinct_words
from tasks.detect.judged import SHARED, threshold

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tasks.detect.settings import DetectConfig
    from tasks.monitor.alert import Severity

MOST_WORDS = 5


@dataclass(frozen=True)
class Subject:
    """Words that more documents have than before; days are numbers, as those of the documents.

    `count` of the window's `documents` have the first word, and `count_before` of the `documents_before` of the baseline. The
    former have a mean probability of being negative of `negative_share`, all of the baseline one of `baseline`.
    """

    severity: Severity
    day: int
    words: tuple[str, ...]
    count: int
    documents: int
    count_before: int
    documents_before: int
    negative_share: float
    baseline: float


def find_subjects(
    days: Sequence[int], texts: Sequence[str], negative: Sequence[float], judged: Collection[int], config: DetectConfig
) -> list[Subject]:
    """The subjects of the days that are `judged`, as alarms: after `cooldown_days` without one, in order of day.

    Documents are in order of their days; those of the baseline and the window of each judged day are among them.
    """
    stream = _Words.of(days, texts, negative)
    found: list[Subject] = []
    above: dict[Severity, int] = {}
    rates: dict[Severity, float] = {"high": config.false_alarms_high, "low": config.false_alarms_low}
    chances = {severity: float(ndtr(-threshold(SHARED * rate, config.small_window))) for severity, rate in rates.items()}
    for day in sorted(judged):
        subjects = {severity: stream.subject(day, severity, chance, config) for severity, chance in chances.items()}
        for severity, subject in subjects.items():
            if subject is None:
                continue
            is_new = severity not in above or day - above[severity] > config.cooldown_days
            above[severity] = day
            if is_new and not (severity == "low" and subjects["high"]):
                found.append(subject)
    return found


@dataclass(frozen=True)
class _Words:
    """Documents as numbers of words: `flat` holds those of all, one after another, `starts` where each begins [N + 1]."""

    days: np.ndarray
    negative: np.ndarray
    flat: np.ndarray
    starts: np.ndarray
    vocabulary: tuple[str, ...]

    @classmethod
    def of(cls, days: Sequence[int], texts: Sequence[str], negative: Sequence[float]) -> _Words:
        numbers: dict[str, int] = {}
        documents = [sorted(numbers.setdefault(word, len(numbers)) for word in sorted(distinct_words(text))) for text in texts]
        flat = np.array([number for document in documents for number in document], np.int64)
        starts = np.cumsum([0, *map(len, documents)])
        return cls(np.asarray(days, np.int64), np.asarray(negative, np.float64), flat, starts, tuple(numbers))

    def subject(self, day: int, severity: Severity, chance: float, config: DetectConfig) -> Subject | None:
        """The subject of a day, if any word is so frequent with a chance of at most `chance` a day."""
        from scipy.stats import hypergeom  # most of a second, only for small streams

        begin = day - config.small_window + 1
        first, middle, end = np.searchsorted(self.days, [begin - config.baseline_days, begin, day + 1]).tolist()
        num_before, num_now = middle - first, end - middle
        if num_before < config.min_documents or self.days[end - 1] != day:
            return None
        before_V, now_V = self._counts(first, middle), self._counts(middle, end)
        often_V = np.flatnonzero((now_V >= MIN_DOCUMENTS) & (now_V * num_before > before_V * num_now))
        all_V = before_V + now_V
        tested = int((all_V >= MIN_DOCUMENTS).sum())
        found_V = hypergeom.sf(now_V[often_V] - 1, num_before + num_now, all_V[often_V], num_now) * tested
        baseline = float(self.negative[first:middle].mean())
        shares_V = self._sums(middle, end)[often_V] / now_V[often_V]
        kept = np.flatnonzero((found_V <= chance) & (shares_V > baseline))
        if not len(kept):
            return None
        order = kept[np.lexsort((often_V[kept], found_V[kept]))]
        words = often_V[order]
        figures = (int(now_V[words[0]]), num_now, int(before_V[words[0]]), num_before, float(shares_V[order[0]]), baseline)
        return Subject(severity, day, tuple(self.vocabulary[word] for word in words[:MOST_WORDS]), *figures)

    def _counts(self, first: int, end: int) -> np.ndarray:
        return np.bincount(self.flat[self.starts[first] : self.starts[end]], minlength=len(self.vocabulary))

    def _sums(self, first: int, end: int) -> np.ndarray:
        """Sums of the probabilities of the documents that have each word, [V]."""
        weights = np.repeat(self.negative[first:end], np.diff(self.starts[first : end + 1]))
        some = self.flat[self.starts[first] : self.starts[end]]
        return np.bincount(some, weights=weights, minlength=len(self.vocabulary))
