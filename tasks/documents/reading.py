"""How an input is to be read, and what the caller calls the options that say so.

A reader knows no command line: where a message proposes an option, it takes the option's name from `Flags`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Quoting = Literal["auto", "standard", "none"]
QUOTING_HELP = (
    "whether quotes hold a field together; auto: in a .csv, and in a .tsv unless a line with a lone quote has all its columns; "
    "none: quotes are text."
)
SHEET_HELP = "name of the sheet, or its number from 0; default: the first."
MISSING_HELP = "words that mean a missing value, such as NA,None; always missing: null, NaN, empty, \\N."
DEFAULT_TEXT, DEFAULT_LABEL = "text", "label"


@dataclass(frozen=True)
class Flags:
    """The names of the caller's options, as a user writes them."""

    text: str = "--text"
    label: str = "--label"  # of the column of labels, or of times
    encoding: str = "--encoding"
    header: str = "--header"
    no_header: str = "--no-header"
    delimiter: str = "--delimiter"
    quoting: str = "--quoting"
    sheet: str = "--sheet"
    path: str = "--path"
    source: str = "--source"
    dataset: str = "--dataset"
    keep: str = "--keep"
    unlabelled: str = ""  # takes text without labels; empty if there is no such option

    @classmethod
    def of_section(cls, section: str, **others: str) -> Flags:
        """Give the names of a section of the configuration, `--ingest.text`; `others` are those that differ."""
        names = ("text", "label", "encoding", "delimiter", "quoting", "sheet", "path", "source", "dataset", "keep")
        header = f"--{section}.header"
        flags = {name: f"--{section}.{name}" for name in names} | {"header": f"{header} true", "no_header": f"{header} false"}
        return cls(**flags | others)


@dataclass(frozen=True)
class Reading:
    """How the bytes of an input become texts.

    `second` says what is read beside the text, out of the column `label`: labels, times (a monitor's documents), or nothing.
    `keep` says whether records hold the other columns of a table: `seen` are those that its first lines show, `all` is every
    key of JSON lines, for which the file is read twice. `named` are columns that records hold whatever the others are.
    """

    text: str = DEFAULT_TEXT
    label: str = DEFAULT_LABEL
    second: Literal["label", "time", "none"] = "label"
    header: bool | None = None
    delimiter: str | None = None
    quoting: Quoting = "auto"
    missing: tuple[str, ...] = ()
    sheet: str | None = None
    encoding: str = "utf-8"
    max_chars: int = 1_000_000
    keep: Literal["none", "seen", "all"] = "none"
    named: tuple[str, ...] = ()
    flags: Flags = Flags()

    @property
    def text_bytes(self) -> int:
        """Most bytes of a document that is a file: no usual encoding takes more; and a byte order mark."""
        return 4 * self.max_chars + 4

    def without_labels(self, *, flags: Flags, keep: Literal["none", "seen", "all"]) -> Reading:
        """Give the same for texts alone, with the flags of another caller."""
        return replace(self, second="none", flags=flags, keep=keep)


DEFAULT_READING = Reading()
