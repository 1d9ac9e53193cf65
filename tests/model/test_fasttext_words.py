import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.model.fasttext_words import plain_word, plain_words


@pytest.mark.parametrize(
    "token",
    [
        "__label__x",
        "___label___",
        "____label____x",
        "</s>",
        "<</s>/s>",
        "a\nb",
        "\n",
        "a\x00b",
        "\ufeffa",
        "<\ufeff/s>",
        "a b",
        "a\x0bb",
        "\r",
    ],
)
def test_a_dangerous_token_stays_one_plain_word(token: str) -> None:
    result = plain_words(pa.array(["before", token, "after"])).to_pylist()
    assert result[0] == "before"
    assert result[2] == "after"
    assert result[1].split() == [result[1]]
    assert not any(special in result[1] for special in ("__label__", "</s>", "\x00", "\ufeff"))


def test_ordinary_tokens_are_not_touched() -> None:
    tokens = pa.array(["it's", "_", "__init__", "<s>", "label", "电影", "\u2028", "-"])
    assert plain_words(tokens).equals(tokens)


token_texts = st.text(st.sampled_from("ab_/<>sle\n\t \x00\ufeff电") | st.characters(codec="utf-8"), min_size=1, max_size=6)
dangerous = st.sampled_from(["__label__", "</s>", "__", "label", "<", "/s>"])
tokens_of_any_kind = token_texts | st.lists(dangerous | token_texts, min_size=1, max_size=4).map("".join)


@given(st.lists(tokens_of_any_kind, max_size=5))
def test_many_words_are_rewritten_as_each_alone(words: list[str]) -> None:
    assert plain_words(pa.array(words, pa.string())).to_pylist() == [plain_word(word) for word in words]
