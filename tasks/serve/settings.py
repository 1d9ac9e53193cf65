"""The section `serve`: where a model is served, and what a request may hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tasks.section import Positive, Section

if TYPE_CHECKING:
    from tasks.score.watch import WatchList


class ServeSettings(Section):
    """Where a model is served, by how many processes, and what a request may hold."""

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 is every one of the machine.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8080, description="Port to listen on; 0: a free one.")
    processes: Positive | Literal["auto"] = Field(
        "auto", description="Processes that answer, at most one a core; each holds the model. auto: one a core."
    )
    token_file: Path | None = Field(
        None, description="File with the API token; default: <data root>/serve/token, made at the first start."
    )
    follow_seconds: Annotated[float, Field(gt=0.0, le=60.0)] = Field(
        0.5, description="Seconds between two looks at which version the alias points at."
    )
    max_bytes: Positive = Field(16_000_000, description="Bytes of a request's body at most.")
    max_texts: Annotated[int, Field(ge=1, le=100_000)] = Field(10_000, description="Texts of one request at most.")
    max_chars: Positive = Field(1_000_000, description="Characters of one text at most.")
    watch_list: Path | None = Field(
        None, description="TOML file of names; requests may ask for the sentiment towards each that a text has."
    )
    companies: Path | None = Field(None, description="The same of a CSV file with the columns name, aliases, codes.")
    access_log: bool = Field(True, description="Whether each request is logged on stdout, a JSON line without its texts.")

    def open_watch_list(self) -> WatchList | None:
        """The names of both files; None without either. RequestError for one that cannot be used."""
        if self.watch_list is None and self.companies is None:
            return None
        from tasks.score.watch import WatchList

        return WatchList.load(self.watch_list, self.companies)
