import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config import PrepareConfig
from tasks.errors import RequestError
from tasks.prepare.clean import clean
from tasks.prepare.stop_words import load_stop_words
from tasks.prepare.tokenize import _APART, RESERVED, TextToTokens, _marks, _word_pattern


def tokens(text, **options):
    return TextToTokens.from_config(PrepareConfig(**options)).tokens(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I don't like it.", "i don't like it"),
        ("I don\u2019t; company\u2019s 'quoted' rock'n'roll", "i don't company's quoted rock'n'roll"),
        ("up 5.2%, to EUR 13.1mn (1,300.50) in 2008", "up 5.2% to eur 13.1mn 1,300.50 in 2008"),
        ("well-made 2007-08 mp3 1st 5%", "well made 2007 08 mp3 1st 5%"),
        ("end.Start a.b,c 3.x", "end start a b c 3 x"),
        ("good<br /><br />bad :-) <3 foo_bar", "good bad 3 foo bar"),
        ("naïve café हिन्दी 中文 ½ i̇", "naïve café हिन्दी 中文 ½ i̇"),
        ("</s> <pad> <unk> __label__x", "pad unk label x"),
        ("... !!! --", ""),
        ("", ""),
    ],
)
def test_word(text, expected):
    assert tokens(text) == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wow!!!! It's 5.2%... (a+b)", "wow !!! ! it's 5.2% ... ( a + b )"),
        ("x</s>y <pad>", "x y < pad >"),
        ("foo_bar — “so”", "foo _ bar — “ so ”"),
    ],
)
def test_word_with_punctuation(text, expected):
    assert tokens(text, punctuation="keep") == expected.split()


def test_whitespace():
    assert tokens("(Well-made), 5.2% -- don't!", tokenizer="whitespace") == ["well-made", "5.2", "don't"]
    kept = tokens("Well, </s> <pad> <unk>x -- ", tokenizer="whitespace", punctuation="keep", html=False)
    assert kept == ["well,", "/s", "pad", "<unk>x", "--"]


def test_char():
    assert tokens("中文, a b", tokenizer="char") == ["中", "文", "a", "b"]
    kept = tokens(" 中文,\n a<br>b\u3000", tokenizer="char", punctuation="keep")
    assert kept == ["中", "文", ",", "\u2581", "a", "\u2581", "b"]
    assert tokens(" \n", tokenizer="char", punctuation="keep") == []


def test_stop_words(tmp_path):
    assert tokens("This is NOT the best, it's never no good", stop_words="english") == ["not", "best", "never", "no", "good"]
    assert tokens("The best", stop_words="english", lowercase=False) == ["best"]
    file = tmp_path / "words.txt"
    file.write_text("\ufeffGood # a comment\n\n# another\nCafé\n", encoding="utf-8")
    assert tokens("good café, bad", stop_words=file) == ["bad"]


def test_english_stop_words_hold_no_negation():
    words = load_stop_words("english")
    assert 100 < len(words) == len(set(words))
    assert not [
        word for word in words if word in {"no", "not", "nor", "never", "none", "cannot", "without"} or word.endswith("n't")
    ]


def test_unusable_stop_word_file(tmp_path):
    with pytest.raises(RequestError, match=r"missing\.txt.*No such file"):
        tokens("x", stop_words=tmp_path / "missing.txt")
    latin = tmp_path / "latin.txt"
    latin.write_bytes("caf\xe9\n".encode("latin-1"))
    with pytest.raises(RequestError, match=r"latin\.txt: byte 3 is not UTF-8"):
        tokens("x", stop_words=latin)
    with pytest.raises(RequestError, match="Is a directory"):
        tokens("x", stop_words=tmp_path)


def test_settings_survive_json():
    first = TextToTokens.from_config(PrepareConfig(stop_words="english", numbers="zero"))
    second = TextToTokens(json.loads(json.dumps(first.to_dict())))
    text = "The 25 films weren't <i>bad</i>"
    assert first.batch([text]) == second.batch([text]) == [["00", "films", "weren't", "bad"]]
    with pytest.raises(ValueError, match="unknown tokenizer 'jieba'"):
        TextToTokens(first.to_dict() | {"tokenizer": "jieba"})


hostile = st.one_of(
    st.text(),
    st.text(st.sampled_from("aB1.,%'\u2019_-<>/s&;lt \t\u00a0\u2003\u3000\u200b\x1c\x85\0é\u0301中हि\ud800")),
    st.lists(st.sampled_from(["</s>", "<pad>", "<unk>", "&lt;/s&gt;", "<\u200b/s>", "<<unk>>", " ", "x"])).map("".join),
)
options = st.fixed_dictionaries(
    {
        "html": st.booleans(),
        "lowercase": st.booleans(),
        "numbers": st.sampled_from(["keep", "zero", "drop"]),
        "punctuation": st.sampled_from(["keep", "drop"]),
        "tokenizer": st.sampled_from(["word", "whitespace", "char"]),
        "stop_words": st.just([]),
    }
)


@given(hostile, options)
def test_tokens_are_never_empty_blank_or_reserved(text, settings):
    for token in TextToTokens(settings).tokens(text):
        assert token
        assert not any(character.isspace() for character in token)
        assert token not in RESERVED
        token.encode()  # and no surrogates, which Arrow refuses
        if settings["numbers"] == "drop":
            assert not any(character.isdecimal() for character in token)


@given(hostile)
def test_the_short_cut_finds_what_the_pattern_finds(text):
    settings = {
        "html": False,
        "lowercase": False,
        "numbers": "keep",
        "punctuation": "drop",
        "tokenizer": "word",
        "stop_words": [],
    }
    cleaned = clean(text, html=False, lowercase=False).replace("\u2019", "'")
    pattern = _word_pattern("" if cleaned.isascii() else _marks(), False)
    assert TextToTokens(settings).tokens(text) == pattern.findall(cleaned.translate(_APART))
