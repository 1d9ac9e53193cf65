"""Let the packaged model label changed test texts, and compare with what it says of them as they are.

In go the package, the test rows' texts and labels, out comes robustness.json. N rows.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa

from tasks.evaluate.compare import compare, wilson_interval
from tasks.evaluate.robustness.changes import Draw, names_in
from tasks.evaluate.robustness.table import CHANGES, EXCHANGE
from tasks.evaluate.robustness.words import finder, read_names, read_pairs
from tasks.prepare.read import iter_batches, iter_texts
from tasks.progress import SILENT
from tasks.shown import json_text, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tasks.evaluate.robustness.settings import RobustnessConfig
    from tasks.progress import Progress

ROBUSTNESS = "robustness.json"
MAX_EXAMPLES, EXAMPLE_CHARS, BEFORE_CHARS = 3, 300, 120  # of a text that is quoted, and of it before the first change
MOST_NAMES, MOST_PAIRS = 5000, 20
BATCH = 1024


class Labeller(Protocol):
    """A packaged model."""

    @property
    def labels(self) -> Sequence[str]:
        """Names of the columns of the probabilities."""

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Float32 [texts, labels]."""


def write_robustness(
    config: RobustnessConfig, package: Path, texts: Path, holdout: Path, folder: Path, *, progress: Progress = SILENT
) -> dict[str, Any]:
    """Open the package and write robustness.json; see `measure_robustness`."""
    from tasks.register.load import open_package
    from tasks.register.seal import copy_package

    labels = [row for batch in iter_batches(holdout, ("test",), ["label"]) for row in batch.column("label").to_pylist()]
    chosen = np.arange(len(labels))
    if config.rows and len(labels) > config.rows:
        chosen = np.sort(np.random.default_rng(config.seed).choice(len(labels), config.rows, replace=False))
    rows = [(*told, labels[at]) for at, told in zip(chosen.tolist(), _texts_of(texts, chosen), strict=True)]
    with tempfile.TemporaryDirectory(prefix=".package-", dir=folder) as name:
        own = Path(name) / "package"
        copy_package(package, own)  # without the store's manifest, which is no part of it
        model = open_package(own).TextClassifier(own)
        report = measure_robustness(config, model, rows, progress=progress) | {"test_rows": len(labels)}
    (folder / ROBUSTNESS).write_text(json_text(report, indent=1, sort_keys=True, allow_nan=False), encoding="utf-8")
    return report


def _texts_of(texts: Path, chosen: np.ndarray) -> Iterator[tuple[str, str]]:
    """Ids and texts of some test rows, by their numbers, which rise; of the others nothing is kept."""
    done = 0
    for batch in iter_texts(texts, ("test",)):
        here = chosen[(chosen >= done) & (chosen < done + len(batch))] - done
        for row in batch.take(pa.array(here)).to_pylist():
            yield row["id"], row["text"]
        done += len(batch)


def measure_robustness(
    config: RobustnessConfig, model: Labeller, rows: Sequence[tuple[str, str, str]], *, progress: Progress = SILENT
) -> dict[str, Any]:
    """What each change does to the answers on rows of id, text and label.

    Per change, over the rows that it changes: accuracy before and after with Tango's paired interval of the difference, the
    share of rows whose label changes with Wilson's, and of these the three of which the model was surest, each with its text as
    it was and as it is. Where the right label after a change is not known, there is no accuracy. `pairs` counts for each word
    of the pairs the rows that have it and those whose label changes.
    """
    words = _words(config, [text for _, text, _ in rows])
    before = _answers(model, [text for _, text, _ in rows])
    found = []
    for number, name in enumerate(config.changes):
        progress.advance(number, len(config.changes), "changes", name)
        make = CHANGES[name].make
        changed = [make(text, Draw(Random(f"{config.seed}:{name}:{text}"), **words)) for _, text, _ in rows]
        at = [row for row, text in enumerate(changed) if text != rows[row][1]]
        after = _answers(model, [changed[row] for row in at])
        found.append(_measured(name, model.labels, rows, changed, np.array(at, np.int64), before, after))
        if name == EXCHANGE:
            found[-1]["pairs"] = _by_word(words, rows, at, before[0][at] != after[0])
    return {"rows": len(rows), "changes": found, "names": "watch-list" if config.watch_list else "capitals"}


