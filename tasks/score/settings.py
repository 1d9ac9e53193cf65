"""The section `score`: models and names to watch."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from tasks.section import Section


class ScoreConfig(Section):
    """Which models label the documents, and which names are watched."""

    model: str | None = Field(None, description="NAME@ALIAS or NAME/VERSION; default: the champion promoted last.")
    topics: tuple[str, ...] = Field((), description="More registered models whose labels are topics, such as topic@champion.")
    watch_list: Path | None = Field(None, description="TOML file of names to follow: companies, tickers, regular expressions.")
