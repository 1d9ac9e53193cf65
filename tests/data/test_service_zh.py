"""The questions of customers are the corpus that the page of answers speaks of."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from tasks.replies.answers_file import read_answers

FOLDER = Path(__file__).resolve().parents[2] / "data" / "service-zh"
ELSE = "其他"


def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_intent_has_questions_an_answer_and_others_to_ask() -> None:
    questions, asked = rows("questions.csv"), rows("asked.csv")
    intents = Counter(row["intent"] for row in questions)
    assert set(intents.values()) == {24}
    assert set(read_answers(FOLDER / "answers.csv", intents)) == intents.keys()
    assert Counter(row["intent"] for row in asked) == dict.fromkeys(intents, 11) | {ELSE: 12}
    texts = [row["question"] for row in [*questions, *asked]]
    assert len(set(texts)) == len(texts) == 292
