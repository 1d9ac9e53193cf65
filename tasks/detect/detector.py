"""A monitor's stream as a detector sees it, and the interface of a detector."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tasks.detect.drift import Drift
    from tasks.detect.settings import DetectConfig
    from tasks.monitor.alert import Alert
    from tasks.monitor.state import MonitorState


@dataclass(frozen=True)
class Stream:
    """The monitor's state within an open refresh, and how far each feature of its documents has drifted.

    `now` is seconds since 1970.
    """

    state: MonitorState
    config: DetectConfig
    now: float
    drifts: Sequence[Drift] = field(default=())


class Detector(NamedTuple):
    """Finds alerts in a stream; one of the same kind, series and severity is stored at most once in `cooldown_days`."""

    find: Callable[[Stream], list[Alert]]
    cooldown_days: Callable[[DetectConfig], int]
