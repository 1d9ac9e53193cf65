"""`textmill folds`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import File, Help, Json
from flows.commands.printing import cells, print_below, print_json, result_table, results

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from tasks.config import FoldsConfig

WHAT = "Cross-validate a recipe: train it once for each fold of its rows and score it there."
FIGURES = ("accuracy", "macro_f1")


def folds(
    context: typer.Context,
    preset: Annotated[str | None, typer.Option(help="A named run; sample unless a corpus or a file is given.")] = None,
    config: File = None,
    as_json: Json = False,
    help_: Help = False,
) -> None:
    """Cross-validate a recipe: train it once for each fold of its rows and score it there."""
    if help_:
        from flows.commands.knobs_help import print_knobs
        from tasks.config import FoldsConfig

        print_knobs(FoldsConfig, "folds", WHAT)
        return
    from flows.commands.doors import Doors
    from flows.commands.run_flow import run_flow
    from flows.commands.settings import check_train, resolve_folds

    with Doors() as doors:
        resolved = resolve_folds(context.args, preset=preset, file=config, doors=doors)
        check_train(resolved)
        result = run_flow("folds", resolved, context.obj)
    if as_json:
        print_json(result)
    else:
        print_result(result, resolved)


def print_result(result: Mapping[str, Any], config: FoldsConfig) -> None:
    """Print the folds, their means, and the other recipe beside them."""
    console, other = results(), result["against"]
    title = f"{config.name}: {result['rows']:,} rows in {result['folds']} folds"
    table = result_table(*_heads(result), title=title, boxed=True)
    for column in table.columns[1:]:
        column.justify = "right"
    for number, fold in enumerate(result["by_fold"]):
        theirs = [f"{other['by_fold'][number][name]:.4f}" for name in FIGURES] if other else []
        name = f"{fold['fold'] + 1}" + (f" of dealing {fold['repeat'] + 1}" if result["repeats"] > 1 else "")
        table.add_row(*cells(name, f"{fold['rows']:,}", *(f"{fold[figure]:.4f}" for figure in FIGURES), *theirs))
    table.add_section()
    for name, shown in (("mean", _mean), ("95% interval", _interval)):
        theirs = [shown(other[figure]) for figure in FIGURES] if other else []
        table.add_row(*cells(name, "", *(shown(result[figure]) for figure in FIGURES), *theirs))
    console.print(table)
    _print_below(console, result)


def _heads(result: Mapping[str, Any]) -> list[str]:
    heads = ["fold", "rows", f"{result['kind']}: accuracy", "macro-F1"]
    return heads + ([f"{result['against']['title']}: accuracy", "macro-F1 "] if result["against"] else [])


def _print_below(console: Console, result: Mapping[str, Any]) -> None:
    other, pooled = result["against"], result["pooled"]
    cached = sum(stage["cached"] for stage in result["stages"].values())
    compared = [_compared(other, name) for name in FIGURES] if other else []
    print_below(
        console,
        (
            f"interval {result['method']}",
            "pooled   accuracy {:.4f} [{:.4f}, {:.4f}] (Wilson) over all predictions".format(
                pooled["accuracy"], *pooled["interval"]
            ),
            *(f"against  {line}" for line in compared),
            *(f"against  {line}" for line in ([_rows_apart(other)] if other else [])),
            f"time     {result['seconds']:.1f} s and {result['startup_seconds']:.1f} s to start; "
            f"{cached} of {len(result['stages'])} steps cached",
            f"report   {result['report']}",
            f"rows     {result['predictions']}",
        ),
    )


def _compared(other: Mapping[str, Any], figure: str) -> str:
    found = other["difference"][figure]
    lower, upper = found["interval"]
    name = "accuracy" if figure == "accuracy" else "macro-F1"
    interval = f"{found['mean']:+.4f} [{lower:+.4f}, {upper:+.4f}]"
    return f"{other['title']}: {name} {interval}, one-sided p {found['p']:.2g}"


def _rows_apart(other: Mapping[str, Any]) -> str:
    return (
        f"{other['only_own']} rows right here alone, {other['only_other']} there alone (McNemar's mid-p {other['mid_p']:.2g})"
    )


def _mean(figure: Mapping[str, Any]) -> str:
    return f"{figure['mean']:.4f}"


def _interval(figure: Mapping[str, Any]) -> str:
    return "{:.4f} to {:.4f}".format(*figure["interval"])
