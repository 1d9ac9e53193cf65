import csv
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import RequestError
from tasks.score.spelling import spelled, within_word
from tasks.score.watch import WatchList

SHARED = Path(__file__).resolve().parents[3] / "shared/data"

NAMES = {
    "Shell": ["Royal Dutch Shell", "Shell plc", "SHEL"],
    "BP": ["BP"],
    "AT&T": ["AT&T"],
    "Nestlé": ["Nestlé"],
    "IT": ["IT"],
    "M&S": ["Marks & Spencer", "M&S"],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ROYAL DUTCH SHELL and BP fall", ["BP", "Shell"]),
        ("royal  dutch\nshell falls", ["Shell"]),
        ("A shell company", []),
        ("bp and shel are not tickers as written", []),
        ("(SHEL)", ["Shell"]),
        ("BPCE is another bank", []),
        ("it is not it, but IT is", ["IT"]),
        ("AT&T's dividend", ["AT&T"]),
        ("at t-bills", []),
        ("nestlé: sales", ["Nestlé"]),
        ("Nestlés", []),
        ("Marks &amp; Spencer", ["M&S"]),
        ("Marks & Spencer, M&S", ["M&S"]),
        ("", []),
    ],
)
def test_names_are_whole_words(text: str, expected: list[str]) -> None:
    assert WatchList(NAMES, {}).find([text]) == [expected]


def test_patterns_stand_between_word_borders() -> None:
    watch = WatchList({"BP": ["BP"]}, {"warning": r"profits? warnings?|warn(s|ed)? on profits?", "million": r"£\d+m"})
    texts = ["Two Profit Warnings", "BP warned on profit", "unwarned on profits", "a £50m loss", "£50mm", "x" * 10]
    assert watch.find(texts) == [["warning"], ["BP", "warning"], [], ["million"], [], []]


def test_no_pattern_makes_it_hang() -> None:
    watch = WatchList({}, {"evil": r"(a+)+b", "nested": r"(x*)*y"})
    assert watch.find(["a" * 50_000, "x" * 50_000, "aab"]) == [[], [], ["evil"]]


def test_thousands_of_names_are_found_each_in_its_text() -> None:
    watch = WatchList({f"Company {n}": [f"Number{n} Holdings", f"TCK{n}"] for n in range(5000)}, {})
    texts = [f"number{n} holdings rose, so did TCK{n + 1}" for n in range(0, 4000, 7)]
    assert watch.find(texts) == [sorted([f"Company {n}", f"Company {n + 1}"]) for n in range(0, 4000, 7)]


