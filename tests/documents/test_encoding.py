"""Which encoding bytes plausibly have, and texts that were read in a wrong one."""

from pathlib import Path

import pytest

from tasks.documents.encoding import PLAUSIBLE, advice, garbled, lost, plausibility, propose, read_utf8
from tasks.documents.tally import Tally
from tasks.errors import RequestError

WRITTEN = {
    "gb18030": ["好消息", "公司宣布裁员三千人,坏", "text,label\n股市暴跌,损失惨重,负面\n", "他很好", "银行利润增长"],
    "big5": ["好消息", "股價大跌", "公司宣布裁員三千人", "投資者損失慘重，股市暴跌", "他很好"],
    "cp932": [
        "良い品です",
        "株価が下落した",
        "悪い",
        "テスト",
        "売上高は前年同期比で減少した。",
        "text,label\n良い品です,良い\n",
    ],
    "euc_jp": ["良い品です", "株価が下落した", "テスト", "売上高は前年同期比で減少した。"],
    "cp949": ["좋은 제품입니다", "주가가 급락했다", "나쁜", "이 영화는 정말 재미있다"],
    "cp1252": [
        "café",
        "don’t",
        "naïve façade",
        "Müller",
        "schön",
        "€ 100",
        "“Quoted” – text",
        "crème brûlée",
        "déjà vu",
        "São Paulo",
        "Hlutabréf féllu í verði",
    ],
    "cp1251": ["привет", "Акции упали", "хорошо", "Очень плохой фильм", "Курс рубля снизился", "ПЛОХО"],
    "koi8-r": ["привет", "Акции упали", "Очень плохой фильм", "Курс рубля снизился"],
    "cp1250": ["źle działa", "Příliš žluťoučký kůň", "nagyon jó minőségű"],
    "cp1254": ["çok güzel bir gün değil", "İstanbul’da yaşıyorum", "teşekkür", "kötü haberden düştü"],
    "cp1253": ["καλημέρα", "Οι μετοχές έπεσαν"],
    "cp1255": ["שלום עולם"],
    "cp1256": ["مرحبا بالعالم", "أسعار الأسهم"],
    "cp874": ["สวัสดีครับ", "หุ้นตก"],
    "utf-16": ["good,pos\nbad,neg\n", "好消息,正\n"],
    "utf-16-le": ["good,pos\nbad,neg\n", "好消息,正\n坏消息,负\n", "text,label\nпривет,да\n"],
    "utf-16-be": ["good,pos\nbad,neg\n", "好消息,正\n坏消息,负\n"],
    "mac_roman": ["don’t like it", "crème brûlée", "Müller"],
    "cp866": ["привет мир, как дела", "Акции упали"],
    "cp850": ["Müller und Söhne", "déjà vu"],
    "utf-8": ["schön", "好消息"],
}


@pytest.mark.parametrize(("encoding", "text"), [(name, text) for name, texts in WRITTEN.items() for text in texts])
def test_a_few_words_are_enough_to_name_what_they_were_written_in(encoding: str, text: str) -> None:
    data = text.encode(encoding)
    first = propose(data)[0]
    assert data.decode(first.encoding).removeprefix("\ufeff") == text
    assert first.shown in text


