"""Which label holds for each text, where people disagree, and how far two of them agree.

Later labels win: by when they were given, else by when they were imported.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tasks.evaluate.compare import wilson_interval

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tasks.labels.given import Given
    from tasks.labels.imports import Import

RANDOM = "random"  # why a row was handed out: drawn at random, so that these rows tell how often the model is right
NOBODY = "(unnamed)"
MOST_PAIRS = 20  # of annotators in a report


class Label(NamedTuple):
    """A label that holds: its text's key and the text if it is known, the import it is of, and whether that adds no row."""

    key: str
    text: str | None
    label: str
    source: str
    only_known: bool
    annotator: str | None
    at: datetime


class InForce(NamedTuple):
    """The labels that hold, by key; texts to which people gave several labels; and what a report says of all."""

    labels: dict[str, Label]
    conflicts: dict[str, dict[str, str]]  # key -> annotator -> the last label of each
    report: dict[str, Any]


def in_force(imports: Sequence[Import]) -> InForce:
    """Put imports together, the earliest first."""
    given = [(each, label) for each in imports for label in each.rows()]
    times = [label.at or datetime.fromisoformat(each.imported) for each, label in given]
    order = sorted(range(len(given)), key=times.__getitem__)  # stable: equal times as they were imported
    last: dict[str, Label] = {}
    texts: dict[str, str] = {}
    by_people: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for at in order:
        each, label = given[at]
        if label.text is not None:
            texts.setdefault(label.key, label.text)
        last[label.key] = Label(
            label.key, texts.get(label.key), label.label, each.id, each.only_known, label.annotator, times[at]
        )
        by_people[label.key][label.annotator or NOBODY] = label.label
    last = {key: label._replace(text=texts.get(key)) for key, label in last.items()}
    conflicts = {key: people for key, people in by_people.items() if len(set(people.values())) > 1}
    report = {
        "labels": len(last),
        "given": len(given),
        "imports": len(imports),
        "conflicts": len(conflicts),
        "by_label": dict(sorted(Counter(label.label for label in last.values()).items())),
        "annotators": dict(sorted(Counter(label.annotator or NOBODY for _, label in given).items())),
        "agreement": agreement(by_people),
        "sample": sample_of(label for _, label in given),
    }
    return InForce(last, conflicts, report)


def agreement(by_people: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    """How far each two people agree on texts that both have labelled, those with most texts first.

    `kappa` is Cohen's (1960): 1 for always, 0 for as often as chance would; None where it is not defined, since both gave one
    and the same label to all texts.
    """
    pairs: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for people in by_people.values():
        if len(people) > 1:
            for one, other in combinations(sorted(people), 2):
                pairs[one, other].append((people[one], people[other]))
    if not pairs:
        return []
    from sklearn.metrics import cohen_kappa_score  # seconds

    found = []
    for (one, other), labels in sorted(pairs.items(), key=lambda pair: (-len(pair[1]), pair[0]))[:MOST_PAIRS]:
        ones, others = zip(*labels, strict=True)
        agreed = sum(a == b for a, b in labels)
        kappa = float(cohen_kappa_score(ones, others)) if len({*ones, *others}) > 1 else None
        apart = Counter(" / ".join(pair) for pair in labels if pair[0] != pair[1])
        found.append(
            {
                "annotators": [one, other],
                "texts": len(labels),
                "agreed": agreed,
                "kappa": None if kappa is None or np.isnan(kappa) else round(kappa, 4),
                "apart": dict(apart.most_common(5)),
            }
        )
    return found


def sample_of(labels: Iterable[Given]) -> dict[str, Any] | None:
    """What the rows that were drawn at random tell: how often people gave the label that the model had suggested.

    None without such rows.
    """
    drawn = {label.key: label.label == label.suggested for label in labels if label.why == RANDOM and label.suggested}
    if not drawn:
        return None
    right = sum(drawn.values())
    low, high = wilson_interval(right / len(drawn), len(drawn))
    return {"rows": len(drawn), "as_suggested": right, "share": right / len(drawn), "interval": [low, high]}
