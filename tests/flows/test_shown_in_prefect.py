"""What Prefect's pages are handed of a refresh: they read it as Markdown, the cells of a table too."""

from __future__ import annotations

from typing import Any

import pytest
from markdown_it import MarkdownIt

from flows.refresh import show_in_prefect

HOSTILE = ["[press](javascript:alert(1))", "![x](http://evil.example/x.png)", "<b>bold</b>", "` <i>x</i> `", "a\n# heading"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_are_no_markdown(monkeypatch: pytest.MonkeyPatch, hostile: str) -> None:
    given: list[Any] = []
    monkeypatch.setattr("flows.refresh.create_markdown_artifact", lambda text, **_: given.append(text))
    monkeypatch.setattr("flows.refresh.create_table_artifact", lambda rows, **_: given.append(rows))
    figures = {"found": 1, "scored": 1, "duplicates": 0, "quarantined": 0, "report": f"/root/{hostile}/dashboard.html"}
    names = {"name": "desk", "model": {"name": hostile, "version": "1"}, "drift": [{"feature": hostile, "drifted": True}]}
    show_in_prefect({**figures, **names, "alerts": [{"series": f"topic:{hostile}", "window_start": "2024-01-20", "count": 28}]})
    markdown, table = given
    for text in (markdown, table[0]["series"]):
        tokens = [token for block in MarkdownIt("commonmark").parse(text) for token in (block, *(block.children or ()))]
        assert not {"html_block", "html_inline", "link_open", "image", "heading_open"} & {token.type for token in tokens}
    assert len(markdown.splitlines()) == 5
    assert table[0]["window_start"] == "2024-01-20"
    assert table[0]["count"] == 28
