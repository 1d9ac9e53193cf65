"""What a configuration leaves open is decided by the champion, else by the corpus, and said in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flows.settled import refuse_unlabelled, settle_by_champion, settle_by_corpus, settle_by_texts, settled_values
from tasks.config import PipelineConfig
from tasks.errors import RequestError
from tasks.finetune.settings import FinetuneConfig
from tasks.register.champion import Champion
from tests.writers import write_corpus, write_dataset

if TYPE_CHECKING:
    from pathlib import Path

AS_BEFORE = Champion(3, "bag+cnn")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path, [(str(number), "train", "ab"[number % 2], ["word"]) for number in range(40)])


def test_a_name_with_a_champion_keeps_its_kind_of_model() -> None:
    said: list[str] = []
    config = settle_by_champion(PipelineConfig(), AS_BEFORE, said.append)
    assert config.finetune.model == "bag+cnn"
    assert said == ["model bag+cnn, as the champion, version 3; another: --finetune.model"]


def test_a_model_that_is_asked_for_is_taken_whatever_the_champion_is(dataset: Path) -> None:
    asked = PipelineConfig(finetune=FinetuneConfig(model="ca"))
    said: list[str] = []
    assert settle_by_champion(asked, AS_BEFORE, said.append).finetune.model == "ca"
    assert settle_by_corpus(asked, dataset, said.append) is asked
    assert said == []


def test_without_a_champion_the_train_rows_decide_and_one_line_says_so(dataset: Path) -> None:
    said: list[str] = []
    config = settle_by_corpus(settle_by_champion(PipelineConfig(), None, said.append), dataset, said.append)
    assert config.finetune.model == "tfidf"
    assert said == [
        "model tfidf, chosen by finetune.model auto: 40 train rows of 40 tokens in 2 classes; another: --finetune.model"
    ]
    assert list(settled_values(PipelineConfig())) == []
    assert ("finetune", "model", "tfidf") in set(settled_values(config))


def test_settings_beside_auto_that_the_model_does_not_read_are_named(dataset: Path) -> None:
    said: list[str] = []
    settle_by_champion(PipelineConfig(finetune=FinetuneConfig(ngrams=2)), Champion(1, "cnn"), said.append)
    assert said[1].startswith("finetune.ngrams 2 is for fasttext, bag, tfidf, ca, not cnn")
    settle_by_corpus(PipelineConfig(finetune=FinetuneConfig(epochs=3)), dataset, said.append)
    assert said[3].startswith("finetune.epochs 3 is for mean, cnn, bilstm, fasttext, bag, not tfidf")
    assert len(said) == 4


@pytest.mark.parametrize(("text", "tokenizer", "share"), [("a film", "word", "0%"), ("一部好电影", "char", "100%")])
def test_the_scripts_of_the_corpus_decide_about_the_tokenizer_and_one_line_says_so(
    tmp_path: Path, text: str, tokenizer: str, share: str
) -> None:
    corpus = write_corpus(tmp_path, [(str(number), text, "ab"[number % 2], None) for number in range(20)])
    said: list[str] = []
    config = settle_by_texts(PipelineConfig(), corpus, said.append)
    assert config.prepare.tokenizer == tokenizer
    assert said == [
        f"tokenizer {tokenizer}, chosen by prepare.tokenizer auto: {share} of letters are of scripts without blanks; another: "
        "--prepare.tokenizer"
    ]
    assert ("prepare", "tokenizer", tokenizer) in set(settled_values(config))
    assert settle_by_texts(config, corpus, said.append) is config
    assert len(said) == 1


def test_weights_are_not_trained_on_where_no_row_has_a_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FinetuneConfig, "own_labels", property(lambda self: ["good", "bad"]))
    given = {"ingest": {"unlabelled": tmp_path}, "finetune": {"model": "encoder"}}
    refuse_unlabelled(PipelineConfig.model_validate(given))
    with pytest.raises(
        RequestError, match=r"--pretrain.kind masked: it is measured on validation rows, and texts without labels"
    ):
        refuse_unlabelled(PipelineConfig.model_validate({**given, "pretrain": {"kind": "masked"}}))
