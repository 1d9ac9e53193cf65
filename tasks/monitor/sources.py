"""Remember the sources of a monitor, so that another stream is not mixed into its counts silently.

A refresh that names its monitor with `collect.name` may read another source, and says so; one whose monitor has its name from a
preset or a file's name, which two streams may share, is refused. A backfill (`--from`, `--to`) reads archives of the stream, is
never refused and is not remembered.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import RequestError
from tasks.monitor.state import MonitorState, monitor_folder
from tasks.shown import in_line, shortened
from tasks.urls import is_url, without_secrets

if TYPE_CHECKING:
    from tasks.collect.settings import CollectConfig

SOURCES = "sources"  # the setting of the monitor's state that holds them
MAX_SHOWN = 200


def refuse_other_source(collect: CollectConfig, data_root: Path) -> None:
    """RequestError if the monitor has read other sources only; for refreshes that did not name their monitor themselves."""
    source = source_of(collect)
    if source is None or _is_backfill(collect) or not (monitor_folder(data_root, collect.name) / "state.db").is_file():
        return
    with MonitorState.read(data_root, collect.name) as state:
        known = _known(state)
    if known and source not in known and not any(_moved(old, source) for old in known):
        raise RequestError(
            f"monitor {collect.name} has read {_shown(known)} so far, and {_shown([source])} would be counted with it; give "
            f"--collect.name OTHER for a monitor of its own, or --collect.name {collect.name} to count both as one stream"
        )


def _moved(old: str, new: str) -> bool:
    """Whether a source may be one that was moved, as with its data root: the old path is gone, and it was called the same."""
    return not is_url(old) and Path(old).name == Path(new).name and not Path(old).exists()


def keep_source(state: MonitorState, collect: CollectConfig) -> str:
    """Remember the source of an open refresh; return a line if the monitor has read something else so far, and empty if not."""
    source, known = source_of(collect), _known(state)
    if source is None or source in known:
        return ""
    if not _is_backfill(collect):
        state.keep_setting(SOURCES, json.dumps([*known, source]))
    return f"{_shown([source])} is counted with what monitor {collect.name} read before: {_shown(known)}" if known else ""


def source_of(collect: CollectConfig) -> str | None:
    """The identity of a stream: a source without its secrets, or a query and the place of its database."""
    if collect.query:
        return f"{collect.query} ({collect.database_variable or collect.database_file})"
    return without_secrets(collect.source) if collect.source else None


def _is_backfill(collect: CollectConfig) -> bool:
    return collect.since is not None or collect.until is not None


def _known(state: MonitorState) -> list[str]:
    return [str(source) for source in json.loads(state.setting(SOURCES) or "[]")]


def _shown(sources: list[str]) -> str:
    return ", ".join(shortened(in_line(source), MAX_SHOWN) for source in sources)
