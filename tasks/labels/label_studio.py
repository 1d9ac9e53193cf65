"""Label Studio's files: tasks with predictions and the labelling configuration for it; its JSON and JSON-MIN exports back.

The formats are those of its documentation: "Import pre-annotated data" (labelstud.io/guide/predictions) for tasks, "Label
Studio JSON format of annotated tasks" (labelstud.io/guide/task_format) and "Export formats" (labelstud.io/guide/export) for
exports. CSV and TSV exports are tables; see read.py.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.labels.given import SEVERAL, SKIPPED, UNJUDGED, Found
from tasks.labels.row import take

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

CONTROL, TEXT = "label", "text"  # names of the tags; a field of the data must not be called as the control
# Beside the text, so that a label finds its row again and people see what they correct.
FIELDS = ("key", "row", "current_label", "suggested", "why", "source")


def tasks_of(rows: Iterable[Mapping[str, Any]], model: str | None) -> list[dict[str, Any]]:
    """Tasks to import: the text, FIELDS, and what the model suggests as a prediction. `rows` are those of a review."""
    tasks = []
    for row in rows:
        task: dict[str, Any] = {"data": {TEXT: row["text"], **{name: row[name] for name in FIELDS if row[name] is not None}}}
        if row["suggested"] is not None:
            choice = {"from_name": CONTROL, "to_name": TEXT, "type": "choices", "value": {"choices": [row["suggested"]]}}
            prediction = {"model_version": model or "textmill", "result": [{"id": f"r{row['rank']}", **choice}]}
            task["predictions"] = [prediction | ({} if row["confidence"] is None else {"score": row["confidence"]})]
        tasks.append(task)
    return tasks


def labelling_config(labels: Sequence[str]) -> str:
    """The labelling configuration for these tasks: the text and one choice among the labels."""
    view = ET.Element("View")
    ET.SubElement(view, "Text", name=TEXT, value=f"${TEXT}")
    choices = ET.SubElement(view, "Choices", name=CONTROL, toName=TEXT, choice="single", showInline="true", required="true")
    for label in labels:
        ET.SubElement(choices, "Choice", value=label)
    ET.indent(view)
    return ET.tostring(view, encoding="unicode") + "\n"


def read_export(path: Path, *, text: str, label: str | None, annotator: str | None) -> Found:
    """The labels of a JSON or JSON-MIN export; `text` is the field of the data, `label` the name of the choices' tag.

    Without `label` it is the only tag of choices that was used. Each annotation of a task is a label of its own. RequestError
    for a file that is not such an export.
    """
    try:
        items = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{path}: not JSON ({error}); export JSON or JSON-MIN from Label Studio") from None
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise RequestError(f"{path}: not a list of tasks; export JSON or JSON-MIN from Label Studio")
    found = Found()
    if any("annotations" in item or "completions" in item for item in items):
        control = label or _only_control(path, items)
        for number, item in enumerate(items):
            _take_task(found, f"task {item.get('id', number)}", item, text, control, annotator)
    elif any("data" in item for item in items):
        raise RequestError(f"{path}: tasks without annotations; label them in Label Studio, then export JSON")
    else:
        for number, item in enumerate(items):
            rest = {name: value for name, value in item.items() if name not in (text, label or CONTROL)}
            value = item.get(label or CONTROL, "")
            take(found, f"task {item.get('id', number)}", _string(item.get(text)), value, rest, annotator)
    if not any(_has(item, text) for item in items):
        raise RequestError(f"{path}: no task has a field {text!r}; name the one that holds the text with --text")
    return found


def _take_task(
    found: Found, where: str, item: Mapping[str, Any], text: str, control: str | None, annotator: str | None
) -> None:
    data = item.get("data")
    data = data if isinstance(data, dict) else {}
    annotations = [each for each in item.get("annotations") or [] if isinstance(each, dict)]
    if not annotations:
        found.refuse(UNJUDGED, where)
    for each in annotations:
        if each.get("was_cancelled"):
            found.refuse(SKIPPED, where)
            continue
        chosen = [
            choice
            for result in each.get("result") or []
            if isinstance(result, dict) and result.get("type") == "choices" and result.get("from_name") == control
            for choice in _choices(result.get("value"))
        ]
        if len(chosen) > 1:
            found.refuse(SEVERAL, where)
            continue
        own = ("completed_by", "created_at", "updated_at")
        rest = {name: value for name, value in data.items() if name != text} | {name: each.get(name) for name in own}
        take(found, where, _string(data.get(text)), chosen[0] if chosen else "", rest, annotator)


def _choices(value: Any) -> list[Any]:
    choices = value.get("choices") if isinstance(value, dict) else None
    return choices if isinstance(choices, list) else [] if choices is None else [choices]


def _only_control(path: Path, items: Iterable[Mapping[str, Any]]) -> str | None:
    names = {
        str(result.get("from_name"))
        for item in items
        for each in item.get("annotations") or []
        if isinstance(each, dict)
        for result in each.get("result") or []
        if isinstance(result, dict) and result.get("type") == "choices"
    }
    if len(names) > 1 and CONTROL not in names:
        raise RequestError(f"{path}: its annotations have several choices ({', '.join(sorted(names))}); name one with --label")
    return CONTROL if CONTROL in names or not names else names.pop()


def _has(item: Mapping[str, Any], text: str) -> bool:
    data = item.get("data")
    return text in item or (isinstance(data, dict) and text in data)


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None
