"""`textmill deploy` and `undeploy`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from flows.commands.options import DataRoot, Json
from flows.commands.printing import print_json, print_line
from tasks.errors import RequestError
from tasks.shown import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flows.servers.deploy import Plan
    from tasks.config import PipelineConfig, RefreshConfig

MAX_CHANGES, MAX_SHOWN_VALUE = 8, 60


class Asked(NamedTuple):
    """What the options say about one flow's deployment; `flow` is its name."""

    flow: str
    preset: str | None
    file: Path | None
    cron: str | None

    def is_deployed(self, arguments: Sequence[str], section: str) -> bool:
        """Whether the flow is deployed at all: by a preset, by a file, or by an option of this section."""
        return bool(self.preset or self.file) or any(word.startswith(f"--{section}.") for word in arguments)

    def refuse_unused(self, arguments: Sequence[str]) -> None:
        """RequestError for options and a schedule of a flow that is not deployed: they would be dropped silently."""
        own = [word for word in arguments if word.startswith("--") and not word.startswith("--runtime.")]
        remedy = f"give --{self.flow}-preset or --{self.flow}-config too"
        if own:
            raise RequestError(f"{own[0].split('=')[0]} is not an option of what is deployed; correct it, or {remedy}")
        if self.cron is not None:
            raise RequestError(f"--{self.flow}-cron {self.cron!r} is for a {self.flow} that is not deployed; {remedy}")


def deploy(
    context: typer.Context,
    train_preset: Annotated[str | None, typer.Option(help="Train this preset on a schedule.")] = None,
    train_config: Annotated[Path | None, typer.Option(help="Train this TOML file on a schedule.")] = None,
    refresh_preset: Annotated[str | None, typer.Option(help="Refresh with this preset on a schedule.")] = None,
    refresh_config: Annotated[Path | None, typer.Option(help="Refresh with this TOML file on a schedule.")] = None,
    train_cron: Annotated[str | None, typer.Option(help="When to train; default: 02:30 each day.")] = None,
    refresh_cron: Annotated[str | None, typer.Option(help="When to refresh; default: every 15 minutes.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Time zone of the schedules; default: UTC.")] = None,
    any_host: Annotated[
        bool, typer.Option("--any-host", help="Let any host that has joined train (textmill up --worker-only).")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put training, refresh and their watchdog on schedules; takes the options of train and refresh too."""
    from flows.servers.deploy import deploy_checked

    train = Asked("train", train_preset, train_config, train_cron)
    refresh = Asked("refresh", refresh_preset, refresh_config, refresh_cron)
    deployed = deploy_checked(plans_for(context.args, train, refresh, timezone, any_host=any_host))
    if as_json:
        print_json(deployed)
    else:
        print_deployed(deployed)


def undeploy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="FLOW/NAME, or NAME: what is trained or refreshed under it.")],
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Take a schedule of `textmill deploy` away; models, monitors and their data stay."""
    from flows.commands.runtime import runtime_of
    from flows.servers.deployed import undeploy as take_away

    result = take_away(name, runtime_of(data_root))
    if as_json:
        print_json(result)
        return
    for each in result["gone"]:
        print_line(f"{each} is not deployed any more; its data stay")
    for each in result["starts"]:
        print_line(f"{each} would start it on drift, and says so until it is deployed again")
    _print_left(result["left"])


def plans_for(
    arguments: Sequence[str], train: Asked, refresh: Asked, timezone: str | None, *, any_host: bool = False
) -> list[Plan]:
    """Resolve and check what is asked for; RequestError says what is wrong with it."""
    from flows.servers.deploy import make_plans

    for_train, for_refresh = split_arguments(arguments)
    with_train, with_refresh = train.is_deployed(for_train, "ingest"), refresh.is_deployed(for_refresh, "collect")
    if with_train and not with_refresh:
        refresh.refuse_unused(for_refresh)
    if with_refresh and not with_train:
        train.refuse_unused(for_train)
    return make_plans(
        _resolve_train(for_train, train) if with_train else None,
        _resolve_refresh(for_refresh, refresh) if with_refresh else None,
        train_cron=train.cron,
        refresh_cron=refresh.cron,
        timezone=timezone,
        anywhere=any_host,
    )


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part the options of the two flows: (train's, refresh's); those of `runtime`, which both have, go to both."""
    from tasks.config import PipelineConfig, RefreshConfig

    train, refresh = set(PipelineConfig.model_fields), set(RefreshConfig.model_fields)
    parts: tuple[list[str], list[str]] = ([], [])
    here: list[list[str]] = [parts[0]]
    for argument in arguments:
        if argument.startswith("--"):
            section = argument.removeprefix("--").split("=")[0].split(".")[0].replace("-", "_")
            here = [part for part, known in zip(parts, (train, refresh), strict=True) if section in known] or [parts[0]]
        for part in here:
            part.append(argument)
    return parts


def _resolve_train(arguments: list[str], asked: Asked) -> PipelineConfig:
    """The configuration of training, checked as `textmill train` checks it."""
    from flows.commands.doors import Doors
    from flows.commands.settings import check_train, resolve

    with Doors() as doors:
        config = resolve(arguments, preset=asked.preset, file=asked.file, doors=doors)
        check_train(config)
    return config


def _resolve_refresh(arguments: list[str], asked: Asked) -> RefreshConfig:
    """The configuration of a refresh, checked as far as it can be without a model."""
    from flows.commands.doors import Doors
    from flows.commands.refresh import check_refresh
    from flows.commands.settings import resolve_refresh
    from tasks.notify.task import check_flow_channels

    with Doors() as doors:
        config = resolve_refresh(arguments, preset=asked.preset, file=asked.file, doors=doors)
        check_refresh(config)
        check_flow_channels(config.notify)
    return config


def print_deployed(result: Mapping[str, Any]) -> None:
    """Print each schedule with its next times, and what changed."""
    for row in result["deployments"]:
        paused = "; still paused: resume it in Prefect's UI" if row["paused"] else ""
        print_line(f"{row['name']:<28} {row['cron'] or 'no schedule':<16} {row['timezone'] or ''}  {row['state']}{paused}")
        print_line(f"  next     {row['next_shown']}")
        changed = [f"{knob} {_short(old)} -> {_short(new)}" for knob, (old, new) in row["changed"].items()]
        if changed:
            more = f" and {len(changed) - MAX_CHANGES} more (--json has them all)" if len(changed) > MAX_CHANGES else ""
            print_line(f"  changed  {', '.join(changed[:MAX_CHANGES])}{more}")
    _print_left(result["left"])


def _short(value: Any) -> str:
    return "none" if value is None else shortened(str(value), MAX_SHOWN_VALUE)


def _print_left(left: Mapping[str, str]) -> None:
    if left:
        names = ", ".join(f"{name} ({schedules})" for name, schedules in left.items())
        print_line(f"left as they are: {names}; textmill undeploy NAME takes one away")
