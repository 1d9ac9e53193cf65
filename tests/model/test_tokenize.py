import contextlib
import importlib.metadata
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.commands.settings import knobs, resolve
from tasks.errors import RequestError
from tasks.model.text.clean import clean
from tasks.model.text.signs import SIGN_TOKENS, with_plain_signs
from tasks.model.text.tokenize import TextToTokens
from tasks.model.text.tokenizer import RESERVED_TOKENS
from tasks.model.text.tokenizers.jieba import FOLDED
from tasks.model.text.tokenizers.word import APART, combining_marks, word_pattern
from tasks.prepare.settings import PrepareConfig
from tasks.prepare.tokenizers import TOKENIZERS
from tasks.prepare.word_lists import load_stop_words, text_to_tokens


def tokens(text: str, tokenizer: str = "word", **options: Any) -> list[str]:
    return text_to_tokens(PrepareConfig(tokenizer=tokenizer, **options)).tokens(text)


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
def test_word(text: str, expected: str) -> None:
    assert tokens(text) == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wow!!!! It's 5.2%... (a+b)", "wow !!! ! it's 5.2% ... ( a + b )"),
        ("x</s>y <pad>", "x y < pad >"),
        ("foo_bar — “so”", "foo _ bar — “ so ”"),
    ],
)
def test_word_with_punctuation(text: str, expected: str) -> None:
    assert tokens(text, punctuation="keep") == expected.split()


def test_whitespace() -> None:
    assert tokens("(Well-made), 5.2% -- don't!", tokenizer="whitespace") == ["well-made", "5.2%", "don't"]
    kept = tokens("Well, </s> <pad> <unk>x -- ", tokenizer="whitespace", punctuation="keep", html=False)
    assert kept == ["well,", "/s", "pad", "<unk>x", "--"]


def test_char() -> None:
    assert tokens("中文, a b", tokenizer="char") == ["中", "文", "a", "b"]
    kept = tokens(" 中文,\n a<br>b\u3000", tokenizer="char", punctuation="keep")
    assert kept == ["中", "文", ",", "\u2581", "a", "\u2581", "b"]
    assert tokens(" \n", tokenizer="char", punctuation="keep") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("苹果公司发布新手机", "苹果公司 发布 新手机"),
        ("苹果iPhone 15 Pro，售价5,999元!!", "苹果 iphone 15 pro 售价 5,999 元"),
        ("it doesn't up 3.5%, e-mail", "it doesn't up 3.5% e mail"),
        ("他don't说", "他 don't 说"),
        ("A股大跌 T恤热卖 5G手机", "a股 大跌 t恤 热卖 5g 手机"),
        ("中文<unk>x <pad>", "中文 unk x pad"),
        ("我们　来了", "我们 来 了"),
        ("テスト 테스트 ทดสอบ", "テ ス ト 테스트 ท ด ส อ บ"),
        ("😀🎉", ""),
        (" \n", ""),
    ],
)
def test_jieba(text: str, expected: str) -> None:
    assert tokens(text, "jieba") == expected.split()


def test_jieba_with_punctuation() -> None:
    assert tokens("好！！ 东芝 M600，foo bar", "jieba", punctuation="keep") == [
        "好",
        "！！",
        "东芝",
        "m600",
        "，",
        "foo",
        "bar",
    ]
    # a blank between two Chinese clauses is a mark of its own, one beside a Latin word is none
    assert tokens("高速硬盘 东芝 降价", "jieba", punctuation="keep") == ["高速", "硬盘", "▁", "东芝", "▁", "降价"]


RECORDED = [json.loads(line) for line in Path(__file__).with_name("basic_english.jsonl").read_text().splitlines()]


def basic_english(text: str) -> list[str]:
    """The tokens alone: torchtext folds case and does no other cleaning."""
    return TOKENIZERS["basic_english"].make({"punctuation": "keep"})(text.lower())


def test_basic_english_gives_the_tokens_that_torchtext_gave() -> None:
    assert len(RECORDED) > 100
    for row in RECORDED:
        expected = [token.strip("<>") if token in RESERVED_TOKENS else token for token in row["tokens"]]
        assert basic_english(row["text"]) == expected, row["text"]


