"""What `textmill models export` does: find the model and the rows to certify it on, and write the folder."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

from flows.commands.registry import open_to_read
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.ingest.settings import IngestConfig

MAX_LOSS = 0.5  # points of accuracy that a small folder may cost, unless it is said


def export_model(
    model: str,
    folder: Path,
    form: str,
    *,
    rows: Path | None = None,
    reading: IngestConfig | None = None,
    small: tuple[str, float] | None = None,
    data_root: Path | None = None,
) -> dict[str, Any]:
    """Write a registered model into the new folder; what was written. RequestError says what cannot be done.

    `reading` says which column of `rows` has the texts. `small` is the size that is asked for, and how many points of
    accuracy it may cost.
    """
    from flows.commands.runtime import runtime_of
    from tasks.export.rows import find_prepared, read_rows
    from tasks.export.size import parse_size
    from tasks.export.small import FORMATS as PRUNED
    from tasks.export.small import Wanted, write_small
    from tasks.export.transformers_folder import write_folder
    from tasks.export.write import FORMATS, Exported, check_target, write_export
    from tasks.finetune.exported import FORMATS as OF_ONE_KIND
    from tasks.register.models import load_model
    from tasks.tracking.tags import RUN_TAG

    if form not in {*FORMATS, *OF_ONE_KIND}:
        raise RequestError(f"--format {form}: choose from {', '.join(sorted({*FORMATS, *OF_ONE_KIND}))}")
    wanted = None if small is None else Wanted(parse_size(small[0], "--max-size"), small[1] / 100)
    if wanted is not None and form not in PRUNED:
        raise RequestError(f"--max-size: --format {form} cannot prune a model; choose from {', '.join(PRUNED)}")
    check_target(folder)
    tracker = open_to_read(data_root)
    loaded = load_model(tracker, model)
    exported = Exported(loaded.title, loaded.model, loaded.model.folder, shlex.join(["textmill", *sys.argv[1:]]))
    version = tracker.registry.version(loaded.name, loaded.version)
    prepared = find_prepared(runtime_of(data_root).data_root, version.tags.get(RUN_TAG))
    tested = read_rows(rows, reading) if rows is not None else None if prepared is None else prepared.rows("test")
    if form not in FORMATS:
        return write_folder(exported, folder, form, tested)
    if tested is None:
        raise RequestError(f"the test rows of {loaded.title} are gone; give texts to certify it on with --rows FILE")
    if wanted is not None:
        if prepared is None:
            gone = f"the validation rows of {loaded.title} are gone, by which --max-size chooses"
            raise RequestError(f"{gone}; leave the option out")
        return write_small(exported, folder, form, prepared, tested, wanted)
    return write_export(exported, folder, form, tested)


def told(written: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate as a person reads it, a line for each thing."""
    if "test" not in written:
        return dict(written)
    found = {"folder": written["folder"], "format": written["format"], "model": written["model"]}
    for name in ("test", "validation"):
        if figures := written.get(name):
            found[name] = (
                f"{figures['same_label']:,} of {figures['rows']:,} labels alike, probabilities within "
                f"{figures['largest_difference']:.1g} ({figures['source']})"
            )
        if figures and "accuracy_of_export" in figures:
            low, high = (100 * bound for bound in figures["accuracy_difference_95"])
            found[f"{name}_accuracy"] = (
                f"{figures['accuracy_of_export']:.4f}, the model's {figures['accuracy_of_package']:.4f} "
                f"(difference {100 * figures['accuracy_difference']:+.2f} points, 95%: {low:+.2f} to {high:+.2f})"
            )
    if small := written.get("made_small"):
        found["kept"] = f"{small['ngrams']:,} of {small['ngrams_before']:,} n-grams, weights as {small['numbers']}"
    if "loads" in written:
        found |= {name: written[name] for name in ("class", "loads", "parameters", "note", "labels")}
    return {**found, "bytes": f"{written['bytes']:,} (the model's package has {written['bytes_of_package']:,})"}
