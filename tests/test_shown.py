"""Text from outside is shown as it is where it can be, and steers nothing where it is shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tasks.shown import (
    excerpt,
    file_name,
    in_cell,
    in_code,
    in_line,
    inert,
    json_text,
    listed,
    one_line,
    safe_link,
    shortened,
    visible,
)

PLAIN = ["发票 lost", "株価が下落", "ราคาหุ้น", "Café", "שלום", "Ｔｅｓｃｏ", "😡", "e\u0301", "<b>&amp;</b>", "a  b"]
HIDDEN = [
    "\x00",
    "\x1b[2J",
    "\r",
    "\x7f",
    "\x9b31m",
    "\u00ad",
    "\u200b",
    "\u200f",
    "\u2028",
    "\u2029",
    "\u202e",
    "\ufeff",
    "\ud800",
]
HIDDEN += ["\u00a0", "\u3000", "\U000e0041", "\ue000"]
NOT_SHOWN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def test_an_error_of_several_lines_is_one_and_not_long() -> None:
    assert one_line(ValueError("first\n  second\t\x1b[2J")) == r"first second \x1b[2J"
    assert len(one_line("x" * 1000)) == 300


@pytest.mark.parametrize("text", ["` <i>x</i> `", "a\n\n# b", "``", "\x1b[2J`"])
def test_code_in_markdown_ends_at_its_own_backtick(text: str) -> None:
    (block,) = [token for token in MarkdownIt("commonmark").parse(f"- page: {in_code(text)}") if token.type == "inline"]
    assert [child.type for child in block.children or ()] == ["text", "code_inline"]


@pytest.mark.parametrize("text", PLAIN)
def test_what_can_be_printed_is_shown_as_it_is(text: str) -> None:
    assert in_line(text) == visible(text) == text
    assert json_text(text) == f'"{text}"'
    assert in_cell(text) == text
    assert file_name(text.encode()) == text
    assert listed([text]) == text


@pytest.mark.parametrize("character", HIDDEN)
def test_what_cannot_be_printed_is_escaped_on_a_line_and_in_json(character: str) -> None:
    text = f"发票{character}x"
    assert in_line(text).isprintable()
    assert in_line(text).startswith("发票\\")
    assert in_line(in_line(text)) == in_line(text)
    line = json_text({text: [text]})
    assert line.isprintable()
    assert json.loads(line) == {text: [text]}
    line.encode()
    assert listed([text, "y"]) == in_line(text) + ", y"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" two\r\n\r\n\tof\u3000it ", "two of it"),
        ("exactly ten", "exactly…"),
        ("exactlyten!", "exactlyte…"),
        ("a bcdefghijkl", "a bcdefgh…"),
        ("利润大幅上升，股价也上涨了不少", "利润大幅上升，股价…"),
        ("", ""),
        (" \n", ""),
    ],
)
def test_an_excerpt_is_one_line_cut_between_words(text: str, shown: str) -> None:
    assert excerpt(text, 10) == shown


@given(st.text(), st.integers(1, 30))
def test_an_excerpt_is_never_longer_than_asked_for(text: str, length: int) -> None:
    shown = excerpt(text, length)
    assert len(shown) <= length
    assert "\n" not in shown
    assert " ".join(text.split()).startswith(shown.removesuffix("…"))


@given(
    st.recursive(
        st.text() | st.integers() | st.booleans() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_json_gives_every_text_back_in_printable_lines(value: object) -> None:
    for indent in (None, 1):
        written = json_text(value, indent=indent, sort_keys=True)
        assert json.loads(written) == json.loads(json.dumps(value))
        assert all(line.isprintable() for line in written.split("\n"))
        written.encode()
    assert "\n" not in json_text(value)


@given(st.text())
def test_pages_and_messages_have_no_character_that_hides_or_reorders(text: str) -> None:
    own = visible(text).replace("\t", "").replace("\n", "")
    assert not [
        c for c in own if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(c) in ("RLO", "LRO")
    ]
    message = inert(text)
    assert len(message.split("\n")) == 1
    assert not set(message) & set("@<>&`*_~|[]")


def test_a_message_makes_no_link_mention_or_markup() -> None:
    assert inert("see www.x.example, http://x.example") == "see www. x.example, http: //x.example"
    assert inert("*b* _i_ `c` [t](u) <!channel> @all") == "∗b∗ ＿i＿ ˋcˋ ［t］(u) ‹!channel› ＠all"
    assert inert("茅台\n股价") == "茅台 股价"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://news.example/a?b=c&d=%E8%82%A1#e", "https://news.example/a?b=c&d=%E8%82%A1#e"),
        ("https://news.example/股价", "https://news.example/%E8%82%A1%E4%BB%B7"),
        ("http://127.0.0.1:80/x", "http://127.0.0.1:80/x"),
        ("https://e.example/<b>*x*[y](z)`|", "https://e.example/%3Cb%3E%2Ax%2A%5By%5D%28z%29%60%7C"),
        ("https://e.example/@channel", "https://e.example/%40channel"),
        ("https://user:word@e.example/", ""),
        ("https://good.example@evil.example/", ""),
        ("javascript:alert(1)", ""),
        ("file:///etc/passwd", ""),
        ("https://e.example/\u202egpj", ""),
        ("https://e.example/a b\nc", ""),
        ("https://еxample.example/", ""),
        (None, ""),
        ("https://e.example/" + "a" * 2000, ""),
    ],
)
def test_only_a_plain_address_is_a_link(address: str | None, shown: str) -> None:
    assert safe_link(address) == shown


def test_long_text_ends_in_an_ellipsis() -> None:
    assert shortened("股价大跌", 4) == "股价大跌"
    assert shortened("股价大跌了", 4) == "股价大…"
    assert listed(["股" * 100]) == "股" * 79 + "…"
    assert listed([str(number) for number in range(20)]) == "0, 1, 2, 3, 4, 5, 6, 7"


def test_cells_and_file_names_are_one_to_one() -> None:
    assert [in_cell(word) for word in ("a\tb", "a\\tb", "", "\u2028")] == ["a\\tb", "a\\\\tb", '""', "\\u2028"]
    names = [b"a", b"\xff", b"\\xff", "发票".encode(), b"\n", b"\\n"]
    assert len({file_name(name) for name in names}) == len(names)


PRINTS = r"""
from flows.commands import streams
from flows.commands.printing import print_json
streams.prepare()
print("\u53d1\u7968")
print_json({"\u53d1\u7968": "\u80a1\u4ef7\u202e"})
print("\u53d1\u7968")
"""


@pytest.mark.parametrize(
    "changed",
    [
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONIOENCODING": "utf-8"},
        {"PYTHONIOENCODING": "gbk"},
    ],
)
def test_json_on_stdout_is_utf_8_in_any_locale_and_nothing_fails(changed: dict[str, str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "PYTHONIO", "LANG"))}
    done = subprocess.run([sys.executable, "-c", PRINTS], env=environment | changed, capture_output=True, check=True)
    first, line, last = done.stdout.splitlines()
    assert line == '{"发票": "股价\\u202e"}'.encode()
    assert first == last
    assert done.stderr == b""
