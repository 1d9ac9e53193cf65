"""`textmill train`."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import File, Help, Json
from flows.commands.printing import cells, print_below, print_json, result_table, results

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.config import PipelineConfig
    from tasks.runtime import Runtime


def train(
    context: typer.Context,
    preset: Annotated[str | None, typer.Option(help="A named run; sample unless a corpus or a file is given.")] = None,
    config: File = None,
    as_json: Json = False,
    help_: Help = False,
) -> None:
    """Train, evaluate and register a classifier."""
    if help_:
        from flows.commands.knobs_help import print_knobs
        from tasks.config import PipelineConfig

        print_knobs(PipelineConfig, "train", "Train, evaluate and register a classifier.")
        return
    from flows.commands.doors import Doors
    from flows.commands.run_flow import run_flow
    from flows.commands.settings import check_train, resolve

    with Doors() as doors:
        resolved = resolve(context.args, preset=preset, file=config, doors=doors)
        check_train(resolved)
        result = run_flow("train", resolved, context.obj)
    if as_json:
        print_json(result)
    else:
        print_result(result, resolved)


def print_result(result: Mapping[str, Any], config: PipelineConfig) -> None:
    """Print the figures of a run, and where to go from there."""
    console = results()
    console.print(f"{config.name}: nothing was measured" if result["accuracy"] is None else _figures(result, config.name))
    model = result["model"]
    alias = f"@{model['alias']}" if model["alias"] else f"/{model['version']}"
    root, textmill = data_root_option(config.runtime), how_to_call()
    cached = sum(stage["cached"] for stage in result["stages"].values())
    print_below(
        console,
        (
            f"model    {model['name']} version {model['version']}: {result['decision']} ({result['reason']})",
            f"data     {result['equation']}",
            f"time     {result['seconds']:.1f} s and {result['startup_seconds']:.1f} s to start; "
            f"{cached} of {len(result['stages'])} steps cached",
            f"report   {result['report']}",
            *([f"curves   {result['tensorboard']}   (tensorboard --logdir)"] if "tensorboard" in result else []),
            f'try      {textmill} predict{root} --model {model["name"]}{alias} "a text of yours"',
            f"look     {where_to_look(config.runtime.data_root, f'{textmill} up{root}')}",
        ),
    )


def _figures(result: Mapping[str, Any], name: str) -> Any:
    """The table of the test's figures, with those of the yardstick if there are any."""
    table = result_table("", "accuracy", "macro-F1", title=f"{name}: {result['test_rows']:,} test rows", boxed=True)
    for column in table.columns[1:]:
        column.justify = "right"
    intervals, figures = result["intervals"], ("accuracy", "macro_f1")
    shown = ["{:.4f} [{:.4f}, {:.4f}]".format(result[figure], *intervals[figure]) for figure in figures]
    table.add_row(*cells(result["kind"], *shown))
    if yardstick := result["yardstick"]:
        table.add_row("TF-IDF + logistic regression", *(f"{yardstick[figure]:.4f}" for figure in figures))
    return table


def data_root_option(runtime: Runtime) -> str:
    """The option that names this data root, with a blank before it; empty for the default one."""
    default = type(runtime)().data_root
    return "" if runtime.data_root == default else f" --runtime.data-root {shlex.quote(str(runtime.data_root))}"


def how_to_call() -> str:
    """The command as it can be typed here: with its folder, unless the shell finds it without."""
    if shutil.which("textmill"):
        return "textmill"
    here = Path(sys.executable).parent
    return f"{here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here}/textmill"


def where_to_look(data_root: Path, up: str) -> str:
    """The addresses of the servers that run, or the command `up`, which starts them, and their addresses then."""
    from flows.servers.server import configured_endpoint
    from flows.servers.services import PORTS, where_up

    pages = where_up(data_root)
    if configured := configured_endpoint():
        pages["prefect"] = configured.url.rstrip("/").removesuffix("/api")
    if "prefect" in pages:
        mlflow = f", MLflow UI on {pages['mlflow']}" if "mlflow" in pages else ""
        return f"Prefect UI on {pages['prefect']}{mlflow}"
    return f"{up}   (Prefect UI on http://127.0.0.1:{PORTS['prefect']}, MLflow UI on http://127.0.0.1:{PORTS['mlflow']})"
