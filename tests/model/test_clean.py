import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.model.text.clean import clean, strip_tags
from tests.fuzz.bounded import within_processor_seconds

CASES = [
    # tags
    ("good<br />bad", "good bad"),
    ("good<br/>bad<BR>x", "good bad x"),
    ("<p class='a > b'>in</p> out", "in out"),
    ('<a title="x > y" href=z>link</a>', "link"),
    ("<a href=x>link</a> <b>bold</b>", "link bold"),
    ("<div it's>unbalanced quote</div>", "unbalanced quote"),
    ("<!DOCTYPE html><html><body>t</body></html>", "t"),
    ("<o:p>word</o:p>", "word"),
    # not tags
    ("I <3 it", "i <3 it"),
    ("a < b", "a < b"),
    ("a<b and c>d", "a<b and c>d"),
    ("eps <consensus; sales >plan", "eps <consensus; sales >plan"),
    ("<grin> nice <sarcasm>", "<grin> nice <sarcasm>"),
    ("x <= y >= z", "x <= y >= z"),
    ("<>", "<>"),
    ("</>", "</>"),
    # unclosed
    ("cut off <br", "cut off"),
    ("cut <p<p<p off", "cut <p off"),
    ('<div class="x" no end of tag', '<div class="x" no end of tag'),
    # scripts, styles, comments
    ("a<script>if (a<b) x()</script>b", "a b"),
    ("a<SCRIPT src=x>y</Script >b", "a b"),
    ("a<style>p {color: red}</style>b", "a b"),
    ("a<!-- <p>hidden</p> -->b", "a b"),
    ("a<script>never closed", "a never closed"),
    ("a<!-- never closed", "a never closed"),
    ("x --> y <!-- z", "x --> y z"),
    ("a<script>x</script>b<script>c", "a b c"),
    # entities, once
    ("AT&amp;T R&D", "at&t r&d"),
    ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
    ("&lt;b&gt;", "<b>"),
    ("caf&eacute; &#233; &#xE9;", "café é é"),
    ("&quot;so&quot; &#39;so&#39;", "\"so\" 'so'"),
    ("this&not that, a&para=1", "this&not that, a&para=1"),
    ("&bogus; &#99999999; &#xD800;", "&bogus; \ufffd \ufffd"),
    ("one&nbsptwo&nbsp;three", "one&nbsptwo three"),
    # characters
    ("nul\0byte\x07bell\x85next", "nul byte bell next"),
    ("zero\u200bwidth so\u00adft \ufeffbom", "zerowidth soft bom"),
    ("cafe\u0301 ANGSTRO\u0308M \u212b", "café angström å"),
    ("lone \ud800 surrogate", "lone surrogate"),
    ("İstanbul", "i̇stanbul"),
]


WIDTHS = [
    ("ＡＢＣ１２３％", "abc123%"),
    ("你好，世界！", "你好,世界!"),
    ("ｶﾞｷﾞﾊﾟ ｶ\u3099", "ガギパ ガ"),
    ("￥５．５", "¥5.5"),
    ("①②㎡ﬁ½Ⅷ", "①②㎡ﬁ½ⅷ"),  # what else NFKC would change stays
    ("￣", "￣"),
    ("plain text", "plain text"),
]


@pytest.mark.parametrize(("text", "expected"), WIDTHS)
def test_width(text: str, expected: Any) -> None:
    assert clean(text, width="fold") == expected
    assert clean(text, width="keep") == unicodedata.normalize("NFC", text.lower())


def test_numbers_of_full_width() -> None:
    assert clean("增长３．５％，２０２１年", numbers="zero") == "增长0．0％，0000年"
    assert clean("增长３．５％，２０２１年", numbers="drop") == "增长 ， 年"


def test_han() -> None:
    assert clean("臺灣的軟體，頭髮與發現，乾淨與皇后", han="simplified") == "台湾的软体，头发与发现，干净与皇后"
    assert clean("臺灣") == "臺灣"
    assert clean("lone \ud800 臺", han="simplified") == "lone   台"


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_clean(text: str, expected: Any) -> None:
    assert " ".join(clean(text).split()) == expected


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [("keep", "up 5.2% to 1,300 mp3 ٣"), ("zero", "up 0.0% to 0,000 mp0 0"), ("drop", "up to mp")],
)
def test_numbers(numbers: str, expected: str) -> None:
    assert " ".join(clean("up 5.2% to 1,300 MP3 ٣", numbers=numbers).split()) == expected


def test_options_off() -> None:
    assert clean("<b>A &amp; B</b>", html=False, lowercase=False) == "<b>A &amp; B</b>"
    assert clean("<b>A &amp; B</b>", lowercase=False).split() == ["A", "&", "B"]


@given(st.text(st.sampled_from("aAéE\u0301\u0308\u212bİςΣ\u1e9e\u200d ́가ᄀ0٣½<&;\0\n")))
def test_result_is_nfc_and_stays(text: str) -> None:
    once = clean(text, html=False)
    assert unicodedata.is_normalized("NFC", once)
    assert clean(once, html=False) == once


@given(st.text(st.sampled_from("<>/!-ab br='\"&;#xscriptyle")))
def test_no_tag_with_a_known_name_survives(text: str) -> None:
    assert "<br>" not in strip_tags(f"{text} <br> {text}<br>")


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        "<p ",
        "<div '",
        "<script",
        "<script>",
        "<style></script>",
        "<!--",
        "<a:",
        "<aaaaaaaa",
        "&",
        "&#",
        "&aaaa",
        "<a x",
        '<p "a" ',
    ],
)
@pytest.mark.parametrize("end", ["", "--></script>"])
def test_hostile_text_takes_linear_time(unit: str, end: str) -> None:
    with within_processor_seconds(60.0):  # it takes one; a pattern that scans to the end from every `<` takes many minutes
        clean(unit * (400_000 // len(unit)) + end)
