"""One warning, as it is stored, sent and shown."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from tasks.store.digests import canonical, sha256_text

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["surge", "drift", "watchdog", "retrain", "digest", "test"]
Severity = Literal["low", "high"]


@dataclass(frozen=True)
class Alert:
    """What was noticed about one series; make it with `Alert.make`, which gives it its id.

    `window_start` and `window_end` are days (YYYY-MM-DD), `window_end` the last one counted; `count` documents stand in the
    window, `negative_share` of them negative, against `baseline` before. `evidence` is JSON: `headlines` (id, time, text,
    probability) and `words` for a surge. `created` is seconds since 1970. `monitor` is whose it is, and `link` the address at
    which people read more; where they come from a state's row, the state and the sender fill them in.
    """

    id: str
    kind: Kind
    series: str
    severity: Severity
    window_start: str
    window_end: str
    count: int
    negative_share: float
    baseline: float
    created: float
    evidence: Mapping[str, Any] = field(default_factory=dict)
    monitor: str = field(default="", compare=False)
    link: str = field(default="", compare=False)

    @classmethod
    def make(
        cls,
        monitor: str,
        *,
        kind: Kind,
        series: str,
        severity: Severity,
        window_start: str,
        window_end: str,
        count: int,
        negative_share: float,
        baseline: float,
        created: float,
        evidence: Mapping[str, Any] | None = None,
    ) -> Alert:
        """Make an alert whose id is a function of what it is about, so that a repeated refresh gives the same one."""
        identity = sha256_text(canonical([monitor, kind, series, severity, window_end]))[:16]
        return cls(
            identity,
            kind,
            series,
            severity,
            window_start,
            window_end,
            count,
            negative_share,
            baseline,
            created,
            dict(evidence or {}),
            monitor,
        )

    def linked(self, address: str) -> Alert:
        """The same alert with the address at which people read more."""
        return replace(self, link=address)

    def summary(self) -> dict[str, Any]:
        """The figures without the evidence, as `textmill refresh --json` prints them."""
        return {
            "id": self.id,
            "kind": self.kind,
            "series": self.series,
            "severity": self.severity,
            "window_start": self.window_start,
            "window_end": self.window_end,
            "count": self.count,
            "negative_share": self.negative_share,
            "baseline": self.baseline,
        }

    def payload(self) -> str:
        """What the column `payload` of the state holds: everything that is no column of its own."""
        figures = {"count": self.count, "negative_share": self.negative_share, "baseline": self.baseline}
        return canonical({**figures, "evidence": dict(self.evidence)})

    @classmethod
    def from_row(
        cls,
        identity: str,
        kind: Kind,
        series: str,
        severity: Severity,
        start: str,
        end: str,
        payload: str,
        created: float,
        *,
        monitor: str = "",
    ) -> Alert:
        """Read a row of the table of alerts of a monitor's state."""
        held = json.loads(payload)
        share, baseline = held["negative_share"], held["baseline"]
        figures = (held["count"], share, baseline, created, held["evidence"])
        return cls(identity, kind, series, severity, start, end, *figures, monitor)