def test_basic_english_in_the_pipeline() -> None:
    text = "Don't; it's <i>5.2%</i><br />\"fine\": a-b (so?) <unk>"
    kept = "don ' t it ' s <i>5 . 2%</i> fine a-b ( so ? ) unk"
    assert tokens(text, "basic_english", punctuation="keep", html=False) == kept.split()
    assert tokens(text, "basic_english") == ["don", "t", "it", "s", "5", "2%", "fine", "a-b", "so", "unk"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokenizer": "basic_english", "lowercase": False}, "tokenizer basic_english folds case; set lowercase true"),
        (
            {"tokenizer": "spacy"},
            "spacy is cut by a package of its own, spaCy, .* to be served; use word with punctuation keep, or basic_english",
        ),
        ({"tokenizer": "moses"}, "a package of its own, sacremoses, .*; use word with punctuation keep"),
        ({"tokenizer": "toktok"}, "a package of its own, NLTK, .*; use word with punctuation keep"),
        ({"tokenizer": "revtok"}, "a package of its own, revtok, .*; use word with punctuation keep"),
        ({"tokenizer": "subword"}, "a package of its own, revtok, .*; use word, whose vectors are made of subwords .*pretrain"),
        ({"tokenizer": "split"}, "split is whitespace here; set it with punctuation keep, html false and lowercase false"),
        ({"tokenizer": "words"}, "Input should be 'auto', 'word'"),
    ],
)
def test_a_tokenizer_that_is_not_there(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PrepareConfig(**options)


def test_the_options_that_stand_for_split_give_what_it_gives() -> None:
    """As the page on torchtext has them."""
    page = (Path(__file__).parents[2] / "docs" / "TORCHTEXT.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith("| `get_tokenizer(None)`")]
    arguments = row.split("|")[2].strip(" `").split()
    config = resolve(["--ingest.path", "a.csv", *arguments]).prepare
    text = "It's <b>Good</b>,\tAT&amp;T  said (2.5%)\n-- 好 电影 <br /> a<b"
    assert text_to_tokens(config).tokens(text) == text.split()


@pytest.fixture(scope="session")
def get_tokenizer() -> Any:
    """torchtext's own, where it is installed."""
    torchtext = pytest.importorskip("torchtext", reason="torchtext is not installed (make torchtext)")
    torchtext.disable_torchtext_deprecation_warning()
    from torchtext.data.utils import get_tokenizer

    return get_tokenizer


@pytest.mark.long
def test_the_record_is_what_torchtext_gives(get_tokenizer: Callable[..., Any]) -> None:
    cut = get_tokenizer("basic_english")
    assert [row["tokens"] for row in RECORDED] == [cut(row["text"]) for row in RECORDED]


@pytest.mark.long
@given(
    text=st.one_of(
        st.text(),
        st.lists(st.sampled_from([*"'\".,()!?;: aB5\n-<>/é", "<br />", "<br", " />", "\x1c", "\u3000"])).map("".join),
    )
)
def test_basic_english_and_split_are_those_of_torchtext(get_tokenizer: Callable[..., Any], text: str) -> None:
    for ours, theirs in ((basic_english, get_tokenizer("basic_english")), (split, get_tokenizer(None))):
        expected = [token.strip("<>") if token in RESERVED_TOKENS else token for token in theirs(text)]
        assert ours(text) == expected


def split(text: str) -> list[str]:
    return TOKENIZERS["whitespace"].make({"punctuation": "keep"})(text)


def test_every_folded_word_stands_in_the_dictionary_with_capitals() -> None:
    from rjieba import Jieba

    plain = Jieba()
    capital = [re.sub("[a-z]+", lambda letters: letters.group().upper(), word) for word in FOLDED]
    assert [word for word in capital if not plain.has_word(word)] == []
    assert [word for word in FOLDED if plain.has_word(word)] == []


def test_user_dictionary(tmp_path: Path) -> None:
    assert tokens("云磨坊发布了c++教程", "jieba") == ["云", "磨坊", "发布", "了", "c", "教程"]
    file = tmp_path / "words.txt"
    file.write_text("\ufeff雲磨坊\n\nC++ 5 n\n布了 99999999\n", encoding="utf-8")
    options = {"user_dictionary": file, "han": "simplified"}
    assert tokens("云磨坊发布了c++教程", "jieba", **options) == ["云磨坊", "发", "布了", "c++", "教程"]
    text = text_to_tokens(PrepareConfig(tokenizer="jieba", **options))
    file.unlink()
    again = TextToTokens(json.loads(json.dumps(text.to_dict())))
    assert again.tokens("雲磨坊C++") == ["云磨坊", "c++"]
    assert tokens("云磨坊", "jieba") == ["云", "磨坊"]  # the words of one are not those of the next


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("好 1\n坏 x y z\n", r"line 2: '坏 x y z' is not `word \[frequency\] \[tag\]`"),
        ("好 0", "line 1"),
        ("好 99999999999999999999", "line 1"),
    ],
)
def test_unusable_user_dictionary(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "words.txt"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(RequestError, match=message):
        tokens("x", "jieba", user_dictionary=file)
    file.write_bytes("词".encode("gb18030"))
    with pytest.raises(RequestError, match=r"words\.txt: byte 0 is not UTF-8"):
        tokens("x", "jieba", user_dictionary=file)
    with pytest.raises(RequestError, match=r"missing: No such file.*--prepare\.user-dictionary"):
        tokens("x", "jieba", user_dictionary=tmp_path / "missing")


def test_a_user_dictionary_needs_the_tokenizer_that_reads_it(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tokenizer auto does not read user_dictionary; set tokenizer jieba"):
        PrepareConfig(user_dictionary=tmp_path)


def test_user_words_that_could_not_be_tokens_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("<pad>\n\u200b\n好的呀\n", encoding="utf-8")
    text = text_to_tokens(PrepareConfig(tokenizer="jieba", user_dictionary=file))
    assert text.to_dict()["user_dictionary"] == ["好的呀"]
    assert text.tokens("好的呀<pad>") == ["好的呀", "pad"]


def test_stop_words(tmp_path: Path) -> None:
    assert tokens("This is NOT the best, it's never no good", stop_words="english") == ["not", "best", "never", "no", "good"]
    assert tokens("The best", stop_words="english", lowercase=False) == ["best"]
    file = tmp_path / "words.txt"
    file.write_text("\ufeffGood # a comment\n\n# another\nCafé\n", encoding="utf-8")
    assert tokens("good café, bad", stop_words=file) == ["bad"]


def test_chinese_stop_words() -> None:
    assert tokens("我們的手機和電腦不好", "jieba", stop_words="chinese", han="simplified") == ["手机", "电脑", "不好"]
    assert tokens("手机和电脑", "char", stop_words="chinese") == ["手", "机", "电", "脑"]
    words = load_stop_words(PrepareConfig(stop_words="chinese"))
    assert 80 < len(words) == len(set(words))
    assert not [word for word in words if set(word) & set("不没無无未别非莫勿但却")]


def test_english_stop_words_hold_no_negation() -> None:
    words = load_stop_words(PrepareConfig(stop_words="english"))
    assert 100 < len(words) == len(set(words))
    assert not [
        word for word in words if word in {"no", "not", "nor", "never", "none", "cannot", "without"} or word.endswith("n't")
    ]


def test_unusable_stop_word_file(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"missing\.txt.*No such file"):
        tokens("x", stop_words=tmp_path / "missing.txt")
    latin = tmp_path / "latin.txt"
    latin.write_bytes("caf\xe9\n".encode("latin-1"))
    with pytest.raises(RequestError, match=r"latin\.txt: byte 3 is not UTF-8"):
        tokens("x", stop_words=latin)
    with pytest.raises(RequestError, match="Is a directory"):
        tokens("x", stop_words=tmp_path)


def test_settings_survive_json() -> None:
    first = text_to_tokens(PrepareConfig(tokenizer="word", stop_words="english", numbers="zero"))
    second = TextToTokens(json.loads(json.dumps(first.to_dict())))
    text = "The 25 films weren't <i>bad</i>"
    assert first.batch([text]) == second.batch([text]) == [["00", "films", "weren't", "bad"]]


@pytest.mark.parametrize("name", ["auto", "", "../word", "word.cut"])
def test_an_unknown_tokenizer_is_named_in_one_line(name: str) -> None:
    settings = text_to_tokens(PrepareConfig(tokenizer="word")).to_dict()
    with pytest.raises(ValueError, match=rf"^unknown tokenizer '{re.escape(name)}': tasks\.model\.text\.tokenizers has no .*$"):
        TextToTokens(settings | {"tokenizer": name})


def test_the_choices_are_those_of_the_table() -> None:
    (schema,) = [field for name, field in PrepareConfig.model_json_schema()["properties"].items() if name == "tokenizer"]
    assert schema["enum"] == ["auto", *TOKENIZERS]
    (shown,) = [kind for flag, kind, *_ in knobs() if flag == "--prepare.tokenizer"]
    assert shown == "|".join(["auto", *TOKENIZERS])


@pytest.mark.parametrize("name", TOKENIZERS)
def test_what_a_tokenizer_needs_is_there(name: str) -> None:
    """Its libraries are installed, its settings exist; those that auto may choose demand nothing of other settings."""
    tokenizer, fields = TOKENIZERS[name], PrepareConfig.model_fields
    assert all(importlib.metadata.version(library) for library in tokenizer.libraries)
    assert {demand.setting for demand in tokenizer.demands} | set(tokenizer.reads) <= set(fields)
    with pytest.raises(ValueError, match="does not read user_dictionary") if not tokenizer.reads else contextlib.nullcontext():
        PrepareConfig(tokenizer=name, user_dictionary=Path("words.txt"))
    if tokenizer.automatic_from is not None:
        assert not tokenizer.demands


@pytest.mark.parametrize("tokenizer", ["char", "jieba"])
def test_a_long_line_without_blanks(tokenizer: str) -> None:
    text = "云上的磨坊主开会" * 30_000
    cut = tokens(text, tokenizer, punctuation="keep")
    assert "".join(cut) == text
    assert len(cut) > 60_000


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_texts_of_marks_alone_hold_no_token(tokenizer: Any) -> None:
    for text in ("", "\u3000\u200b", "，。！……", "\ud83d\udc4d", "<br>&nbsp;"):
        assert tokens(text, tokenizer) == []


hostile = st.one_of(
    st.text(),
    st.text(st.sampled_from("aB1.,%'\u2019_-<>/s&;lt \t\u00a0\u2003\u3000\u200b\x1c\x85\0é\u0301中हि\ud800")),
    st.text(st.sampled_from("中文分词的一了，。！臺灣ＡＢ５％　ｶﾞﾊﾟ테스ทด😀👨\u200d👩𠮷あカー々 a5.%'-\u3000\ud83d")),
    st.lists(st.sampled_from(["</s>", "<pad>", "<unk>", "&lt;/s&gt;", "<\u200b/s>", "<<unk>>", " ", "x"])).map("".join),
)
options = st.fixed_dictionaries(
    {
        "html": st.booleans(),
        "lowercase": st.booleans(),
        "numbers": st.sampled_from(["keep", "zero", "drop"]),
        "punctuation": st.sampled_from(["keep", "drop"]),
        "width": st.sampled_from(["keep", "fold"]),
        "han": st.sampled_from(["keep", "simplified"]),
        "tokenizer": st.sampled_from(list(TOKENIZERS)),
        "stop_words": st.sampled_from([[], ["的", "a"]]),
        "user_dictionary": st.sampled_from([[], ["分词的", "a5 7", "文，"]]),
    }
)


@given(hostile, options)
def test_tokens_are_never_empty_blank_or_reserved(text: str, settings: Any) -> None:
    for token in TextToTokens(settings).tokens(text):
        assert token
        assert not any(character.isspace() for character in token)
        assert token not in RESERVED_TOKENS
        token.encode()  # and no surrogates, which Arrow refuses
        if settings["numbers"] == "drop":
            assert not any(character.isdecimal() for character in token)


@given(hostile)
def test_the_short_cut_finds_what_the_pattern_finds(text: str) -> None:
    settings = {
        "html": False,
        "lowercase": False,
        "numbers": "keep",
        "punctuation": "drop",
        "width": "keep",
        "han": "keep",
        "tokenizer": "word",
        "stop_words": [],
        "user_dictionary": [],
    }
    cleaned = clean(text, html=False, lowercase=False).replace("\u2019", "'")
    words = word_pattern("" if cleaned.isascii() else combining_marks(), False)
    pattern = re.compile(rf"{words.pattern}|[{''.join(SIGN_TOKENS)}]")
    found = pattern.findall(with_plain_signs(cleaned).translate(APART))
    assert TextToTokens(settings).tokens(text) == [SIGN_TOKENS.get(token, token) for token in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Shares -5.5% (\u22123%), EUR -0.5 mn", "shares - 5.5% - 3% eur - 0.5 mn"),
        ("+2.1% and \u2013 4 or \u20134 and \u00b13", "+ 2.1% and 4 or - 4 and \u00b1 3"),
        ("fell \u20104%, \u20115.5% in non\u2011core, 5\u201010", "fell - 4% - 5.5% in non core 5 10"),
        ("up 5 %, 7\uff05 or 8 % of", "up 5% 7% or 8% of"),
        ("-$5 $-5 -.5", "- 5 - 5 - 5"),
        ("Q2-2008 COVID-19 10-20% 5%-6% (4)-5 well-made -- - 2007-08", "q2 2008 covid 19 10 20% 5% 6% 4 5 well made 2007 08"),
        (
            "\u4e0b\u8dcc-5.5%\uff0c\u4e0a\u6da8\uff0b3\uff05\uff0c1\u6708-6\u6708",
            "\u4e0b\u8dcc - 5.5% \u4e0a\u6da8 + 3% 1\u6708 6\u6708",
        ),
        ("a \x01 b \ue000 c", "a b c"),
        (
            "Tesco \u25bc3.2%, BP 1%\u2191 and 2% \u2193 \u2192 buy \u2191\u2191",
            "tesco \u25bc 3.2% bp 1% \u2191 and 2% \u2193 buy",
        ),
        ("Tesco \u25bc3.2%, BP 1%\u2191 \u2192 buy", "tesco \u25bc 3.2% bp 1% \u2191 buy"),
    ],
)
def test_dropped_punctuation_leaves_a_numbers_sign_and_percent(text: str, expected: str) -> None:
    assert tokens(text, "word") == expected.split()


def test_every_tokenizer_keeps_a_numbers_sign() -> None:
    for text in ("fell -5.5%", "fell \u22125.5%"):
        for tokenizer in ("word", "jieba"):
            assert tokens(text, tokenizer) == ["fell", "-", "5.5%"]
        assert tokens(text, "char") == list("fell-55%")
    assert tokens("fell (-5.5%), -$5", "whitespace") == ["fell", "-5.5%", "-$5"]
    assert tokens("fell -5.5%", "basic_english") == ["fell", "-5", "5%"]
    chinese = "\u4e0b\u8dcc-5.5%\uff0c1\u6708-6\u6708\uff0c5\u4e07\u5143-6\u4e07\u5143\uff0c\u4e2d\u56fd\u2014\u20146\u6708"
    assert tokens(chinese, "jieba").count("-") == tokens(chinese, "char").count("-") == 1


@given(st.text("aé1²½٣5.,!?;:)(\"'%-_ \u0301", max_size=8))
def test_pieces_that_end_in_a_mark_are_cut_as_the_pattern_cuts_them(text: str) -> None:
    cut = TOKENIZERS["word"].make({"punctuation": "keep"})
    pattern = word_pattern("" if text.isascii() else combining_marks(), True)
    assert cut(text) == [match.group() for match in pattern.finditer(text)]
