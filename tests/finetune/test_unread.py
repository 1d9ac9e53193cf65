"""What a model does not read is refused; the table of readers is held against what training really asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.config import VIEWS, AlignConfig, FinetuneConfig, IngestConfig, PipelineConfig, PrepareConfig, PretrainConfig
from tasks.errors import RequestError
from tasks.finetune.train import write_model
from tasks.unread import ALWAYS, READERS, refuse_unread, unread

# A value other than the default for each setting that the readers of it all take.
OTHER: dict[str, Any] = {
    "members": 2,
    "epochs": 3,
    "batch_size": 8,
    "optimizer": "sgd",
    "lr": 0.1,
    "weight_decay": 0.1,
    "warmup_share": 0.2,
    "decay": "cosine",
    "clip": 2.0,
    "dropout": 0.1,
    "patience": 3,
    "refit": True,
    "class_weights": "balanced",
    "partial_share": 0.2,
    "embedding_rank": 3,
    "adversarial_norm": 2.0,
    "max_len": 12,
    "truncate": "head",
    "hidden": 3,
    "widths": (2,),
    "ngrams": 2,
    "ngram_min_documents": 1,
    "bag_epochs": 2,
    "bag_batch_size": 16,
    "bag_lr": 0.01,
    "bag_dropout": 0.1,
    "ca_dim": 4,
    "ca_rounds": 2,
    "ca_min_documents": 1,
    "ca_unlabelled": 5,
    "ca_l2": 0.1,
    "fasttext_dim": 4,
    "fasttext_epoch": 2,
    "fasttext_lr": 0.1,
    "compile": True,
    "mixed_precision": False,
}
REFUSED_ELSEWHERE = {
    *("embedding", "embedding_lr", "embedding_dropout", "embedding_pull", "frozen_epochs", "adversarial"),
    *("adversarial_unlabelled", "partial_rows", "partial_words"),
}


def found(**sections: Any) -> list[str]:
    return [f"{each.section}.{each.name}" for each in unread(PipelineConfig(**sections))]


def test_each_setting_is_in_one_of_these_lists() -> None:
    assert set(OTHER) | REFUSED_ELSEWHERE | {"model", "seed", "threads"} == set(FinetuneConfig.model_fields)
    assert set(READERS) <= set(FinetuneConfig.model_fields)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", sorted(set(OTHER) - {"partial_share", "embedding_rank", "adversarial_norm"}))
def test_a_setting_of_finetune_is_refused_by_the_kinds_that_do_not_read_it(name: str, view: str) -> None:
    expected = [] if view in READERS.get(name, VIEWS) else [f"finetune.{name}"]
    assert found(finetune=FinetuneConfig(model=view, **{name: OTHER[name]})) == expected


@pytest.mark.parametrize("name", [name for name in PretrainConfig.model_fields if f"pretrain.{name}" not in ALWAYS])
def test_fasttexts_options_are_refused_where_no_vectors_are_trained(name: str) -> None:
    value: Any = {"model": "cbow", "loss": "hs", "bucket": 7, "lr": 0.1, "t": 0.1, "unlabelled": False}.get(name, 4)
    given = PretrainConfig(**{name: value})
    for view in ("bag", "tfidf", "ca", "fasttext", "auto", "bag+ca"):
        assert found(pretrain=given, finetune=FinetuneConfig(model=view)) == [f"pretrain.{name}"]
    reads = FinetuneConfig(model="bag+cnn")
    assert found(pretrain=given, finetune=reads) == []
    assert found(pretrain=given, finetune=reads, align=AlignConfig(vectors=Path("a.vec"))) == [f"pretrain.{name}"]
    assert found(pretrain=given.model_copy(update={"enabled": False}), finetune=reads) == [f"pretrain.{name}"]


def test_the_vocabulary_of_words_is_refused_for_models_of_ngrams() -> None:
    given = AlignConfig(min_count=3, max_size=9, missing="zero", min_coverage=0.5, fallbacks="case")
    names = ["align.fallbacks", "align.min_count", "align.max_size", "align.missing", "align.min_coverage"]
    assert found(align=given, finetune=FinetuneConfig(model="tfidf")) == names
    assert found(align=given, finetune=FinetuneConfig(model="mean")) == []


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"align": AlignConfig(dim=50), "finetune": FinetuneConfig(model="cnn")}, "align.dim 50 is for random .* pretrain.dim"),
        (
            {
                "pretrain": PretrainConfig(enabled=False, dim=50),
                "finetune": FinetuneConfig(model="cnn"),
            },
            "pretrain.dim 50 is not read with pretrain.enabled false; random vectors have align.dim",
        ),
        ({"align": AlignConfig(join="fill"), "finetune": FinetuneConfig(model="cnn")}, "align.join fill joins align.second"),
        (
            {"pretrain": PretrainConfig(loss="hs", neg=9), "finetune": FinetuneConfig(model="cnn")},
            "pretrain.neg 9 is for loss ns",
        ),
        (
            {"pretrain": PretrainConfig(maxn=0, minn=2), "finetune": FinetuneConfig(model="cnn")},
            "pretrain.minn 2 is for subwords",
        ),
        ({"finetune": FinetuneConfig(model="cnn", partial_share=0.2)}, "partial_share 0.2 is for embedding partial"),
        (
            {"finetune": FinetuneConfig(model="cnn", embedding="partial", partial_share=0.2)},
            "partial_share 0.2 is for embedding partial with partial_rows rarest or random",
        ),
        ({"finetune": FinetuneConfig(model="cnn", embedding_rank=3)}, "embedding_rank 3 is for embedding low_rank"),
        (
            {"finetune": FinetuneConfig(model="cnn", adversarial_norm=3)},
            "adversarial_norm 3.0 is for adversarial fgm or virtual",
        ),
        ({"finetune": FinetuneConfig(model="bag", epochs=3, bag_epochs=2)}, "finetune.epochs 3 is not read beside bag_epochs"),
        (
            {"prepare": PrepareConfig(near_duplicates=False, near_duplicate_similarity=0.9)},
            "prepare.near_duplicate_similarity 0.9 is for near_duplicates true",
        ),
        (
            {"prepare": PrepareConfig(test_share=0.3), "ingest": IngestConfig(test_path=Path("test.csv"))},
            "prepare.test_share 0.3 is not read where ingest.test_path gives the test rows",
        ),
        ({"finetune": FinetuneConfig(model="bag", lr=0.1)}, "finetune.lr 0.1 is for .* not bag; bag reads finetune.bag_lr"),
        (
            {"finetune": FinetuneConfig(bag_lr=0.1)},
            "bag_lr 0.1 is for bag, and finetune.model auto chooses .*; set finetune.model to bag",
        ),
        ({"pretrain": PretrainConfig(dim=5, epoch=3)}, r"pretrain.dim 5 .*auto.* \(the same for pretrain.epoch\)"),
    ],
)
def test_a_setting_that_another_one_switches_off_is_refused_with_its_remedy(sections: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        refuse_unread(PipelineConfig(**sections))


def test_what_is_the_same_for_every_kind_is_never_refused() -> None:
    finetune = FinetuneConfig(model="tfidf", seed=5, threads=1)
    assert found(finetune=finetune, pretrain=PretrainConfig(threads=1, seed=5, enabled=False), align=AlignConfig(seed=5)) == []
    assert found(finetune=FinetuneConfig(epochs=3)) == []
    assert found(finetune=FinetuneConfig(ngrams=2, ngram_min_documents=1, class_weights="balanced", refit=True)) == []
    assert (
        found(finetune=FinetuneConfig(model="bag+mean", epochs=3, bag_epochs=2), pretrain=PretrainConfig(maxn=0, minn=0)) == []
    )


class Watched(FinetuneConfig):
    """A section that notes which of its settings are asked for."""

    def __getattribute__(self, name: str) -> Any:
        if name in FinetuneConfig.model_fields:
            ASKED.add(name)
        return super().__getattribute__(name)


ASKED: set[str] = set()
SWITCHED_ON_BY_OTHERS = {"partial_rows", "partial_words", "embedding_rank", "adversarial_norm"}


@pytest.mark.parametrize("view", VIEWS)
def test_a_kind_asks_for_all_that_it_is_said_to_read(view: str, dataset: Path, aligned: Path, tmp_path: Path) -> None:
    config = Watched(model=view, epochs=1, hidden=3, widths=(2,), ca_dim=4, ca_rounds=2, ca_min_documents=1, threads=1)
    ASKED.clear()
    (tmp_path / "model").mkdir()
    (tmp_path / "scratch").mkdir()
    write_model(config, dataset, aligned, tmp_path / "model", tmp_path / "scratch")
    said = {name for name, readers in READERS.items() if view in readers}
    assert said - SWITCHED_ON_BY_OTHERS <= ASKED
