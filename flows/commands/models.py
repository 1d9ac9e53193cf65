"""`textmill models list`, `verify`, `export`, `promote` and `rollback`."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import ONE_MODEL, DataRoot, Json, SharedStoreOption
from flows.commands.printing import cells, print_json, print_line, print_values, result_table, results

Named = Annotated[str | None, typer.Option("--name", help="The model; needed where there are several.")]


def list_versions(
    name: Annotated[str | None, typer.Option(help=ONE_MODEL)] = None, as_json: Json = False, data_root: DataRoot = None
) -> None:
    """List registered versions, their aliases and figures."""
    from flows.commands.registry import open_to_read
    from tasks.register.models import list_models

    rows = list_models(open_to_read(data_root), name)
    if as_json:
        print_json({"models": [dataclasses.asdict(row) for row in rows]})
        return
    table = result_table("model", "version", "aliases", "accuracy", "macro-F1", "registered (UTC)", "last decision")
    for row in rows:
        figures = ["" if value is None else f"{value:.4f}" for value in (row.accuracy, row.macro_f1)]
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(row.created))
        decision = f"{row.action or ''}: {row.reason or ''}{_start(row.start)}"
        table.add_row(*cells(row.name, row.version, " ".join(row.aliases), *figures, when, decision))
    results().print(table if rows else "no model is registered yet; textmill train makes the first")


def verify(
    name: Annotated[str | None, typer.Argument(help=ONE_MODEL)] = None,
    version: Annotated[str | None, typer.Argument(help="Only this version of it: a number or an alias.")] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Compare every file of registered versions with what was registered; exit code 1 if one is not whole."""
    from flows.commands.registry import open_to_read
    from tasks.register.models import verify_models

    rows = verify_models(open_to_read(data_root), name, version)
    whole = all(row.whole for row in rows)
    if as_json:
        print_json({"whole": whole, "models": [dataclasses.asdict(row) for row in rows]})
    else:
        for row in rows:
            print_line(f"ok    {row.name}/{row.version}{_start(row.start)}" if row.whole else f"FAIL  {row.problem}")
    if not whole:
        raise typer.Exit(1)


def _start(version: int | None) -> str:
    """The version that a model was trained on from, in words."""
    return "" if version is None else f" (trained on from version {version})"


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="NAME@ALIAS, NAME/VERSION, or NAME: its champion.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder.")],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="numpy (one file of Python, and arrays), onnx; fasttext and transformers, for models of one kind alone.",
        ),
    ] = "transformers",
    rows: Annotated[
        Path | None, typer.Option("--rows", help="Texts to certify it on, where the test rows of its run are gone.")
    ] = None,
    max_size: Annotated[
        str | None, typer.Option("--max-size", help="Prune and quantise a model of n-grams until its folder is so small: 2MB.")
    ] = None,
    max_loss: Annotated[
        float | None,
        typer.Option(help="Points of accuracy on validation rows that this may cost; default 0.5.", min=0.0, max=100.0),
    ] = None,
    text: Annotated[str | None, typer.Option(help="--rows: its text column, by name or position; default text.")] = None,
    header: Annotated[bool | None, typer.Option(help="--rows: whether its first line names the columns.")] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Write a registered model for another program, with a certificate of how far its answers are the model's."""
    from flows.commands.exporting import MAX_LOSS, export_model, told
    from flows.commands.settings import section
    from tasks.errors import RequestError
    from tasks.ingest.settings import IngestConfig

    if max_size is None and max_loss is not None:
        raise RequestError(f"--max-loss is what --max-size may cost; give that too, or leave --max-loss {max_loss:g} out")
    for flag, value in (("--text", text), ("--header" if header else "--no-header", header)):
        if rows is None and value is not None:
            raise RequestError(f"{flag} says how --rows is read; give that too, or leave {flag} out")
    small = None if max_size is None else (max_size, MAX_LOSS if max_loss is None else max_loss)
    reading = section(IngestConfig, text=text or "text", header=header)
    written = export_model(model, folder, form, rows=rows, reading=reading, small=small, data_root=data_root)
    print_values(written if as_json else told(written), as_json=as_json)


def promote(
    version: int, name: Named = None, as_json: Json = False, data_root: DataRoot = None, store: SharedStoreOption = None
) -> None:
    """Make a version the champion, whatever the gate said."""
    from flows.commands.registry import open_to_change, the_only_name
    from tasks.register.models import promote as make_champion

    registry = open_to_change(data_root, store)
    print_values(dataclasses.asdict(make_champion(registry, the_only_name(registry, name), version)), as_json=as_json)


def rollback(name: Named = None, as_json: Json = False, data_root: DataRoot = None, store: SharedStoreOption = None) -> None:
    """Make the previous champion the champion again."""
    from flows.commands.registry import open_to_change, the_only_name
    from tasks.register.models import rollback as roll_back

    registry = open_to_change(data_root, store)
    print_values(dataclasses.asdict(roll_back(registry, the_only_name(registry, name))), as_json=as_json)
