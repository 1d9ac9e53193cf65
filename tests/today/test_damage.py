"""Damaged encodings are seen, and what is merely unusual is left alone."""

import pytest

from tasks.today.damage import is_damaged

CHINESE = "腾讯股价大跌投资者担忧未来业绩"
WELL = [
    "Profits rose 3% — ‘good’ news for £5m",
    "Überraschung für Köln: größer als je",
    "« À l’été, l’économie française s’améliore »",
    "What?? Really???",
    "Żółć gęślą jaźń",
    "Новости компании «ТЕХНО» Ó»",
    "中国人民银行宣布降准, 市场反应平淡",
]


@pytest.mark.parametrize("text", [*WELL, CHINESE])
def test_a_text_that_is_well_is_not_damaged(text: str) -> None:
    assert not is_damaged(text)


@pytest.mark.parametrize(
    "text",
    [
        *(text.encode().decode(code, "replace") for code in ("cp1252", "latin-1") for text in (*WELL[:3], CHINESE)),
        CHINESE.encode("gb18030").decode("latin-1"),
        CHINESE.encode().decode("gb18030", "ignore"),
        CHINESE.encode("ascii", "replace").decode(),
        "caf\ufffd",
    ],
)
def test_each_wrong_turn_is_seen(text: str) -> None:
    assert is_damaged(text)
