"""Causes planted in made news are found by the words of a surge, and without one there is no word."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from tasks.detect.explain import telling_words
from tasks.prepare.word_lists import LISTS, listed_stop_words

if TYPE_CHECKING:
    from collections.abc import Sequence


class Language(NamedTuple):
    """Parts of headlines; `of_cause` are the words that only the planted cause has."""

    who: list[str]
    bad: list[str]
    neutral: list[str]
    good: list[str]
    season: list[str]
    when: list[str]
    cause: list[str]
    of_cause: str
    joint: str


ENGLISH = Language(
    who=[
        "Acme",
        "Borealis",
        "Cobalt",
        "Dynex",
        "Elmwood",
        "Fairline",
        "Gantry",
        "Halcyon",
        "Ironside",
        "Juniper",
        "Kestrel",
        "Lumen",
        "Meridian",
        "Norwood",
    ],
    bad=[
        "reports a loss",
        "cuts jobs",
        "warns on profit",
        "sales slump",
        "shares tumble",
        "fined by the regulator",
        "misses forecasts",
        "closes a plant",
        "sued by investors",
        "debt is downgraded",
        "halts its dividend",
        "recalls a product",
        "chief quits",
        "orders fall",
    ],
    neutral=[
        "names a director",
        "opens an office in Leeds",
        "moves its head office",
        "files its report",
        "changes its auditor",
    ],
    good=["profit rises", "wins a large order", "raises its forecast", "sales beat hopes", "shares climb", "expands in Asia"],
    season=["event is held in March", "will launch at an event", "conference held for partners"],
    when=[
        "this week",
        "in the quarter",
        "on Monday",
        "for the third year",
        "after a review",
        "at home and abroad",
        "as expected",
    ],
    cause=[
        "flood closes the harbour",
        "flooded plant is shut",
        "dam breaks and floods the town",
        "harbour flood costs millions",
        "floods hit the harbour",
        "dam and harbour damaged",
    ],
    of_cause="flood harbour flooded shut dam breaks floods town costs millions hit damaged plant closes",
    joint=" ",
)
CHINESE = Language(
    who=["宏远", "博康", "长河", "德昌", "恒信", "嘉业", "金辉", "凯胜", "联创", "明达", "南方", "鹏程", "启航", "瑞丰"],
    bad=[
        "公布亏损",
        "宣布裁员",
        "发布盈利预警",
        "销售额下滑",
        "股价大跌",
        "遭监管部门罚款",
        "业绩不及预期",
        "关闭工厂",
        "被投资者起诉",
        "债券评级下调",
        "暂停分红",
        "召回产品",
        "董事长辞职接受调查",
        "订单大幅减少",
    ],
    neutral=["任命新董事", "在深圳设立办事处", "迁移总部", "提交年度报告", "更换审计机构", "召开股东大会"],
    good=["利润增长", "赢得大额订单", "上调全年预测", "销售好于预期", "股价上涨", "拓展亚洲市场"],
    season=["三月举行活动", "将在活动上推出新品", "举办合作伙伴大会"],
    when=["本周", "第一季度", "周一", "连续第三年", "经过审查", "国内外市场", "符合预期"],
    cause=["因洪水关闭港口", "厂房被洪水淹没停产", "水库溃坝冲毁厂房", "港口洪水损失惨重", "洪水袭击港口", "水库溃坝港口受损"],
    of_cause="洪水 港口 厂房 淹没 停产 水库 溃坝 冲毁 损失惨重 损失 惨重 袭击 受损",
    joint="，",
)
LANGUAGES = {"english": ENGLISH, "chinese": CHINESE}
PROBABILITIES = {"bad": (6, 2), "cause": (6, 2), "neutral": (1, 6), "good": (1, 12), "season": (1, 12)}


def news(source: np.random.Generator, language: Language, num: int, shares: dict[str, float]) -> pa.Table:
    """So many headlines, of the kinds in `shares`, the rest good and neutral; a model takes one in twelve for another kind."""
    kinds = [*shares, "neutral", "good"]
    rest = (1 - sum(shares.values())) / 2
    texts, negative = [], []
    for kind in source.choice(kinds, size=num, p=[*shares.values(), rest, rest]):
        who, what, when = (str(source.choice(part)) for part in (language.who, getattr(language, kind), language.when))
        texts.append(f"{who}{language.joint.strip('，')}{what}{language.joint}{when}")
        taken_for = kind if source.random() > 1 / 12 else str(source.choice(["bad", "neutral", "good"]))
        negative.append(float(source.beta(*PROBABILITIES[taken_for])))
    return pa.table({"text": texts, "negative": pa.array(negative, pa.float32())})


def words(language: Language, num: int, seed: int, **shares: float) -> list[str]:
    source = np.random.default_rng(seed)
    before = news(source, language, num * 120 // 7, {"bad": 0.15})
    found = telling_words(news(source, language, num, {"bad": 0.15} | shares), before, 15)
    assert all(row["documents"] >= row["negative"] >= 3 for row in found)
    return [row["word"] for row in found]


SIZES = [(40, 20, 0.75), (140, 8, 1.0), (700, 2, 1.0)]


@pytest.mark.long
@pytest.mark.parametrize(("num", "seeds", "wanted"), SIZES)
@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_a_planted_cause_is_named_and_hardly_anything_else(language: Language, num: int, seeds: int, wanted: float) -> None:
    found = [words(language, num, seed, cause=0.2) for seed in range(seeds)]
    own = set(language.of_cause.split())
    assert sum(bool(each) and each[0] in own for each in found) >= wanted * seeds
    shown = [word for each in found for word in each]
    assert sum(word in own for word in shown) >= 0.95 * len(shown)


@pytest.mark.long
@pytest.mark.parametrize(("num", "seeds", "wanted"), SIZES)
@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_without_a_cause_no_word_stands_out(language: Language, num: int, seeds: int, wanted: float) -> None:
    found = [words(language, num, 100 + seed, bad=0.35) for seed in range(seeds)]
    assert sum(map(bool, found)) <= 0.1 * seeds


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_words_of_good_and_neutral_news_are_not_named(language: Language) -> None:
    season = {word for part in language.season for word in part.split()}
    season |= {"活动", "举行", "推出", "举办", "大会", "新品", "合作伙伴"}
    for seed in range(3):
        assert words(language, 140, seed, season=0.5, bad=0.3) == []
        shown = words(language, 140, seed, season=0.4, cause=0.2)
        assert shown
        assert not season & set(shown)


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_a_model_that_seldom_says_negative_still_shows_the_cause(language: Language) -> None:
    source = np.random.default_rng(5)
    before, window = (
        news(source, language, num, {"bad": 0.15} | shares) for num, shares in ((2400, {}), (140, {"cause": 0.2}))
    )
    after, earlier = (
        table.set_column(1, "negative", pa.array(table["negative"].to_numpy() * 0.45, pa.float32()))
        for table in (window, before)
    )
    shown = telling_words(after, earlier, 15)
    assert shown
    assert shown[0]["word"] in language.of_cause.split()


def test_stop_words_are_never_shown() -> None:
    stop_words: Sequence[str] = [word for language in LISTS for word in listed_stop_words(language)]
    text = " ".join(["Oil", *stop_words, "don’t"])
    before = pa.table({"text": ["Gas up"] * 200, "negative": pa.array([0.9] * 200, pa.float32())})
    window = pa.table({"text": [text] * 30, "negative": pa.array([0.9] * 30, pa.float32())})
    assert [row["word"] for row in telling_words(window, before, 500)] == ["oil"]


def test_nothing_to_compare_shows_no_word() -> None:
    some = pa.table({"text": ["Oil falls"] * 9, "negative": pa.array([0.9] * 9, pa.float32())})
    assert telling_words(some, some.slice(0, 0), 5) == []
    assert telling_words(some.slice(0, 0), some, 5) == []
    empty = pa.table({"text": ["…"] * 9, "negative": pa.array([0.9] * 9, pa.float32())})
    assert telling_words(empty, empty, 5) == []