def test_a_file_of_names_and_patterns(tmp_path: Path) -> None:
    path = tmp_path / "watch.toml"
    path.write_text('[names]\nTesco = ["Tesco", "TSCO"]\nNext = "Next plc"\n[patterns]\nstrike = "strikes?|walk-?outs?"\n')
    watch = WatchList.load(path)
    assert watch.entries == ["Next", "Tesco", "strike"]
    assert watch.find(["TSCO staff in walkout", "Next year"]) == [["Tesco", "strike"], []]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[names", "is not TOML.*correct it"),
        ("[names]\n茅台 = ['茅台']\n", 'is not TOML.*write the name in line 2 in quotes: "茅台"$'),
        ("[names]\nx = 'y'\nMarks & Spencer = ['M&S']\n", 'line 3 in quotes: "Marks & Spencer"$'),
        ("", "nothing to watch"),
        ("[companies]\nx = 'y'\n", r"unknown section \[companies\]"),
        ("names = 3\n", "names is not a section"),
        ("[names]\nTesco = 3\n", "'Tesco' needs its words"),
        ("[names]\nTesco = []\n", "'Tesco' needs its words"),
        ("[names]\nTesco = ['$$']\n", "has no letter"),
        ("[names]\n'' = ['x']\n", "is not a valid name"),
        ("[names]\n\"a\\nb\" = ['x']\n", "is not a valid name"),
        ("[patterns]\nx = '('\n", "pattern 'x' is not an RE2 expression"),
        ("[patterns]\nx = '(?=a)b'\n", "pattern 'x' is not an RE2 expression"),
        ("[patterns]\nx = 'a*'\n", "matches an empty text"),
        ("[patterns]\nx = ['a']\n", "must be one regular expression"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "watch.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RequestError, match=message) as told:
        WatchList.load(path)
    assert "\n" not in str(told.value)
    with pytest.raises(RequestError, match="cannot be read"):
        WatchList.load(tmp_path / "absent.toml")


@pytest.mark.long
def test_more_patterns_than_one_expression_holds() -> None:
    found = WatchList({}, {f"number {n}": f"profits? warnings? number{n}" for n in range(500)})
    assert found.find(["A profit warning number7.", "none"]) == [["number 7"], []]


CHINESE = {
    "腾讯": ["腾讯"],
    "茅台": ["茅台"],
    "Tesco": ["Tesco"],
    "TCL": ["TCL科技"],
    "SK": ["SK"],
    "BP": ["BP"],
    "美国": ["美"],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("腾讯股价大跌", ["腾讯"]),
        ("贵州茅台与腾讯 合作", ["腾讯", "茅台"]),
        ("Tesco股价", ["Tesco"]),
        ("收购tesco。", ["Tesco"]),
        ("Ｔｅｓｃｏ股价", ["Tesco"]),
        ("Tescos股价", []),
        ("TCL科技大涨", ["TCL"]),
        ("TCL 科技大涨", ["TCL"]),
        ("XTCL科技大涨", []),
        ("tcl科技大涨", ["TCL"]),
        ("BP股价，bp股价", ["BP"]),
        ("bp股价，BPCE银行", []),
        ("腾 讯", []),
        ("腾\u200b讯", ["腾讯"]),
        ("中美贸易", ["美国"]),
        ("SK하이닉스", []),  # Korean parts its words by blanks
    ],
)
def test_a_name_is_found_within_a_chinese_clause(text: str, expected: list[str]) -> None:
    assert WatchList(CHINESE, {}).find([text]) == [expected]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("トヨタ", "昨日トヨタ自動車が"),
        ("トヨタ", "ﾄﾖﾀ自動車"),
        ("ﾊﾟﾅｿﾆｯｸ", "パナソニックの株価"),
        ("ปตท", "ราคาหุ้นปตทลดลง"),
        ("វីង", "ធនាគារវីងកម្ពុជា"),
        ("ລາວ", "ທະນາຄານລາວ"),
        ("ကမ္ဘောဇ", "ကမ္ဘောဇဘဏ်"),
        ("罗伯特·博世", "罗伯特•博世公司"),
        ("罗伯特·博世", "罗伯特・博世公司"),
        ("腾讯 控股", "腾讯控股跌"),
    ],
)
def test_a_name_is_found_in_every_script_without_blanks(name: str, text: str) -> None:
    assert WatchList({"x": [name]}, {}).find([text]) == [["x"]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("AT&T", "AT&amp;T fell"),
        ("AT&T", "AT&amp;amp;T fell"),
        ("AT&T", "AT&#38;T fell"),
        ("AT&amp;T", "AT&T fell"),
        ("Marks & Spencer", "Marks &amp;&nbsp;Spencer"),
        ("L'Oréal", "L&rsquo;Ore\u0301al's"),
        ("L’Oréal", "L'Oréal"),
        ("Café", "Cafe\u0301 Nero"),
        ("Cafe\u0301", "CAFÉ Nero"),
        ("TESCO", "ＴＥＳＣＯ falls"),
        ("Tesco", "Tes\u00adco falls"),
        ("Tesco", "𝐓𝐞𝐬𝐜𝐨 falls"),
        ("Coca-Cola", "Coca\u2011Cola, Coca\u2013Cola"),
        ("Coca‑Cola", "COCA-COLA"),
        ("Straße", "STRASSE 7"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("İş Bankası", "İŞ BANKASI"),
        ("İş Bankası", "iş bankası"),
        ("Istanbul", "İSTANBUL"),
        ("Yahoo!", "Yahoo! up"),
        ("Yahoo!", "Yahoo!Japan"),
        ("C++", "C++, C++11"),
        (".NET", "ASP.NET"),
        ("Royal Dutch Shell", "Royal\u00a0Dutch\u3000Shell"),
        ("टाटा", "टाटा मोटर्स"),
    ],
)
def test_a_name_is_found_however_it_is_spelled(name: str, text: str) -> None:
    assert WatchList({"x": [name]}, {}).find([text]) == [["x"]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Tesco", "Tescoé"),
        ("Tesco", "Tesco\u0301x"),
        ("टाट", "टाटा मोटर्स"),
        ("Next", "annexte"),
        ("600519", "1600519"),
        ("na na", "banana na"),
        ("Cafe", "Café"),
        ("Nestle", "NESTLÉ"),
    ],
)
def test_no_part_of_another_word_is_a_name(name: str, text: str) -> None:
    assert WatchList({"x": [name]}, {}).find([text]) == [[]]


