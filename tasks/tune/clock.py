"""The time of a search: what was spent, how long a fold takes, and whether something more can end before the time does.

Whatever is begun has to leave time for the confirmation, in which the default and the best are trained on as many folds again.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field


@dataclass
class Clock:
    """A budget of seconds, of which `before` were spent by earlier calls; `began` by time.monotonic."""

    budget: float
    folds: int
    default: str
    before: float = 0.0
    began: float = field(default_factory=time.monotonic)
    _seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def spent(self) -> float:
        """Seconds that this and earlier calls have taken."""
        return self.before + time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds that are left; below 0 once they have run out."""
        return self.budget - self.spent

    def note(self, model: str, seconds: float) -> None:
        """Note what a fold of a model took."""
        self._seconds.setdefault(model, []).append(seconds)

    def fold_seconds(self, model: str) -> float:
        """What a fold of the model may take: as its folds so far, or as the default's where there are none yet."""
        known = {name: statistics.median(taken) for name, taken in self._seconds.items()}
        return known.get(model, known.get(self.default, 0.0))

    def allows(self, folds: int, fold_seconds: float, best_seconds: float = 0.0) -> bool:
        """Whether so many folds more, and then the confirmation, can end in time.

        What is confirmed is what they are of, or the best so far, a fold of which took `best_seconds`: the slower counts.
        """
        confirmation = self.folds * (self.fold_seconds(self.default) + max(fold_seconds, best_seconds))
        return folds * fold_seconds + confirmation <= self.left
