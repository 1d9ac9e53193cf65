"""Sources that gave a refresh nothing but records that are refused: it ends well, and its monitor counts nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from tasks.shown import in_line
from tasks.wording.sentence import Sentence, joined, packed, said, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TOLD = 5  # sources that are named one by one
SILENT_SOURCES = "refused_sources"  # the setting in which the monitor keeps them, for the watchdog
UNSCORED = "unscored"  # and a line, if none of the latest new documents could be scored
KIND_OF_FILE = frozenset({"unknown_format", "link", "special"})  # a stray file in an inbox is not a source that fell silent
REMEDIES = {
    "missing_time": said("is --collect.time the column of times?"),
    "unreadable_time": said("is --collect.time the column of times? docs/TIMES.md lists what can be read"),
    "incomplete_date": said("a time needs its day, month and year; is --collect.time the right column?"),
    "ambiguous_date": said("name the order: --collect.date-order DMY, MDY or YMD"),
    "other_date_order": said("name the order: --collect.date-order DMY, MDY or YMD"),
    "ambiguous_time": said("write it as 2020-12-31 23:59:59"),
    "ambiguous_zone": said("--collect.timezone settles what such a zone means"),
    "unknown_zone": said("write the zone as +08:00, or as Asia/Shanghai"),
    "future": said("times lie ahead; are the clock of this machine and --collect.timezone right?"),
    "undecodable": said("try --collect.encoding"),
    "empty": said("is --collect.text the column of texts?"),
    "malformed_row": said("are --collect.delimiter and --collect.text right?"),
}


class Silent(NamedTuple):
    """A source whose records were all refused, and the time of one of them."""

    source: str
    records: int
    reasons: dict[str, int]
    example: str | None

    def told(self) -> Sentence:
        """One line about it, with a remedy."""
        reasons = _counted(self.reasons)
        if self.example and self.reasons.keys() & REMEDIES.keys():
            reasons = said("{reasons}, such as {example!r}", reasons=reasons, example=self.example[:40])
        remedy = next(
            (REMEDIES[reason] for reason in self.reasons if reason in REMEDIES),
            said("the quarantine of the monitor holds them"),
        )
        return said(
            "{source}: nothing counts of its {records:,} records ({reasons}); {remedy}",
            source=in_line(self.source),
            records=self.records,
            reasons=reasons,
            remedy=remedy,
        )


def unscored(reasons: Mapping[str, int]) -> Sentence:
    """Give a line about documents of which the model knows no word, by reason."""
    return said(
        "the model knows no word of {count:,} new documents ({reasons}); does --score.model fit their language?",
        count=sum(reasons.values()),
        reasons=_counted(dict(sorted(reasons.items()))),
    )


def kept(sentence: str) -> str:
    """A sentence as a setting of the monitor keeps it; `read_kept` reads it."""
    return json.dumps(packed(sentence), ensure_ascii=False)


def read_kept(setting: str) -> str:
    """The sentence; earlier versions kept it in English."""
    return unpacked(json.loads(setting)) if setting[:1] in ('"', "{") else setting


def _counted(reasons: Mapping[str, int]) -> Sentence:
    return joined(", ", [said("{count:,} {reason}", count=count, reason=reason) for reason, count in reasons.items()])
