"""Write a report into a page of docs/, between two equal marks: HTML comments, which its readers do not see."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_between(page: Path, mark: str, text: str) -> None:
    """Put `text` in the place of what stands between the first and the last `mark` of the page."""
    marked = re.compile(f"{re.escape(mark)}.*{re.escape(mark)}", re.DOTALL)
    page.write_text(marked.sub(lambda _: f"{mark}\n\n{text}\n\n{mark}", page.read_text(encoding="utf-8")), encoding="utf-8")
