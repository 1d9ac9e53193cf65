"""A list of thousands of companies: its file, its codes, and the names that count only in context."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks.errors import RequestError
from tasks.score.companies import Company, read_companies
from tasks.score.watch import WatchList

if TYPE_CHECKING:
    from pathlib import Path

COMPANIES = [
    Company("Kweichow Moutai", ("贵州茅台", "茅台"), ("600519.SH", "600519")),
    Company("Ping An Bank", ("平安银行",), ("000001.SZ", "000001")),
    Company("Ping An", ("中国平安", "平安"), ("601318",)),
    Company("Next", ("Next plc",), ("LON:NXT", "NXT")),
    Company("Caterpillar", ("Caterpillar",), ("CAT",)),
    Company("Gartner IT", ("IT Gartner",), ("IT",)),
    Company("Apollo Tyres", ("Apollo",), ("APOLLOTYRE",)),
    Company("Apollo Global", ("Apollo",), ("APO",)),
    Company("Tesco", (), ("TSCO",)),
    Company("Visa Inc", ("!Visa",), ()),
    Company("Kering", ("?Kering",), ("KER.PA",)),
    Company("小米集团", ("小米",), ("01810",)),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("茅台股价下跌", ["Kweichow Moutai"]),
        ("成交600519股", []),  # a number may be anything
        ("茅台（600519）下跌", ["Kweichow Moutai"]),
        ("600519.SH下跌", ["Kweichow Moutai"]),
        ("代码：600519，下跌", ["Kweichow Moutai"]),
        ("平安银行不良率下降", ["Ping An Bank"]),  # the longer name is another company's
        ("中国平安回购", ["Ping An"]),
        ("一路平安", []),
        ("平安（601318）下跌", ["Ping An"]),
        ("next week Tesco falls", ["Tesco"]),
        ("Next week Tesco falls", ["Tesco"]),
        ("Shares in Next fell sharply", ["Next"]),
        ("What Comes Next For Shares", []),
        ("Next plc warns", ["Next"]),
        ("Next (NXT) warns", ["Next"]),
        ("LON:NXT warns", ["Next"]),
        ("the cat and the CAT scan", []),
        ("$CAT falls", ["Caterpillar"]),
        ("NYSE: CAT falls", ["Caterpillar"]),
        ("CAT, Caterpillar's ticker, falls", ["Caterpillar"]),
        ("It is IT that matters", []),
        ("IT spending rose (IT)", ["Gartner IT"]),
        ("Shares in Apollo fell", []),  # which?
        ("Apollo (APO) fell", ["Apollo Global"]),
        ("TSCO falls", ["Tesco"]),
        ("TSCO FALLS AGAIN", []),  # all in capitals, so a code says nothing
        ("TESCO FALLS AGAIN", ["Tesco"]),
        ("visa applications", ["Visa Inc"]),  # asked for as it is
        ("Kering falls", []),
        ("Kering (KER.PA) falls", ["Kering"]),
        ("小米粥", []),
        ("小米集团发布新机", ["小米集团"]),
    ],
)
def test_names_of_a_list_that_may_mean_something_else_count_in_context(text: str, expected: list[str]) -> None:
    watch = WatchList({}, {}, COMPANIES)
    assert watch.find([text]) == [expected]
    assert [each.names for each in watch.mentions([text])] == [expected]


def test_a_list_extends_an_entry_of_its_name_and_leaves_the_others_as_they_are() -> None:
    watch = WatchList({"Next": ["next"], "平安": ["平安"]}, {}, COMPANIES)
    assert watch.entries == ["Next", "平安"]
    assert watch.find(["the next one", "LON:NXT", "平安银行"]) == [["Next"], ["Next"], ["Ping An Bank", "平安"]]


def test_thousands_of_names_that_share_their_longest_word_cost_one_look() -> None:
    many = [
        Company(f"C{n}", (f"中国第{n}重型机械", f"International{n} Business Corporation"), (f"{600000 + n}.SH",))
        for n in range(3000)
    ]
    watch = WatchList({}, {}, many)
    assert watch.find(["中国第77重型机械与International5 business corporation", "600009.SH"]) == [["C5", "C77"], ["C9"]]


def test_the_places_of_names_are_told_in_the_text_as_it_is_read() -> None:
    watch = WatchList({"M&S": ["Marks & Spencer"], "Straße": ["Straße AG"]}, {"warning": "profit warnings?"})
    (first, second, third) = watch.mentions(["Marks &amp; Spencer: a profit warning", "Die STRASSE AG fällt", "Café Straße AG"])
    assert [first.text[m.start : m.end] for m in first.mentions] == ["Marks & Spencer", "profit warning"]
    assert [second.text[m.start : m.end] for m in second.mentions] == ["STRASSE AG"]
    assert [third.text[m.start : m.end] for m in third.mentions] == ["Straße AG"]


def test_a_file_of_companies(tmp_path: Path) -> None:
    path = tmp_path / "companies.csv"
    path.write_text(
        '\ufeffName,Codes,Aliases,Sector\nTesco,TSCO;TSCO.L,"Tesco plc|Tesco, the grocer",retail\n\nTesco,,特易购,\n', "utf-8"
    )
    assert read_companies(path) == [Company("Tesco", ("Tesco plc", "Tesco, the grocer", "特易购"), ("TSCO", "TSCO.L"))]
    watch = WatchList.load(None, path)
    assert (watch.entries, watch.find(["特易购下跌"])) == ([], [["Tesco"]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no column name, it is empty"),
        ("company,code\nTesco,TSCO\n", "no column name, its columns are company, code; write name,aliases,codes"),
        ("name,name\nTesco,x\n", "two columns are called name"),
        ("name,codes\n", "no company in it"),
        ("name,codes\n,TSCO\n", "line 2 has no name"),
        ("name,codes\nTesco,TSCO,x\n", "line 2 has 3 columns, and the first line 2"),
        ("name,codes\nTesco,$$\n", r"'\$\$' of 'Tesco' has no letter and no digit"),
        ('name,codes\nTesco,"TSCO\n', None),
        ("name\n" + "x" * 101 + "\n", "is not a valid name of an entry"),
        ("name\n" + "x" * 200_000 + "\n", "line 1 is not CSV|is not a valid name|line 2 is not CSV"),
    ],
)
def test_what_is_wrong_with_a_file_of_companies_is_told_in_one_line(tmp_path: Path, content: str, message: str | None) -> None:
    path = tmp_path / "companies.csv"
    path.write_text(content, encoding="utf-8")
    if message is None:
        assert WatchList.load(None, path).find(["Tesco"]) == [["Tesco"]]
        return
    with pytest.raises(RequestError, match=message) as told:
        WatchList.load(None, path)
    assert "\n" not in str(told.value)
    assert str(path) in str(told.value)


def test_a_file_in_another_encoding_is_told_with_its_encoding(tmp_path: Path) -> None:
    path = tmp_path / "companies.csv"
    path.write_bytes("name,aliases\n贵州茅台,茅台酒业股份有限公司\n比亚迪股份,新能源汽车公司\n".encode("gb18030"))
    with pytest.raises(RequestError, match=r"is not UTF-8.*gb"):
        WatchList.load(None, path)
    with pytest.raises(RequestError, match="cannot be read"):
        WatchList.load(None, tmp_path / "absent.csv")
