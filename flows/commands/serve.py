"""`textmill serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer  # noqa: TC002 typer reads the annotation

from flows.commands.options import File, Help
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence


def serve(context: typer.Context, config: File = None, help_: Help = False) -> None:
    """Serve a model over HTTP: texts in, labels out; follows its alias."""
    from tasks.config import ServeConfig

    if help_:
        from flows.commands.knobs_help import print_knobs

        print_knobs(ServeConfig, "serve NAME@ALIAS", "Label the texts of HTTP requests with a registered model.")
        return
    from flows.commands.settings import check_paths, resolve_serve
    from flows.servers import model_workers
    from tasks.serve.versions import wanted

    model, knobs = parted(context.args)
    resolved = resolve_serve(knobs, file=config)
    check_paths(resolved)
    wanted(model)
    resolved.serve.open_watch_list()
    model_workers.serve(resolved, model)


def parted(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """The model, and the knobs, each of which takes a value; RequestError unless one model is named."""
    models, knobs, left = [], [], list(arguments)
    while left:
        word = left.pop(0)
        if word.startswith("--"):
            knobs.append(word)
            if "=" not in word and left:
                knobs.append(left.pop(0))
        else:
            models.append(word)
    if len(models) != 1:
        found = f"{len(models)} models were named ({', '.join(models)})" if models else "no model was named"
        raise RequestError(f"{found}; give one, such as textmill serve NAME@champion")
    return models[0], knobs
