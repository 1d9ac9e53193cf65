"""`textmill refresh`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import File, Help, Json
from flows.commands.printing import cells, print_below, print_json, result_table, results
from tasks.equation import equation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.config import RefreshConfig


def refresh(
    context: typer.Context,
    preset: Annotated[str | None, typer.Option(help="A named refresh.")] = None,
    config: File = None,
    since: Annotated[str | None, typer.Option("--from", help="First day of a backfill (YYYY-MM-DD).")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Last day of a backfill (YYYY-MM-DD).")] = None,
    as_json: Json = False,
    help_: Help = False,
) -> None:
    """Score what is new, warn of surges of bad news and of drift, and write the dashboard."""
    if help_:
        from flows.commands.knobs_help import print_knobs
        from tasks.config import RefreshConfig

        print_knobs(RefreshConfig, "refresh", "Score new documents and warn of surges of bad news.")
        return
    from flows.commands.doors import Doors
    from flows.commands.run_flow import run_flow
    from flows.commands.settings import resolve_refresh

    days = [word for flag, day in (("since", since), ("until", until)) if day for word in (f"--collect.{flag}", day)]
    with Doors() as doors:
        resolved = resolve_refresh([*context.args, *days], preset=preset, file=config, doors=doors)
        check_refresh(resolved)
        result = run_flow("refresh", resolved, context.obj)
    if as_json:
        print_json(result)
    else:
        print_refresh(result)


def check_refresh(config: RefreshConfig) -> None:
    """Raise RequestError for whatever is known to be wrong with a refresh before it starts.

    That includes a watch-list or a file of channels that cannot be read; a channel that is down is left to the run.
    """
    from flows.commands.settings import check_paths
    from tasks.collect.collect import check_source
    from tasks.notify.channels_file import read_channels
    from tasks.score.watch import WatchList

    check_paths(config)
    check_source(config.collect)
    read_channels(config.notify)
    if config.score.watch_list:
        WatchList.load(config.score.watch_list)


def print_refresh(result: Mapping[str, Any]) -> None:
    """Print the new alerts as a table, and the figures below it."""
    from tasks.monitor.silence import about_silence
    from tasks.today.said import about_today

    console = results()
    if result["alerts"]:
        console.print(_alerts(result["alerts"]))
    drifted = [drift["feature"] for drift in result["drift"] if drift["drifted"]]
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in result["reasons"].items())
    print_below(
        console,
        (
            f"data     {equation(result, 'scored')}" + (f" ({reasons})" if reasons else ""),
            f"model    {result['model']['name']} version {result['model']['version']}",
            f"alerts   {len(result['alerts'])} new; drift of {', '.join(drifted) or 'nothing'}",
            *_what_was_not_done(result),
            *(f"{what:<8} {line}" for what, line in (*about_today(result["today"]), *about_silence(result))),
            *([f"train    started {', '.join(result['training_runs'])}"] if result["training_runs"] else []),
            *(f"warning  {warning}" for warning in result["warnings"]),
            f"time     {result['seconds']:.1f} s and {result['startup_seconds']:.1f} s to start",
            f"report   {result['report']}",
        ),
    )


def _alerts(alerts: Sequence[Mapping[str, Any]]) -> Any:
    columns = ("severity", "kind", "series", "days", "documents", "negative", "before")
    table = result_table(*columns, title="new alerts", boxed=True)
    for alert in alerts:
        shares = [f"{alert[name]:.1%}" if alert["kind"] == "surge" else "" for name in ("negative_share", "baseline")]
        days = f"{alert['window_start']} to {alert['window_end']}"
        row = (alert["severity"], alert["kind"], alert["series"], days, f"{alert['count']:,}", *shares)
        table.add_row(*cells(*row))
    return table


def _what_was_not_done(result: Mapping[str, Any]) -> list[str]:
    """Lines about documents that were passed over and alerts that could not be sent."""
    lines = [f"passed   {result['passed_over']:,} documents of other days"] if result["passed_over"] else []
    if result["channels_down"] or result["undelivered"]:
        down = ", ".join(result["channels_down"])
        lines.append(f"waiting  {result['undelivered']:,} deliveries" + (f"; channels that failed: {down}" if down else ""))
    return lines
