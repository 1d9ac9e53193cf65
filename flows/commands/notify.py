"""`textmill notify test`."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.options import File, Json
from flows.commands.printing import print_values


def send_test(
    context: typer.Context,
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Its name in the file of channels.")],
    preset: Annotated[str | None, typer.Option(help="The refresh whose channels are meant.")] = None,
    config: File = None,
    as_json: Json = False,
) -> None:
    """Send one message to a channel of --notify.channels FILE; exit code 1 if it does not take it."""
    from flows.commands.settings import resolve_refresh
    from flows.commands.try_channel import try_channel

    print_values(try_channel(resolve_refresh(context.args, preset=preset, file=config), channel), as_json=as_json)
