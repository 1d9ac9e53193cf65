from pathlib import Path

import pytest

from tasks.errors import RequestError
from tasks.score.watch import WatchList

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
        ("Marks &amp; Spencer", []),
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
        ("[names", "is not TOML"),
        ("", "nothing to watch"),
        ("[companies]\nx = 'y'\n", r"unknown section \[companies\]"),
        ("names = 3\n", "names is no section"),
        ("[names]\nTesco = 3\n", "'Tesco' needs its words"),
        ("[names]\nTesco = []\n", "'Tesco' needs its words"),
        ("[names]\nTesco = ['$$']\n", "holds no word"),
        ("[names]\n'' = ['x']\n", "is no name of an entry"),
        ("[names]\n\"a\\nb\" = ['x']\n", "is no name of an entry"),
        ("[patterns]\nx = '('\n", "pattern 'x' is no RE2 expression"),
        ("[patterns]\nx = '(?=a)b'\n", "pattern 'x' is no RE2 expression"),
        ("[patterns]\nx = 'a*'\n", "matches an empty text"),
        ("[patterns]\nx = ['a']\n", "must be one regular expression"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "watch.toml"
    path.write_text(content)
    with pytest.raises(RequestError, match=message) as told:
        WatchList.load(path)
    assert "\n" not in str(told.value)
    with pytest.raises(RequestError, match="cannot be read"):
        WatchList.load(tmp_path / "absent.toml")


def test_more_patterns_than_one_expression_holds() -> None:
    found = WatchList({}, {f"number {n}": f"profits? warnings? number{n}" for n in range(500)})
    assert found.find(["A profit warning number7.", "none"]) == [["number 7"], []]
