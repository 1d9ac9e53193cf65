"""The page in Chinese, in a real browser: no sentence of it is left in English, and dates are written as Chinese ones."""

import datetime
import hashlib
import re
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pytest

from tasks.config import RefreshConfig
from tasks.dashboard.content import DriftedFeature, DriftHistory, gather_content
from tasks.dashboard.drifting import REFERENCES, TITLES
from tasks.dashboard.page import render_page
from tasks.marked import Mark, Why
from tasks.monitor.alert import Alert
from tasks.monitor.known import acknowledge, mute
from tasks.monitor.state import MonitorState
from tasks.monitor.tables import SCORED_SCHEMA
from tasks.monitor.watched import begin_watching
from tasks.store.digests import canonical
from tasks.today.kept import CHANGE, STANDING
from tasks.wording.sentence import as_evidence, said
from tests.dashboard.conftest import Browser

START = datetime.date(2025, 11, 3)
NUM_DAYS = 120
FOREIGN = re.compile(r"UTC|AUC|JavaScript|--[a-z-]+\.[a-z-]+")  # what is the same in Chinese, options among them
EXPECTED = {
    "model": "模型/2",
    "window_start": "2026-02-01",
    "window_end": "2026-02-28",
    "documents": 1200,
    "accuracy": 0.81,
    "accuracy_interval": [0.79, 0.83],
    "macro_f1": 0.78,
    "macro_f1_interval": [0.75, 0.8],
    "promised_accuracy": 0.9,
    "promised_macro_f1": 0.88,
    "below_promise": True,
    "reliable": False,
    "why_unreliable": "length drifted from the training data",
    "drifted": ["length"],
    "shares_changed": True,
    "labelled": {"random": 40, "random_right": 30, "interval": [0.6, 0.86], "chosen": 10, "chosen_right": 4},
}
CAUSE = {
    "name": "通讯社",
    "share": 0.4,
    "share_before": 0.0,
    "words": ["停产"],
    "headlines": [{"text": "停产整改", "source": "甲"}],
}
CHANGED = {
    "window_start": "2026-02-01",
    "window_end": "2026-02-28",
    "before_start": "2025-11-03",
    "documents": 1200,
    "documents_before": 1500,
    "auc": 0.8,
    "interval": [0.78, 0.82],
    "rest_auc": 0.6,
    "causes": [{"kind": "source", **CAUSE}, {"kind": "topic", **CAUSE}, {"kind": "world", **CAUSE}],
}


def alert(severity: Literal["low", "high"], day: int, kind: str = "surge", message: str = "", **evidence: Any) -> Alert:
    days = [(START + datetime.timedelta(day - back)).isoformat() for back in (6, 0)]
    facts = {
        "count": 28,
        "negative_share": 0.41,
        "baseline": 0.2,
        "baseline_count": 900,
        "counted": "stories",
        "false_alarms": 3,
    }
    return Alert.make(
        "看台",
        kind=kind,
        series="all" if kind == "surge" else "length",
        severity=severity,
        window=(days[0], days[1]),
        created=1.78e9,
        facts=facts,
        evidence={**evidence, **(as_evidence(message) if message else {})},
    )


