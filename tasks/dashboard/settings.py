"""The section `dashboard`: the extent of the page."""

from __future__ import annotations

from pydantic import Field

from tasks.section import Count, Positive, Section


class DashboardConfig(Section):
    """How much the page shows."""

    days: Positive = Field(3650, description="Most days of the curves.")
    max_series: Positive = Field(40, description="Most series on the page: the whole stream, then those with most documents.")
    headlines: Count = Field(400, description="Most headlines on the page: the latest negative ones.")
