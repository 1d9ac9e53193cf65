"""Which trait of the documents explains that new texts can be told from old ones: a new source, or a changed world.

A trait is a cause where its share among the new documents is another one than among the old, and where the documents without
it are told apart less well. The causes are taken one after another, the one that explains most first, each on what the
ones before have left. At last a classifier is fitted anew to the documents of no cause: what it still tells apart is the
world, that is other words of the same sources in the same languages.

Shapes: N documents, D days.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tasks.today.apart import CHANCE, MIN_SHOWN, tell_apart, telling, words_of
from tasks.today.traits import KINDS, traits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.today.apart import Apart, Words
    from tasks.today.traits import Trait

WORLD = "world"  # the kind of a cause that is no trait
MOST_CAUSES = 4
MIN_SHARE = 0.02  # by how much the share of a trait has to differ
MIN_DEVIATE = 4.0  # the same, in standard errors over days
MIN_EXPLAINED = 0.2  # of how far the AUC is above one half
AS_GOOD = 0.85  # of the best explanation: then the kind that says most is taken
MIN_KEPT = 0.25  # of either side: without a trait that nearly all have, nothing is left to compare
SURE = 0.9  # share of the old texts that score less than a new one whose words are shown
LEFT = 0.02  # how far the AUC of what is left has to be above one half
MOST_BLOCKS, MIN_BLOCKS, MIN_BLOCK = 6, 3, 50  # windows of the past, and documents of one
WORDS_BY_CHANCE = 1.0  # of a world of which it is certain that it changed
NUM_WORDS, NUM_HEADLINES, SHOWN_CHARS = 8, 3, 300


@dataclass(frozen=True)
class Cause:
    """One reason: its `kind` (source, encoding, language, topic, world), `name`, and shares of the new and the old documents.

    `explained` is the part of the difference that it accounts for, `words` and `headlines` (id, text, source) show it.
    `also` are other traits of the same documents.
    """

    kind: str
    name: str
    share: float
    share_before: float
    explained: float
    words: tuple[str, ...] = ()
    headlines: tuple[Mapping[str, str], ...] = ()
    also: tuple[str, ...] = ()

    def held(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Sides:
    """Documents (rows of SCORED_SCHEMA) of both sides: which are new (bool [N]) and the numbers of their days.

    `traits` are what they have in common, `words` theirs, `features` both, which is what they are told apart by.
    """

    documents: Sequence[Mapping[str, Any]]
    new: np.ndarray
    days: np.ndarray
    traits: Sequence[tuple[Trait, np.ndarray]]
    words: Words
    features: Words

    @classmethod
    def of(cls, documents: Sequence[Mapping[str, Any]], new: np.ndarray, days: np.ndarray) -> Self:
        """Read the documents."""
        found, words = list(traits(documents)), words_of([document["text"] for document in documents])
        return cls(documents, new, days, found, words, words.with_traits([has_N for _, has_N in found]))


@dataclass
class _Left:
    """What no cause has accounted for yet, and the causes so far."""

    rows: np.ndarray
    causes: list[Cause] = field(default_factory=list)


def find_causes(sides: Sides, apart: Apart, window: int, min_auc: float) -> tuple[list[Cause], Apart]:
    """The causes, that which explains most first, and how well the documents of no trait among them are told apart.

    `window` is how many days the new side covers, `min_auc` what tells a changed world where the past is too short to say
    how unlike its own windows are.
    """
    whole, left = apart.auc - 0.5, _Left(np.ones(len(sides.new), bool))
    if apart.low <= 0.5:
        return [], apart
    auc, rest = apart.auc, apart
    while len(left.causes) < MOST_CAUSES and auc - 0.5 > LEFT:
        best = _best(sides, left.rows, apart.scores, auc, whole)
        if best is None:
            break
        trait, has_N, without, also = best
        left.causes.append(_cause(sides, apart.scores, trait, has_N & left.rows, left.rows, (auc - without) / whole, also))
        left.rows &= ~has_N
        auc = without
    rest_N = np.flatnonzero(left.rows)
    if left.causes:
        rest = tell_apart(sides.features.of(rest_N), sides.new[rest_N], sides.days[rest_N])
    if rest.low > 0.5 and _is_unusual(sides, rest_N, rest, window, min_auc):
        scores_N = np.full(len(sides.new), -np.inf)
        scores_N[rest_N] = rest.scores
        left.causes.append(_cause(sides, scores_N, None, left.rows, left.rows, (rest.auc - 0.5) / whole, ()))
    return sorted(left.causes, key=lambda cause: -cause.explained), rest


def _is_unusual(sides: Sides, rows: np.ndarray, rest: Apart, window: int, min_auc: float) -> bool:
    """Whether the window is told from the documents before it better than windows of the past are: news is new on every day.

    So windows of the past are told from the other old documents; with fewer than MIN_BLOCKS of them `min_auc` decides.
    """
    new_N, days_N = sides.new[rows], sides.days[rows]
    old = np.flatnonzero(~new_N)
    if not len(old) or not new_N.any():
        return False
    blocks_N = (days_N[old].max() - days_N[old]) // window
    found = []
    for block in range(MOST_BLOCKS):
        pretended_N = blocks_N == block
        if pretended_N.sum() >= MIN_BLOCK and (~pretended_N).sum() >= 2 * MIN_BLOCK:
            found.append(tell_apart(sides.features.of(rows[old]), pretended_N, days_N[old]).auc)
    if len(found) < MIN_BLOCKS:
        return rest.low >= min_auc
    return rest.auc >= max(found) and rest.low >= sum(found) / len(found) + LEFT


def _best(
    sides: Sides,
    rows_N: np.ndarray,
    scores_N: np.ndarray,
    auc: float,
    whole: float,
) -> tuple[Trait, np.ndarray, float, tuple[str, ...]] | None:
    """The trait that explains most of what is left, who has it, the AUC without it, and others that explain the same."""
    found = []
    for trait, has_N in sides.traits:
        if not _moved(sides, has_N & rows_N, rows_N):
            continue
        kept_N = rows_N & ~has_N
        if any(kept_N[side].sum() < MIN_KEPT * rows_N[side].sum() for side in (sides.new, ~sides.new)):
            continue
        without = _auc_of(scores_N, sides.new, kept_N)
        found.append((auc - without, trait, has_N, without))
    explains = [each for each in found if each[0] >= MIN_EXPLAINED * whole]
    if not explains:
        return None
    most = max(each[0] for each in explains)
    alike = [each for each in explains if each[0] >= AS_GOOD * most]
    alike.sort(key=lambda each: (KINDS.index(each[1].kind), not _grew(sides.new, each[2] & rows_N), -each[0], each[1].name))
    _, trait, has_N, without = alike[0]
    also = tuple(f"{each.kind} {each.name}" for _, each, other_N, _ in alike[1:] if _same(has_N & rows_N, other_N & rows_N))
    return trait, has_N, without, also


def _moved(sides: Sides, has_N: np.ndarray, rows_N: np.ndarray) -> bool:
    """Whether the share of a trait differs between the sides by more than its days differ among themselves."""
    shares, errors = [], []
    for side in (False, True):
        own_N = rows_N & (sides.new == side)
        if not own_N.any():
            return False
        days, place = np.unique(sides.days[own_N], return_inverse=True)
        size_D, has_D = np.bincount(place), np.bincount(place, weights=has_N[own_N])
        share = has_D.sum() / size_D.sum()
        binomial = (share + 0.5 / size_D.sum()) * (1 - share) / size_D.sum()
        by_day = ((has_D - share * size_D) ** 2).sum() / size_D.sum() ** 2 if len(days) > 1 else 0.0
        shares.append(share)
        errors.append(max(binomial, by_day))
    difference = abs(shares[1] - shares[0])
    return bool(difference >= MIN_SHARE and difference >= MIN_DEVIATE * np.sqrt(sum(errors)))


def _grew(new_N: np.ndarray, has_N: np.ndarray) -> bool:
    """Whether a larger share of the new documents has a trait: what came says more than what it came in place of."""
    return bool((has_N & new_N).sum() * (~new_N).sum() > (has_N & ~new_N).sum() * new_N.sum())


def _auc_of(scores_N: np.ndarray, new_N: np.ndarray, kept_N: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    if not _both(new_N[kept_N]):
        return 0.5
    return float(roc_auc_score(new_N[kept_N], scores_N[kept_N]))


def _both(new_N: np.ndarray) -> bool:
    return bool(new_N.any() and not new_N.all())


def _same(one_N: np.ndarray, other_N: np.ndarray) -> bool:
    return bool((one_N & other_N).sum() >= AS_GOOD * max(one_N.sum(), other_N.sum()))


def _cause(
    sides: Sides,
    scores_N: np.ndarray,
    trait: Trait | None,
    has_N: np.ndarray,
    rows_N: np.ndarray,
    explained: float,
    also: tuple[str, ...],
) -> Cause:
    """A cause with its words and headlines, of the new documents that have it; of a trait that has gone, of the old ones."""
    new_N, old_N = sides.new, ~sides.new
    share, before = (float((has_N & side_N).sum() / max(1, (rows_N & side_N).sum())) for side_N in (new_N, old_N))
    side_N = old_N if share < before else new_N
    these_N = np.flatnonzero(has_N & side_N)
    others_N = np.flatnonzero(rows_N & (~side_N if trait is None else ~has_N | ~side_N))
    if trait is None:  # the new texts that the classifier is sure of
        sure = np.quantile(scores_N[others_N], SURE) if len(others_N) else 0.0
        these_N = these_N[scores_N[these_N] >= sure]
    by_chance = WORDS_BY_CHANCE if trait is None else CHANCE
    words = telling(sides.words, these_N, others_N, NUM_WORDS, by_chance) if len(these_N) >= MIN_SHOWN else []
    score_N = scores_N if share >= before else -scores_N
    first = sorted(these_N.tolist(), key=lambda row: (-score_N[row], sides.documents[row]["id"]))
    headlines: dict[str, Mapping[str, str]] = {}
    for row in first:
        document = sides.documents[row]
        text = " ".join(document["text"].split())[:SHOWN_CHARS]
        headlines.setdefault(text.casefold(), {"id": document["id"].hex(), "text": text, "source": document["source"]})
        if len(headlines) == NUM_HEADLINES:
            break
    kind, name = (WORLD, "other words") if trait is None else trait
    return Cause(kind, name, share, before, float(min(1.0, explained)), tuple(words), tuple(headlines.values()), also)
