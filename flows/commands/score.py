"""`textmill score`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.commands.options import (
    Address,
    ByCost,
    Companies,
    DataRoot,
    EachLabel,
    EngineOption,
    Json,
    MaxError,
    Model,
    TlsCa,
    TlsCert,
    TlsKey,
    WatchListFile,
)
from flows.commands.printing import complain, print_values
from tasks.documents.reading import SHEET_HELP
from tasks.errors import RequestError


def score(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A txt, csv, tsv, jsonl, parquet or xlsx file, or a folder of txt.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT.parquet", help="Where labels and probabilities go.")],
    text: Annotated[str, typer.Option(help="Name or 0-based position of the text column; title,body joins two.")] = "text",
    encoding: Annotated[str, typer.Option(help="Character encoding of the input.")] = "utf-8",
    delimiter: Annotated[str | None, typer.Option(help="What parts the columns; default by suffix.")] = None,
    header: Annotated[bool | None, typer.Option(help="Whether the first line names the columns.")] = None,
    quoting: Annotated[str, typer.Option(help="Whether quotes hold a field together: auto, standard or none.")] = "auto",
    sheet: Annotated[str | None, typer.Option(help=f"Of a workbook: {SHEET_HELP}")] = None,
    missing: Annotated[str, typer.Option(help="Words that mean a missing value, such as NA,None.")] = "",
    model: Model = None,
    min_confidence: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Below it the label is left empty.")] = None,
    max_error: MaxError = None,
    each_label: EachLabel = False,
    by_cost: ByCost = False,
    explain: Annotated[bool, typer.Option("--explain", help="Add a column with the words' shares of the label.")] = False,
    rank: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Put the rows in the order of this label's probability, highest first.")
    ] = None,
    watch_list: WatchListFile = None,
    companies: Companies = None,
    as_json: Json = False,
    workers: Annotated[
        str, typer.Option("--runtime.workers", help="Processes that label a large input; default: a process for each core.")
    ] = "",
    engine: EngineOption = None,
    address: Address = None,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    data_root: DataRoot = None,
) -> None:
    """Score a file of documents with the champion."""
    from flows.commands.registry import load
    from flows.commands.runtime import runtime_of
    from flows.commands.settings import section
    from tasks.engine.engines import check_engine, engine_of
    from tasks.ingest.settings import IngestConfig
    from tasks.score.abstain import check_abstention
    from tasks.score.score import check_request, score_file

    check_abstention(max_error, min_confidence, each_label=each_label, by_cost=by_cost)
    words = [word for word in missing.split(",") if word.strip()]
    options = {"text": text, "encoding": encoding, "delimiter": delimiter, "header": header, "quoting": quoting, "sheet": sheet}
    reading = section(IngestConfig, **options, missing=words)
    runtime = runtime_of(data_root, engine=engine, address=address, tls_ca=tls_ca, tls_cert=tls_cert, tls_key=tls_key)
    if workers:
        runtime = runtime.model_copy(update={"workers": _number(workers)})
    check_request(source, output, reading)
    check_engine(runtime)
    watch = None
    if watch_list or companies:
        from tasks.score.watch import WatchList

        watch = WatchList.load(watch_list, companies)
    loaded = load(model, data_root)
    from flows.display import Display

    with Display() as display:
        report = score_file(
            source,
            output,
            reading=reading,
            loaded=loaded,
            min_confidence=min_confidence,
            max_error=max_error,
            each_label=each_label,
            by_cost=by_cost,
            explain=explain,
            rank=rank,
            watch=watch,
            engine=engine_of(runtime),
            progress=display.progress("score"),
        )
    for line in report["warnings"]:
        complain(f"warning: {line}")
    shown = report if as_json else {name: value for name, value in report.items() if name != "warnings"}
    if not as_json and "promise" in report:
        shown["promise"] = report["promise"]["says"]
    print_values(shown, as_json=as_json)


def _number(workers: str) -> int | Literal["auto"]:
    if workers == "auto":
        return "auto"
    if not workers.isdecimal() or int(workers) < 1:
        raise RequestError(f"--runtime.workers {workers!r}: give a number of processes, from 1 on, or auto")
    return int(workers)
