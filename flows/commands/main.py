"""The `textmill` command: what a person or a scheduler types, and nothing else.

Exit codes: 0 done (a refused promotion too), 1 the run failed, 2 the request or its input was wrong. Results go to stdout,
everything else to stderr. Heavy libraries are imported inside the verbs, so that help is quick.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import importlib
import importlib.metadata
import io
import logging
import os
import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from flows.commands import streams
from tasks.errors import RequestError, UnavailableError
from tasks.shown import in_line, json_text, shortened
from tasks.writable import check_data_root, make_data_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.servers.server import Server
    from tasks.align.readers import Listed
    from tasks.config import PipelineConfig, RefreshConfig, Runtime

app = typer.Typer(
    name="textmill",
    help="A labelled corpus in; an evaluated, registered and monitored text classifier out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models_app = typer.Typer(help="List, verify, promote and roll back registered models.", no_args_is_help=True)
app.add_typer(models_app, name="models")
vectors_app = typer.Typer(help="Judge word vectors, and hand trained ones to other programs.", no_args_is_help=True)
app.add_typer(vectors_app, name="vectors")
notify_app = typer.Typer(help="Try the channels that alerts are sent to.", no_args_is_help=True)
app.add_typer(notify_app, name="notify")

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]
Model = Annotated[str | None, typer.Option("--model", help="NAME@ALIAS or NAME/VERSION; default: the last promoted champion.")]
DataRoot = Annotated[Path | None, typer.Option("--runtime.data-root", help="Folder of the store and the runs.")]
STARTED = time.time()
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
MAX_SHOWN = 200  # characters of a text beside its label; --json needs none of it
INTERRUPTED = 130  # as a shell says it: 128 + SIGINT
_servers: list[Server] = []  # those of this process' runs
VECTOR_SUFFIXES = {".vec", ".bin", ".txt", ".npy", ".npz", ".safetensors", ".gz", ".zst", ".bz2", ".zip"}
MAX_CHANGES, MAX_SHOWN_VALUE = 8, 60
KNOBS = {"allow_extra_args": True, "ignore_unknown_options": True}


def main() -> NoReturn:
    """Run the command and turn what went wrong into one line and an exit code."""
    # Waiting threads that spin take the cores from those that work: at a load of 7 on 2 cores, fine-tuning the sample took over
    # 60 s with them and 17 s without.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    streams.prepare()
    try:
        Path.home()
    except RuntimeError:  # a user whom /etc/passwd does not have; libraries ask for it as they are imported
        os.environ["HOME"] = "/"  # as containers have it
    _log_warnings()
    try:
        # Outside of standalone mode typer returns the code of an Exit, and 130 for Ctrl-C, instead of raising them.
        code = app(standalone_mode=False) or 0
        if code == INTERRUPTED:
            raise KeyboardInterrupt
    except RequestError as error:
        _complain(str(error))
        _leave(2)
    except (KeyboardInterrupt, typer.Abort):
        _complain("stopped; the same command goes on from the last finished step")
        _leave(INTERRUPTED)
    except UnavailableError as error:
        _complain(str(error))
        _leave(1)
    except Exception as error:
        if hasattr(error, "format_message"):  # click's usage errors
            if error.format_message():  # empty: the help was shown in its place
                _complain(error.format_message())
            _leave(2)
        if os.environ.get("TEXTMILL_DEBUG"):
            raise
        if isinstance(error, OSError) and error.errno in NOT_ALLOWED and error.filename:
            _complain(f"{error.filename}: {error.strerror}; run as its owner, or change its permissions or the path")
            _leave(2)
        _complain(f"failed: {type(error).__name__}: {error}".splitlines()[0] + " (set TEXTMILL_DEBUG=1 to see where)")
        _leave(1)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End this process; at once where Prefect's threads would go on trying to reach a server that is gone."""
    if (why := streams.finish()) and not code:
        _complain(f"not all could be printed ({why})")
        streams.finish()
        code = 1
    if any(server.lost for server in _servers):
        os._exit(code)
    sys.exit(code)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"textmill {importlib.metadata.version('textmill')}")  # noqa: T201
        raise typer.Exit