def rows() -> list[dict[str, Any]]:
    found = []
    for number in range(NUM_DAYS * 3):
        time = datetime.datetime.combine(START + datetime.timedelta(number // 3), datetime.time(9, number % 60), datetime.UTC)
        bad = number % 9 == 0
        row = {"id": hashlib.sha256(str(number).encode()).digest(), "time": time, "day": time.date(), "source": "来源"}
        row |= {
            "text": f"云杉电子：公告 {number}",
            "model": f"模型/{1 + (number > 200)}",
            "confidence": 0.8,
            "tokens": 5,
            "unseen": 1,
        }
        row |= {"label": "利空" if bad else "利好", "negative": 0.9 if bad else 0.2, "topics": [("行业", "电子")]}
        found.append(row | {"names": ["云杉电子"] if number % 50 == 0 else []})
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    sections = {"collect": {"name": "看台"}, "detect": {"negative": "利空"}, "dashboard": {"language": "zh"}}
    config = RefreshConfig.model_validate({**sections, "runtime": {"data_root": root}})
    headline = {"id": "0", "time": "2026-02-28T09:00:00Z", "text": "停产整改", "probability": 0.9}
    headline |= {"copies": 3, "sources": 2, "first_seen": "2026-02-27T08:00:00+00:00"}
    drifted = said("{features} drifted; {deployment} is started", features=said("length"), deployment="训练")
    alerts = [
        alert("high", NUM_DAYS - 2, headlines=[headline], words=[{"word": "停产"}]),
        alert("low", NUM_DAYS - 40),
        alert("low", NUM_DAYS - 3, "drift", message=drifted),
    ]
    with MonitorState.open(root, "看台") as state:
        with state.refresh(labels=["利好", "利空"], negative="利空") as transaction:
            transaction.add(pa.RecordBatch.from_pylist(rows(), SCORED_SCHEMA))
            begin_watching(state, ["云杉电子", "蓝溪药业"], "2025-11-03")
        mute(state, "all", "2999-01-01", by="甲", note="已知", now=1.7e9)
        state.store_alerts(alerts, cooldown_days=1)
        acknowledge(state, alerts[2].id, by="乙", now=1.79e9)
        state.keep_setting(STANDING, canonical(EXPECTED))
        state.keep_setting(CHANGE, canonical(CHANGED))
        features = [DriftedFeature(TITLES["length"], 0.3, 0.1, True, (1.0, 3.0))]
        features.append(DriftedFeature(TITLES["unseen"], 0.1, 0.2, False, (0.4, 0.5)))
        days = [(START + datetime.timedelta(NUM_DAYS - 1 - back)).isoformat() for back in (7, 0)]
        content = gather_content(state, config, DriftHistory(days, tuple(features), REFERENCES["training"], 28), now=1.78e9)
    path = root / "dashboard.html"
    path.write_text(
        render_page(content, lambda texts: [Why([Mark(0, 1, 2)], [("停产", 1.5)], [("利润", -0.5)]) for _ in texts]),
        encoding="utf-8",
    )
    return path


def all_that_is_said(browser: Browser) -> list[str]:
    """Texts of the page and of its charts, what a screen reader is told, and what hovering shows."""
    return browser.evaluate("""(() => {
        document.querySelectorAll('details').forEach(each => each.open = true);
        const said = [document.title, document.body.innerText], charts = [...document.querySelectorAll('.js-plotly-plot')];
        for (const each of document.querySelectorAll('[aria-label]')) said.push(each.getAttribute('aria-label'));
        for (const each of document.querySelectorAll('option, optgroup')) said.push(each.label || each.text);
        for (const each of document.querySelectorAll('svg text')) said.push(each.textContent);
        for (const each of document.querySelectorAll('noscript')) said.push(each.textContent.replace(/<[^>]*>/g, ''));
        for (const chart of charts) for (const trace of chart.data) {
            said.push(trace.name || '', ...[trace.text || []].flat());
            said.push((trace.hovertemplate || '').replace(/%{[^}]*}|<[^>]*>/g, ''));
        }
        return said;
    })()""")


@pytest.mark.parametrize("width", [1280, 390])
def test_no_sentence_is_left_in_english(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    assert browser.complaints == []
    said_there = [line for text in all_that_is_said(browser) for line in text.splitlines()]
    assert [text for text in said_there if re.search("[A-Za-z]{2}", FOREIGN.sub("", text))] == []
    assert browser.evaluate("document.documentElement.lang") == "zh-Hans"
    assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_dates_numbers_and_quotes_are_chinese(browser: Browser, page: Path) -> None:
    browser.open(page)
    text = "\n".join(all_that_is_said(browser))
    for told in (
        "2025年11月3日至2026年3月2日的 360 篇文档，利空 的平均概率。",
        "截至2026年3月1日的 7 天里，全部文档中的 28 篇报道平均负面概率为 41.0%；此前的 900 篇为 20.0%。",
        "甲 已静音至2999年1月1日（已知）：未发送",
        "共 3 份，来自 2 个来源，最早见于2026年2月27日 08:00",
        "长度发生漂移；启动 训练",
        "不可靠：长度已偏离训练数据。",
        "出现新来源 通讯社：占文档的 40%，此前 0%",
        "2025年11月3日以来的 360 篇文档中没有",
        "严重警报：41.0%，此前 20.0%",
    ):
        assert told in text
    ticks = browser.evaluate("[...document.querySelectorAll('#index-chart .xtick text')].map(each => each.textContent)")
    assert len(ticks) > 2
    assert all(re.fullmatch(r"(\d{4}年)?(\d+月)?(\d+日)?(\d{4}年)?(\d+月)?", tick) for tick in ticks), ticks
