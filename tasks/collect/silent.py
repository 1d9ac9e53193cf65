"""Sources that gave a refresh nothing but records that are refused: it ends well, and its monitor counts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TOLD = 5  # sources that are named one by one
SILENT_SOURCES = "refused_sources"  # the setting in which the monitor keeps them, for the watchdog
UNSCORED = "unscored"  # and a line, if none of the latest new documents could be scored
KIND_OF_FILE = frozenset({"unknown_format", "link", "special"})  # a stray file in an inbox is not a source that fell silent
REMEDIES = {
    "missing_time": "is --collect.time the column of times?",
    "unreadable_time": "is --collect.time the column of times? docs/TIMES.md lists what can be read",
    "incomplete_date": "a time needs its day, month and year; is --collect.time the right column?",
    "ambiguous_date": "name the order: --collect.date-order DMY, MDY or YMD",
    "other_date_order": "name the order: --collect.date-order DMY, MDY or YMD",
    "ambiguous_time": "write it as 2020-12-31 23:59:59",
    "ambiguous_zone": "--collect.timezone settles what such a zone means",
    "unknown_zone": "write the zone as +08:00, or as Asia/Shanghai",
    "future": "times lie ahead; are the clock of this machine and --collect.timezone right?",
    "undecodable": "try --collect.encoding",
    "empty": "is --collect.text the column of texts?",
    "malformed_row": "are --collect.delimiter and --collect.text right?",
}


class Silent(NamedTuple):
    """A source whose records were all refused, and the time of one of them."""

    source: str
    records: int
    reasons: dict[str, int]
    example: str | None

    def told(self) -> str:
        """One line about it, with a remedy."""
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.items())
        such = f", such as {self.example[:40]!r}" if self.example and self.reasons.keys() & REMEDIES.keys() else ""
        remedy = next(
            (REMEDIES[reason] for reason in self.reasons if reason in REMEDIES), "the quarantine of the monitor holds them"
        )
        return f"{self.source}: nothing counts of its {self.records:,} records ({reasons}{such}); {remedy}"


def unscored(reasons: Mapping[str, int]) -> str:
    """Give a line about documents of which the model knows no word, by reason."""
    told = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
    return (
        f"the model knows no word of {sum(reasons.values()):,} new documents ({told}); does --score.model fit their language?"
    )
