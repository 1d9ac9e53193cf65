"""The settings of `bilstm`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from tasks.section import Positive, Section


class BilstmSettings(Section):
    """The bidirectional LSTM."""

    FORMER: ClassVar = {"hidden": "hidden"}

    hidden: Positive = Field(100, description="Units of each direction.")
