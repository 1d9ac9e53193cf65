"""The names whose news have changed most, as a table on the page."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from tasks.config import RefreshConfig
from tasks.dashboard.companies import changed_names
from tasks.dashboard.content import gather_content
from tasks.dashboard.page import render_page
from tasks.monitor.state import MonitorState
from tasks.monitor.tables import COUNTS_SCHEMA, SCORED_SCHEMA
from tests.dashboard.test_page import document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.dashboard.conftest import Browser

FIRST = datetime.date(2024, 1, 1)
DAYS = 120
MOST = {"window": 7, "baseline": 90, "most": 10}


def counts(**shares: tuple[int, float, int, float]) -> pa.Table:
    """Of each name so many documents a day with that mean probability before the last week, and in it."""
    rows = []
    for day in range(DAYS):
        named = {f"name:{name}": (share[:2] if day < DAYS - 7 else share[2:]) for name, share in shares.items()}
        for series, (documents, probability) in ({"all": (9, 0.2)} | named).items():
            if documents:
                mass = round(1e6 * documents * probability)
                rows.append((series, (FIRST + datetime.timedelta(day)).isoformat(), documents, 0, mass))
    return pa.Table.from_pylist([dict(zip(COUNTS_SCHEMA.names, row, strict=True)) for row in rows], COUNTS_SCHEMA)


def test_the_surest_changes_come_first() -> None:
    table = counts(
        Worse=(4, 0.2, 4, 0.7),
        Same=(4, 0.3, 4, 0.3),
        Better=(4, 0.6, 4, 0.2),
        Rare=(0, 0.0, 1, 0.9),
        Few=(1, 0.2, 1, 0.7),
        Gone=(3, 0.5, 0, 0.0),
    )
    found = changed_names(table, **MOST)
    assert [each.name for each in found] == ["Worse", "Better", "Few", "Same"]  # Rare was never heard of before
    worse = found[0]
    assert (worse.documents, worse.documents_before) == (28, 360)
    assert (worse.now, worse.before) == pytest.approx((0.7, 0.2))
    assert worse.deviate > 4 > found[1].change == pytest.approx(-0.4)
    assert len(worse.line.split()) == 91
    assert [each.name for each in changed_names(table, **MOST | {"most": 1})] == ["Worse"]
    assert changed_names(table, **MOST | {"most": 0}) == []
    assert changed_names(COUNTS_SCHEMA.empty_table(), **MOST) == []


def rows_of(day: int) -> list[dict[str, Any]]:
    """Every day a document about two names of opposite sign, one of them with a hostile name in the last week."""
    bad = day >= DAYS - 7
    names = ["<b>Ostby</b>", "Corvane"]

    def told(signs: Mapping[str, bool]) -> list[dict[str, Any]]:
        return [
            {"name": name, "label": "negative" if sign else "positive", "negative": 0.9 if sign else 0.1, "from": "clause"}
            for name, sign in signs.items()
        ]

    towards = told({names[0]: bad, names[1]: not bad})
    return [
        document(day, number, text=f"Corvane and Ostby {number} {day}", names=names, towards=towards) for number in range(3)
    ]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a monitor in which one name got worse and one better, though no text is negative."""
    root = tmp_path_factory.mktemp("root")
    config = RefreshConfig.model_validate({"collect": {"name": "desk"}, "runtime": {"data_root": root}})
    with MonitorState.open(root, "desk") as state:
        with state.refresh(model="news/2", labels=["negative", "positive"]) as transaction:
            rows = [row for day in range(DAYS) for row in rows_of(day)]
            transaction.add(pa.RecordBatch.from_pylist(rows, SCORED_SCHEMA))
        content = gather_content(state, config, None, now=1.6e9)
    path = root / "dashboard.html"
    path.write_text(render_page(content), encoding="utf-8")
    return path


def test_the_page_lists_the_names_and_a_press_shows_the_curve(browser: Browser, page: Path) -> None:
    for width in (1280, 390):
        browser.open(page, width=width)
        cells = browser.evaluate("[...document.querySelectorAll('#changed-names tbody tr')].map(row => row.innerText)")
        assert [" ".join(cell.split())[:12] for cell in cells] == ["<b>Ostby</b>", "Corvane 21 1"]
        assert browser.evaluate("document.querySelectorAll('#changed-names polyline').length") == 2
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")
        browser.evaluate("document.querySelector('[data-show]').click()")
        assert browser.evaluate("document.getElementById('series').selectedOptions[0].text") == "<b>Ostby</b>"
        shown = "[...document.querySelectorAll('#headlines > li')].filter(row => !row.hidden).length"
        assert browser.evaluate(shown) == 21  # the last week's, which are negative towards this name
        series = "document.getElementById('series')"
        browser.evaluate(f"{series}.value = '0'; {series}.dispatchEvent(new Event('change', {{bubbles: true}}))")
        assert browser.evaluate(shown) == 0  # no text is negative
        assert browser.complaints == []
    assert "Corvane</bdi> 10.0%" in page.read_text(encoding="utf-8")
