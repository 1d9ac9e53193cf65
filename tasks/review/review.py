"""Choose the rows of a review: labels that are probably wrong, texts that would teach most, and some drawn at random."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.progress import SILENT
from tasks.review.candidates import Candidates, judged
from tasks.review.doubted import doubted, drawn
from tasks.review.schema import RANDOM, UNCERTAIN, Chosen
from tasks.review.teach import choose

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from tasks.progress import Progress
    from tasks.register.models import LoadedModel


@dataclass(frozen=True)
class Wanted:
    """How many rows, which share of them for doubted labels, and which drawn at random."""

    rows: int = 200
    wrong_share: float = 0.5
    random_share: float = 0.1
    seed: int = 13


@dataclass(frozen=True)
class Review:
    """The rows, those of doubted labels first, and what became of the candidates."""

    chosen: list[Chosen]
    candidates: int = 0
    labelled: int = 0
    unread: int = 0

    def report(self) -> dict[str, Any]:
        """The counts: candidates, those that have a label already, those that the model cannot read, and rows by why."""
        counts = Counter(each.why for each in self.chosen)
        return {
            "rows": len(self.chosen),
            **dict(sorted(counts.items())),
            "candidates": self.candidates,
            "labelled_already": self.labelled,
            "unread": self.unread,
        }


def review(
    wanted: Wanted,
    loaded: LoadedModel,
    found: Candidates,
    *,
    wrong: tuple[Path, Path] | None = None,
    people: Collection[str] = (),
    progress: Progress = SILENT,
) -> Review:
    """Choose the rows of a review.

    `wrong` are folders of a run's steps wrong_labels and prepare, if it has ranked its labels; `people` the `content_key` of
    texts that somebody has labelled beside the corpus. Where one kind has too few rows the other gets theirs.
    """
    texts, probabilities_NC = judged(loaded, found.texts, progress)
    num_random = round(wanted.rows * wanted.random_share)
    num_wrong = round((wanted.rows - num_random) * (wanted.wrong_share if texts else 1.0))
    doubts = [] if wrong is None else doubted(*wrong, num_wrong, people)
    rest = wanted.rows - len(doubts)
    share = min(num_random / rest, 1.0) if rest else 0.0
    choice = choose([each.text for each in texts], probabilities_NC, rest, random_share=share, seed=wanted.seed)
    labels = loaded.model.labels
    best_N = probabilities_NC.argmax(axis=1) if len(texts) else []

    def taken(at: int, why: str) -> Chosen:
        each, best = texts[at], int(best_N[at])
        confidence, score = float(probabilities_NC[at, best]), float(choice.score[at])
        return Chosen(why, each.text, None, labels[best], confidence, score, each.row, each.source, each.key)

    chosen = doubts + [taken(int(at), UNCERTAIN) for at in choice.teaching] + [taken(int(at), RANDOM) for at in choice.random]
    if wrong is not None and not len(choice.random) and num_random:
        known = {*people, *(each.key for each in doubts)}
        chosen += drawn(*wrong, min(num_random, wanted.rows - len(chosen)), known, wanted.seed)
    return Review(chosen, found.found, found.labelled, len(found.texts) - len(texts))
