"""The section `collect`: where new documents come from."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from tasks.documents.encoding import known_encoding
from tasks.documents.reading import MISSING_HELP, QUOTING_HELP, SHEET_HELP, Flags, Quoting, Reading
from tasks.names import checked_name
from tasks.section import Positive, Section
from tasks.urls import holds_login, holds_password


class CollectConfig(Section):
    """Where new documents come from, and how their times are to be read."""

    source: str | None = Field(
        None,
        min_length=1,
        description="Inbox folder, file or glob (txt, csv, tsv, jsonl, parquet, xlsx, tar, zip; any fsspec path), or an RSS/"
        "Atom file or URL; ${NAME} in a URL is that environment variable.",
    )
    name: str = Field("monitor", description="Name of the monitor; default: the preset's name or the source's stem.")
    kind: Literal["auto", "table", "feed"] = Field(
        "auto", description="What the source holds; auto: feed for http(s) URLs, .rss, .atom and .xml, else table."
    )
    query: str | None = Field(
        None,
        min_length=1,
        description="SQL query that gives the documents, in place of a source; :since in it: read only what is new.",
    )
    database_variable: str | None = Field(
        None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Environment variable that holds the SQLAlchemy URL for query."
    )
    database_file: Path | None = Field(
        None, description="File that holds the SQLAlchemy URL for query; only its owner may read it (mode 0600)."
    )
    text: str = Field("text", min_length=1, description="Name or 0-based position of the text column; title,body joins two.")
    time: str = Field("time", min_length=1, description="Name or 0-based position of the column of dates or times.")
    header: bool | None = Field(None, description="Table: first line names the columns; default: unless columns are positions.")
    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=8,
        description="The mark between the columns; default by suffix. Without it a .txt file is one document of the time of "
        "its last change.",
    )
    quoting: Quoting = Field("auto", description=f"Table: {QUOTING_HELP}")
    missing: tuple[str, ...] = Field((), description=f"Table: {MISSING_HELP}")
    sheet: str | None = Field(None, min_length=1, description=f"Workbook: {SHEET_HELP}")
    encoding: str | None = Field(
        None, min_length=1, description="Character encoding; default: utf-8, and for a feed what its server or itself says."
    )
    timezone: str = Field("UTC", description="Time zone for times without one, and for counting days.")
    date_order: Literal["DMY", "MDY", "YMD"] | None = Field(
        None,
        description="Order of day, month and year in dates such as 03/04/20; default: DMY, if a date of the source proves it.",
    )
    since: date | None = Field(None, description="First day to collect (--from); documents of other days are left out.")
    until: date | None = Field(None, description="Last day to collect (--to).")
    max_chars: Positive = Field(100_000, description="Longest text in characters; a longer one is quarantined.")

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        return None if value is None else known_encoding(value)

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        return checked_name(value)

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError):
            raise ValueError(f"unknown time zone {value!r}; try UTC, Europe/London or America/New_York") from None
        return value

    @property
    def reading(self) -> Reading:
        """How the files are read: a time beside the text."""
        names = ("text", "header", "delimiter", "quoting", "missing", "sheet", "max_chars")
        return Reading(
            label=self.time,
            second="time",
            encoding=self.encoding or "utf-8",
            keep="seen",
            flags=Flags.of_section("collect", label="--collect.time"),
            **{name: getattr(self, name) for name in names},
        )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.source and (holds_login(self.source) or holds_password(self.source)):  # here, since the value is not shown
            raise ValueError("the source must hold no user or password, since it is stored; a feed's belong into ~/.netrc")
        if self.source and self.query:
            raise ValueError("source and query were both given; choose one")
        if self.query and (self.database_variable is None) == (self.database_file is None):
            raise ValueError("a query needs its database: give database_variable or database_file, one of them")
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"since {self.since} is after until {self.until}; exchange them")
        return self
