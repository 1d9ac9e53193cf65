"""`textmill generate`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from flows.commands.options import DataRoot, Json
from flows.commands.printing import print_json
from tasks.shown import shortened, visible

Model = Annotated[
    str | None, typer.Option("--model", help="NAME@ALIAS or NAME/VERSION; default: the language model promoted last.")
]
MAX_SHOWN = 100_000  # characters


def generate(
    prompt: Annotated[str, typer.Argument(help="The beginning of the text; empty: the model begins.")] = "",
    model: Model = None,
    max_tokens: Annotated[int, typer.Option(help="Most pieces to write.")] = 100,
    temperature: Annotated[float, typer.Option(help="0: always the likeliest piece; above 1: bolder.")] = 1.0,
    top_k: Annotated[int, typer.Option(help="Choose among so many of the likeliest pieces; 0: among all.")] = 0,
    top_p: Annotated[float, typer.Option(help="Choose among the likeliest pieces that have this probability together.")] = 1.0,
    repetition_penalty: Annotated[float, typer.Option(help="Above 1: less of what is in the text already.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same text.")] = 0,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Let a language model go on with a text."""
    from flows.commands.registry import open_to_read
    from tasks.model.language.pieces import checked_prompt
    from tasks.model.language.sampling import Sampling
    from tasks.register.models import load_language_model

    checked_prompt(prompt, "the prompt")
    wanted = {
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "repetition_penalty": repetition_penalty,
        "seed": seed,
    }
    Sampling.of(wanted)  # before a model is loaded
    loaded = load_language_model(open_to_read(data_root), model)
    answer = loaded.model.generate(prompt, wanted)
    if as_json:
        print_json({"model": {"name": loaded.name, "version": loaded.version}, **answer})
        return
    print(f"model {loaded.name} version {loaded.version}", file=sys.stderr)  # noqa: T201
    print(shortened(visible(answer["text"]), MAX_SHOWN))  # noqa: T201
