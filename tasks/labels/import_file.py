"""Read a file of labels, check it, and keep it beside the corpus of a name."""

from __future__ import annotations

import difflib
from collections import Counter
from typing import TYPE_CHECKING, Any

from tasks.documents.reasons import REASONS
from tasks.errors import RequestError
from tasks.forget.forgotten import REASON as FORGOTTEN
from tasks.forget.forgotten import Forgotten, forgotten_list
from tasks.labels.given import WHYS
from tasks.labels.imports import importing, imports_folder, in_use, write_import
from tasks.labels.in_force import in_force
from tasks.labels.read import read_labels
from tasks.shown import listed

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from tasks.labels.given import Found


def import_labels(
    path: Path,
    data_root: Path,
    name: str,
    *,
    text: str = "text",
    label: str | None = None,
    annotator: str | None = None,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    known: Collection[str] = (),
    new_labels: bool = False,
    only_known: bool = False,
) -> dict[str, Any]:
    """Keep the labels of a file; the report says how many, what they change, who disagrees and how far.

    `known` are the labels that the name has; another one is refused unless `new_labels` says that it is meant. With
    `only_known` texts that the corpus does not have are not added to it. RequestError if the file cannot be used.
    """
    found, warnings = read_labels(path, text=text, label=label, annotator=annotator, encoding=encoding, delimiter=delimiter)
    with importing(data_root):
        return _keep(found, warnings, path, data_root, name, known=known, new_labels=new_labels, only_known=only_known)


def _keep(
    found: Found,
    warnings: list[str],
    path: Path,
    data_root: Path,
    name: str,
    *,
    known: Collection[str],
    new_labels: bool,
    only_known: bool,
) -> dict[str, Any]:
    """Keep labels that were read; see `import_labels`."""
    _refuse_forgotten(found, data_root)
    if not found.labels:
        told = _without(found) or "it has no row"
        raise RequestError(f"{path}: no label in it ({told}); fill in the labels, or name their column with --label")
    before = in_force(in_use(imports_folder(data_root, name)))
    if not new_labels:
        _check_labels(path, found, {*known, *before.report["by_label"]} if known else ())
    made, is_new = write_import(data_root, name, found.labels, path, only_known=only_known)
    after = in_force(in_use(imports_folder(data_root, name)))
    previous = Counter(
        "labelled" if each.previous is None else "confirmed" if each.previous == each.label else "corrected"
        for each in found.labels
    )
    replaced = sum(each.label != after.labels[key].label for key, each in before.labels.items())
    return {
        "id": made.id,
        "name": name,
        "new": is_new,
        "rows": found.rows,
        "labels": len(found.labels),
        **{each: previous[each] for each in ("corrected", "confirmed", "labelled")},
        "without_label": dict(sorted(found.without.items())),
        "replaced": replaced,
        "in_force": after.report["labels"],
        "conflicts": after.report["conflicts"],
        "by_label": dict(sorted(Counter(each.label for each in found.labels).items())),
        "annotators": after.report["annotators"],
        "agreement": after.report["agreement"],
        "sample": after.report["sample"],
        "warnings": warnings + _warnings(path, found),
    }


def _refuse_forgotten(found: Found, data_root: Path) -> None:
    listed = forgotten_list(data_root)
    if listed is None:
        return
    forgotten = Forgotten.read(listed)
    kept = [each for each in found.labels if each.text is None or not forgotten.holds(each.text)]
    for _ in range(len(found.labels) - len(kept)):
        found.refuse(FORGOTTEN, "a text that was to be forgotten")
    found.labels = kept


def _check_labels(path: Path, found: Found, known: Collection[str]) -> None:
    counts = Counter(each.label for each in found.labels)
    for label, count in sorted(counts.items()):
        if known and label not in known:
            close = difflib.get_close_matches(label, known, 1)
            meant = f"; is {close[0]!r} meant?" if close else ";"
            raise RequestError(
                f"{path}: label {label[:40]!r} ({count:,} row{'s' * (count != 1)}) is not one of {listed(sorted(known))}"
                f"{meant} correct it, or take new labels with --new-labels"
            )


def _warnings(path: Path, found: Found) -> list[str]:
    return [
        f"{path}: {count:,} row{'s' * (count != 1)} not used ({WHYS.get(why) or REASONS.get(why, why)}); "
        f"the first, {found.first[why]}"
        for why, count in sorted(found.without.items())
        if why not in ("unjudged", "skipped")
    ]


def _without(found: Found) -> str:
    return ", ".join(f"{count:,} {why}" for why, count in found.without.most_common())
