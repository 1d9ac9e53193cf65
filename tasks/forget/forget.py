"""What is to be deleted so that a data root forgets texts, and its deletion, which may be killed and repeated.

First the list of keyed hashes is written, so that no text comes back; then rows, files and artifacts are deleted, corpora
last, since they tell which text an id is of; then all is looked through again; and a line of `record.jsonl` says what was done.
The caller holds the locks: see flows/commands/forget.py.
"""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.crash import crash_point
from tasks.durable import append_line, flush
from tasks.forget import where
from tasks.forget.databases import delete_rows
from tasks.forget.forgotten import FOLDER, Forgotten, forgotten_list, normal, remember
from tasks.forget.forms import Wanted
from tasks.forget.labels import forget_labels
from tasks.forget.lineage import made_from, name_of
from tasks.forget.monitors import forget_documents
from tasks.forget.rewriting import rewrite_log, rewrite_record
from tasks.forget.rows import rows_with
from tasks.forget.search import Looked, inputs_of_runs, look, look_at, sources_of_monitors
from tasks.forget.shared import delete_there, delete_unknown, left_there, rewrite_there
from tasks.forget.tokens import as_tokens, settings_below
from tasks.labels.imports import LABELS
from tasks.progress import SILENT
from tasks.store.artifact import Store
from tasks.store.layout import BUILDING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tasks.forget.shared import Copies
    from tasks.forget.where import Roots
    from tasks.monitor.state import MonitorState
    from tasks.progress import Progress

RECORD = "record.jsonl"
CORPUS_STEP = "ingest"
OF_ID = "id:"
MOVED = "forgetting-"  # an artifact that is being deleted, in the folder of builds


@dataclass
class Plan:
    """What holds the texts. `texts` are those asked for and those of rows that hold one within a longer text.

    `rows` of corpora and monitors hold one. `made_from` are artifacts made from what holds it; `yours` is what was found in the
    files that runs and monitors were given.
    """

    roots: Roots
    wanted: Wanted
    rows: int
    looked: Looked
    yours: Looked = field(default_factory=Looked)
    made_from: list[Path] = field(default_factory=list)

    def units(self, *kinds: str) -> list[Path]:
        """What is deleted or rewritten as a whole, of these kinds."""
        return list(dict.fromkeys(each.place.unit for each in self.looked.found if each.place.kind in kinds))

    def holding(self) -> dict[str, list[Path]]:
        """The files that hold a text, by kind."""
        found: dict[str, list[Path]] = {}
        for each in self.looked.found:
            found.setdefault(each.place.kind, []).append(each.place.path)
        return dict(sorted(found.items()))


def make_plan(roots: Roots, texts: Sequence[str], *, progress: Progress = SILENT) -> Plan:
    """Look through a data root; RequestError for a text that is too short. Nothing is changed."""
    store = roots.data_root / "store"
    settings = settings_below(store, roots.mlflow)
    tables = [*corpora(roots), *sorted((roots.data_root / "monitor").glob("*/documents/*/*.parquet"))]
    tables += sorted((roots.data_root / LABELS).glob("*/*.parquet"))
    asked = _different(texts)
    rows = rows_with(tables, Wanted(asked))
    every = _different([*asked, *rows.texts])
    also = list(as_tokens(every, settings))
    if len(every) > len(asked):  # pieces of the longer texts may be others' too
        rows.shared |= rows_with(tables, Wanted(every)).shared
    wanted = Wanted(every, also, rows.shared)
    looked = look(roots, wanted, progress=progress)
    yours = look_at([*inputs_of_runs(roots.data_root), *sources_of_monitors(roots.data_root)], wanted, progress=progress)
    return Plan(roots, wanted, rows.number, looked, yours, _made_from(roots, looked))


def corpora(roots: Roots) -> list[Path]:
    """The corpora of a store."""
    return sorted((roots.data_root / "store" / CORPUS_STEP).glob("*/corpus.parquet"))


