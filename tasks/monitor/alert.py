"""One warning, as it is stored, sent and shown."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tasks.digests import canonical, sha256_text

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["surge", "drift", "watchdog", "retrain"]
Severity = Literal["low", "high"]


@dataclass(frozen=True)
class Alert:
    """What was noticed about one series; make it with `Alert.make`, which gives it its id.

    `window_start` and `window_end` are days (YYYY-MM-DD), `window_end` the last one counted; `count` documents stand in the
    window, `negative_share` of them negative, against `baseline` before. `evidence` is JSON: `headlines` (id, time, text,
    probability) and `words` for a surge. `created` is seconds since 1970.
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
        )

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
        cls, identity: str, kind: Kind, series: str, severity: Severity, start: str, end: str, payload: str, created: float
    ) -> Alert:
        """Read a row of the state's table of alerts."""
        held = json.loads(payload)
        share, baseline = held["negative_share"], held["baseline"]
        return cls(identity, kind, series, severity, start, end, held["count"], share, baseline, created, held["evidence"])
