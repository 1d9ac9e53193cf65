"""Write the invented Chinese titles of data/stream-zh: labelled ones, and a stream in which one company's bad news surges.

    python -m benchmarks.invented_titles FOLDER [--seed 13]

FOLDER/labelled.csv has the columns 标题 and 情绪 (利好 or 利空), FOLDER/stream.csv has 日期, 公司 and 标题. The companies, the
figures and the news are invented. From SURGE[0] to SURGE[1] four more titles a day come about SURGING, all of them bad.
"""

from __future__ import annotations

import argparse
import csv
import datetime
from pathlib import Path

import numpy as np

COMPANIES = (
    "云杉电子",
    "蓝溪药业",
    "北岸重工",
    "青禾农业",
    "远岫能源",
    "明砂半导体",
    "鹿角软件",
    "石榴传媒",
    "白帆物流",
    "松针新材",
    "橙湾食品",
    "星垣航空",
)
SURGING = "云杉电子"
FIRST, DAYS = datetime.date(2026, 1, 5), 90
SURGE = (datetime.date(2026, 3, 24), datetime.date(2026, 4, 2))
GOOD, BAD = "利好", "利空"
TITLES = {
    GOOD: (
        "{name}：2025年净利同比增{share}%",
        "{name}：2025年净利{sum}亿元，同比增{times}倍",
        "{name}：中标{sum}亿元项目",
        "{name}：控股股东拟增持不低于{number}万股",
        "{name}：拟回购不超{sum}亿元股份",
        "{name}：拟10派{times}元",
        "{name}：一季度预盈{sum}亿元，同比扭亏为盈",
        "{name}：签下{sum}亿元订单",
        "{name}：获得政府补助{number}万元",
        "{name}：新产品获批上市",
        "{name}：高管合计增持{number}万股",
        "{name}：签署战略合作协议，布局海外市场",
        "{name}：上调全年业绩预期",
        "{name}：产品提价{share}%，毛利率上升",
        "{name}：年产{number}万吨项目投产",
        "{name}：引入战略投资者，募资{sum}亿元",
    ),
    BAD: (
        "{name}：2025年预亏{sum}亿元",
        "{name}：2025年净利同比降{share}%",
        "{name}：股东拟减持不超{times}%股份",
        "{name}：收到交易所问询函",
        "{name}：因涉嫌信披违规被立案调查",
        "{name}：实控人所持股份遭司法冻结",
        "{name}：{sum}亿元债券未能按期兑付",
        "{name}：商誉减值拖累，全年亏损{sum}亿元",
        "{name}：终止重大资产重组",
        "{name}：董事长辞职",
        "{name}：子公司停产整改",
        "{name}：产品抽检不合格被召回",
        "{name}：股票被实施退市风险警示",
        "{name}：业绩预告由盈转亏",
        "{name}：高管违规减持被警示",
        "{name}：评级遭下调，债务逾期{sum}亿元",
    ),
}
SURGE_TITLES = (
    "{name}：被立案调查，股价跌停",
    "{name}：审计机构无法表示意见",
    "{name}：涉嫌虚增利润{sum}亿元",
    "{name}：{sum}亿元债券未能按期兑付",
    "{name}：实控人所持股份遭轮候冻结",
    "{name}：可能被实施退市风险警示",
    "{name}：大股东被动减持{times}%股份",
    "{name}：财务总监辞职，年报延期披露",
)


def title(draw: np.random.Generator, patterns: tuple[str, ...], name: str) -> str:
    """A title by one of the patterns about a company, with figures drawn anew."""
    figures = {
        "share": f"{draw.uniform(3, 90):.2f}",
        "sum": f"{draw.uniform(0.2, 30):.2f}",
        "times": int(draw.integers(2, 9)),
        "number": int(draw.integers(20, 3000)),
    }
    return patterns[int(draw.integers(len(patterns)))].format(name=name, **figures)


def labelled(draw: np.random.Generator, num_rows: int = 240) -> list[tuple[str, str]]:
    """(title, label) of as many good as bad ones, each title once."""
    found: dict[str, str] = {}
    while len(found) < num_rows:
        label = (GOOD, BAD)[len(found) % 2]
        found.setdefault(title(draw, TITLES[label], COMPANIES[int(draw.integers(len(COMPANIES)))]), label)
    return list(found.items())


def stream(draw: np.random.Generator) -> list[tuple[datetime.date, str, str]]:
    """(day, company, title) of the stream, by day, no title twice on one day."""
    rows: dict[tuple[datetime.date, str, str], None] = {}

    def add(day: datetime.date, name: str, patterns: tuple[str, ...]) -> None:
        while (row := (day, name, title(draw, patterns, name))) in rows:
            pass
        rows[row] = None

    for day in (FIRST + datetime.timedelta(number) for number in range(DAYS)):
        for _ in range(1 + int(draw.integers(0, 3))):
            name = COMPANIES[int(draw.integers(len(COMPANIES)))]
            add(day, name, TITLES[BAD if draw.random() < 0.3 else GOOD])
        for _ in range(4 if SURGE[0] <= day <= SURGE[1] else 0):
            add(day, SURGING, SURGE_TITLES)
    return list(rows)


def written(day: datetime.date) -> str:
    """The day as Chinese pages write it."""
    return f"{day.year}年{day.month}月{day.day}日"


def main(arguments: list[str] | None = None) -> None:
    """Read the command line and write both files."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.invented_titles", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=13)
    own = parser.parse_args(arguments)
    draw = np.random.default_rng(own.seed)
    with (own.folder / "labelled.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("标题", "情绪"), *labelled(draw)])
    with (own.folder / "stream.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [(written(day), name, text) for day, name, text in stream(draw)]
        csv.writer(file, lineterminator="\n").writerows([("日期", "公司", "标题"), *rows])


if __name__ == "__main__":
    main()
