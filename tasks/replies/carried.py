"""Make what a package replies by: the answers, when to give them, and the training questions.

In go the file of answers, the model, the rows that it was trained on with their texts, and what it promises by, if that is
asked for; out come the files of tasks/model/replies.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.model.abstention import Abstention
from tasks.model.classifier import Classifier
from tasks.model.neighbours import index_of
from tasks.model.replies import Replies
from tasks.prepare.read import read_labels
from tasks.progress import SILENT
from tasks.replies.answers_file import read_answers
from tasks.replies.spread import spread_rows

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.progress import Progress
    from tasks.replies.settings import RepliesConfig

MAX_ERROR = 0.05  # of min_confidence auto
MOST_QUESTIONS = 50_000  # which a package holds; of more, rows at even distances


def write_replies(
    config: RepliesConfig,
    model: Path,
    dataset: Path,
    texts: Path,
    folder: Path,
    *,
    embedded: Path | None = None,
    promised: Path | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Write replies.json and questions.safetensors; the report counts answers and questions.

    With min_confidence auto `promised` holds the table by which at most MAX_ERROR of the answers are wrong; where its rows
    cannot promise that, no text is answered, and the report says so.
    """
    labels = read_labels(dataset)
    answers = read_answers(config.answers, labels)
    least, rule = _least(config, labels, promised)
    classifier = Classifier.load(model, embedded)
    table, _ = spread_rows(dataset, texts, ("train", "valid"), ["label", "tokens"], MOST_QUESTIONS)
    progress.advance(0, len(table), "questions")
    made = classifier.likeness([row["tokens"] for row in table], [row["text"] for row in table])
    index = None if made is None or not table else index_of(made)
    questions, given = [row["text"] for row in table], [row["label"] for row in table]
    Replies(answers, least, rule, questions, given, index).save(folder)
    return {
        "answers": len(answers),
        "without_answer": sorted(set(labels) - answers.keys()),
        "rule": rule,
        "answers_nothing": all(value is None for value in least.values()),
        "questions": len(questions) if index is not None else 0,
        "found_by": _found_by(made),
    }


def _least(config: RepliesConfig, labels: list[str], promised: Path | None) -> tuple[dict[str, float | None], str]:
    """The least confidence by label, and the rule in words."""
    asked = config.min_confidence
    if asked != "auto":
        least = 0.0 if asked is None else asked
        return dict.fromkeys(labels, least), "every text with a label" if asked is None else f"confidence of {asked:g} or more"
    made = Abstention.read(promised) if promised is not None else None
    promise = None if made is None else made.possible(MAX_ERROR)
    if promise is None:
        return dict.fromkeys(labels), f"no text: the rows cannot promise that at most {MAX_ERROR:g} of the answers are wrong"
    return dict(zip(labels, promise.facts()["thresholds"], strict=True)), promise.says()


def _found_by(made: object) -> str | None:
    if made is None:
        return None
    return "vectors" if isinstance(made, np.ndarray) else "n-grams"
