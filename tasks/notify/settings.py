"""The section `notify`: where alerts are sent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from tasks.section import Section
from tasks.shown import safe_link

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class NotifyConfig(Section):
    """Where alerts are sent."""

    channels: Path | None = Field(
        None, description="TOML file of channels (docs/NOTIFY.md); only its owner may read it (mode 0600)."
    )
    seconds: Annotated[float, Field(gt=0.0, le=600.0)] = Field(
        30.0, description="Most seconds that one refresh spends on sending; the rest waits for the next refresh."
    )
    digest: Literal["never"] | Weekday = Field(
        "never", description="On which day the first refresh sends a summary of the seven days before it to all channels."
    )
    digest_hour: Annotated[int, Field(ge=0, le=23)] = Field(
        7, description="From which hour of that day on, in the time zone of collect.timezone."
    )
    link: str | None = Field(
        None,
        description="Address (http or https) at which people see the dashboard; each message ends with it.",
    )

    @field_validator("link")
    @classmethod
    def _is_an_address(cls, link: str | None) -> str | None:
        if link is not None and not safe_link(link):
            raise ValueError("it is not an http(s) address without a login; give one such as https://desk.example/news.html")
        return link
