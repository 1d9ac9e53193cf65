"""Sentences about two invented companies of which one does well and the other does not, joined in ten ways in two languages.

    python -m benchmarks.two_companies FILE.csv [--each 15] [--seed 7]

Each way of joining has as many sentences, English and Chinese: by `but`, by a subordinate clause before or behind, by a full
stop, by nothing at all. The columns are those of `data/two-companies/natural.csv`, which people wrote and labelled one by one.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

NATURAL = Path(__file__).resolve().parents[1] / "data" / "two-companies" / "natural.csv"
_ENGLISH = """
Corvane Ostby Halmere Trelling Quenby Dravost Sunderly Maplin Kirova Bexholm Yarrowby Felstead Orrick Wendlebury Tamsin Ludgrove
Pellan Stroma Wychling Hexmoor Varro Jessamine Cardwell Norling Brightsea Tollgate Ashgrove Mendova Rookhope Ilkston
"""
_CHINESE = """
岚川科技 恒曜能源 白鹭药业 信屿重工 瑞澜食品 云栖电子 金垚水泥 启沐软件 华峤汽车 安泽医疗 鼎岳化工 中嵘航运 海晏证券 普禾农业
立轩机械 嘉澍传媒 晟屿光伏 沐恩教育 远岑物流 清嘉乳业 博衡芯片 万岫地产 星渡手机 卓汐旅游 顺岩钢铁
"""
NAMES = {"en": _ENGLISH.split(), "zh": _CHINESE.split()}
GOOD = {
    "en": (
        "{} raised its profit forecast for the year",
        "operating profit of {} rose by 18 %",
        "{} won a large order from the navy",
        "net sales at {} grew strongly in the first quarter",
        "{} returned to profit",
        "analysts upgraded {} to buy",
        "{} increased its dividend",
        "demand for the engines of {} is growing",
        "shares in {} climbed 6 %",
        "{} reported record earnings",
        "{} expects its market to recover",
        "the order book of {} is up by a third",
    ),
    "zh": (
        "{}净利润同比增长三成",
        "{}中标五亿元项目",
        "{}业绩创历史新高",
        "{}上调全年盈利预测",
        "{}股价大涨",
        "{}扭亏为盈",
        "{}获大股东增持",
        "{}新药获批上市",
        "{}签订重大合同",
        "{}订单快速增长",
        "{}拟回购股份",
        "{}提高分红比例",
    ),
}
BAD = {
    "en": (
        "{} cut its profit forecast for the year",
        "operating profit of {} fell by 18 %",
        "{} lost a large order from the navy",
        "net sales at {} decreased sharply in the first quarter",
        "{} slipped to a loss",
        "analysts downgraded {} to sell",
        "{} cancelled its dividend",
        "demand for the engines of {} is weak",
        "shares in {} dropped 6 %",
        "{} will lay off 300 employees",
        "{} issued a profit warning",
        "the order book of {} is down by a third",
    ),
    "zh": (
        "{}净利润同比下降三成",
        "{}遭证监会立案调查",
        "{}业绩大幅亏损",
        "{}下调全年盈利预测",
        "{}股价跌停",
        "{}由盈转亏",
        "{}遭大股东减持",
        "{}产品被责令召回",
        "{}终止重大合同",
        "{}订单持续下滑",
        "{}收到退市风险警示",
        "{}因违规被罚款",
    ),
}
CONNECTORS = {
    "en": {
        "but": "{0}, but {1}.",
        "while": "{0}, while {1}.",
        "whereas": "{0}, whereas {1}.",
        "semicolon": "{0}; {1}.",
        "full stop": "{0}. {1}.",
        "although": "Although {0}, {1}.",
        "as": "{0} as {1}.",
        "even though": "{0} even though {1}.",
        "and": "{0}, and {1}.",
        "nothing": "{0} {1}",
    },
    "zh": {
        "但": "{0}，但{1}。",
        "而": "{0}，而{1}。",
        "却": "{0}，{1:却}。",
        "；": "{0}；{1}。",
        "。": "{0}。{1}。",
        "尽管": "尽管{0}，{1}。",
        "不过": "{0}，不过{1}。",
        "，": "{0}，{1}。",
        "同时": "{0}，同时{1}。",
        "nothing": "{0}{1}",
    },
}


class Case(NamedTuple):
    """A sentence about two companies, with the label towards each; `group` is how it is joined, or whether in one clause."""

    language: str
    group: str
    text: str
    first: str
    first_label: str
    second: str
    second_label: str


class _Clause(str):
    """A clause that can put a word behind the company that it begins with."""

    __slots__ = ("name",)
    name: str

    def __format__(self, word: str) -> str:
        return str(self).replace(self.name, self.name + word, 1) if word else str(self)


def joined(each: int = 15, *, seed: int = 7) -> list[Case]:
    """So many sentences for each of the ten connectors of both languages; every second one begins with the good news."""
    draw, found = np.random.default_rng(seed), list[Case]()
    for language, connectors in CONNECTORS.items():
        for group, form in connectors.items():
            for number in range(each):
                names = [str(name) for name in draw.choice(NAMES[language], 2, replace=False)]
                labels = ("positive", "negative") if number % 2 == 0 else ("negative", "positive")
                clauses = []
                for name, label in zip(names, labels, strict=True):
                    kinds = (GOOD if label == "positive" else BAD)[language]
                    clause = _Clause(kinds[int(draw.integers(len(kinds)))].format(name))
                    clause.name = name
                    clauses.append(clause)
                text = form.format(*clauses)
                found.append(Case(language, group, _capital(text), names[0], labels[0], names[1], labels[1]))
    return found


def natural() -> list[Case]:
    """The sentences that were written and labelled by hand; `group` is `one clause` or `several`."""
    with NATURAL.open(encoding="utf-8", newline="") as file:
        return [
            Case(
                row["language"],
                "one clause" if row["one_clause"] == "yes" else "several",
                *(row[name] for name in Case._fields[2:]),
            )
            for row in csv.DictReader(file)
        ]


def _capital(text: str) -> str:
    """The text with a capital at the beginning of each sentence."""
    return ". ".join(sentence[:1].upper() + sentence[1:] for sentence in text.split(". "))


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.two_companies", description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--each", type=int, default=15)
    parser.add_argument("--seed", type=int, default=7)
    own = parser.parse_args()
    with own.file.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Case._fields)
        writer.writerows(joined(own.each, seed=own.seed))


if __name__ == "__main__":
    main()
