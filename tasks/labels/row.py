"""A row of any table becomes a label: by the columns of `textmill review`, or by those of Label Studio."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tasks.documents.spelling import scalar, spelled
from tasks.documents.text import what_is_wrong
from tasks.labels.cells import restored
from tasks.labels.content import content_key
from tasks.labels.given import CHANGED, EMPTY, SEVERAL, SKIPPED, UNJUDGED, Found, Given

if TYPE_CHECKING:
    from collections.abc import Mapping

CUT = "\u2026 [cut]"  # ends a text that a cell has no room for
NEW = "new_label"  # the column that a person fills in
ANNOTATORS = ("annotator", "completed_by")
TIMES = ("labelled_at", "updated_at", "created_at")
PREVIOUS = ("current_label", "label")
ROWS = ("row", "id")
HANDED_OUT = ("why", "suggested", "current_label")  # columns of a review alone
_KEY = re.compile("[0-9a-f]{64}")
MAX_CHARS = 1_000_000  # of a text, as ingest takes them by default
_YES = ("true", "1", "yes")


def take(
    found: Found, where: str, text: str | None, label: Any, rest: Mapping[str, Any], annotator: str | None, *, old: bool = True
) -> None:
    """Put the label of one row into `found`, or the reason why it has none.

    `rest` are the row's other columns; `annotator` is whoever gave the labels that name nobody. Without `old` a column `label`
    is not the label that the row had before.
    """
    if str(rest.get("was_cancelled") or "").strip().lower() in _YES:
        found.refuse(SKIPPED, where)
        return
    name = one_label(label)
    handed_out = any(each in rest for each in HANDED_OUT)
    if name and handed_out:
        name = spelled(restored(name))
    if not name:
        found.refuse(UNJUDGED if name == "" else SEVERAL, where)
        return
    key = _key(rest.get("key"))
    text, why = _checked(text, key, marked=handed_out)
    if why is not None:
        found.refuse(why, where)
        return
    found.labels.append(
        Given(
            key or content_key(str(text)),
            text,
            name,
            _first(rest, ANNOTATORS) or annotator,
            moment(next((rest[name] for name in TIMES if rest.get(name)), None)),
            _first(rest, PREVIOUS if old else PREVIOUS[:1]),
            _text(rest.get("suggested")),
            _text(rest.get("why")),
            _first(rest, ROWS[:1] if "annotation_id" in rest else ROWS),
        )
    )


def one_label(value: Any) -> str | None:
    """The one label that a cell or a choice of Label Studio writes; "" for none, None for several."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(value)
        except ValueError:
            return spelled(value)
    if isinstance(value, dict) and isinstance(value.get("choices"), list):
        value = value["choices"]
    if isinstance(value, list):
        names = [one_label(each) for each in value]
        if None in names or len(names) > 1:
            return None
        return names[0] if names else ""
    return spelled(scalar(value) or "")


def moment(value: Any) -> datetime | None:
    """A time in UTC; None for a value that is not one. A time without a zone is one of UTC."""
    if not isinstance(value, datetime):
        try:
            value = datetime.fromisoformat(str(value or "").strip())
        except ValueError:
            return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:  # a zone before the year 1
        return None


def _key(value: Any) -> str | None:
    """The `content_key` that `textmill review` wrote; None for another table's column of this name."""
    key = _text(value)
    return key if key is not None and _KEY.fullmatch(key) else None


def _checked(text: str | None, key: str | None, *, marked: bool) -> tuple[str | None, str | None]:
    """The text of a row as it was handed out, and why it cannot be used; None for a text that was cut.

    `marked` says that cells may have the marks of `defused`.
    """
    if text is not None and text.strip() and (wrong := what_is_wrong(text, MAX_CHARS)):
        return None, wrong
    if key is None:
        text = restored(text) if text is not None and marked else text
        return (text, None) if text and text.strip() else (None, EMPTY)
    if text is None or not text.strip() or text.endswith(CUT):
        return None, None
    for each in (text, restored(text)):
        if content_key(each) == key:
            return each, None
    return None, CHANGED


def _first(rest: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := _text(rest.get(name)))), None)


def _text(value: Any) -> str | None:
    """A cell as text; None if it is empty."""
    if isinstance(value, dict):  # Label Studio Enterprise names its users so
        value = value.get("email") or value.get("id")
    written = (scalar(value) or "").strip()
    return restored(written) or None
