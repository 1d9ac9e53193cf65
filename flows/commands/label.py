"""`textmill label`: import labels, list the imports, undo one. `textmill label FILE` is `textmill label import FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from flows.commands.options import DataRoot, Json
from flows.commands.printing import cells, complain, print_json, print_line, print_values, result_table, results
from tasks.errors import RequestError

Named = Annotated[
    str | None, typer.Option("--name", help="The model whose corpus the labels are for; needed where there are several.")
]
IMPORT = "import"


class LabelGroup(TyperGroup):
    """A group in which whatever names no verb of it is a file to import."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the verb in front of a file or an option of its own."""
        if args and args[0] not in self.commands and args[0] not in ("-h", "--help"):
            args = [IMPORT, *args]
        return list(super().parse_args(ctx, args))


def import_(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="A .csv, .tsv, .jsonl, .parquet or .xlsx, or an export of Label Studio.")
    ],
    name: Named = None,
    annotator: Annotated[str | None, typer.Option(help="Whoever gave the labels that name nobody.")] = None,
    text: Annotated[str, typer.Option(help="Column, or field of the data, that holds the text.")] = "text",
    label: Annotated[
        str | None,
        typer.Option(help="Column, or Label Studio's choices, that holds the label; default: new_label, else label."),
    ] = None,
    encoding: Annotated[str, typer.Option(help="Character encoding of a table.")] = "utf-8",
    delimiter: Annotated[str | None, typer.Option(help="What parts the columns of a table; default by suffix.")] = None,
    new_labels: Annotated[bool, typer.Option("--new-labels", help="Take labels that the corpus does not have.")] = False,
    only_known: Annotated[
        bool, typer.Option("--only-known", help="Add no rows: labels are for texts that the corpus has.")
    ] = False,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Keep the labels that people gave; the next textmill train of the name uses them."""
    from flows.commands.runtime import runtime_of
    from tasks.labels.import_file import import_labels
    from tasks.labels.says import agreement_in_words, sample_in_words
    from tasks.review.last_run import last_run

    root = runtime_of(data_root).data_root
    name = _name(root, name)
    last = last_run(root, name)
    report = import_labels(
        source.absolute(),
        root,
        name,
        text=text,
        label=label,
        annotator=annotator,
        encoding=encoding,
        delimiter=delimiter,
        known=last.labels if last is not None else (),
        new_labels=new_labels,
        only_known=only_known,
    )
    for line in report["warnings"]:
        complain(f"warning: {line}")
    if last is None:
        complain(
            f"warning: no finished run of {name} yet; these labels are used when it is trained: textmill train --name {name}"
        )
    if as_json:
        print_json(report)
        return
    if not report["new"]:
        print_line(f"nothing new: this file is import {report['id']} of {name} already")
        return
    shown = {name: value for name, value in report.items() if name not in ("new", "warnings", "agreement", "sample")}
    print_values({name: value for name, value in shown.items() if value != {}})
    for each in report["agreement"]:
        print_line(agreement_in_words(each))
    if report["sample"]:
        print_line(sample_in_words(report["sample"]))


def list_(name: Named = None, as_json: Json = False, data_root: DataRoot = None) -> None:
    """List the imports of labels, the earliest first."""
    from flows.commands.runtime import runtime_of
    from tasks.labels.imports import imports_folder, list_imports, names_with_labels

    root = runtime_of(data_root).data_root
    found = [
        (each, made)
        for each in ([_known_name(root, name)] if name else names_with_labels(root))
        for made in list_imports(imports_folder(root, each))
    ]
    if as_json:
        listed = [
            {
                "name": each,
                "id": made.id,
                "imported": made.imported,
                "file": made.file,
                "labels": made.labels,
                "annotators": list(made.annotators),
                "only_known": made.only_known,
                "undone": made.undone,
            }
            for each, made in found
        ]
        print_json({"imports": listed})
        return
    table = result_table("model", "import", "imported (UTC)", "file", "labels", "by", "state")
    for each, made in found:
        state = f"undone {made.undone[:16]}" if made.undone else "in use, known texts only" if made.only_known else "in use"
        table.add_row(*cells(each, made.id, made.imported[:16], made.file, made.labels, ", ".join(made.annotators), state))
    results().print(table if found else "no labels are imported yet; textmill label FILE imports the first")


def undo(
    identity: Annotated[str, typer.Argument(metavar="IMPORT", help="The id of the import, as label list shows it.")],
    name: Named = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Undo an import: its labels count no more, from the next training on."""
    from flows.commands.runtime import runtime_of
    from tasks.labels.imports import imports_folder, list_imports, names_with_labels, undo_import

    root = runtime_of(data_root).data_root
    if name is None:
        holders = [
            each
            for each in names_with_labels(root)
            if identity in {made.id for made in list_imports(imports_folder(root, each))}
        ]
        if len(holders) != 1:
            more = (
                f"; it is one of {', '.join(holders)}: say which with --name" if holders else "; textmill label list shows them"
            )
            raise RequestError(f"{identity} is not an import of labels of one model{more}")
        name = holders[0]
    made = undo_import(root, name, identity)
    print_values({"id": made.id, "name": name, "labels": made.labels, "undone": made.undone}, as_json=as_json)


def _name(root: Path, name: str | None) -> str:
    """The given name, else the only one that was trained here or has labels."""
    from tasks.names import checked_name

    if name is not None:
        try:
            return checked_name(name)
        except ValueError as error:
            raise RequestError(f"--name: {error}") from None
    known = _known_names(root)
    if len(known) != 1:
        told = f"there are several models ({', '.join(known)})" if known else f"nothing was trained below {root} yet"
        raise RequestError(f"{told}; say which corpus the labels are for with --name")
    return known[0]


def _known_name(root: Path, name: str) -> str:
    """The given name; RequestError if nothing of that name was trained here or has labels."""
    known = _known_names(root)
    if _name(root, name) not in known:
        told = f"there are {', '.join(known)}" if known else f"nothing was trained below {root} yet"
        raise RequestError(f"--name {name}: no model of this name was trained and no labels were given for it; {told}")
    return name


def _known_names(root: Path) -> list[str]:
    from tasks.labels.imports import names_with_labels
    from tasks.review.last_run import trained_names

    return sorted({*trained_names(root), *names_with_labels(root)})
