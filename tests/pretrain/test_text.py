from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.model.fasttext_words import LINE_TOKENS, plain_words
from tasks.pretrain.text import join_lines, write_text


def read_as_fasttext(data: bytes) -> list[list[bytes]]:
    """Split into lines and tokens the way `Dictionary::readWord` does; `</s>` ends a line."""
    for separator in b" \r\t\v\f\0":
        data = data.replace(bytes([separator]), b" ")
    lines: list[list[bytes]] = [[]]
    for line in data.split(b"\n"):
        for token in line.split(b" "):
            if token == b"</s>":
                lines.append([])
            elif token:
                lines[-1].append(token)
        lines.append([])
    return [line for line in lines if line]


def test_only_the_named_splits_are_written(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_dataset({"train": [["t", "t"]], "valid": [["v"]], "test": [["e"]], "unlabelled": [["u"], []]})
    text = write_text(folder, ("train", "unlabelled"), tmp_path / "text")
    assert (tmp_path / "text").read_text() == "t t\nu\n"
    assert (text.num_documents, text.num_lines, text.num_tokens) == (2, 2, 3)
    assert text.counts.to_pydict() == {"token": ["t", "u"], "count": [2, 1]}


def test_no_document_gives_an_empty_file(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    text = write_text(make_dataset({"valid": [["v"]]}), ("train",), tmp_path / "text")
    assert (tmp_path / "text").read_bytes() == b""
    assert (text.num_tokens, text.counts.num_rows) == (0, 0)


token_texts = st.text(st.sampled_from("ab_/<>sle\n\t \x00\ufeff电") | st.characters(codec="utf-8"), min_size=1, max_size=6)
dangerous = st.sampled_from(["__label__", "</s>", "__", "label", "<", "/s>"])
tokens_of_any_kind = token_texts | st.lists(dangerous | token_texts, min_size=1, max_size=4).map("".join)


@given(st.lists(st.lists(tokens_of_any_kind, max_size=5), max_size=5))
def test_lines_and_words_are_those_of_the_documents(documents: list[list[str]]) -> None:
    flat = plain_words(pa.array([token for tokens in documents for token in tokens], pa.string()))
    lines = join_lines(flat, np.array([len(tokens) for tokens in documents], dtype=np.int64))
    seen = read_as_fasttext("".join(f"{line}\n" for line in lines.to_pylist()).encode())
    assert [len(line) for line in seen] == [len(tokens) for tokens in documents if tokens]
    assert not any(token.startswith(b"__label__") for line in seen for token in line)


@pytest.mark.parametrize("length", [1, LINE_TOKENS - 1, LINE_TOKENS, LINE_TOKENS + 1, 3 * LINE_TOKENS, 3 * LINE_TOKENS + 7])
def test_a_long_document_becomes_several_full_lines(length: int) -> None:
    tokens = [f"w{number}" for number in range(length)]
    lines = join_lines(pa.array(["first", *tokens, "last"]), np.array([1, length, 0, 1])).to_pylist()
    assert (lines[0], lines[-1]) == ("first", "last")
    assert " ".join(lines[1:-1]).split(" ") == tokens
    sizes = [len(line.split(" ")) for line in lines[1:-1]]
    assert sizes[:-1] == [LINE_TOKENS] * (len(sizes) - 1)
    assert 1 <= sizes[-1] <= LINE_TOKENS
