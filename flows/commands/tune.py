"""`textmill tune`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import File, Help, Json
from flows.commands.printing import cells, print_below, print_json, result_table, results
from flows.commands.train import how_to_call
from flows.commands.train import print_result as print_trained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.config import TuneConfig

WHAT = "Search settings on folds of the rows for some minutes, confirm what was found, train and register it."
SHOWN = 10  # trials
INTERRUPTED = 130


def tune(
    context: typer.Context,
    preset: Annotated[str | None, typer.Option(help="A named run; sample unless a corpus or a file is given.")] = None,
    config: File = None,
    as_json: Json = False,
    help_: Help = False,
) -> None:
    """Search settings for some minutes, confirm what was found, train and register it."""
    if help_:
        from flows.commands.knobs_help import print_knobs
        from tasks.config import TuneConfig

        print_knobs(TuneConfig, "tune", WHAT)
        return
    from flows.commands.doors import Doors
    from flows.commands.run_flow import run_flow
    from flows.commands.settings import check_train, resolve_tune
    from tasks.tune.study import check_installed

    with Doors() as doors:
        resolved = resolve_tune(context.args, preset=preset, file=config, doors=doors)
        check_installed()
        check_train(resolved)
        result = run_flow("tune", resolved, context.obj)
    if as_json:
        print_json(result)
    else:
        print_result(result, resolved)
    if result["interrupted"]:
        raise typer.Exit(INTERRUPTED)


def print_result(result: Mapping[str, Any], config: TuneConfig) -> None:
    """Print the best trials, the answer, and what was trained with it."""
    console = results()
    measure = "accuracy" if result["measure"] == "accuracy" else "macro-F1"
    table = result_table(
        "trial", "model", "settings", f"{measure}, chosen on", "folds", title=f"{config.name}: trials", boxed=True
    )
    for name in (0, 3, 4):
        table.columns[name].justify = "right"
    from tasks.tune.searched import settings_line

    for each in shown_trials(result):
        score = f"{each['score']:.4f}" if each["score"] is not None else each["state"]
        number = f"{each['number']}" + (" default" if each["default"] else "")
        table.add_row(*cells(number, each["model"], settings_line(each["settings"]), score, str(len(each["folds"]))))
    console.print(table)
    over = f", {result['overran_seconds']:.1f} s too many" if result["overran_seconds"] else ""
    file = result["run_file"]
    print_below(
        console,
        (
            f"answer   {result['answer_line']}",
            f"time     {result['spent_seconds']:.0f} s of {60 * result['minutes']:.0f} s{over}",
            f"trials   {result['report']}",
            f"again    {how_to_call()} train --config {file}",
        ),
    )
    if "train" in result:
        print_trained({**result["train"], "startup_seconds": result["startup_seconds"]}, config)


def shown_trials(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The default and the best trials, the best first; then those that ended early, if there is room."""
    complete = sorted((each for each in result["trials"] if each["score"] is not None), key=lambda each: -each["score"])
    rest = [each for each in result["trials"] if each["score"] is None]
    shown = [*complete, *rest][:SHOWN]
    default = [each for each in complete if each["default"] and each not in shown]
    return [*shown[: SHOWN - len(default)], *default]
