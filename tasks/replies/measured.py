"""What the answers of a package come to on the test rows, which chose nothing of it. For the page and MLflow alone.

In go the package and the test rows with their texts, out comes answered.json. N rows.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.evaluate.compare import wilson_interval
from tasks.progress import SILENT
from tasks.replies.spread import spread_rows
from tasks.shown import json_text, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.progress import Progress

ANSWERED = "answered.json"
MOST_ROWS = 20_000  # test rows that are asked; of more, those at even distances
EXAMPLES, EXAMPLE_CHARS = 5, 300
BATCH = 1024


def write_answered(package: Path, texts: Path, holdout: Path, folder: Path, *, progress: Progress = SILENT) -> dict[str, Any]:
    """Open the package, ask it about the test rows, and write answered.json; see `measure_answers`."""
    from tasks.register.load import open_package
    from tasks.register.seal import copy_package

    table, test_rows = spread_rows(holdout, texts, ("test",), ["label"], MOST_ROWS)
    rows = [(row["text"], row["label"]) for row in table]
    with tempfile.TemporaryDirectory(prefix=".package-", dir=folder) as name:
        own = Path(name) / "package"
        copy_package(package, own)
        report = measure_answers(open_package(own).TextClassifier(own), rows, progress=progress) | {"test_rows": test_rows}
    (folder / ANSWERED).write_text(json_text(report, indent=1, sort_keys=True, allow_nan=False), encoding="utf-8")
    return report


def measure_answers(model: Any, rows: Sequence[tuple[str, str]], *, progress: Progress = SILENT) -> dict[str, Any]:
    """How many texts are answered, how many of these rightly, and what the nearest questions are worth to who takes over.

    `rows` are texts with their labels. An answer is right if it is that of the true label. `recall` is the share of handed-over
    texts with a question of their own label among the nearest, `nearest_right` the share where the nearest one has it; with 95%
    intervals of Wilson.
    """
    answered, wrong, examples = 0, 0, list[dict[str, Any]]()
    ranks: list[int] = []
    answers = model.replies.answers
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        texts = [text for text, _ in batch]
        for (text, label), said in zip(batch, model.replied(texts, model.predict(texts)), strict=True):
            if said["answer"] is not None:
                answered += 1
                wrong += said["answer"] != answers.get(label)
                continue
            found = [each["label"] for each in said["similar"]]
            ranks.append(found.index(label) if label in found else -1)
            if len(examples) < EXAMPLES:
                examples.append(_example(text, label, said))
        progress.advance(min(start + BATCH, len(rows)), len(rows), "rows")
    over = len(ranks)
    return {
        "rows": len(rows),
        "rule": model.replies.rule,
        "answered": answered,
        "share": _share(answered, len(rows)),
        "right": _share(answered - wrong, answered),
        "handed_over": over,
        "recall": _share(sum(rank >= 0 for rank in ranks), over),
        "nearest_right": _share(ranks.count(0), over),
        "finds_questions": model.replies.index is not None,
        "examples": examples,
    }


def _share(part: int, whole: int) -> dict[str, Any] | None:
    """A share with its interval; None of nothing."""
    return {"share": part / whole, "interval": wilson_interval(part / whole, whole)} if whole else None


def _example(text: str, label: str, said: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": shortened(text, EXAMPLE_CHARS),
        "label": label,
        "guess": said["label"],
        "confidence": said["confidence"],
        "similar": [{**each, "text": shortened(each["text"], EXAMPLE_CHARS)} for each in said["similar"]],
    }
