"""`textmill language train`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import File, Help, Json
from flows.commands.printing import cells, print_below, print_json, result_table, results
from flows.commands.train import data_root_option, how_to_call, where_to_look

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.config import LanguageConfig

WHAT = "Train, measure and register a language model."


def train(
    context: typer.Context,
    preset: Annotated[str | None, typer.Option(help="A named run; language unless a corpus or a file is given.")] = None,
    config: File = None,
    as_json: Json = False,
    help_: Help = False,
) -> None:
    """Train, measure and register a language model."""
    if help_:
        from flows.commands.knobs_help import print_knobs
        from tasks.config import LanguageConfig

        print_knobs(LanguageConfig, "language train", WHAT)
        return
    from flows.commands.doors import Doors
    from flows.commands.run_flow import run_flow
    from flows.commands.settings import check_language, resolve_language

    with Doors() as doors:
        resolved = resolve_language(context.args, preset=preset, file=config, doors=doors)
        check_language(resolved)
        result = run_flow("language", resolved, context.obj)
    if as_json:
        print_json(result)
    else:
        print_result(result, resolved)


def print_result(result: Mapping[str, Any], config: LanguageConfig) -> None:
    """Print the figures of a run, and where to go from there."""
    console = results()
    console.print(_figures(result, config.name))
    model = result["model"]
    alias = f"@{model['alias']}" if model["alias"] else f"/{model['version']}"
    root, textmill = data_root_option(config.runtime), how_to_call()
    cached = sum(stage["cached"] for stage in result["stages"].values())
    print_below(
        console,
        (
            *(f"wrote    {text}" for text in result["samples"][:1]),
            f"model    {model['name']} version {model['version']}: {result['decision']} ({result['reason']})",
            f"data     {result['equation']}",
            f"time     {result['seconds']:.1f} s and {result['startup_seconds']:.1f} s to start; "
            f"{cached} of {len(result['stages'])} steps cached",
            f"report   {result['report']}",
            *([f"curves   {result['tensorboard']}   (tensorboard --logdir)"] if "tensorboard" in result else []),
            f'try      {textmill} generate{root} --model {model["name"]}{alias} "a beginning of yours"',
            f"look     {where_to_look(config.runtime.data_root, f'{textmill} up{root}')}",
        ),
    )


def _figures(result: Mapping[str, Any], name: str) -> Any:
    """The table of the test's figures, with those of the yardstick if there are any."""
    title = f"{name}: {result['test_documents']:,} test documents, {result['unknown']:.1%} of their pieces <unk>"
    table = result_table("", "bits per byte", "perplexity", "of a word", title=title, boxed=True)
    for column in table.columns[1:]:
        column.justify = "right"
    rows = {"GPT-2": result, "Kneser-Ney": result["kneser_ney"], "mixture of both": result["mixture"]}
    for row, measured in rows.items():
        if measured:
            figures = (
                f"{measured['bits_per_byte']:.4f}",
                f"{measured['perplexity']:,.1f}",
                f"{measured['word_perplexity']:,.1f}",
            )
            table.add_row(*cells(row, *figures))
    return table
