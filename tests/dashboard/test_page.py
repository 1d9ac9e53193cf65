"""The page in a real browser: it draws, filters, asks the network for nothing, and hostile text stays text."""

import datetime
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pytest

from tasks.config import RefreshConfig
from tasks.dashboard.content import DriftedFeature, DriftHistory, gather_content
from tasks.dashboard.page import embedded_json, render_page
from tasks.detect.stories import follow_stories
from tasks.marked import Mark, Why
from tasks.monitor.alert import Alert
from tasks.monitor.known import acknowledge, mute
from tasks.monitor.state import MonitorState, watch_name
from tasks.monitor.tables import SCORED_SCHEMA
from tests.dashboard.conftest import Browser

SCRIPT = "<script>parent.attacked=1;document.title='attacked'</script>"
HOSTILE = [
    SCRIPT,
    '"\'><img src=x onerror="parent.attacked=1">',
    "</script></bdi></li></ul></main><h1 onclick=alert(1)>",
    "{{ 7*7 }} %{y} ${alert(1)} `x`",
    "<b>bold</b><a href='javascript:parent.attacked=1'>press</a> &lt;i&gt;",
    "\u202ereversed\u2028\x1b[2J",
    "<!--<script>",
    "w" * 3000,
    "财经新闻 公司亏损扩大 🙂",
]
START = datetime.date(2019, 1, 1)
NUM_DAYS = 430


def document(day: int, number: int, **columns: Any) -> dict[str, Any]:
    text = columns.get("text", f"Sales of company {number} rose")
    time = datetime.datetime.combine(START + datetime.timedelta(day), datetime.time(9, number % 60), datetime.UTC)
    row = {"id": hashlib.sha256(f"{time} {number} {text}".encode()).digest(), "time": time, "day": time.date(), "text": text}
    row |= {"source": "inbox", "model": f"news/{1 + (day > 300)}", "label": "positive", "confidence": 0.8, "negative": 0.2}
    return row | {"tokens": 5, "unseen": 1, "topics": [("sector", "banks" if number % 2 else "energy")], "names": []} | columns


