"""Pages as their readers see them."""

from __future__ import annotations

import re
from pathlib import Path


def words_of_page(page: str | Path) -> str:
    """The text of an HTML file, without its marks."""
    return re.sub("<[^>]+>", "", Path(page).read_text(encoding="utf-8"))
