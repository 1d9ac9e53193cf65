"""Alerts about any text: one line that is JSON, and a title and lines in which nothing acts."""

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tasks.monitor.alert import Alert
from tasks.notify.message import as_json, body, title
from tasks.shown import MAX_TEXT
from tests.fuzz.bounded import texts

TEXTS = texts(
    "\x1b[2J @everyone <!channel> <script> \r\n *b* [x](http://e) \u202e {{7*7}} ${X} %s \0 \ud83d & ` ~~ || :// \u2028 \x9b31m"
) | st.text(max_size=5).map(lambda text: text * 200)
ACTING = set("@<>&`*_~|[]")
REORDER = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


@given(TEXTS, st.lists(TEXTS, max_size=3), st.lists(TEXTS, max_size=3), st.none() | TEXTS)
def test_any_text(series: str, headlines: list[str], words: list[str], message: str) -> None:
    evidence = {"headlines": [{"text": text} for text in headlines], "words": [{"word": word} for word in words]}
    alert = Alert(
        id="0" * 16,
        kind="drift" if message is not None else "surge",
        series=series,
        severity="high",
        window_start="2020-05-01",
        window_end="2020-05-07",
        created=0.0,
        facts={"count": 100, "negative_share": 0.25, "baseline": 0.1},
        evidence=evidence | ({"message": message} if message is not None else {}),
    )
    line = as_json(alert)
    line.encode()
    assert line.isprintable()
    assert len(json.loads(line)["evidence"]["headlines"]) == len(headlines)
    assert "\n" not in title(alert)
    for shown in [title(alert).removeprefix("[high]"), *body(alert).splitlines()]:
        shown.encode()
        assert not set(shown) & ACTING
        assert "://" not in shown
        assert not [
            c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(c) in REORDER
        ]
        assert len(shown) < 16 * MAX_TEXT