def test_a_name_is_found_behind_a_place_that_is_none() -> None:
    assert WatchList({"x": ["a a"], "y": ["BP"]}, {}).find(["xa a a BPBP BP"]) == [["x", "y"]]


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("裁员|关店", "公司宣布裁员三千人", True),
        ("裁员|关店", "裁员300人", True),
        ("裁员|关店", "Tesco裁员AI", True),
        (r"\d+人", "裁员300人离职", True),
        (r"\d{2}人", "裁员300人离职", False),
        ("Tesco", "Tesco股价", True),
        ("Tesco", "xTesco股价", False),
        (r"Tesco\s+股价", "Tesco股价", False),
        (r"Tesco\s*股价", "Tesco股价大跌", True),
        ("股价$", "Tesco股价", True),
        ("股价$", "Tesco股价x", False),
        ("^股价", "Tesco股价", False),
        ("été", "société", False),
        ("été", "été裁员", True),
        ("裁员", "é裁员é", True),
        ("日銀", "日銀도 발표", True),
        ("은행", "한국은행", False),
        ("腾讯.*AI", "腾讯发布AI模型", True),
        ("腾讯.*AI", "腾讯发布AIX模型", False),
        (r"£\d+m", "lost£50m", True),
        ("AT&T", "AT&amp;T", True),
        ("&amp;", "AT&amp;T", True),
        ("TESCO", "ＴＥＳＣＯ", True),
        ("ＴＥＳＣＯ", "ＴＥＳＣＯ", True),
        ("L'Oréal", "L’Ore\u0301al", True),
        ("L’Oréal", "L’Oréal", True),
        ("L’Oréal", "L'Oréal", True),
        ("Ｔｅｓｃｏ [０-９]+", "TESCO 12", True),
        ("job cuts", "job\u00a0cuts", True),
        ("job cuts", "job&nbsp;cuts", True),
        ("job\u00a0cuts", "job cuts", True),
        ("（停牌）", "停牌", False),
        ("टाट", "टाटा", False),
        ("टाटा", "टाटा मोटर्स", True),
    ],
)
def test_a_pattern_keeps_its_meaning_and_has_the_borders_of_names(pattern: str, text: str, found: bool) -> None:
    assert WatchList({}, {"x": pattern}).find([text, "nothing here"]) == [["x"] if found else [], []]


PATTERNS = ["裁员?", "a", "裁", "a.", ".1", "[a裁]+", "é裁", "裁é?", "a|é裁", "1裁.", r"\.a", "ไa?", "한裁"]


@given(st.text("aé裁员1. ไ한\u0301", max_size=9), st.sampled_from(PATTERNS))
def test_a_pattern_is_found_where_any_of_its_matches_has_borders(text: str, pattern: str) -> None:
    text = unicodedata.normalize("NFC", text)
    places = [place for place in range(len(text) + 1) if not within_word(text, place)]
    expected = any(re.fullmatch(pattern, text[start:end]) for start in places for end in places if start < end)
    assert WatchList({}, {"x": pattern}).find([text]) == [["x"] if expected else []]


@given(st.text(), st.text(min_size=1, max_size=4))
def test_a_name_between_borders_is_found_in_any_text(around: str, name: str) -> None:
    try:
        watch = WatchList({"x": [name]}, {})
    except RequestError:
        return
    assert watch.find([f"{around} {name} {around}"]) == [["x"]] or not spelled(name).strip()


@pytest.mark.long
@pytest.mark.skipif(not (SHARED / "finnews_zh").is_dir(), reason="../shared/data is not here")
def test_every_headline_of_a_real_stream_that_holds_a_company_is_found() -> None:
    with (SHARED / "finnews_zh" / "news.csv").open(encoding="gb18030", newline="") as file:
        rows = list(csv.DictReader(file))
    companies = sorted({row["公司"] for row in rows if re.fullmatch(r"[\u4e00-\u9fff]{2,}", row["公司"])})
    assert len(companies) > 1000
    titles = [row["标题"] for row in rows]
    found = WatchList({name: [name] for name in companies}, {}).find(titles)
    assert found == [sorted(name for name in companies if name in title) for title in titles]
    assert sum("茅台" in title for title in titles) == sum(map(bool, WatchList({"x": ["茅台"]}, {}).find(titles))) > 0
