"""`textmill refresh`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import File, Help, Json
from flows.commands.printing import cells, print_below, print_json, result_table, results
from tasks.wording.sentence import said
from tasks.wording.wording import ENGLISH, wording_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.config import RefreshConfig
    from tasks.wording.wording import Language, Wording


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
        print_refresh(result, resolved.dashboard.language)


def check_refresh(config: RefreshConfig) -> None:
    """Raise RequestError for whatever is known to be wrong with a refresh before it starts.

    That includes a watch-list or a file of channels that cannot be read; a channel that is down is left to the run.
    """
    from flows.commands.settings import check_paths
    from tasks.collect.collect import check_source
    from tasks.notify.channels_file import read_channels

    check_paths(config)
    check_source(config.collect)
    read_channels(config.notify)
    config.score.open_watch_list()


def print_refresh(result: Mapping[str, Any], language: Language = ENGLISH) -> None:
    """Print the new alerts as a table, and the figures below it."""
    from tasks.today.said import about, counted_in_words, drifted_in_words

    wording = wording_in(language)

    console = results()
    if result["alerts"]:
        console.print(_alerts(result["alerts"], wording))
    counted = counted_in_words(result)
    if result["reasons"]:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in result["reasons"].items())
        counted = said("{counted} ({reasons})", counted=counted, reasons=reasons)
    lines = [
        (said("data"), counted),
        (said("model"), said("{name} version {version}", **result["model"])),
        (
            said("alerts"),
            said("{count} new; drift of {features}", count=len(result["alerts"]), features=drifted_in_words(result)),
        ),
        *_what_was_not_done(result),
        *about(result),
    ]
    if result["training_runs"]:
        lines.append((said("train"), said("started {runs}", runs=", ".join(result["training_runs"]))))
    lines += [(said("warning"), warning) for warning in result["warnings"]]
    seconds = {name: result[name] for name in ("seconds", "startup_seconds")}
    lines.append((said("time"), said("{seconds:.1f} s and {startup_seconds:.1f} s to start", **seconds)))
    lines.append((said("report"), str(result["report"])))
    print_below(console, (f"{_to_width(wording(what), 8)} {wording(line)}" for what, line in lines))


def _to_width(word: str, cells: int) -> str:
    """A word and blanks that fill so many cells of a terminal; a Chinese character takes two."""
    from rich.cells import cell_len

    return word + " " * (cells - cell_len(word))


def _alerts(alerts: Sequence[Mapping[str, Any]], wording: Wording) -> Any:
    from tasks.monitor.alert_words import KINDS, SEVERITIES

    columns = (
        said("severity"),
        said("kind"),
        said("series"),
        said("days"),
        said("documents"),
        said("negative"),
        said("before"),
    )
    table = result_table(*map(wording, columns), title=wording(said("new alerts")), boxed=True)
    for alert in alerts:
        shares = [f"{alert[name]:.1%}" if alert["kind"] == "surge" else "" for name in ("negative_share", "baseline")]
        days = said("{start:day} to {end:day}", start=alert["window_start"], end=alert["window_end"])
        words = [SEVERITIES[alert["severity"]], KINDS.get(alert["kind"], alert["kind"]), alert["series"], days]
        table.add_row(*cells(*map(wording, words), f"{alert['count']:,}", *shares))
    return table


def _what_was_not_done(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Lines about documents that were passed over and alerts that could not be sent."""
    lines: list[tuple[str, str]] = []
    if result["passed_over"]:
        lines.append((said("passed"), said("{count:,} documents of other days", count=result["passed_over"])))
    if result["channels_down"] or result["undelivered"]:
        waiting = said("{count:,} deliveries", count=result["undelivered"])
        if down := ", ".join(result["channels_down"]):
            waiting = said("{waiting}; channels that failed: {channels}", waiting=waiting, channels=down)
        lines.append((said("waiting"), waiting))
    return lines
