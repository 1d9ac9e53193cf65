"""The section `score`: models and names to watch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from tasks.section import Section

if TYPE_CHECKING:
    from tasks.score.watch import WatchList


class ScoreConfig(Section):
    """Which models label the documents, and which names are watched."""

    model: str | None = Field(None, description="NAME@ALIAS or NAME/VERSION; default: the champion promoted last.")
    topics: tuple[str, ...] = Field((), description="More registered models whose labels are topics, such as topic@champion.")
    watch_list: Path | None = Field(None, description="TOML file of names to follow: companies, tickers, regular expressions.")
    companies: Path | None = Field(
        None, description="CSV file of companies to follow, thousands if need be: columns name, aliases, codes."
    )

    def open_watch_list(self) -> WatchList | None:
        """The names to follow, of both files; None without either. RequestError for one that cannot be used."""
        from tasks.score.watch import WatchList

        return WatchList.load(self.watch_list, self.companies) if self.watch_list or self.companies else None
