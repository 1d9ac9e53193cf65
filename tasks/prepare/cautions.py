"""Warnings about the rows, from prepare's report: one line for each kind of doubt.

The report is in the store, so a run warns of the same things whether the step ran or was cached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.ingest.labels import MOST_VALUES, as_number
from tasks.ingest.schema import TEXT_ALONE
from tasks.prepare.contradictions import shown
from tasks.shown import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FEW_ROWS = 20  # in a class
FEW_TEST_ROWS = 30
MOST_OF_ONE = 0.9
NAMED = 5
RULES = {
    "drop": "all these rows are left out",
    "majority": "{left_out:,} rows are left out, and the label of most rows of a text is kept",
    "first": "{left_out:,} rows are left out, and the label of a text's first row is kept",
}


def cautions(report: Mapping[str, Any], contradictions: str | None = None) -> list[str]:
    """Write the lines, an empty list if nothing is in doubt; `contradictions` is the file that lists such rows, if any."""
    if not report["labels_found"] or set(report["labels_found"]) == {TEXT_ALONE}:
        return []  # all doubts are about classes
    found = report["contradictions"]
    lines = [
        _contradictions(found, contradictions),
        _lost(report),
        _untrained(report),
        *_few(report),
        _one_class(report),
        _score(report),
    ]
    return [line for line in lines if line]


def _contradictions(found: Mapping[str, Any], path: str | None) -> str:
    parts = []
    if found["texts"]:
        decided = RULES[found["rule"]].format(**found)
        parts.append(
            f"{_number(found['texts'], 'text has', 'texts have')} several labels ({found['rows']:,} rows), such as "
            f"{shown(found['examples'][0])}; {decided} (prepare.contradictions {found['rule']})"
        )
    if found["texts_of_test"]:
        parts.append(
            f"{_number(found['texts_of_test'], 'text of the test split has', 'texts of the test split have')} other labels too"
            + ("" if found["texts"] else f", such as {shown(found['examples'][0])}")
        )
    if not parts:
        return ""
    if found["near_rows"]:
        parts.append(f"{found['near_rows']:,} more rows are kept though they nearly repeat a text with another label")
    return "; ".join(parts) + (f"; listed in {path}" if path else "")


def _lost(report: Mapping[str, Any]) -> str:
    kept = _by_label(report)
    lost = [(name, kept.get(name, 0), had) for name, had in report["labels_found"].items() if 2 * kept.get(name, 0) < had]
    classes = _listed([f"{_quoted(name)} {keeps:,} of {had:,}" for name, keeps, had in lost])
    return f"of these classes most texts are left out, kept are: {classes}" if lost else ""


def _untrained(report: Mapping[str, Any]) -> str:
    unseen = sorted(report["labels"]["test"].keys() - report["labels"]["train"].keys())
    names = _listed([_quoted(name) for name in unseen])
    return f"test rows have labels that no train row has, so no model can get them right: {names}" if unseen else ""


def _few(report: Mapping[str, Any]) -> list[str]:
    few = sorted((count, name) for name, count in _by_label(report).items() if 0 < count < FEW_ROWS)
    lines = []
    if few:
        classes = _listed([f"{_quoted(name)} {count}" for count, name in few])
        classes_have = _number(len(few), "class has", "classes have")
        lines.append(f"{classes_have} fewer than {FEW_ROWS} rows, too few to learn much from: {classes}")
    test = report["splits"]["test"]
    if test < FEW_TEST_ROWS:
        lines.append(f"only {_number(test, 'test row', 'test rows')}: all figures of the test are rough")
    return lines


def _one_class(report: Mapping[str, Any]) -> str:
    train = report["labels"]["train"]
    name, most = max(train.items(), key=lambda item: item[1])
    share = most / sum(train.values())
    if share < MOST_OF_ONE:
        return ""
    return (
        f"{share:.0%} of the train rows are of one class, {_quoted(name)}: a model that always answers it has a high accuracy; "
        "look at macro-F1, and try --finetune.class-weights balanced"
    )


def _score(report: Mapping[str, Any]) -> str:
    labels = report["labels"]["train"]
    if len(labels) <= MOST_VALUES or any(as_number(name) is None for name in labels):
        return ""
    return (
        f"the {len(labels)} labels of train are all numbers: if they are a score, make a few classes of them with "
        "--ingest.label-bins"
    )


def _by_label(report: Mapping[str, Any]) -> dict[str, int]:
    """Number of kept rows of each class, on all sides together."""
    rows: dict[str, int] = {}
    for side in report["labels"].values():
        for name, count in side.items():
            rows[name] = rows.get(name, 0) + count
    return rows


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED:,} more" if len(names) > NAMED else "")


def _quoted(name: str) -> str:
    return repr(shortened(name, 60))


def _number(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"