def carry_out(
    plan: Plan,
    states: Mapping[str, MonitorState],
    *,
    ids: Sequence[str] = (),
    progress: Progress = SILENT,
    shared: Sequence[Copies] = (),
) -> dict[str, Any]:
    """Delete what a plan found, look again, and say what was done; `states` are the monitors by name, open.

    `ids` are those by which the texts were named, `shared` the buckets from which all was brought here and that were looked
    into before.

    UnavailableError: a database is held or damaged, or a bucket is gone. What was deleted by then stays so, and the same call
    goes on.
    """
    roots, wanted = plan.roots, plan.wanted
    marks = remember(roots.data_root, wanted.texts)
    crash_point("forget.remembered")
    note(roots.data_root, "begun", marks, wanted.texts, ids)
    crash_point("forget.begun")
    kept: list[str] = []
    for database in plan.units(*where.DATABASES):
        kept += [f"{database} ({table})" for table in delete_rows(database, wanted)[1]]
    for folder in plan.units(where.MONITOR):
        if folder.name in states:
            forget_documents(states[folder.name], wanted)
            continue
        for path in [each.place.path for each in plan.looked.found if each.place.unit == folder]:  # its database is gone
            _remove(path)
    for path in plan.units(where.GIVEN):
        forget_labels(path, wanted)
    for path in plan.units(where.RECORD, where.SPOOL):
        rewrite_record(path, wanted)
        crash_point("forget.rewritten")
    for path in plan.units(where.LOG):
        rewrite_log(path, wanted)
    for unit in plan.units(*(where.DELETED - {where.ARTIFACT})):
        _remove(unit)
        crash_point("forget.removed")
    rewrite_there(shared, wanted)
    crash_point("forget.rewritten_there")
    _remove_artifacts(plan, shared)
    delete_unknown(shared)
    after = look(roots, wanted, progress=progress)
    crash_point("forget.looked")
    deleted = {kind: len(plan.units(kind)) for kind in plan.holding() if kind not in where.LEFT}
    left = [str(each.place.path) for each in after.found if each.place.kind not in where.LEFT]
    left += left_there(shared, _names(plan), wanted)
    note(roots.data_root, "left" if left else "done", marks, wanted.texts, ids, deleted)
    return {"files": after.files, "left": left, "kept_rows": kept, "deleted": deleted, "unread": _told(after)}


def _different(texts: Iterable[str]) -> list[str]:
    """The texts, of those that are the same by the list's rule the first."""
    return list({normal(text): text for text in reversed(list(texts))}.values())[::-1]


def _told(looked: Looked) -> dict[str, str]:
    return {str(path): reason for path, reason in looked.unread.items()}


def _made_from(roots: Roots, looked: Looked) -> list[Path]:
    store = Store(roots.data_root)
    holding: dict[tuple[str, str], set[str]] = {}
    for each in looked.found:
        place = each.place
        if place.kind == where.ARTIFACT:
            holding.setdefault(name_of(store, place.unit), set()).add(place.path.relative_to(place.unit).as_posix())
    return [store.place(*name) for name in made_from(store, holding)]


def _names(plan: Plan) -> list[tuple[str, str]]:
    """Step and key of the artifacts that hold the texts or were made from them."""
    store = Store(plan.roots.data_root)
    return [name_of(store, folder) for folder in [*plan.made_from, *plan.units(where.ARTIFACT)]]


def _remove_artifacts(plan: Plan, shared: Sequence[Copies]) -> None:
    """Delete what was made from the texts, then what holds them, corpora last; whole or not at all, in buckets first."""
    store = Store(plan.roots.data_root)
    area = plan.roots.data_root / "store" / BUILDING
    for left in area.glob(f"{MOVED}*"):  # of a killed call
        shutil.rmtree(left)
    holding = plan.units(where.ARTIFACT)
    for folder in [*plan.made_from, *sorted(holding, key=lambda unit: unit.parent.name == CORPUS_STEP)]:
        delete_there(shared, name_of(store, folder))
        if not folder.is_dir():
            continue
        area.mkdir(parents=True, exist_ok=True)
        moved = area / f"{MOVED}{folder.parent.name}-{folder.name}"
        folder.rename(moved)
        flush(folder.parent)
        crash_point("forget.artifact_moved")
        shutil.rmtree(moved)
        crash_point("forget.artifact_removed")


def _remove(unit: Path) -> None:
    if unit.is_dir():
        shutil.rmtree(unit)
    else:
        unit.unlink(missing_ok=True)
    if unit.parent.is_dir():
        flush(unit.parent)


def note(
    data_root: Path,
    state: str,
    marks: Forgotten,
    texts: Sequence[str],
    ids: Sequence[str],
    deleted: Mapping[str, int] | None = None,
) -> None:
    """Write down what was done, and of which texts and ids, by their keyed hashes."""
    told = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "state": state,
        "texts": sorted(map(marks.mark, texts)),
        "ids": sorted(marks.mark(f"{OF_ID}{each}") for each in ids),
        "deleted": dict(deleted or {}),
    }
    append_line(data_root / FOLDER / RECORD, json.dumps(told).encode())


def forgotten_ids(data_root: Path, ids: Sequence[str]) -> set[str]:
    """Those of these ids whose texts were forgotten before: their corpora may be gone."""
    listed, record = forgotten_list(data_root), data_root / FOLDER / RECORD
    if listed is None or not record.is_file():
        return set()
    marks = Forgotten.read(listed)
    known = {mark for line in record.read_bytes().splitlines() for mark in json.loads(line)["ids"]}
    return {each for each in ids if marks.mark(f"{OF_ID}{each}") in known}
