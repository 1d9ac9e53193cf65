"""What `textmill models export` does: find the model and the rows to certify it on, and write the folder."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

from flows.commands.registry import open_to_read
from tasks.errors import RequestError

if TYPE_CHECKING:
    from pathlib import Path


def export_model(model: str, folder: Path, form: str, *, rows: Path | None, data_root: Path | None) -> dict[str, Any]:
    """Write a registered model into the new folder; what was written. RequestError says what cannot be done."""
    from flows.commands.runtime import runtime_of
    from tasks.export.rows import find_prepared, read_rows
    from tasks.export.write import FORMATS, Exported, check_target, write_export
    from tasks.finetune.exported import FORMATS as OF_ONE_KIND
    from tasks.finetune.exported import export_model as export_kind
    from tasks.model.serving import MODEL
    from tasks.register.models import load_model
    from tasks.tracking.tags import RUN_TAG

    if form not in {*FORMATS, *OF_ONE_KIND}:
        raise RequestError(f"--format {form}: choose from {', '.join(sorted({*FORMATS, *OF_ONE_KIND}))}")
    check_target(folder)
    tracker = open_to_read(data_root)
    loaded = load_model(tracker, model)
    if form not in FORMATS:
        return export_kind(loaded.model.folder / MODEL, folder, form, loaded.title)
    exported = Exported(loaded.title, loaded.model, loaded.model.folder, shlex.join(["textmill", *sys.argv[1:]]))
    if rows is not None:
        tested = read_rows(rows)
    else:
        version = tracker.registry.version(loaded.name, loaded.version)
        prepared = find_prepared(runtime_of(data_root).data_root, version.tags.get(RUN_TAG))
        if prepared is None:
            raise RequestError(f"the test rows of {loaded.title} are gone; give texts to certify it on with --rows FILE")
        tested = prepared.rows("test")
    return write_export(exported, folder, form, tested)
