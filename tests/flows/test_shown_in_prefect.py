"""What Prefect's pages are handed of a refresh: they read it as Markdown, the cells of a table too."""

from __future__ import annotations

import http.server
import threading
from typing import Any

import pytest
from markdown_it import MarkdownIt
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.refresh import show_in_prefect

FIGURES: dict[str, Any] = {
    "found": 1,
    "scored": 1,
    "duplicates": 0,
    "quarantined": 0,
    "report": "dashboard.html",
    "drift": [],
    "alerts": [],
    "warnings": [],
    "today": {"expected": None, "changed": None},
    "not_judged": {"summary": ""},
    "watch_list": {"entries": 0, "not_found": []},
}
HOSTILE = ["[press](javascript:alert(1))", "![x](http://evil.example/x.png)", "<b>bold</b>", "` <i>x</i> `", "a\n# heading"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_names_are_no_markdown(monkeypatch: pytest.MonkeyPatch, hostile: str) -> None:
    given: list[Any] = []
    monkeypatch.setattr("flows.refresh.create_markdown_artifact", lambda text, **_: given.append(text))
    monkeypatch.setattr("flows.refresh.create_table_artifact", lambda rows, **_: given.append(rows))
    figures = FIGURES | {"report": f"/root/{hostile}/dashboard.html", "warnings": [hostile]}
    figures["not_judged"] = {"summary": f"1 of 2 series are not judged ({hostile} 1 of 20 documents)"}
    cause = {"kind": "source", "name": hostile, "share": 0.3, "share_before": 0.0, "words": [hostile]}
    changed = {"auc": 0.7, "interval": [0.6, 0.8], "rest_auc": 0.5, "causes": [cause]}
    figures["today"] = {"expected": None, "changed": changed}
    missing = {"entry": hostile, "since": "2024-01-01", "documents": 3}
    figures["watch_list"] = {"entries": 2, "not_found": [missing]}
    names = {"name": "desk", "model": {"name": hostile, "version": "1"}, "drift": [{"feature": hostile, "drifted": True}]}
    show_in_prefect({**figures, **names, "alerts": [{"series": f"topic:{hostile}", "window_start": "2024-01-20", "count": 28}]})
    markdown, table = given
    for text in (markdown, table[0]["series"]):
        tokens = [token for block in MarkdownIt("commonmark").parse(text) for token in (block, *(block.children or ()))]
        assert not {"html_block", "html_inline", "link_open", "image", "heading_open"} & {token.type for token in tokens}
    assert len(markdown.splitlines()) == 5 + 4
    assert table[0]["window_start"] == "2024-01-20"
    assert table[0]["count"] == 28
    assert [line.partition(": ")[0] for line in markdown.splitlines()[5:]] == ["- changed", "- mute", "- watch", "- warning"]
    assert "- watch: 1 of 2 entries found in none of the 3 documents since 2024-01-01: " in markdown


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::FutureWarning")  # Prefect: an artifact belongs to a run
def test_a_server_that_is_down_is_tried_twice(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    class Down(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Down) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}/api"
            with temporary_settings({PREFECT_API_URL: url, PREFECT_CLIENT_MAX_RETRIES: 3}):
                show_in_prefect(FIGURES | {"name": "desk", "model": {"name": "news", "version": "1"}})
        finally:
            server.shutdown()
            thread.join()
    assert len(asked) == 2, asked
    assert "Prefect shows no figures of this refresh" in caplog.text
