"""Which n-grams a kind of model counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counted:
    """Which n-grams a kind reads: of up to `longest` words, in at least `min_documents` documents of the rows of `splits`.

    Of rows without a label it reads `unlabelled` at most.
    """

    splits: tuple[str, ...]
    longest: int
    min_documents: int
    unlabelled: int = 0

    def has(self, other: Counted) -> bool:
        """Whether all that the other counts is counted here too."""
        fewer = self.min_documents <= other.min_documents and self.longest == other.longest
        return fewer and set(other.splits) <= set(self.splits) and other.unlabelled <= self.unlabelled
