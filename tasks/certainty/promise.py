"""The table that a package promises by: thresholds of confidence, and what rows that chose nothing came to at each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tasks.certainty.rows import PROBABILITIES, judge, read_judged
from tasks.model.abstention import ABSTENTION, Abstention
from tasks.model.classifier import Classifier
from tasks.store.digests import canonical

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.certainty.settings import PromiseConfig
    from tasks.model.abstention import Promise

SHOWN_ERRORS = (0.01, 0.02, 0.05, 0.1, 0.2)


def write_promise(
    config: PromiseConfig,
    model: Path,
    dataset: Path,
    folder: Path,
    *,
    texts: Path | None = None,
    held: Path | None = None,
    held_texts: Path | None = None,
    embedded: Path | None = None,
    folds: Sequence[Path] = (),
) -> dict[str, Any]:
    """Write abstention.json; the report says what can be promised.

    `dataset` has the validation rows that chose the model, which choose the thresholds too. By the rule `held` the rows that
    are counted are in `held` and the model reads them; by `folds` they are those of the folders of folds.
    """
    classifier = Classifier.load(model, embedded)
    labels = classifier.labels
    chosen = judge(classifier, dataset, texts, "valid")
    if config.rule == "held" and held is not None:
        counted = judge(classifier, held, held_texts, "valid")
    else:
        counted = read_judged([each / PROBABILITIES for each in folds], len(labels))
    made = Abstention.measured(config.rule, labels, counted.read(labels), chosen.read(labels))
    (folder / ABSTENTION).write_text(canonical(made.written()), encoding="utf-8")
    return {"rule": config.rule, "rows": made.together.rows, "promises": promises(made)}


def read_abstention(folder: Path) -> Abstention:
    """The table in the folder of the step; ValueError if it has none."""
    made = Abstention.read(folder)
    if made is None:
        raise ValueError(f"{folder} holds no {ABSTENTION}")
    return made


def promises(made: Abstention) -> list[dict[str, Any]]:
    """What can be promised for some errors: the share that is answered, 0 where nothing can; of all, and of each label."""
    found = []
    for error in SHOWN_ERRORS:
        whole, each = made.possible(error), made.possible(error, each_label=True)
        found.append(
            {
                "max_error": error,
                "threshold": None if whole is None else float(whole.thresholds[0]),
                "answered": 0.0 if whole is None else whole.answered,
                "answered_each_label": 0.0 if each is None else each.answered,
                "never": [] if each is None else never(made, each),
            }
        )
    return found


def never(made: Abstention, promise: Promise) -> list[str]:
    """The labels that are never given."""
    return [name for name, value in zip(made.labels, promise.thresholds.tolist(), strict=True) if math.isinf(value)]