@app.callback()
def textmill(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """A labelled corpus in; an evaluated, registered and monitored text classifier out."""


@app.command(context_settings=KNOBS, add_help_option=False)
def train(
    context: typer.Context,
    preset: Annotated[str | None, typer.Option(help="A named run; sample unless a corpus or a file is given.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file in the form of a preset.")] = None,
    as_json: Json = False,
    help_: Annotated[bool, typer.Option("--help", "-h", help="Show every knob and exit.")] = False,
) -> None:
    """Train, evaluate and register a classifier."""
    from flows.commands.settings import resolve

    if help_:
        from tasks.config import PipelineConfig

        _print_knobs(PipelineConfig, "train", "Train, evaluate and register a classifier.")
        return
    resolved = resolve(context.args, preset=preset, file=config)
    from flows.commands.settings import check_train

    check_train(resolved)
    result = run_flow("train", resolved)
    if as_json:
        _print_json(result)
    else:
        _print_result(result, resolved)


@app.command(context_settings=KNOBS, add_help_option=False)
def refresh(
    context: typer.Context,
    preset: Annotated[str | None, typer.Option(help="A named refresh.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file in the form of a preset.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="First day of a backfill (YYYY-MM-DD).")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last day of a backfill (YYYY-MM-DD).")] = None,
    as_json: Json = False,
    help_: Annotated[bool, typer.Option("--help", "-h", help="Show every knob and exit.")] = False,
) -> None:
    """Score what is new, warn of surges of bad news and of drift, and write the dashboard."""
    from flows.commands.settings import check_paths, resolve_refresh

    if help_:
        from tasks.config import RefreshConfig

        _print_knobs(RefreshConfig, "refresh", "Score new documents and warn of surges of bad news.")
        return
    days = [word for flag, day in (("since", since), ("until", until)) if day for word in (f"--collect.{flag}", day)]
    resolved = resolve_refresh([*context.args, *days], preset=preset, file=config)
    from tasks.collect.collect import check_source

    check_paths(resolved)
    check_source(resolved.collect)
    _check_lists(resolved)
    result = run_flow("refresh", resolved)
    if as_json:
        _print_json(result)
    else:
        _print_refresh(result)


def _check_lists(config: RefreshConfig) -> None:
    """RequestError for a watch-list or a file of channels that cannot be read; a channel that is down holds up nobody."""
    from tasks.notify.channels_file import read_channels
    from tasks.score.watch import WatchList

    read_channels(config.notify)
    if config.score.watch_list:
        WatchList.load(config.score.watch_list)


def run_flow(name: str, config: PipelineConfig | RefreshConfig) -> dict[str, Any]:
    """Run a flow on a Prefect server and return its result; a failed run raises what failed it."""
    from flows.servers.server import Server

    make_data_root(config.runtime.data_root)
    print("starting the Prefect server ...", file=sys.stderr)  # noqa: T201
    with contextlib.ExitStack() as stack:

        def import_and_quiet() -> None:
            _import_flow(name, config.runtime)
            from flows.commands.console import quiet_prefect

            stack.enter_context(quiet_prefect())  # left after the server, which has Prefect's threads end

        server = Server(config.runtime.data_root, timeout=config.runtime.server_timeout, meanwhile=import_and_quiet)
        _servers.append(server)
        stack.enter_context(server)
        from flows.servers.outage import run_through, tell_late

        tell_late(config.runtime.data_root, server.name)
        flow = getattr(importlib.import_module(f"flows.{name}"), name)
        result = run_through(flow, config, config.runtime.data_root, server.name)
        startup = {"startup_seconds": time.time() - STARTED - result["seconds"], "server_seconds": server.seconds}
    _complain_of_outages(result["unreported"])
    return result | {name: round(seconds, 2) for name, seconds in startup.items()}


def _complain_of_outages(unreported: Mapping[str, str]) -> None:
    """Say in one line each what a run has done without being able to report it."""
    names = {"prefect": "Prefect's server is gone and still shows the run as running", "mlflow": "MLflow's server is gone"}
    for server, path in unreported.items():
        _complain(f"the run has ended well, but {names[server]}; the next run reports what waits in {path}")


def _import_flow(name: str, runtime: Runtime) -> None:
    """Import what every run of a flow needs and make a missing MLflow store, while the Prefect server starts beside us."""
    importlib.import_module(f"flows.{name}")
    from tasks.config import CHECKOUT
    from tasks.tracking.client import import_mlflow, open_client
    from tasks.tracking.home import tracking_home

    import_mlflow()
    home = tracking_home(runtime.tracking_uri, runtime.data_root, CHECKOUT)
    if home.database is not None:
        open_client(home)


@app.command()
def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts to classify; without any, one a line from standard input.")
    ] = None,
    model: Model = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Classify texts with the champion."""
    from tasks.score.score import check_unicode, predict_texts

    if not texts and isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # so that the line that is no UTF-8 can be named
    given = texts if texts else [line.rstrip("\n") for line in sys.stdin or ()]
    if not given:
        raise RequestError('no text given; try textmill predict "Sales rose sharply"')
    check_unicode(given, "an argument" if texts else "standard input")
    loaded = _load(model, data_root)
    predictions = predict_texts(loaded, given)
    if as_json:
        _print_json({"model": {"name": loaded.name, "version": loaded.version}, "predictions": predictions})
        return
    print(f"model {loaded.name} version {loaded.version}", file=sys.stderr)  # noqa: T201
    for text, prediction in zip(given, predictions, strict=True):
        label = in_line(prediction["label"] or "-")
        confidence = "-" if prediction["confidence"] is None else f"{prediction['confidence']:.3f}"
        why = f"\t({prediction['reason']})" if prediction["reason"] else ""
        print(f"{label}\t{confidence}\t{shortened(in_line(text), MAX_SHOWN)}{why}")  # noqa: T201


@app.command()
def score(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A txt, csv, tsv, jsonl or parquet file, or a folder of txt.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT.parquet", help="Where labels and probabilities go.")],
    text: Annotated[str, typer.Option(help="Name or 0-based position of the text column; title,body joins two.")] = "text",
    encoding: Annotated[str, typer.Option(help="Character encoding of the input.")] = "utf-8",
    delimiter: Annotated[str | None, typer.Option(help="What parts the columns; default by suffix.")] = None,
    header: Annotated[bool | None, typer.Option(help="Whether the first line names the columns.")] = None,
    quoting: Annotated[str, typer.Option(help="Whether quotes hold a field together: auto, standard or none.")] = "auto",
    missing: Annotated[str, typer.Option(help="Words that mean a missing value, such as NA,None.")] = "",
    model: Model = None,
    min_confidence: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Below it the label is left empty.")] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Score a file of documents with the champion."""
    from flows.commands.settings import section
    from tasks.config import IngestConfig
    from tasks.score.score import check_request, score_file

    words = [word for word in missing.split(",") if word.strip()]
    options = {"text": text, "encoding": encoding, "delimiter": delimiter, "header": header, "quoting": quoting}
    reading = section(IngestConfig, **options, missing=words)
    check_request(source, output, reading)
    loaded = _load(model, data_root)
    from flows.commands.console import Display

    with Display() as display:
        report = score_file(
            source, output, reading=reading, loaded=loaded, min_confidence=min_confidence, progress=display.progress("score")
        )
    for line in report["warnings"]:
        _complain(f"warning: {line}")
    _show(report if as_json else {name: value for name, value in report.items() if name != "warnings"}, as_json=as_json)


