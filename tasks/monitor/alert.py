"""One warning, as it is stored, sent and shown."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from tasks.store.digests import canonical, sha256_text
from tasks.wording.wording import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.wording.wording import Language

Severity = Literal["low", "high"]
DEPLOYMENT = "deployment:"  # begins the name of a deployment, which the flow starts, in the place of a channel's

# Programs find these keys in every alert, with these values where its kind has no such fact.
ALWAYS: dict[str, Any] = {"count": 0, "negative_share": 0.0, "baseline": 0.0}


@dataclass(frozen=True)
class Alert:
    """A warning about one series; make it with `Alert.make`, which gives it its id.

    `kind` is the detector's name (`surge`, `subject`, `drift`) or another that docs/NOTIFY.md lists. `window_start` and
    `window_end` are days (YYYY-MM-DD), the latter the last one counted. `facts` are the figures of its kind (JSON values, not
    named like a field of this class): of a surge the `count` of documents in the window, their `negative_share`, and the
    `baseline` before it. `evidence` is JSON: `headlines` (id, time, text, probability) and `words` for a surge, a `message` for
    other kinds, as `as_evidence` of tasks/wording makes it. `created` is seconds since 1970. `monitor` is the name of the
    monitor, `link` the address at which people read more, and `language` theirs; where they come from a state's row, the state
    and the sender fill them in.
    """

    id: str
    kind: str
    series: str
    severity: Severity
    window_start: str
    window_end: str
    created: float
    facts: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    monitor: str = field(default="", compare=False)
    link: str = field(default="", compare=False)
    language: Language = field(default=ENGLISH, compare=False)

    @classmethod
    def make(
        cls,
        monitor: str,
        *,
        kind: str,
        series: str,
        severity: Severity,
        window: tuple[str, str],
        created: float,
        facts: Mapping[str, Any] | None = None,
        evidence: Mapping[str, Any] | None = None,
    ) -> Alert:
        """Make an alert whose id is a function of what it is about, so that a repeated refresh gives the same one.

        `window` is the first and the last day.
        """
        start, end = window
        identity = sha256_text(canonical([monitor, kind, series, severity, end]))[:16]
        return cls(identity, kind, series, severity, start, end, created, dict(facts or {}), dict(evidence or {}), monitor)

    def linked(self, address: str, language: Language = ENGLISH) -> Alert:
        """The same alert with the address at which people read more, and the language in which they are told."""
        return replace(self, link=address, language=language)

    @property
    def figures(self) -> dict[str, Any]:
        """The facts, and zeros for those that programs find in every alert."""
        return {**ALWAYS, **self.facts}

    def summary(self) -> dict[str, Any]:
        """The figures without the evidence, as `textmill refresh --json` prints them."""
        return {
            "id": self.id,
            "kind": self.kind,
            "series": self.series,
            "severity": self.severity,
            "window_start": self.window_start,
            "window_end": self.window_end,
            **self.figures,
        }

    def payload(self) -> str:
        """The column `payload` of the state's table of alerts: everything that has no column of its own."""
        return canonical({**self.figures, "evidence": dict(self.evidence)})

    @classmethod
    def from_row(
        cls,
        identity: str,
        kind: str,
        series: str,
        severity: Severity,
        start: str,
        end: str,
        payload: str,
        created: float,
        *,
        monitor: str = "",
    ) -> Alert:
        """Read a row of the state's table of alerts."""
        held = json.loads(payload)
        evidence = held.pop("evidence")
        facts = {name: value for name, value in held.items() if name not in ALWAYS or value != ALWAYS[name]}
        return cls(identity, kind, series, severity, start, end, created, facts, evidence, monitor)
