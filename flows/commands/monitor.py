"""`textmill monitor`: the alerts of a monitor, and what the desk says of them: mute, unmute, acknowledge."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import DataRoot, File, Json
from flows.commands.printing import cells, print_json, print_line, print_values, result_table, results
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.monitor.state import MonitorState

Monitor = Annotated[str | None, typer.Option("--monitor", help="Its name; needed where there are several.")]
By = Annotated[str | None, typer.Option(help="Who says so; default: the user of this machine.")]
Note = Annotated[str, typer.Option(help="Why, for whoever looks at the dashboard.")]
Series = Annotated[
    str, typer.Argument(metavar="NAME", help="As the dashboard has it: a company, a topic's label, or the series in an alert.")
]


def alerts(
    monitor: Monitor = None,
    days: Annotated[int, typer.Option(min=1, help="Those of so many days up to the newest.")] = 28,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """List the alerts of a monitor and of its watchdog, the newest first, with their ids."""
    from tasks.monitor.known import known
    from tasks.monitor.state import MonitorState
    from tasks.notify.event import SUMMARY

    root = _root(data_root)
    found: list[dict[str, Any]] = []
    for name in _states(root, _monitor(root, monitor)):
        with MonitorState.read(root, name) as state:
            knowledge = known(state)
            told = [each for each in state.alerts() if each.kind != SUMMARY]
            found += [{**each.summary(), "monitor": name, "remark": knowledge.remark(each)} for each in told]
    found.sort(key=lambda each: (each["window_end"], each["id"]), reverse=True)
    if found:
        oldest = (date.fromisoformat(found[0]["window_end"]) - timedelta(days)).isoformat()
        found = [each for each in found if each["window_end"] > oldest]
    if as_json:
        print_json({"alerts": found})
        return
    table = result_table("alert", "kind", "series", "severity", "from", "to", "remark")
    for each in found:
        named = ("id", "kind", "series", "severity", "window_start", "window_end", "remark")
        table.add_row(*cells(*(each[name] for name in named)))
    results().print(table if found else "no alert yet")


def mute(
    series: Series,
    until: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The last day on which nothing is sent, in UTC.")],
    monitor: Monitor = None,
    by: By = None,
    note: Note = "",
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Send no alert about a series for a while: they are stored, and shown as muted."""
    from tasks.monitor import known

    now, last = time.time(), _day(until)
    if last < datetime.fromtimestamp(now, UTC).date():
        raise RequestError(f"--until {until} is over; give a day to come")
    with _opened_for(series, monitor, data_root) as (state, found):
        made = known.mute(state, found, last.isoformat(), by=_user(by), note=note, now=now)
    told = {key: value for key, value in made._asdict().items() if key != "ended"}
    print_values({"monitor": state.name, **told, "withdrew": len(made.withdrew)}, as_json=as_json)


def unmute(series: Series, monitor: Monitor = None, as_json: Json = False, data_root: DataRoot = None) -> None:
    """Send alerts about a series again, from the next one on."""
    from tasks.monitor import known

    with _opened_for(series, monitor, data_root) as (state, found):
        ended = known.unmute(state, found, now=time.time())
    if not ended and not as_json:
        print_line(f"{found} is not muted")
        return
    print_values({"monitor": state.name, "series": found, "ended": ended}, as_json=as_json)


def acknowledge(
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="Its id, as textmill monitor alerts lists it.")],
    monitor: Monitor = None,
    by: By = None,
    note: Note = "",
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Say that an alert was seen: it is shown so, and not sent to a channel that has not taken it yet."""
    from tasks.monitor import known
    from tasks.monitor.state import MonitorState

    root = _root(data_root)
    watched = _monitor(root, monitor)
    for name in _states(root, watched):
        with MonitorState.read(root, name) as state:
            if alert not in {each.id for each in state.alerts()}:
                continue
        with MonitorState.open(root, name) as state:
            made = known.acknowledge(state, alert, by=_user(by), note=note, now=time.time())
        print_values({"monitor": name, **made._asdict()}, as_json=as_json)
        return
    raise RequestError(f"{alert} is no alert of monitor {watched}; textmill monitor alerts lists them with their ids")


def digest(
    context: typer.Context,
    monitor: Annotated[str, typer.Argument(metavar="NAME", help="The monitor.")],
    days: Annotated[int, typer.Option(min=1, max=365, help="So many days, against as many before.")] = 7,
    until: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The last of them; default: yesterday.")] = None,
    send: Annotated[bool, typer.Option("--send", help="Send it to the channels of --notify.channels FILE, once.")] = False,
    preset: Annotated[str | None, typer.Option(help="The refresh whose settings and channels are meant.")] = None,
    config: File = None,
    as_json: Json = False,
) -> None:
    """Sum up a week of a monitor against the week before; takes the options of refresh too."""
    from flows.commands.settings import resolve_refresh
    from flows.commands.sum_up import print_summary, sum_up

    if monitor.startswith("-"):  # an option that typer does not know, in its place
        raise RequestError(f"{monitor} stands where the monitor is named; give its name first: textmill monitor digest NAME")
    resolved = resolve_refresh([*context.args, "--collect.name", monitor], preset=preset, file=config)
    print_summary(sum_up(resolved, days, _day(until) if until else None, send=send), as_json=as_json)


@contextlib.contextmanager
def _opened_for(series: str, monitor: str | None, data_root: Path | None) -> Iterator[tuple[MonitorState, str]]:
    """The state that has a series, opened to write, and the whole name of the series."""
    from tasks.monitor.state import MonitorState

    root = _root(data_root)
    name, found = _place(root, _monitor(root, monitor), series)
    with MonitorState.open(root, name) as state:
        yield state, found


def _root(data_root: Path | None) -> Path:
    from flows.commands.runtime import runtime_of

    return runtime_of(data_root).data_root


def _monitor(root: Path, name: str | None) -> str:
    """The given monitor, else the only one there is."""
    from tasks.monitor.state import MonitorState, monitor_names

    if name is not None:
        with MonitorState.read(root, name):
            return name
    names = monitor_names(root)
    if len(names) != 1:
        told = f"there are several monitors ({', '.join(names)})" if names else f"there is no monitor below {root} yet"
        raise RequestError(f"{told}; say which is meant with --monitor" if names else f"{told}; textmill refresh makes one")
    return names[0]


def _states(root: Path, monitor: str) -> Iterator[str]:
    """The monitor, and its watchdog if it has one."""
    from tasks.monitor.state import monitor_folder, watch_name

    yield monitor
    if (monitor_folder(root, watch_name(monitor)) / "state.db").is_file():
        yield watch_name(monitor)


def _place(root: Path, monitor: str, name: str) -> tuple[str, str]:
    """Which state has a series, and its whole name; RequestError if none or several match."""
    from tasks.monitor.series import titled
    from tasks.monitor.state import MonitorState

    there: list[tuple[str, str]] = []
    for each in _states(root, monitor):
        with MonitorState.read(root, each) as state:
            there += [(each, series) for series in sorted(state.series() | {alert.series for alert in state.alerts()})]
    exact = [place for place in there if place[1] == name]
    found = exact or [place for place in there if titled(place[1])[0].casefold() == name.casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        raise RequestError(f"{name} may be {' or '.join(series for _, series in found)}; give one of these")
    raise RequestError(f"monitor {monitor} has no series {name}; textmill monitor alerts lists those with alerts")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RequestError(f"--until {text} is not a day; give one such as {date.today() + timedelta(7)}") from None


def _user(by: str | None) -> str:
    import getpass

    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such user, as in some containers
        return "somebody"
