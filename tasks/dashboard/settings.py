"""The section `dashboard`: the extent of the page, and its language."""

from __future__ import annotations

from pydantic import Field

from tasks.section import Count, Positive, Section
from tasks.wording.wording import ENGLISH, Language


class DashboardConfig(Section):
    """How much the page shows, and its language."""

    language: Language = Field(ENGLISH, description="Language of the page, of messages and of what is printed: en, zh.")

    days: Positive = Field(3650, description="Most days of the curves.")
    max_series: Positive = Field(40, description="Most series on the page: the whole stream, then those with most documents.")
    companies: Count = Field(
        50,
        description="Most names of the watch-list in the table of those whose news have changed most.",
    )
    headlines: Count = Field(400, description="Most headlines on the page: the latest negative ones.")
