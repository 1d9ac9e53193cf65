from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.engine.local import LocalPool
from tasks.prepare.dataset import write_dataset
from tasks.prepare.read import read_split, read_text_settings
from tasks.prepare.script import choose_for_corpus
from tasks.prepare.settings import PrepareConfig


@pytest.mark.parametrize(("text", "tokenizer", "tokens"), [("很好的第{}部", "char", 5), ("the very good film {}", "word", 5)])
def test_a_corpus_without_flags_is_cut_by_its_script(
    write_corpus: Callable[..., Path], tmp_path: Path, text: str, tokenizer: str, tokens: int
) -> None:
    words = "一二三四五六七八九十" if tokenizer == "char" else [f"w{n}" for n in range(10)]
    rows = [(f"{n}-{label}", text.format(word) + label, label, None) for n, word in enumerate(words) for label in "ab"]
    (tmp_path / "out").mkdir()
    corpus = write_corpus(rows)
    report = write_dataset(PrepareConfig(near_duplicates=False, valid_share=0.3), corpus, tmp_path / "out")
    assert report["tokenizer"] == tokenizer
    assert choose_for_corpus(corpus).share == pytest.approx(1.0 if tokenizer == "char" else 0.0, abs=0.2)
    assert read_text_settings(tmp_path / "out" / "dataset")["tokenizer"] == tokenizer
    assert max(map(len, read_split(tmp_path / "out" / "dataset", "train").tokens.to_pylist())) >= tokens


def test_a_given_tokenizer_is_not_second_guessed(write_corpus: Callable[..., Path], tmp_path: Path) -> None:
    rows = [(str(n), f"很好{'一二三四五六七八九十'[n % 10]}{n}", "ab"[n % 2], None) for n in range(40)]
    (tmp_path / "out").mkdir()
    report = write_dataset(PrepareConfig(tokenizer="jieba", near_duplicates=False), write_corpus(rows), tmp_path / "out")
    assert report["tokenizer"] == "jieba"


def test_rows_from_all_over_a_large_corpus_are_looked_at(write_corpus: Callable[..., Path], tmp_path: Path) -> None:
    """The first row groups are English, the rest is Chinese."""
    rows = [(str(n), f"some words {n} here" if n < 400 else f"第{n}条新闻的标题", "ab"[n % 2], None) for n in range(2000)]
    (tmp_path / "out").mkdir()
    config = PrepareConfig(near_duplicates=False)
    assert write_dataset(config, write_corpus(rows, row_group_size=100), tmp_path / "out")["tokenizer"] == "char"


def test_workers_cut_as_one_process_does(write_corpus: Callable[..., Path], tmp_path: Path) -> None:
    dictionary = tmp_path / "words.txt"
    dictionary.write_text("磨坊主\n", encoding="utf-8")
    rows = [(str(n), f"雲上的磨坊主第{n}次開會，iPhone {n}", "ab"[n % 2], None) for n in range(5000)]
    corpus = write_corpus(rows)
    config = PrepareConfig(tokenizer="jieba", user_dictionary=dictionary, han="simplified", near_duplicates=False)
    files = []
    for name, workers in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        write_dataset(config, corpus, tmp_path / name, engine=LocalPool(workers), many=0)
        files.append([(tmp_path / name / part).read_bytes() for part in ("dataset/dataset.parquet", "dataset/text.json")])
    assert files[0] == files[1]
    assert "磨坊主" in read_split(tmp_path / "one" / "dataset", "train").tokens[0].as_py()
