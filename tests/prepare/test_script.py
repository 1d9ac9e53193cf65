from typing import Any

import pytest

from tasks.prepare.script import choose_tokenizer

ENGLISH = ["Operating profit rose to EUR 13.1m from EUR 8.7m", "The café was naïve, привет"]
CHINESE = ["营业利润同比增长三成", "新款iPhone 15下周开售，售价5,999元"]


@pytest.mark.parametrize(
    ("texts", "tokenizer"),
    [
        (ENGLISH, "word"),
        (CHINESE, "char"),
        (["今日の東京は雨です", "ゲームの新作を発表"], "char"),
        (["ราคาหุ้นปรับตัวขึ้น"], "char"),
        (["오늘 서울은 비가 옵니다", "주가가 올랐다"], "word"),  # Korean parts words by blanks
        (["训练 transformer 模型 with PyTorch and CUDA"], "jieba"),
        ([*ENGLISH * 3, *CHINESE], "jieba"),
        ([*ENGLISH * 20, "中"], "word"),
        (["2024 100% !!! 😀", ""], "word"),
        ([], "word"),
    ],
)
def test_the_tokenizer_is_chosen_by_script(texts: Any, tokenizer: str) -> None:
    assert choose_tokenizer(texts).tokenizer == tokenizer


def test_the_share_is_of_letters() -> None:
    assert choose_tokenizer(["中文ab12, \u3000"]).share == 0.5
    assert choose_tokenizer(["中" * 3000 + "a" * 3000]).share == 1.0  # a text counts by its beginning