def _words(config: RobustnessConfig, texts: Sequence[str]) -> dict[str, Any]:
    """The names and pairs of a draw."""
    words: dict[str, Any] = {}
    if "names" in config.changes:
        if config.watch_list is not None:
            words["names"] = read_names(config.watch_list)
            words["known"] = finder(words["names"]) if words["names"] else None
        else:
            counts = Counter(name for text in texts for name in names_in(text))
            words["names"] = [name for name, _ in counts.most_common(MOST_NAMES)]
    if config.exchange is not None:
        words["partners"] = read_pairs(config.exchange)
        words["pairs"] = finder(words["partners"])
    return words


def _answers(model: Labeller, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Number of the label and its probability for each text: int64 [N], float64 [N]."""
    parts = [np.zeros((0, len(model.labels)), np.float32)]
    parts += [model.probabilities(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
    probabilities = np.concatenate(parts)
    best = probabilities.argmax(axis=1) if len(texts) else np.zeros(0, np.int64)
    return best, probabilities[np.arange(len(texts)), best].astype(np.float64)


def _measured(
    name: str,
    labels: Sequence[str],
    rows: Sequence[tuple[str, str, str]],
    changed: Sequence[str],
    at: np.ndarray,
    before: tuple[np.ndarray, np.ndarray],
    after: tuple[np.ndarray, np.ndarray],
) -> dict[str, Any]:
    own = CHANGES[name]
    report: dict[str, Any] = {"name": name, "says": own.says, "rows": len(at), "accuracy": None, "flips": 0, "examples": []}
    if not len(at):
        return report
    number = {label: place for place, label in enumerate(labels)}
    true = np.array([number.get(rows[row][2], -1) for row in at.tolist()])
    flipped = before[0][at] != after[0]
    share = float(flipped.mean())
    report |= {"flips": int(flipped.sum()), "share": share, "share_interval": wilson_interval(share, len(at))}
    if own.keeps_label:
        right_before, right_after = before[0][at] == true, after[0] == true
        found = compare(right_after, right_before)
        report["accuracy"] = {
            "before": float(right_before.mean()),
            "after": float(right_after.mean()),
            "difference": found.difference,
            "interval": [found.lower_95, found.upper_95],
        }
    surest = np.flatnonzero(flipped)
    surest = surest[np.argsort(-before[1][at][surest], kind="stable")[:MAX_EXAMPLES]]
    for place in surest.tolist():
        row = int(at[place])
        text, now = _around_the_change(rows[row][1], changed[row])
        told = {"id": rows[row][0], "label": rows[row][2], "text": text, "changed": now}
        report["examples"].append(told | {"before": labels[before[0][row]], "after": labels[after[0][place]]})
    return report


def _around_the_change(text: str, changed: str) -> tuple[str, str]:
    """The parts of both texts around the first place where they differ, on one line each."""
    text, changed = (" ".join(each.split()) for each in (text, changed))
    first = next((at for at, (one, two) in enumerate(zip(text, changed, strict=False)) if one != two), 0)
    start = first - BEFORE_CHARS if first + BEFORE_CHARS > EXAMPLE_CHARS and first > BEFORE_CHARS else 0
    lead = "…" if start else ""
    return shortened(lead + text[start:], EXAMPLE_CHARS), shortened(lead + changed[start:], EXAMPLE_CHARS)


def _by_word(
    words: Mapping[str, Any], rows: Sequence[tuple[str, str, str]], at: Sequence[int], flipped: np.ndarray
) -> list[dict[str, Any]]:
    """The words that most rows have, each with its partner, the rows that have it, and those whose label changes."""
    having: Counter[str] = Counter()
    changing: Counter[str] = Counter()
    for row, flips in zip(at, flipped.tolist(), strict=True):
        held = {match.lower() for match in words["pairs"].findall(rows[row][1])} & words["partners"].keys()
        having.update(held)
        changing.update(held if flips else ())
    return [
        {
            "word": _as_written(word, words["partners"]),
            "other": words["partners"][word],
            "rows": number,
            "flips": changing[word],
        }
        for word, number in having.most_common(MOST_PAIRS)
    ]


def _as_written(word: str, partners: Mapping[str, str]) -> str:
    """A word as the file writes it, where its partner leads back to it."""
    back = partners.get(partners[word].lower(), word)
    return back if back.lower() == word else word