def alert(
    name: str,
    series: str,
    severity: Literal["low", "high"],
    day: int,
    *,
    kind: Literal["surge", "watchdog"] = "surge",
    **evidence: Any,
) -> Alert:
    end = (START + datetime.timedelta(day)).isoformat()
    start = (START + datetime.timedelta(day - 6)).isoformat()
    facts = {"count": 28, "negative_share": 0.41, "baseline": 0.2}
    return Alert.make(
        name,
        kind=kind,
        series=series,
        severity=severity,
        window=(start, end),
        created=0.0,
        facts=facts,
        evidence=evidence,
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A monitor of 430 days with hostile headlines, topics and names, and its page."""
    root = tmp_path_factory.mktemp("root")
    config = RefreshConfig.model_validate({"collect": {"name": "desk"}, "runtime": {"data_root": root}})
    rows = [document(day, number) for day in range(NUM_DAYS) for number in range(4)]
    bad = {"label": "negative", "negative": 0.9, "confidence": 0.9}
    for place, text in enumerate(HOSTILE):
        topics = [("sector", text[:60])]
        rows.append(document(NUM_DAYS - 1 - place, 10, text=text, source=text[:40], topics=topics, names=[text[:60]], **bad))
    rows.append(document(40, 11, text="An old loss of Nokia", names=["Nokia"], **bad))
    rows += [document(NUM_DAYS - 1, 20 + place, text=f"Loss number {place}", **bad) for place in range(60)]
    evidence: dict[str, Any] = {
        "headlines": [{"id": "0", "time": "2020-02-28T09:00:00Z", "text": text, "probability": 0.9} for text in HOSTILE],
        "words": [{"word": text} for text in HOSTILE],
    }
    with MonitorState.open(root, "desk") as state:
        with state.refresh(model="news/2", labels=["negative", "positive"]) as transaction:
            transaction.add(pa.RecordBatch.from_pylist(rows, SCORED_SCHEMA))
        alerts = [alert("desk", "all", "high", NUM_DAYS - 2, **evidence), alert("desk", "all", "low", 60, **evidence)]
        alerts.append(alert("desk", f"name:{HOSTILE[0][:60]}", "low", NUM_DAYS - 3, **evidence))
        state.store_alerts(alerts, cooldown_days=1)
        with MonitorState.open(root, watch_name("desk")) as watchdog:
            told = alert(watch_name("desk"), "refresh/desk", "high", NUM_DAYS - 1, kind="watchdog", message=HOSTILE[1])
            watchdog.store_alerts([told], cooldown_days=1)
        features = [
            DriftedFeature(HOSTILE[0], 0.3, 0.1, True, (1.0, 3.0)),
            DriftedFeature("length", 0.1, 0.2, False, (0.4, 0.5)),
        ]
        days = [(START + datetime.timedelta(NUM_DAYS - 1 - back)).isoformat() for back in (7, 0)]
        content = gather_content(state, config, DriftHistory(days, tuple(features), "its past", 28), now=1.6e9)
    path = root / "dashboard.html"
    path.write_text(render_page(content, explain_everywhere), encoding="utf-8")
    return path


def explain_everywhere(texts: Sequence[str]) -> list[Why]:
    """Marks that begin and end in the middle of whatever a text holds, and the texts themselves as words."""
    marks = [[Mark(at, at + 2, (3, -1, 2)[at % 3]) for at in range(0, len(text) - 1, 4)] for text in texts]
    return [Why(marked, [(text, 1.25)], [(text[::-1], -0.5)]) for marked, text in zip(marks, texts, strict=True)]


def visible_rows(browser: Browser, name: str) -> list[str]:
    return browser.evaluate(
        f"[...document.querySelectorAll('#{name} > li')].filter(row => !row.hidden).map(row => row.innerText)"
    )


def choose(browser: Browser, *, series: str | None = None, period: str | None = None) -> None:
    """Use the controls as a hand would: the value changes, then the event comes."""
    if series is not None:
        browser.evaluate(
            "(select => { select.value = [...select.options].findLast(o => o.text.startsWith("
            + json.dumps(series)
            + ")).value; select.dispatchEvent(new Event('change', {bubbles: true})) })(document.getElementById('series'))"
        )
    if period is not None:
        browser.evaluate(f"document.querySelector('#period input[value=\"{period}\"]').click()")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_hostile_text_is_inert_nothing_is_fetched_and_all_fits(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width=width, dark=dark)
    browser.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    assert browser.complaints == []
    assert browser.requests == [page.as_uri()]
    seen = browser.evaluate("""(() => { const all = [...document.querySelectorAll('*')]; return {
        attacked: window.attacked === 1 || document.title.startsWith('attacked'),
        scripts: document.scripts.length, images: document.images.length, headings: document.querySelectorAll('h1').length,
        links: all.filter(e => e.tagName.toLowerCase() === 'a' && (e.href.baseVal ?? e.href)).length,
        handlers: all.filter(e => [...e.attributes].some(a => /^on/i.test(a.name))).length,
        bold: [...document.querySelectorAll('svg tspan')].filter(e => e.style.fontWeight === 'bold').length,
        overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        labels: [...document.querySelectorAll('svg text')].map(e => e.textContent).join(' '),
        text: document.querySelector('main').innerText }})()""")
    assert not seen["attacked"]
    assert [seen[name] for name in ("scripts", "images", "headings", "links", "handlers", "bold")] == [3, 0, 1, 0, 0, 0]
    assert seen["overflow"] == 0
    assert SCRIPT in seen["text"]
    assert "{{ 7*7 }} %{y} ${alert(1)} `x`" in seen["text"]
    assert "[U+202E]reversed[U+2028]" in seen["text"]
    assert "财经新闻 公司亏损扩大" in seen["text"]
    assert "<b>bold</b>" in seen["labels"]
    assert not re.search("[\u202e\u2028\x1b]", page.read_text(encoding="utf-8"))


def test_the_filters_work_together(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.evaluate("document.querySelector('#period input:checked').value") == "365"
    assert len(visible_rows(browser, "alerts")) == 3  # the low one of day 60 is older than a year
    choose(browser, period="0")
    assert len(visible_rows(browser, "alerts")) == 4
    assert browser.evaluate("document.getElementById('now-documents').textContent") == f"{NUM_DAYS * 4 + len(HOSTILE) + 61:,}"
    assert len(visible_rows(browser, "headlines")) == 50
    browser.evaluate("document.getElementById('more-headlines').click()")
    assert len(visible_rows(browser, "headlines")) == len(HOSTILE) + 61

    choose(browser, series="Nokia")
    assert visible_rows(browser, "alerts") == []
    (only,) = visible_rows(browser, "headlines")
    assert "An old loss of Nokia" in only
    choose(browser, period="30")
    assert visible_rows(browser, "headlines") == []
    assert browser.evaluate("document.getElementById('no-headlines').offsetHeight") > 0
    assert browser.evaluate("document.getElementById('now-index').textContent") == "\u2013"

    choose(browser, series=SCRIPT[:40])
    (surge,) = visible_rows(browser, "alerts")
    assert surge.startswith("low")
    assert len(visible_rows(browser, "headlines")) == 1
    assert browser.complaints == []


def test_each_headline_says_which_words_decided_without_a_script(browser: Browser, page: Path) -> None:
    browser.open(page, width=390)
    whys = browser.evaluate(
        "[...document.querySelectorAll('#headlines > li:not([hidden])')].map(row => row.querySelector('.why').open)"
    )
    assert whys
    assert not any(whys)
    browser.evaluate("document.querySelector('#headlines .why summary').click()")
    opened = browser.evaluate("document.querySelector('#headlines .why').innerText")
    assert "for negative" in opened
    assert "+1.25" in opened
    assert "\u22120.50" in opened
    assert browser.evaluate("document.querySelectorAll('#alerts .why').length") > 0
    assert browser.complaints == []


def test_the_page_of_a_model_that_cannot_tell_says_so_once(tmp_path: Path) -> None:
    config = RefreshConfig.model_validate({"collect": {"name": "desk"}, "runtime": {"data_root": tmp_path}})
    with MonitorState.open(tmp_path, "desk") as state:
        with state.refresh(labels=["negative", "positive"]) as transaction:
            transaction.add(pa.RecordBatch.from_pylist([document(4, 1, label="negative")], SCORED_SCHEMA))
        page = render_page(gather_content(state, config, None, now=1.6e9), unexplained="news/3 <b>was</b> packaged long ago")
    assert page.count("The words that decided are not shown") == 1
    assert "news/3 &lt;b&gt;was&lt;/b&gt; packaged long ago" in page
    assert '<details class="why">' not in page


def test_the_charts_show_what_was_counted(browser: Browser, page: Path) -> None:
    browser.open(page)
    choose(browser, period="0")
    drawn = browser.evaluate("""(() => { const chart = document.getElementById('index-chart'); return {
        days: chart.data[3].x.length, last: chart.data[3].y.at(-1), first: chart.data[3].x[0],
        high: chart.data[5].x, low: chart.data[4].x, marks: chart.layout.annotations.map(a => a.text) }})()""")
    start, end = (START + datetime.timedelta(day) for day in (0, NUM_DAYS - 1))
    assert (drawn["days"], drawn["first"]) == (NUM_DAYS, start.isoformat())
    # The last window: 28 documents at 0.2, and at 0.9 the seven hostile ones of its days and the sixty of the last day.
    assert drawn["last"] == pytest.approx((28 * 0.2 + 67 * 0.9) / 95, abs=6e-4)
    assert drawn["high"] == [(end - datetime.timedelta(1)).isoformat()]
    assert drawn["low"] == [(START + datetime.timedelta(60)).isoformat()]
    assert drawn["marks"] == ["news/2"]
    bars = browser.evaluate("document.querySelector('.by-group').data[0].x.length")
    assert bars == len(HOSTILE) + 2
    assert browser.evaluate("document.getElementById('drift-chart').data.map(trace => trace.y)") == [[1.0, 3.0], [0.4, 0.5]]


@pytest.mark.parametrize("width", [1280, 390])
def test_no_panel_hides_a_date_of_the_axis(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    choose(browser, period="30")  # days, whose first date has its year on a second line
    hidden = """(() => {
      const chart = document.getElementById('index-chart'), top = chart.getBoundingClientRect().top;
      const axes = [chart._fullLayout.yaxis, chart._fullLayout.yaxis2];
      const panels = axes.map(axis => [top + axis._offset, top + axis._offset + axis._length]);
      const dates = [...chart.querySelectorAll('.xtick text')].map(date => [date.textContent, date.getBoundingClientRect()]);
      const under = dates.filter(([, box]) => panels.some(([start, end]) => box.bottom > start + 1 && box.top < end - 1));
      return [dates.length, dates.some(([text]) => /\\d{4}/.test(text)), under.map(([text]) => text)];
    })()"""
    dates, with_year, under = browser.evaluate(hidden)
    assert dates > 1
    assert with_year
    assert under == []


def test_a_press_on_a_bar_shows_its_curve(browser: Browser, page: Path) -> None:
    browser.open(page)
    number = browser.evaluate("""(() => { const bars = document.querySelector('.by-group');
        const place = bars.data[0].customdata.at(-1);
        bars.emit('plotly_click', {points: [{customdata: place}]}); return place })()""")
    assert browser.evaluate("Number(document.getElementById('series').value)") == number


def test_colours_follow_the_scheme_while_the_page_is_open(browser: Browser, page: Path) -> None:
    browser.open(page, dark=False)
    light = browser.evaluate("document.getElementById('index-chart').layout.font.color")
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.wait(f"document.getElementById('index-chart').layout.font.color !== {json.dumps(light)}")


def test_the_browser_tests_would_see_an_attack_and_a_request(browser: Browser, tmp_path: Path) -> None:
    attacked = tmp_path / "attacked.html"
    attacked.write_text(f"<html data-drawn=yes><body>{SCRIPT}<img src='http://127.0.0.1:9/x.png'>")
    browser.open(attacked)
    assert browser.evaluate("window.attacked") == 1
    assert "http://127.0.0.1:9/x.png" in browser.requests
    assert browser.complaints


def test_the_page_is_small_enough_to_be_sent(page: Path) -> None:
    assert page.stat().st_size < 6_000_000


def test_a_monitor_without_documents_has_a_page_too(tmp_path: Path) -> None:
    config = RefreshConfig.model_validate({"collect": {"name": "desk"}, "runtime": {"data_root": tmp_path}})
    with MonitorState.open(tmp_path, "desk") as state:
        page = render_page(gather_content(state, config, None, now=1.6e9))
    assert "No document has been scored yet" in page
    assert "spoke for" not in page
    assert "<script" not in page


@pytest.mark.parametrize("text", HOSTILE)
def test_no_character_of_embedded_json_means_anything_to_html(text: str) -> None:
    written = embedded_json({"title": text})
    assert not re.search("[<>&\u2028]", written)
    assert json.loads(written) == {"title": text}


def test_copies_of_a_text_are_one_headline_that_says_how_many(tmp_path: Path) -> None:
    config = RefreshConfig.model_validate({"collect": {"name": "desk"}, "runtime": {"data_root": tmp_path}})
    loss = "Harbour company warns of a heavy loss after the flood"
    bad = {"label": "negative", "negative": 0.9, "confidence": 0.9}
    rows = [document(9, number, text=text, source=f"feed {number}", **bad) for number, text in enumerate([loss, loss.upper()])]
    rows.append(document(10, 5, text=f"{loss} - <b>Wire</b>", source="feed 1", **bad))
    rows.append(document(10, 6, text="Another loss", **bad))
    with MonitorState.open(tmp_path, "desk") as state:
        with state.refresh(labels=["negative", "positive"]) as transaction:
            transaction.add(pa.RecordBatch.from_pylist(rows, SCORED_SCHEMA))
            follow_stories(state, config.detect)
        content = gather_content(state, config, None, now=1.6e9)
    assert [headline.copies for headline in content.headlines] == [
        "",
        "in 3 copies from 2 sources, first seen 2019-01-10 09:00",
    ]
    page = render_page(content)
    assert page.count("in 3 copies from 2 sources, first seen 2019-01-10 09:00") == 1
    assert page.count("heavy loss") + page.count("HEAVY LOSS") == 1


def test_what_the_desk_knows_of_an_alert_stands_beside_it(tmp_path: Path) -> None:
    config = RefreshConfig.model_validate({"collect": {"name": "desk"}, "runtime": {"data_root": tmp_path}})
    with MonitorState.open(tmp_path, watch_name("desk")) as watchdog:
        late = alert(watch_name("desk"), "train/nightly", "low", 5, kind="watchdog", message="failed")
        watchdog.store_alerts([late], cooldown_days=0)
        acknowledge(watchdog, late.id, by="ann", note="<b>disk</b>", now=late.created)
    with MonitorState.open(tmp_path, "desk") as state:
        with state.refresh(labels=["negative", "positive"]) as transaction:
            transaction.add(pa.RecordBatch.from_pylist([document(4, 1)], SCORED_SCHEMA))
        surge = alert("desk", "all", "high", 4)
        mute(state, "all", "2999-01-01", by="bob", now=surge.created - 60)
        state.store_alerts([surge], cooldown_days=0, channels=["pager"])
        page = render_page(gather_content(state, config, None, now=1.6e9))
    assert "muted until 2999-01-01 by bob: not sent" in page
    assert "by ann (&lt;b&gt;disk&lt;/b&gt;)" in page
