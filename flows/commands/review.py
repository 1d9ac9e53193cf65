"""`textmill review`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import DataRoot, Json, Model
from flows.commands.printing import complain, print_line, print_values
from tasks.documents.reading import SHEET_HELP
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks.review.last_run import LastRun

HELP_OF_OUTPUT = "Where the rows go: .csv, .tsv, .jsonl, .parquet, .xlsx, or .json (and .xml) for Label Studio."


def review(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="TEXTS", help="Texts without labels to choose from, as score takes them; default: the last run's."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help=HELP_OF_OUTPUT)] = Path("review.csv"),
    monitor: Annotated[str | None, typer.Option(help="Choose from the documents of this monitor.")] = None,
    days: Annotated[int, typer.Option(min=1, help="--monitor: of so many of its last days.")] = 30,
    rows: Annotated[int, typer.Option(min=1, max=100_000, help="Rows to hand out.")] = 200,
    wrong_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of doubted labels, where the last run has ranked its labels.")
    ] = 0.5,
    random_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share drawn at random: these rows tell how often the model is right.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Another one draws other rows at random.")] = 13,
    model: Model = None,
    text: Annotated[str, typer.Option(help="Name or 0-based position of the text column; title,body joins two.")] = "text",
    encoding: Annotated[str, typer.Option(help="Character encoding of the texts.")] = "utf-8",
    delimiter: Annotated[str | None, typer.Option(help="What parts the columns; default by suffix.")] = None,
    header: Annotated[bool | None, typer.Option(help="Whether the first line names the columns.")] = None,
    quoting: Annotated[str, typer.Option(help="Whether quotes hold a field together: auto, standard or none.")] = "auto",
    sheet: Annotated[str | None, typer.Option(help=f"Of a workbook: {SHEET_HELP}")] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Choose the rows that are worth a person's time: doubted labels, and texts that would teach the model most."""
    from tasks.review.write import check_output

    if source is not None and monitor is not None:
        raise RequestError(f"{source} and --monitor {monitor} were both given; choose from one of them")
    output = output.absolute()
    check_output(output)
    reading = None
    if source is not None:
        from flows.commands.settings import section
        from tasks.ingest.settings import IngestConfig
        from tasks.score.texts import check_texts

        source = source.absolute()
        if output.exists() and source.exists() and output.samefile(source):
            raise RequestError(f"{output}: these are the texts; name another file with --output")
        options = {"text": text, "encoding": encoding, "delimiter": delimiter, "header": header}
        options |= {"quoting": quoting, "sheet": sheet}
        reading = section(IngestConfig, **options)
        check_texts(source, reading)
    from flows.commands.registry import load
    from flows.commands.runtime import runtime_of
    from flows.display import Display
    from tasks.forget.forgotten import Forgotten, forgotten_list
    from tasks.labels.imports import imports_folder, in_use
    from tasks.review.candidates import candidates, labelled_keys, of_file, of_monitor, of_run
    from tasks.review.last_run import last_run
    from tasks.review.review import Wanted, review
    from tasks.review.schema import as_rows
    from tasks.review.write import check_not_filled, write_review

    root, warnings = runtime_of(data_root).data_root, list[str]()
    check_not_filled(output, root)
    loaded = load(model or (_model_of(root, monitor) if monitor is not None else None), data_root)
    last = last_run(root, loaded.name)
    corpus, prepared = (None, None) if last is None else (last.folder("ingest"), last.folder("prepare"))
    listed = forgotten_list(root)
    forgotten = None if listed is None else Forgotten.read(listed)
    people = {each.key for made in in_use(imports_folder(root, loaded.name)) for each in made.rows()}
    labelled = people | (labelled_keys(corpus) if corpus is not None else set())
    wanted = Wanted(rows, 0.0 if source is not None or monitor is not None else wrong_share, random_share, seed)
    wrong = _ranked(last) if wanted.wrong_share else None
    with Display() as display:
        texts: Iterable[tuple[str, str, str | None]] = ()
        if source is not None and reading is not None:
            found = candidates(of_file(source, reading, warnings), labelled, seed, forgotten)
        elif monitor is not None:
            from tasks.monitor.state import MonitorState

            with MonitorState.read(root, monitor) as state:
                found = candidates(of_monitor(state, days), labelled, seed, forgotten)
        else:
            texts = () if prepared is None else of_run(prepared)
            found = candidates(texts, labelled, seed, forgotten)
        chosen = review(wanted, loaded, found, wrong=wrong, people=people, progress=display.progress("review"))
    if not chosen.chosen:
        raise RequestError(
            _nothing(root, loaded.name, last, chosen.candidates, named=source is not None or monitor is not None)
        )
    labels = sorted({*loaded.model.labels, *(last.labels if last is not None else ())})
    written = write_review(as_rows(chosen.chosen, loaded.title), labels, output)
    report: dict[str, Any] = chosen.report() | {
        "model": loaded.title,
        "labels": labels,
        "output": [str(path) for path in written],
    }
    for line in warnings:
        complain(f"warning: {line}")
    if as_json:
        print_values(report | {"warnings": warnings}, as_json=True)
        return
    print_values(report | {"labels": ", ".join(labels), "output": ", ".join(report["output"])})
    print_line(f"fill in new_label, or label it in Label Studio, then: textmill label FILE --name {loaded.name}")


def _model_of(root: Path, monitor: str) -> str | None:
    """The name of the model that a monitor's last refresh used: its champion of today judges the documents."""
    from tasks.monitor.state import MonitorState

    with MonitorState.read(root, monitor) as state:
        named = [str(refresh["model"]) for refresh in state.refreshes() if refresh["model"]]
    return named[-1].rpartition("/")[0] if named else None


def _ranked(last: LastRun | None) -> tuple[Path, Path] | None:
    """The folders of a run's ranking of labels and of its rows; None if it has not ranked them."""
    if last is None:
        return None
    ranking, prepared = last.folder("wrong_labels"), last.folder("prepare")
    return None if ranking is None or prepared is None else (ranking, prepared)


def _nothing(root: Path, name: str, last: LastRun | None, candidates: int, *, named: bool) -> str:
    """Why there is no row to review, and what to do."""
    if named:
        return f"none of {candidates:,} texts is left to review: all have a label already, or {name} can read none of them"
    if last is None:
        return f"{root}: no finished run of {name} here whose rows could be reviewed; train it, or give texts to choose from"
    return (
        f"the last run of {name} has no row to review: it has no unlabelled text, and its labels were not ranked; train with "
        "--evaluate.wrong-labels true, or give texts to choose from"
    )
