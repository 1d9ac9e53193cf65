"""`textmill sweep`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import File, Help, Json
from flows.commands.printing import cells, complain, print_below, print_json, result_table, results
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tasks.config import PipelineConfig

WHAT = "Train a recipe with several values of some settings, on the workers of a Prefect server."
FAILED, INTERRUPTED = 1, 130
MAX_ERRORS = 3
SAID = {"Submitting": "starting", "Pending": "starting", "Running": "running", "Completed": "done"}  # of Prefect's states
ENDED = {"Failed", "Crashed", "Cancelled", "Cancelling", "TimedOut"}


def sweep(
    context: typer.Context,
    over: Annotated[
        list[str] | None,
        typer.Option(metavar="SETTING=VALUES", help="As in finetune.seed=1..8; every combination of several is a run."),
    ] = None,
    folds: Annotated[int | None, typer.Option(min=2, help="Cross-validate in so many folds, and register nothing.")] = None,
    at_once: Annotated[int, typer.Option(min=1, help="Runs at a time, on all hosts together.")] = 1,
    any_host: Annotated[
        bool, typer.Option("--any-host", help="Let any host that has joined do the runs (textmill up --worker-only).")
    ] = False,
    preset: Annotated[str | None, typer.Option(help="A named run; sample unless a corpus or a file is given.")] = None,
    config: File = None,
    as_json: Json = False,
    help_: Help = False,
) -> None:
    """Train a recipe with several values of some settings, on the workers of a Prefect server."""
    from tasks.config import FoldsConfig, PipelineConfig

    if help_:
        from flows.commands.knobs_help import print_knobs

        print_knobs(FoldsConfig if folds else PipelineConfig, "sweep", WHAT)
        return
    from flows.commands.doors import Doors
    from flows.commands.settings import check_train, resolve, resolve_folds
    from flows.sweep import Axis, Wanted, combinations, plan_for
    from flows.sweep import sweep as run_sweep

    wanted: list[Wanted] = []
    for combination in combinations([Axis.read(text) for text in over or ()]):
        given = [word for setting, value in combination.items() for word in (f"--{setting}", value)]
        if clash := {word.partition("=")[0] for word in context.args} & set(given[::2]):
            raise RequestError(f"{min(clash)} is given beside --over {min(clash).removeprefix('--')}; leave one of them out")
        with Doors() as doors:
            if folds:
                arguments = [*context.args, "--folds", str(folds), *given]
                resolved: PipelineConfig = resolve_folds(arguments, preset=preset, file=config, doors=doors)
            else:
                resolved = resolve([*context.args, *given], preset=preset, file=config, doors=doors)
            check_train(resolved)
        wanted.append(Wanted(combination, resolved))
    plan = plan_for(wanted, at_once, anywhere=any_host)
    try:
        result = run_sweep(wanted, plan, watching())
    except KeyboardInterrupt:
        complain(
            "the workers go on with the runs; the same command waits for them again, and "
            f"textmill undeploy {plan.full_name} takes away those that have not begun"
        )
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print_json(result)
    else:
        print_result(result)
    if result["failed"]:
        raise typer.Exit(FAILED)


def watching() -> Callable[[Mapping[str, str]], None]:
    """Says on stderr how many runs are in which state, whenever that changes."""
    from flows.display import Display

    display = Display()

    def watch(states: Mapping[str, str]) -> None:
        counted = Counter(state.lower() if state in ENDED else SAID.get(state, "waiting") for state in states.values())
        display.say(f"{len(states)} runs: " + ", ".join(f"{number} {state}" for state, number in sorted(counted.items())))

    return watch


def print_result(result: Mapping[str, Any]) -> None:
    """Print a row for each run, and the means over seeds."""
    console, runs = results(), result["runs"]
    settings = list(runs[0]["settings"])
    measured = "mean of the folds" if result["verb"] == "folds" else "test rows"
    title = f"{result['name']}: {len(runs)} runs, {measured}"
    last = ["seconds"] if result["verb"] == "folds" else ["version", "seconds"]
    table = result_table(*settings, "accuracy", "macro-F1", *last, title=title, boxed=True)
    for column in table.columns[len(settings) :]:
        column.justify = "right"
    for row in runs:
        figures = [f"{row[name]:.4f}" if row[name] is not None else row["state"].lower() for name in ("accuracy", "macro_f1")]
        version = [] if result["verb"] == "folds" else [_version(row)]
        table.add_row(*cells(*row["settings"].values(), *figures, *version, f"{row['seconds']:.0f}"))
    console.print(table)
    lines = [
        f"{_named(each)}accuracy {_spread(each, 'accuracy')}, macro-F1 {_spread(each, 'macro_f1')}, {each['runs']} runs"
        for each in result["by_seed"]
    ]
    lost = sum(row["lost"] for row in runs)
    print_below(
        console,
        (
            *(f"seeds    {line}" for line in lines),
            *([f"lost     {lost} runs lost their process and were started again"] if lost else []),
            *(f"failed   {_named(row)}{row['error']}" for row in [row for row in runs if row["error"]][:MAX_ERRORS]),
            *(
                ["note     these are figures of the test rows: to choose among settings take --folds, or textmill tune"]
                if result["verb"] == "train"
                else []
            ),
        ),
    )


def _version(row: Mapping[str, Any]) -> str:
    return f"{row['version']} {row['decision']}" if row["version"] else row["decision"] or ""


def _named(row: Mapping[str, Any]) -> str:
    from flows.sweep import called

    return f"{called(row['settings'])}: " if row["settings"] else ""


def _spread(row: Mapping[str, Any], figure: str) -> str:
    found = row[figure]
    return f"{found['mean']:.4f} ± {found['deviation']:.4f} ({found['least']:.4f} to {found['most']:.4f})"
