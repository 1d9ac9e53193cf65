"""The section of the step `replies`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tasks.section import Section


class RepliesConfig(Section):
    """The file of answers, and the least confidence of a text that gets one; None: every text that has a label."""

    answers: Path
    min_confidence: float | Literal["auto"] | None = None
