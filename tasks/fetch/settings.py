"""The section `fetch`: where training data are brought from before they are read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from tasks.section import Section
from tasks.urls import holds_login, holds_password, is_url

NAMED_SINCE = re.compile(r"(?<![:\w\\]):since\b")  # as SQLAlchemy finds a parameter


class FetchConfig(Section):
    """A query or a place that fsspec reaches; what it gives is the corpus. It is in no key: the rows that came are."""

    query: str | None = Field(
        None, min_length=1, description="SQL query whose rows are the corpus; its columns are named by ingest.text and so on."
    )
    database_variable: str | None = Field(
        None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="Environment variable that holds the SQLAlchemy URL for query."
    )
    database_file: Path | None = Field(
        None, description="File that holds the SQLAlchemy URL for query; only its owner may read it (mode 0600)."
    )
    since: str | None = Field(
        None,
        min_length=1,
        description="Column of the query with the time that :since in it goes by: rows since the newest one of the run before, "
        "less two days, are asked for, and earlier ones are kept.",
    )
    url: str | None = Field(
        None,
        min_length=1,
        description="URL of the corpus' file, or a pattern such as s3://bucket/2024-*.csv.gz, whatever fsspec reads (https, "
        "s3, gs, az, sftp ...); ${NAME} in it is that environment variable. ingest.path takes a URL too.",
    )

    @property
    def asks(self) -> bool:
        """Whether anything is to be brought."""
        return self.query is not None or self.url is not None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.url and (holds_login(self.url) or holds_password(self.url)):  # here, since the value is not shown
            raise ValueError(
                "the url must hold no user or password, since it is stored; name a variable in it, such as ${TOKEN}"
            )
        if self.url and "://" not in self.url:
            raise ValueError("the url has no protocol, such as https or s3; a file of this machine is named by ingest.path")
        if self.url and self.query:
            raise ValueError("url and query were both given; choose one")
        if self.query and (self.database_variable is None) == (self.database_file is None):
            raise ValueError("a query needs its database: give database_variable or database_file, one of them")
        if (self.since is None) == bool(self.query and NAMED_SINCE.search(self.query)):
            raise ValueError(
                "since names the column of times that :since in the query goes by; give both, such as "
                '"SELECT title, mood, day FROM news WHERE day >= :since" and since day, or none of them'
            )
        if not self.query and (self.database_variable or self.database_file):
            raise ValueError("a database was given and no query; give the query that is to be asked")
        return self


def with_url_fetched(given: Any) -> Any:
    """Settings in which a URL among the places of ingest.path is the one that is fetched; as they are where none is a URL.

    ValueError for two URLs.
    """
    ingest = given.get("ingest") if isinstance(given, Mapping) else None
    path = ingest.get("path") if isinstance(ingest, Mapping) else None
    places = list(path) if isinstance(path, list | tuple) else [path]
    urls = [each for each in places if isinstance(each, str) and is_url(each)]
    if not urls or not isinstance(ingest, Mapping):
        return given
    fetch = given.get("fetch") or {}
    if not isinstance(fetch, Mapping) or len(urls) > 1 or fetch.get("url"):
        raise ValueError("ingest.path names a second URL to fetch; give one, or a pattern such as s3://bucket/2024-*.csv")
    rest = [each for each in places if each not in urls]
    kept = {name: value for name, value in ingest.items() if name != "path"} | ({"path": rest} if rest else {})
    return {**given, "ingest": kept, "fetch": {**fetch, "url": urls[0]}}
