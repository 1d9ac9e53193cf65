"""The answer that goes with a label, and the training questions most like a text that gets none. Packages carry it if asked to.

replies.json           the answers and the least confidence by label; the questions, and the label of each
questions.safetensors  what the questions are found by, see neighbours.py

Shapes: N texts, M questions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from safetensors.numpy import load_file, save_file

from .neighbours import open_index

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from .neighbours import Index, Sparse

REPLIES, QUESTIONS = "replies.json", "questions.safetensors"
FORMAT = 1
NEAREST = 3


@dataclass(frozen=True)
class Replies:
    """Answers by label; a label's least confidence, None where it is never answered; questions [M] with their labels [M].

    `index` finds questions; it is None for a model that makes neither vectors nor n-grams of texts.
    """

    answers: Mapping[str, str]
    least: Mapping[str, float | None]
    rule: str
    questions: Sequence[str]
    labels: Sequence[str]
    index: Index | None

    @classmethod
    def read(cls, folder: Path) -> Replies:
        """Read what `save` wrote; ValueError for another format."""
        content = json.loads((folder / REPLIES).read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"{folder / REPLIES} has format {content['format']}; this program reads format {FORMAT}")
        stored = load_file(folder / QUESTIONS) if (folder / QUESTIONS).is_file() else None
        names = content["names"]
        return cls(
            content["answers"],
            content["least"],
            content["rule"],
            content["questions"],
            [names[at] for at in content["labels"]],
            None if stored is None else open_index(stored),
        )

    def save(self, folder: Path) -> None:
        """Write both files; equal replies give equal bytes."""
        names = sorted(set(self.labels))
        position = {name: at for at, name in enumerate(names)}
        content = {
            "format": FORMAT,
            "rule": self.rule,
            "answers": dict(self.answers),
            "least": dict(self.least),
            "names": names,
            "labels": [position[label] for label in self.labels],
            "questions": list(self.questions),
        }
        (folder / REPLIES).write_text(json.dumps(content, sort_keys=True, ensure_ascii=False), encoding="utf-8")
        if self.index is not None:
            save_file(self.index.arrays(), folder / QUESTIONS)

    def answer(self, label: str | None, confidence: float | None) -> str | None:
        """The answer to a text that was given that label; None where it has to be handed over."""
        least = None if label is None else self.least.get(label)
        if label is None or confidence is None or least is None or confidence < least:
            return None
        return self.answers.get(label)

    def added(
        self, predictions: Sequence[Mapping[str, Any]], made: Callable[[list[int]], np.ndarray | Sparse | None]
    ) -> list[dict[str, Any]]:
        """The predictions with `answer`, and with `similar` where there is no answer, else an empty list.

        `made` gives what the model makes of the texts with those numbers. A question of `similar` has text, label, its answer
        and similarity, the cosine.
        """
        answers = [self.answer(each["label"], each["confidence"]) for each in predictions]
        open_rows = [row for row, answer in enumerate(answers) if answer is None]
        found = dict(zip(open_rows, self.similar(made(open_rows)) if open_rows else (), strict=True))
        return [
            {**each, "answer": answer, "similar": found.get(row, [])}
            for row, (each, answer) in enumerate(zip(predictions, answers, strict=True))
        ]

    def similar(self, made: np.ndarray | Sparse | None, most: int = NEAREST) -> list[list[dict[str, Any]]]:
        """At most so many questions for each text, the nearest first; those that share nothing with it are left out."""
        if made is None or self.index is None:
            raise ValueError("this model makes nothing of texts by which questions could be found")
        numbers, cosines = self.index.nearest(made, most)
        return [
            [self._question(at, cosine) for at, cosine in zip(row, nearness, strict=True) if cosine > 0]
            for row, nearness in zip(numbers.tolist(), cosines.tolist(), strict=True)
        ]

    def _question(self, number: int, cosine: float) -> dict[str, Any]:
        label = self.labels[number]
        answer = self.answers.get(label)
        return {"text": self.questions[number], "label": label, "answer": answer, "similarity": round(cosine, 4)}
