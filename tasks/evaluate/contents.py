"""The table of contents of a page: its headings get anchors, and links to them take the place of an empty `<nav>`.

It works on a page that our template has made: whatever comes from outside is escaped there, so that every `<h2>` is a heading.
"""

from __future__ import annotations

import re

from tasks.wording.sentence import said

PLACE = "<nav></nav>"
CONTENTS = said("Contents")  # what a screen reader calls it
FEWEST = 4  # headings; a page with fewer needs no table
_HEADING = re.compile(r"<h2>(.*?)</h2>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")


def with_contents(page: str, label: str = CONTENTS) -> str:
    """The page with an id on each second-level heading, and a list of links to them, which `label` names."""
    links: list[str] = []
    taken: set[str] = set()

    def anchored(match: re.Match[str]) -> str:
        title = " ".join(_TAG.sub("", match[1]).split())
        name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
        while name in taken:
            name += f"-{len(taken)}"
        taken.add(name)
        links.append(f'<a href="#{name}">{title}</a>')
        return f'<h2 id="{name}">{match[1]}</h2>'

    page = _HEADING.sub(anchored, page)
    contents = f'<nav aria-label="{label}">{" ".join(links)}</nav>' if len(links) >= FEWEST else ""
    return page.replace(PLACE, contents, 1)