@models_app.command("list")
def models_list(
    name: Annotated[str | None, typer.Option(help="Only this model.")] = None, as_json: Json = False, data_root: DataRoot = None
) -> None:
    """List registered versions, their aliases and figures."""
    from tasks.register.models import list_models

    rows = list_models(_registry(data_root), name)
    if as_json:
        _print_json({"models": [dataclasses.asdict(row) for row in rows]})
        return
    from flows.commands.console import cells, result_table, results

    table = result_table("model", "version", "aliases", "accuracy", "macro-F1", "registered (UTC)", "last decision")
    for row in rows:
        figures = ["" if value is None else f"{value:.4f}" for value in (row.accuracy, row.macro_f1)]
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(row.created))
        decision = f"{row.action or ''}: {row.reason or ''}"
        table.add_row(*cells(row.name, row.version, " ".join(row.aliases), *figures, when, decision))
    results().print(table if rows else "no model is registered yet; textmill train makes the first")


@models_app.command("verify")
def models_verify(
    name: Annotated[str | None, typer.Argument(help="Only this model.")] = None,
    version: Annotated[str | None, typer.Argument(help="Only this version of it: a number or an alias.")] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Compare every file of registered versions with what was registered; exit code 1 if one is not whole."""
    from tasks.register.models import verify_models

    rows = verify_models(_registry(data_root), name, version)
    whole = all(row.whole for row in rows)
    if as_json:
        _print_json({"whole": whole, "models": [dataclasses.asdict(row) for row in rows]})
    else:
        for row in rows:
            print(in_line(f"ok    {row.name}/{row.version}" if row.whole else f"FAIL  {row.problem}"))  # noqa: T201
    if not whole:
        raise typer.Exit(1)


@models_app.command("promote")
def models_promote(
    version: int,
    name: Annotated[str | None, typer.Option(help="The model; needed where there are several.")] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Make a version the champion, whatever the gate said."""
    from tasks.register.models import promote

    registry = _registry(data_root, to_write=True)
    _show(dataclasses.asdict(promote(registry, _one_name(registry, name), version)), as_json=as_json)


@models_app.command("rollback")
def models_rollback(
    name: Annotated[str | None, typer.Option(help="The model; needed where there are several.")] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Make the previous champion the champion again."""
    from tasks.register.models import rollback

    registry = _registry(data_root, to_write=True)
    _show(dataclasses.asdict(rollback(registry, _one_name(registry, name))), as_json=as_json)


@vectors_app.command("export")
def vectors_export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="NAME@ALIAS, NAME/VERSION, or NAME: its champion.")],
    output: Annotated[
        Path,
        typer.Argument(metavar="OUTPUT", help="A file .vec (text), .bin (word2vec binary) or .npy (matrix, and its words)."),
    ],
    view: Annotated[str | None, typer.Option(help="Part of the model, where several read words.")] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Write the word vectors of a trained model to a file."""
    from tasks.align.export import export_vectors

    loaded = _load(model, data_root)
    from tasks.model.serving import MODEL

    _show(export_vectors(loaded.model.folder / MODEL, output, view), as_json=as_json)


Source = Annotated[str, typer.Argument(metavar="SOURCE", help="A file of vectors of any format, or NAME@ALIAS of a model.")]
Words = Annotated[Path | None, typer.Option("--vocabulary", help="Words of the rows of a .npy or safetensors file.")]
Member = Annotated[str | None, typer.Option(help="Name of the vectors in a file that holds several.")]
View = Annotated[str | None, typer.Option(help="Part of a model, where several read words.")]


@vectors_app.command("projector")
def vectors_projector(
    source: Source,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where tensors.tsv and metadata.tsv go.")],
    words: Annotated[
        int, typer.Option(min=1, help="How many words, from the first: in most files the most frequent.")
    ] = 10_000,
    vocabulary: Words = None,
    member: Member = None,
    view: View = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Write word vectors for the Embedding Projector."""
    from tasks.align.projector import write_projector

    _show(write_projector(_list_vectors(source, words, vocabulary, member, view, data_root), folder), as_json=as_json)


@vectors_app.command("report")
def vectors_report(
    source: Source,
    words: Annotated[int, typer.Option(min=2, help="How many words are read, from the first.")] = 300_000,
    vocabulary: Words = None,
    member: Member = None,
    view: View = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Judge word vectors: neighbours of frequent words, word similarity, analogies."""
    listed = _list_vectors(source, words, vocabulary, member, view, data_root)
    from tasks.pretrain.report import report_on_vectors

    report = {"source": listed.format, "words": len(listed.words), "of": listed.num_vectors, "dim": listed.vectors.shape[1]}
    report |= report_on_vectors(listed.words, listed.vectors)
    if as_json:
        _print_json(report)
    else:
        _print_vectors(report)


@notify_app.command("test", context_settings=KNOBS)
def notify_test(
    context: typer.Context,
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Its name in the file of channels.")],
    preset: Annotated[str | None, typer.Option(help="The refresh whose channels are meant.")] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file in the form of a preset.")] = None,
    as_json: Json = False,
) -> None:
    """Send one message to a channel of --notify.channels FILE; exit code 1 if it does not take it."""
    from flows.commands.settings import resolve_refresh
    from flows.commands.try_channel import try_channel

    _show(try_channel(resolve_refresh(context.args, preset=preset, file=config), channel), as_json=as_json)


@app.command()
def doctor(
    dismiss: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Take the last failed run of this model for known.")
    ] = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Check versions, servers, the store and the last runs."""
    from flows.commands.doctor import diagnose
    from flows.commands.doctor import dismiss as take_for_known

    if dismiss:
        take_for_known(_runtime(data_root).data_root, dismiss)
    checks = diagnose(_runtime(data_root))
    if as_json:
        _print_json({"healthy": all(check["ok"] for check in checks), "checks": checks})
    else:
        for check in checks:
            print(f"{'ok  ' if check['ok'] else 'FAIL'}  {check['name']:<22} {in_line(check['detail'])}")  # noqa: T201
    if not all(check["ok"] for check in checks):
        raise typer.Exit(1)


@app.command()
def gc(
    keep_runs: Annotated[int, typer.Option(min=0, help="Artifacts of this many last runs of each model are kept.")] = 5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Remove artifacts that no recent run used, and what killed builds left."""
    from tasks.store.sweep import sweep

    root = _runtime(data_root).data_root
    check_data_root(root)
    _show(sweep(root, keep_runs=keep_runs, dry_run=dry_run), as_json=as_json)


@app.command()
def up(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the Prefect server; default: 4200.")] = None,
    mlflow_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the MLflow server; default: 5000.")] = None,
    data_root: DataRoot = None,
) -> None:
    """Start the Prefect server, its workers and the MLflow server on 127.0.0.1."""
    from flows.servers.services import start_all

    _show(start_all(_runtime(data_root), prefect_port=port, mlflow_port=mlflow_port))


@app.command(context_settings=KNOBS)
def deploy(
    context: typer.Context,
    train_preset: Annotated[str | None, typer.Option(help="Train this preset on a schedule.")] = None,
    train_config: Annotated[Path | None, typer.Option(help="Train this TOML file on a schedule.")] = None,
    refresh_preset: Annotated[str | None, typer.Option(help="Refresh with this preset on a schedule.")] = None,
    refresh_config: Annotated[Path | None, typer.Option(help="Refresh with this TOML file on a schedule.")] = None,
    train_cron: Annotated[str | None, typer.Option(help="When to train; default: 02:30 each day.")] = None,
    refresh_cron: Annotated[str | None, typer.Option(help="When to refresh; default: every 15 minutes.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Time zone of the schedules; default: UTC.")] = None,
    as_json: Json = False,
) -> None:
    """Put training, refresh and their watchdog on schedules; takes the options of train and refresh too."""
    from flows.servers.deploy import check_and_deploy

    deployed = check_and_deploy(
        context.args,
        train=(train_preset, train_config),
        refresh=(refresh_preset, refresh_config),
        train_cron=train_cron,
        refresh_cron=refresh_cron,
        timezone=timezone,
    )
    if as_json:
        _print_json(deployed)
    else:
        _print_deployed(deployed)


@app.command()
def undeploy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="FLOW/NAME, or NAME: what is trained or refreshed under it.")],
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Take a schedule of `textmill deploy` away; models, monitors and their data stay."""
    from flows.servers.deployed import undeploy as take_away

    result = take_away(name, _runtime(data_root))
    if as_json:
        _print_json(result)
        return
    for each in result["gone"]:
        print(in_line(f"{each} is not deployed any more; its data stay"))  # noqa: T201
    for each in result["starts"]:
        print(in_line(f"{each} would start it on drift, and says so until it is deployed again"))  # noqa: T201
    _print_left(result["left"])


@app.command()
def down(data_root: DataRoot = None) -> None:
    """Stop what `textmill up` started."""
    from flows.servers.services import stop_all

    _show(stop_all(_runtime(data_root)))


def _runtime(data_root: Path | None) -> Any:
    from flows.commands.settings import resolve

    return resolve(["--runtime.data-root", str(data_root)] if data_root else [], preset="sample").runtime


def _registry(data_root: Path | None, *, to_write: bool = False) -> Any:
    from tasks.config import CHECKOUT
    from tasks.tracking.tracker import Tracker

    runtime = _runtime(data_root)
    if to_write:
        check_data_root(runtime.data_root)
    return Tracker.open(runtime.tracking_uri, runtime.data_root, CHECKOUT, None)


def _one_name(tracker: Any, name: str | None) -> str | None:
    """The model that is meant; which one is changed must not depend on which was promoted last."""
    names = tracker.registry.names()
    if name is None and len(names) > 1:
        raise RequestError(f"there are several models ({', '.join(sorted(names))}); say which with --name")
    return name


def _load(model: str | None, data_root: Path | None) -> Any:
    from tasks.register.models import load_model

    return load_model(_registry(data_root), model)


def _list_vectors(
    source: str, most: int, vocabulary: Path | None, member: str | None, view: str | None, data_root: Path | None
) -> Listed:
    """The first vectors of a file, if there is one of that name, else of a model."""
    from flows.commands.console import Display

    if not Path(source).exists():
        if Path(source).suffix in VECTOR_SUFFIXES:
            raise RequestError(f"there is no file of vectors {source}; correct the path, or give NAME@ALIAS of a model")
        from tasks.align.export import list_embedding
        from tasks.model.serving import MODEL

        return list_embedding(_load(source, data_root).model.folder / MODEL, view, most)
    from tasks.align.readers import VectorFile, list_vectors

    with Display() as display, tempfile.TemporaryDirectory() as scratch:
        file = VectorFile(Path(source), vocabulary, member)
        return list_vectors(file, most, Path(scratch), progress=display.progress("vectors"))


class _OneLine(logging.Formatter):
    """Log lines in which a file's name or a label cannot forge another line or steer the terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 the name that logging calls
        return in_line(super().formatMessage(record))


def _log_warnings() -> None:
    """Warnings and errors of our own code go to stderr, a line each; libraries keep their own handlers."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(_OneLine("%(levelname)s: %(message)s"))
    for name in ("tasks", "flows"):
        logging.getLogger(name).addHandler(handler)


def _complain(message: str) -> None:
    print(f"textmill: {in_line(' '.join(message.split()))}", file=sys.stderr)  # noqa: T201


def _print_json(value: Any) -> None:
    """Print one JSON object, in UTF-8 whatever the locale says."""
    line = json_text(value)
    if not isinstance(sys.stdout, io.TextIOWrapper):  # a notebook's or a test's own
        print(line)  # noqa: T201
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(line.encode() + b"\n")


def _show(values: Mapping[str, Any], *, as_json: bool = False) -> None:
    if as_json:
        _print_json(dict(values))
        return
    width = max(map(len, values), default=0)
    for name, value in values.items():
        shown = ", ".join(f"{key} {count}" for key, count in value.items()) if isinstance(value, dict) else value
        if shown not in ("", None):
            print(f"{name.replace('_', ' '):<{width}}  {in_line(shown)}")  # noqa: T201


def _print_deployed(result: Mapping[str, Any]) -> None:
    for row in result["deployments"]:
        name, paused = in_line(row["name"]), "; still paused: resume it in Prefect's UI" if row["paused"] else ""
        print(f"{name:<28} {row['cron'] or 'no schedule':<16} {row['timezone'] or ''}  {row['state']}{paused}")  # noqa: T201
        print(f"  next     {row['next_shown']}")  # noqa: T201
        changed = [f"{knob} {_short(old)} -> {_short(new)}" for knob, (old, new) in row["changed"].items()]
        if changed:
            more = f" and {len(changed) - MAX_CHANGES} more (--json has them all)" if len(changed) > MAX_CHANGES else ""
            print(in_line(f"  changed  {', '.join(changed[:MAX_CHANGES])}{more}"))  # noqa: T201
    _print_left(result["left"])


def _short(value: Any) -> str:
    return "none" if value is None else shortened(str(value), MAX_SHOWN_VALUE)


def _print_left(left: Mapping[str, str]) -> None:
    if left:
        names = ", ".join(f"{name} ({schedules})" for name, schedules in left.items())
        print(in_line(f"left as they are: {names}; textmill undeploy NAME takes one away"))  # noqa: T201


def _print_vectors(report: Mapping[str, Any]) -> None:
    from flows.commands.console import cells, result_table, results

    console = results()
    console.print(f"{report['words']:,} of {report['of']:,} vectors of {report['dim']} dimensions ({report['source']})\n")
    near = result_table("frequent word", "nearest neighbours, with cosine similarity")
    for word, others in report["neighbours"].items():
        near.add_row(*cells(word, ", ".join(f"{other} {cosine:.2f}" for other, cosine in others)))
    sets = result_table("of English", "result", "covered")
    for name, part in report["intrinsic"].items():
        analogies = "spearman" not in part
        value = part["accuracy"] if analogies else part["spearman"]
        unit, covered = ("questions", part["questions"]) if analogies else ("pairs", part["pairs"])
        measure = "accuracy" if analogies else "rank correlation"
        result = "no figure: too little is covered" if value is None else f"{measure} {value:.4f}"
        sets.add_row(name, result, f"{covered:,} of {part['of']:,} {unit}")
        for kind, score in part.get("sections", {}).items():
            if score["accuracy"] is not None:
                sets.add_row(f"  {kind}", f"{score['accuracy']:.4f}", f"{score['questions']:,} of {score['of']:,}")
    console.print(near, "", sets)


def _print_knobs(model: type[PipelineConfig | RefreshConfig], verb: str, what: str) -> None:
    from flows.commands.console import cells, result_table, results
    from flows.commands.settings import knobs, preset_names

    console = results()
    console.print(
        f"Usage: textmill {verb} [--preset NAME] [--config FILE.toml] [--section.field VALUE ...] [--json]\n", highlight=False
    )
    console.print(f"{what} Presets: {', '.join(preset_names(model))}.")
    console.print("Every knob can stand in a TOML file too, and in the environment as TEXTMILL_SECTION__FIELD.\n", markup=False)
    table = result_table("option", "takes", "default", "what it is")
    for flag, kind, default, description in knobs(model):
        table.add_row(*cells(flag, kind, default, description))
    console.print(table, highlight=False)


def _print_refresh(result: Mapping[str, Any]) -> None:
    from flows.commands.console import cells, result_table, results

    console = results()
    if result["alerts"]:
        columns = ("severity", "kind", "series", "days", "documents", "negative", "before")
        table = result_table(*columns, title="new alerts", boxed=True)
        for alert in result["alerts"]:
            shares = [f"{alert[name]:.1%}" if alert["kind"] == "surge" else "" for name in ("negative_share", "baseline")]
            days = f"{alert['window_start']} to {alert['window_end']}"
            row = (alert["severity"], alert["kind"], alert["series"], days, f"{alert['count']:,}", *shares)
            table.add_row(*cells(*row))
        console.print(table)
    drifted = [drift["feature"] for drift in result["drift"] if drift["drifted"]]
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in result["reasons"].items())
    equation = "found {found:,} = scored {scored:,} + duplicates {duplicates:,} + quarantined {quarantined:,}".format(**result)
    more = [f"passed   {result['passed_over']:,} documents of other days"] if result["passed_over"] else []
    if result["channels_down"] or result["undelivered"]:
        down = ", ".join(result["channels_down"])
        more.append(f"waiting  {result['undelivered']:,} deliveries" + (f"; channels that failed: {down}" if down else ""))
    more += _about_silence(result)
    if result["training_runs"]:
        more.append(f"train    started {', '.join(result['training_runs'])}")
    for line in (
        f"data     {equation}" + (f" ({reasons})" if reasons else ""),
        f"model    {result['model']['name']} version {result['model']['version']}",
        f"alerts   {len(result['alerts'])} new; drift of {', '.join(drifted) or 'nothing'}",
        *more,
        *(f"warning  {warning}" for warning in result["warnings"]),
        f"time     {result['seconds']:.1f} s and {result['startup_seconds']:.1f} s to start",
        f"report   {result['report']}",
    ):
        console.print(in_line(line), markup=False, highlight=False, soft_wrap=True)


def _where_to_look(data_root: Path, up: str) -> str:
    """Where the pages are of the servers that run, or the command that starts them and where they will be then."""
    from flows.servers.server import configured_endpoint
    from flows.servers.services import PORTS, where_up

    pages = where_up(data_root)
    if configured := configured_endpoint():
        pages["prefect"] = configured.url.rstrip("/").removesuffix("/api")
    if "prefect" in pages:
        mlflow = f", MLflow UI on {pages['mlflow']}" if "mlflow" in pages else ""
        return f"Prefect UI on {pages['prefect']}{mlflow}"
    return f"{up}   (Prefect UI on http://127.0.0.1:{PORTS['prefect']}, MLflow UI on http://127.0.0.1:{PORTS['mlflow']})"


def _about_silence(result: Mapping[str, Any]) -> list[str]:
    """Lines about series that nobody judges and entries of the watch-list that are never found."""
    from tasks.monitor.watched import NotFound, in_words

    lines = []
    if line := result["not_judged"]["summary"]:
        lines.append(f"mute     {line}")
    watch = result["watch_list"]
    lines += [f"watch    {line}" for line in in_words([NotFound(**each) for each in watch["not_found"]], watch["entries"])]
    return lines


def _print_result(result: Mapping[str, Any], config: PipelineConfig) -> None:
    from flows.commands.console import cells, result_table, results

    table = result_table("", "accuracy", "macro-F1", title=f"{config.name}: {result['test_rows']:,} test rows", boxed=True)
    for column in table.columns[1:]:
        column.justify = "right"
    intervals = result["intervals"]
    shown = ["{:.4f} [{:.4f}, {:.4f}]".format(result[name], *intervals[name]) for name in ("accuracy", "macro_f1")]
    table.add_row(*cells(result["kind"], *shown))
    if result["yardstick"]:
        table.add_row(
            "TF-IDF + logistic regression", *(f"{result['yardstick'][name]:.4f}" for name in ("accuracy", "macro_f1"))
        )
    console = results()
    console.print(table)
    model = result["model"]
    root = (
        ""
        if config.runtime.data_root == type(config.runtime)().data_root
        else f" --runtime.data-root {shlex.quote(str(config.runtime.data_root))}"
    )
    alias = f"@{model['alias']}" if model["alias"] else f"/{model['version']}"
    here = Path(sys.executable).parent
    prefix = "" if shutil.which("textmill") else f"{here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here}/"
    cached = sum(stage["cached"] for stage in result["stages"].values())
    for line in (
        f"model    {model['name']} version {model['version']}: {result['decision']} ({result['reason']})",
        f"data     {result['equation']}",
        f"time     {result['seconds']:.1f} s and {result['startup_seconds']:.1f} s to start; "
        f"{cached} of {len(result['stages'])} steps cached",
        f"report   {result['report']}",
        *([f"curves   {result['tensorboard']}   (tensorboard --logdir)"] if "tensorboard" in result else []),
        f'try      {prefix}textmill predict{root} --model {model["name"]}{alias} "a text of yours"',
        f"look     {_where_to_look(config.runtime.data_root, f'{prefix}textmill up{root}')}",
    ):
        console.print(in_line(line), markup=False, highlight=False, soft_wrap=True)
