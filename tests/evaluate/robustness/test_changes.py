from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import RequestError
from tasks.evaluate.robustness.changes import Draw, names_in
from tasks.evaluate.robustness.table import BY_NAME, CHANGES
from tasks.evaluate.robustness.words import exchanged, finder, read_names, read_pairs

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "Shares of Nokia Corp. rose 5.5%, it's said, to EUR 13.10 (-2%) in New-York."


def change(name: str, text: str, seed: int = 0, **words: object) -> str:
    return CHANGES[name].make(text, Draw(Random(seed), **words))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("upper", "Good news, 5%", "GOOD NEWS, 5%"),
        ("lower", "Good News", "good news"),
        ("punctuation", TEXT, "Shares of Nokia Corp rose 5.5% it's said to EUR 13.10 -2% in New-York"),
        ("punctuation", "公司（A股）涨5%，好！", "公司A股涨5%好"),
        ("negation", "The outlook is good and was bad.", "The outlook is not good and was bad."),
        ("negation", "It is not good.", "It is not true that it is not good."),
        ("negation", "Profit rose.", "It is not true that profit rose."),
        ("negation", "公司将增持股份", "公司不会增持股份"),
        ("negation", "净利润增长", "并非净利润增长"),
        ("traditional", "净利润增长", "淨利潤增長"),
        ("simplified", "淨利潤增長", "净利润增长"),
        ("full_width", "A股 5%", "Ａ股 ５％"),
        ("half_width", "Ａ股 ５％，", "A股 5%,"),
        ("exchange", "nothing", "nothing"),
    ],
)
def test_each_change_does_what_it_says(name: str, text: str, expected: str) -> None:
    assert change(name, text) == expected


def test_misspelled_words_keep_their_first_letter_and_short_words_stay() -> None:
    text = "the profit of the company rose"
    found = {change("misspelling", text, seed) for seed in range(20)}
    assert text not in found - {text}
    assert len(found) > 5
    for each in found:
        assert [word[0] for word in each.split()] == [word[0] for word in text.split()]
        assert (each.split()[0], each.split()[2]) == ("the", "of")
    assert change("misspelling", "a 5% 净利润增长") == "a 5% 净利润增长"


def test_numbers_keep_their_length() -> None:
    changed = change("numbers", "In 2019 sales of 0.5m rose 12%")
    assert changed != "In 2019 sales of 0.5m rose 12%"
    parts = changed.split()
    assert [len(parts[1]), parts[4][:2], len(parts[4]), len(parts[6])] == [4, "0.", 4, 3]


def test_a_name_is_another_wherever_the_text_has_it() -> None:
    text = "Profit of Nokia fell; so Nokia cut jobs at Acme Ltd."
    assert names_in(text) == ["Nokia", "Nokia", "Acme Ltd"]
    assert change("names", text, names=["Tesco"]) == "Profit of Tesco fell; so Tesco cut jobs at Tesco."
    assert change("names", "Nokia fell", names=["Tesco"]) == "Nokia fell"  # it may be any word there
    known = finder(["Nokia", "腾讯"])
    assert change("names", "Nokia fell", names=["Nokia", "Tesco", "腾讯"], known=known) == "Tesco fell"
    assert change("names", "看好腾讯控股", names=["腾讯", "Tesco", "百度"], known=known) == "看好百度控股"


@given(st.text(), st.integers(0, 3), st.sampled_from(BY_NAME))
def test_any_text_is_changed_alike_each_time(text: str, seed: int, name: str) -> None:
    words = {"names": ["Acme", "Nokia"]}
    assert change(name, text, seed, **words) == change(name, text, seed, **words)


def pairs(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_letters_that_are_alike_in_some_languages_alone_break_no_exchange(tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("his\ther\nStraße\tGasse\n", encoding="utf-8")
    partners = read_pairs(tmp_path / "pairs.tsv")
    pattern = finder(partners)
    for text, expected in {"HİS hıs his": "HİS hıs her", "die Straße": "die Gasse", "eine gasse": "eine straße"}.items():
        assert exchanged(text, pattern, partners) == expected


def test_words_are_exchanged_whole_in_their_case_and_both_ways(tmp_path: Path) -> None:
    partners = read_pairs(pairs(tmp_path / "a.tsv", "# pronouns\nhe\tshe\n\nhis\ther\nJohn\tMary\n先生\t女士\nhim\ther\n"))
    assert partners["her"] == "his"  # the first partner counts
    pattern = finder(partners)
    for text, expected in {
        "He said she knew the other": "She said he knew the other",
        "HIS plan, John's plan": "HER plan, Mary's plan",
        "王先生说": "王女士说",
        "mary and john": "john and mary",
        "the theatre": "the theatre",
    }.items():
        assert exchanged(text, pattern, partners) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no pair in it"),
        ("# he\tshe\n", "no pair in it"),
        ("he,she\n", "line 1: two different words"),
        ("he\tshe\nhis\t\n", "line 2: two different words"),
        ("he\tHe\n", "line 1"),
        ("a\tb\tc\n", "line 1"),
    ],
)
def test_a_wrong_file_of_pairs_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        read_pairs(pairs(tmp_path / "a.tsv", text))
    assert "\n" not in str(caught.value)
    with pytest.raises(RequestError, match="check the path"):
        read_pairs(tmp_path / "absent.tsv")


def test_names_of_a_watch_list_are_read(tmp_path: Path) -> None:
    path = pairs(tmp_path / "w.toml", '[names]\nTesco = ["Tesco", "TSCO"]\nShell = "Shell plc"\n[patterns]\nx = "y"\n')
    assert read_names(path) == ["Tesco", "Shell plc"]