@pytest.mark.parametrize(
    "data",
    [b"", b"plain ASCII", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", bytes(range(256)), b"\xff\xfe\0", b"\0\1\2\xff\xfe"],
)
def test_bytes_that_are_no_text_have_no_encoding(data: bytes) -> None:
    assert propose(data) == []


def test_latin_1_is_never_proposed() -> None:
    data = [text.encode(name) for name, texts in WRITTEN.items() for text in texts]
    named = {each.encoding for bytes_ in data for each in propose(bytes_)}
    assert not named & {"latin-1", "iso8859-1", "iso-8859-1", "latin_1"}


def test_advice_names_the_option_and_shows_how_the_text_reads() -> None:
    assert advice("良い品です".encode("cp932"), "--x") == "it reads as cp932 ('良い品です'): use --x cp932"
    assert advice("good café".encode("cp1252"), "").endswith("('café'); write the file again with its text as UTF-8")
    assert advice(bytes(range(256)), "--x") == "no usual encoding gives text; name its own with --x, or save it as UTF-8"


def test_how_plausible_a_declared_encoding_is() -> None:
    data = "好消息：公司利润增长".encode("gb18030")
    assert plausibility(data, "gb18030") > PLAUSIBLE > plausibility(data, "latin-1")
    assert plausibility(b"caf\xe9", "latin-1") == plausibility(b"caf\xe9", "cp1252") > PLAUSIBLE
    assert plausibility(b"don\x92t", "latin-1") == -1.0  # a control character there


FRENCH = ["L’été à la plage", "crème brûlée", "plain", "Über alles"]
CHINESE = ["茅台股价大跌", "公司宣布裁员三千人", "银行利润增长，股市上涨"]


@pytest.mark.parametrize(
    ("texts", "written", "read", "right"),
    [
        (FRENCH, "utf-8", "latin-1", "utf-8"),
        (CHINESE, "utf-8", "latin-1", "utf-8"),
        (CHINESE, "gb18030", "latin-1", "gb18030"),
        (["良い品です", "悪い製品です"], "cp932", "latin-1", "cp932"),
        (["Очень плохой фильм"] * 3, "cp1251", "latin-1", "cp1251"),
        (["한국 증시 급락했다"], "cp949", "latin-1", "cp949"),
    ],
)
def test_texts_that_were_read_in_a_wrong_encoding_show_it(texts: list[str], written: str, read: str, right: str) -> None:
    found = garbled(text.encode(written).decode(read) for text in texts)
    assert found is not None
    assert found.right == right
    assert found.meant.strip("…") in "\n".join(texts)


def test_utf_8_that_was_read_as_gbk_shows_it() -> None:
    found = garbled(["好消息很好好".encode().decode("gb18030")])
    assert found is not None
    assert (found.right, found.wrong) == ("utf-8", "gb18030")


@pytest.mark.parametrize("texts", [FRENCH, CHINESE, ["He said «CAFÉ»", "«É»"], ["ß–", "Â 5"], ["плохо"], ["ascii"], []])
def test_texts_as_their_authors_wrote_them_are_left_in_peace(texts: list[str]) -> None:
    assert garbled(texts) is None


def test_one_garbled_word_in_many_texts_is_no_sign() -> None:
    assert garbled([*(f"schön {n}" for n in range(30)), "a page that quotes Ã©tÃ©"]) is None


def test_lost_characters_are_counted() -> None:
    assert lost(["caf\ufffd", "锟斤拷", "ï¿½", "fine"]) == 3


def test_a_file_that_must_be_utf_8_says_what_it_is_instead(tmp_path: Path) -> None:
    path = tmp_path / "names.toml"
    path.write_bytes("\ufeffgood".encode())
    assert read_utf8(path) == "good"
    path.write_bytes("[names]\n茅台公司 = '大跌'".encode("gb18030"))
    with pytest.raises(RequestError, match=r"names\.toml: byte \d+ is not UTF-8; it reads as gb18030 \(\"茅台公司"):
        read_utf8(path)


def tally_of(encoding: str, *data: bytes) -> Tally:
    tally = Tally(encoding, "--ingest.encoding")
    for row, each in enumerate(data):
        try:
            text, bad = each.decode(encoding), None
        except UnicodeDecodeError as error:
            text, bad = None, error.start
        tally.count("a.csv", 100 * row, each, text, bad)
    return tally


def test_a_file_in_two_encodings_is_not_sent_to_one_of_them() -> None:
    tally = tally_of("utf-8", *["schön".encode()] * 20, *["schön".encode("cp1252")] * 12)
    with pytest.raises(RequestError, match="20 others beyond ASCII are, and these read as cp1252: save all of them as UTF-8"):
        tally.check("a.csv")


def test_a_few_records_in_another_encoding_are_told() -> None:
    tally = tally_of("utf-8", *["schön".encode()] * 100, "déjà vu".encode("cp1252"))
    tally.check("a.csv")
    (said,) = tally.warnings("a.csv")
    assert (
        said == "a.csv: 1 record of 101 could not be read as utf-8, the first in a.csv at byte 1; as cp1252 it reads 'déjà vu'"
    )


def test_a_declared_encoding_that_garbles_is_doubted() -> None:
    (said,) = tally_of("latin-1", *[text.encode("gb18030") for text in CHINESE]).warnings("a.csv")
    assert "as gb18030 it reads" in said
    assert "use --ingest.encoding gb18030" in said
    assert tally_of("gb18030", *[text.encode("gb18030") for text in CHINESE]).warnings("a.csv") == []
    assert tally_of("latin-1", *["schön".encode("latin-1")] * 5).warnings("a.csv") == []
