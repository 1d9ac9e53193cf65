"""The places of tokens: each token is found where the text has it, whatever cleaning and tokenizer did to it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.model.text.clean import clean
from tasks.model.text.offsets import traced_clean
from tasks.model.text.places import token_places
from tasks.model.text.tokenize import TextToTokens

SETTINGS: dict[str, Any] = {
    "html": True,
    "lowercase": True,
    "numbers": "keep",
    "punctuation": "drop",
    "width": "keep",
    "han": "keep",
    "tokenizer": "word",
    "stop_words": [],
    "user_dictionary": [],
}
TOKENIZERS = ("word", "whitespace", "basic_english", "char", "jieba")
ODD = [
    *("<b>", "</b>", "<br />", "<!-- x -->", "<script>var a;</script>", "<3", "a < b", "<unk>"),
    *("&amp;", "&#39;", "&eacute;", "&nbsp;", "e\u0301", "é", "İ", "Σ", "ﬁ", "한", "\u1112\u1161\u11ab", "हिन्दी"),
    *("👍🏽", "👨\u200d👩\u200d👧", "\u200b", "\u00ad", "\ufeff", "５％", "Ａｂ", "ｶﾞ", "\u3000", "5 %", "-5.5%"),
    *("1月-6月", "\u22123", "+2", "▲ 4", "don't", "don\u2019t", "U.S.", "1,000.50", 'a"b"c', "__", "..."),
    *("公司", "國際", "净利润", "头发", "股价 上涨", "\uff1b", "\uff0c", "\n", "\t", "\x00", "\u2028", " ", "  "),
    *("good", "BAD", "x-y", "Q2-2008"),
]
TEXTS = st.lists(st.sampled_from(ODD) | st.text(max_size=4), max_size=14).map("".join) | st.lists(
    st.sampled_from(ODD), max_size=14
).map(" ".join)


def located(text: str, **settings: Any) -> list[tuple[str, str]]:
    """Each token, and what of the text it is."""
    cut = TextToTokens(SETTINGS | settings)
    return [(token, text[start:end]) for token, (start, end) in zip(cut.tokens(text), placed(cut, text), strict=True)]


def placed(cut: TextToTokens, *texts: str) -> list[tuple[int, int]]:
    """The places of the tokens of all texts."""
    starts, ends = cut.places(texts, cut.batch(texts))
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


@given(
    TEXTS,
    st.fixed_dictionaries(
        {
            "html": st.booleans(),
            "lowercase": st.booleans(),
            "numbers": st.sampled_from(["keep", "zero", "drop"]),
            "width": st.sampled_from(["keep", "fold"]),
            "han": st.sampled_from(["keep", "simplified"]),
        }
    ),
)
def test_a_traced_text_is_the_cleaned_text(text: str, settings: dict[str, Any]) -> None:
    traced = traced_clean(text, **settings)
    assert traced.text == clean(text, **settings)
    assert len(traced.start) == len(traced.end) == len(traced.text)
    assert all(0 <= start <= end <= len(text) for start, end in zip(traced.start, traced.end, strict=True))
    assert sorted(traced.start) == list(traced.start)
    assert sorted(traced.end) == list(traced.end)


@given(TEXTS, st.sampled_from(TOKENIZERS), st.sampled_from(["keep", "drop"]), st.booleans())
def test_a_token_is_found_where_the_text_has_it(text: str, tokenizer: str, punctuation: str, folded: bool) -> None:
    settings = SETTINGS | {"tokenizer": tokenizer, "punctuation": punctuation}
    settings |= {"width": "fold", "han": "simplified"} if folded else {}
    cut = TextToTokens(settings)
    tokens, places = cut.tokens(text), placed(cut, text)
    assert len(tokens) == len(places)
    last = 0
    for token, (start, end) in zip(tokens, places, strict=True):
        assert 0 <= start <= end <= len(text)
        assert end >= last
        last = end
        if any(map(str.isalnum, token)) and not folded:  # OpenCC writes a character in a phrase in another way than alone
            written = clean(text[start:end], **{name: settings[name] for name in ("html", "lowercase", "width", "han")})
            assert letters(token) in letters(written), (token, text[start:end])


def letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


@given(st.lists(TEXTS, max_size=4), st.sampled_from(TOKENIZERS), st.sampled_from(["keep", "drop"]))
def test_the_places_of_a_text_do_not_depend_on_the_others(texts: list[str], tokenizer: str, punctuation: str) -> None:
    cut = TextToTokens(SETTINGS | {"tokenizer": tokenizer, "punctuation": punctuation, "stop_words": ["good"]})
    assert placed(cut, *texts) == [place for text in texts for place in placed(cut, text)]


@given(TEXTS, st.sampled_from(TOKENIZERS), st.sampled_from(["keep", "drop"]))
def test_counting_letters_finds_what_looking_for_each_token_finds(text: str, tokenizer: str, punctuation: str) -> None:
    cut = TextToTokens(SETTINGS | {"html": False, "tokenizer": tokenizer, "punctuation": punctuation})
    text = clean(text, html=False)
    tokens = cut.tokens(text)
    if clean(text, html=False) == text and len(text) == len(text.lower()):
        assert placed(cut, text) == token_places(text, tokens)


@given(st.text(max_size=40), st.sampled_from(TOKENIZERS))
def test_places_in_a_cleaned_text_hold_the_token_itself(text: str, tokenizer: str) -> None:
    text = clean(text)
    tokens = TextToTokens(SETTINGS | {"tokenizer": tokenizer, "html": False}).tokens(text)
    for token, (start, end) in zip(tokens, token_places(text, tokens), strict=True):
        if token.isalnum():  # basic_english drops double quotes, from within words too
            assert text[start:end].replace('"', "") == token


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p>Profit <b>ROSE</b> 5 %</p>", [("profit", "Profit"), ("rose", "ROSE"), ("5%", "5 %")]),
        ("AT&amp;T&nbsp;f&eacute;ll", [("at", "AT"), ("t", "T"), ("féll", "f&eacute;ll")]),
        ("cafe\u0301 na\u00efve", [("café", "cafe\u0301"), ("naïve", "na\u00efve")]),
        ("so\u00adft 👍 İstanbul", [("so\u00adft".replace("\u00ad", ""), "so\u00adft"), ("i̇stanbul", "İstanbul")]),
        ("it’s −5.5%", [("it's", "it’s"), ("-", "−"), ("5.5%", "5.5%")]),
        ("<script>bad</script>good", [("good", "good")]),
    ],
)
def test_words(text: str, expected: list[tuple[str, str]]) -> None:
    assert located(text) == expected


def test_stop_words_leave_the_places_of_the_others_alone() -> None:
    assert located("as a rule, a gain", stop_words=["a"]) == [("as", "as"), ("rule", "rule"), ("gain", "gain")]


def test_tokens_of_a_tokenizer_that_repeats_or_makes_up_letters_are_found_or_have_no_width() -> None:
    text = "a self-driving truck"
    tokens = ["a", "self-driving", "self", "driving", "xyz", "truck", "truck", "truckx"]
    places = token_places(text, tokens)
    assert [text[start:end] for start, end in places] == ["a", "self-driving", "self", "driving", "", "truck", "truck", ""]


def test_chinese_by_characters_by_jieba_and_from_full_width() -> None:
    assert located("股价　上涨５％", tokenizer="char", width="fold") == [
        *(("股", "股"), ("价", "价"), ("上", "上"), ("涨", "涨"), ("5", "５"), ("%", "％")),
    ]
    assert located("國際公司淨利潤上漲", tokenizer="jieba", han="simplified") == [
        *(("国际", "國際"), ("公司", "公司"), ("净利润", "淨利潤"), ("上涨", "上漲")),
    ]
