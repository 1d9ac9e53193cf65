"""What a model does not read is refused; the table of readers is held against what training really asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks.align.settings import AlignConfig
from tasks.config import PipelineConfig
from tasks.errors import RequestError
from tasks.finetune.kinds import KINDS
from tasks.finetune.kinds.encoder.settings import EncoderSettings
from tasks.finetune.settings import SECTIONS, FinetuneConfig, SharedSettings
from tasks.finetune.train import write_model
from tasks.ingest.settings import IngestConfig
from tasks.prepare.settings import PrepareConfig
from tasks.pretrain.settings import PretrainConfig
from tasks.unread import ALWAYS, SHARED, refuse_unread, unread

if TYPE_CHECKING:
    from tasks.section import Section

# A value other than the default for each setting, by its place in finetune.
OTHER: dict[str, Any] = {
    "epochs": 3,
    "patience": 3,
    "refit": True,
    "class_weights": "balanced",
    "class_prior": ("bad=0.2", "good=0.8"),
    "ngrams": 2,
    "lexicon": Path("lexicon.tsv"),
    "network.members": 2,
    "network.batch_size": 8,
    "network.optimizer": "sgd",
    "network.lr": 0.1,
    "network.embedding_lr": 0.1,
    "network.weight_decay": 0.1,
    "network.warmup_share": 0.2,
    "network.decay": "cosine",
    "network.clip": 2.0,
    "network.dropout": 0.1,
    "network.embedding_dropout": 0.1,
    "network.embedding": "frozen",
    "network.frozen_epochs": 1,
    "network.embedding_pull": 0.1,
    "network.adversarial": "fgm",
    "network.max_len": 12,
    "network.truncate": "head",
    "network.compile": True,
    "network.mixed_precision": False,
    "cnn.filters": 3,
    "cnn.widths": (2,),
    "bilstm.hidden": 3,
    "bag.min_documents": 1,
    "bag.epochs": 2,
    "bag.batch_size": 16,
    "bag.lr": 0.01,
    "bag.dropout": 0.1,
    "tfidf.min_documents": 1,
    "tfidf.c": 1.0,
    "tfidf.naive_bayes": 0.5,
    "ca.dim": 4,
    "ca.rounds": 2,
    "ca.min_documents": 1,
    "ca.unlabelled": 5,
    "ca.l2": 0.1,
    "encoder.model": Path("weights"),
    "cloze.model": Path("weights"),
    "cloze.labels": Path("labels.toml"),
    "cloze.max_len": 16,
    "encoder.train": "full",
    "encoder.labels": Path("labels.toml"),
    "encoder.pooling": "cls",
    "encoder.max_len": 16,
    "encoder.truncate": "tail",
    "encoder.l2": 0.1,
    "encoder.frozen_layers": 2,
    "encoder.serve": "int8",
    "fasttext.dim": 4,
    "fasttext.epoch": 2,
    "fasttext.lr": 0.1,
    "fasttext.loss": "ova",
    "fasttext.min_count": 2,
    "fasttext.maxn": 3,
    "fasttext.vectors": True,
}
# They ask for another one beside them.
TOGETHER = {
    *("network.partial_rows", "network.partial_words", "network.partial_share", "network.embedding_rank"),
    *("network.partial_start", "fasttext.minn"),
    *("network.adversarial_norm", "network.adversarial_unlabelled"),
    *(f"encoder.{name}" for name in (*EncoderSettings.OF_TUNING, *EncoderSettings.OF_LORA)),
}


def found(**sections: Any) -> list[str]:
    return [f"{each.section}.{each.name}" for each in unread(PipelineConfig(**sections))]


def cnn(**network: object) -> dict[str, Any]:
    return {"finetune": FinetuneConfig(model="cnn", network=network)}


OF_THE_FLOW = {"start", "fresh_every"}  # read before a kind is trained, whichever it is


def read_by(kind: str) -> set[str]:
    """The settings of finetune that a kind reads."""
    own = {f"{section}.{name}" for section, made in KINDS[kind].sections.items() for name in made.model_fields}
    return own | KINDS[kind].shared | (SharedSettings.model_fields.keys() - SHARED)


def test_each_setting_is_in_one_of_these_lists() -> None:
    nested = {f"{section}.{name}" for section, made in SECTIONS.items() for name in made.model_fields}
    assert set(OTHER) | TOGETHER | OF_THE_FLOW | {"model", "seed", "threads"} == nested | set(SharedSettings.model_fields)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("setting", OTHER)
def test_a_setting_of_finetune_is_refused_by_the_kinds_that_do_not_read_it(setting: str, kind: str) -> None:
    section, _, name = setting.rpartition(".")
    given = {section: {name: OTHER[setting]}} if section else {name: OTHER[setting]}
    expected = [] if setting in read_by(kind) else [f"finetune.{setting}"]
    assert found(finetune=FinetuneConfig(model=kind, **given)) == expected


OF_FASTTEXT = PretrainConfig.model_fields.keys() - {"kind", "adapt"}


@pytest.mark.parametrize("name", sorted(name for name in OF_FASTTEXT if f"pretrain.{name}" not in ALWAYS))
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
        (
            {"finetune": FinetuneConfig(model="cnn", network={"partial_share": 0.2})},
            "partial_share 0.2 is for embedding partial",
        ),
        (
            cnn(embedding="partial", partial_share=0.2),
            "partial_share 0.2 is for embedding partial with partial_rows rarest or random",
        ),
        (
            {"finetune": FinetuneConfig(model="cnn", network={"embedding_rank": 3})},
            "embedding_rank 3 is for embedding low_rank",
        ),
        (
            cnn(adversarial_norm=3),
            "adversarial_norm 3.0 is for adversarial fgm or virtual",
        ),
        (
            {"finetune": FinetuneConfig(model="bag", epochs=3, bag={"epochs": 2})},
            "finetune.epochs 3 is not read beside bag.epochs",
        ),
        (
            {"prepare": PrepareConfig(near_duplicates=False, near_duplicate_similarity=0.9)},
            "prepare.near_duplicate_similarity 0.9 is for near_duplicates true",
        ),
        (
            {"prepare": PrepareConfig(test_share=0.3), "ingest": IngestConfig(test_path=Path("test.csv"))},
            "prepare.test_share 0.3 is not read where ingest.test_path gives the test rows",
        ),
        (
            {"finetune": FinetuneConfig(model="bag", network={"lr": 0.1})},
            "finetune.network.lr 0.1 is for .* not bag; bag reads finetune.bag.lr, so set that, or remove this setting",
        ),
        (
            {"finetune": FinetuneConfig(bag={"lr": 0.1})},
            "bag.lr 0.1 is for bag, and finetune.model auto chooses .*; set finetune.model to bag or a sum that contains it",
        ),
        (
            {"finetune": FinetuneConfig(model="bag", fasttext={"dim": 9})},
            "finetune.fasttext.dim 9 is for fasttext, not bag; set finetune.model to fasttext, or remove this setting",
        ),
        ({"pretrain": PretrainConfig(dim=5, epoch=3)}, r"pretrain.dim 5 .*auto.* \(the same for pretrain.epoch\)"),
    ],
)
def test_a_setting_that_another_one_switches_off_is_refused_with_its_remedy(sections: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        refuse_unread(PipelineConfig(**sections))


SHARED_BY_AUTO: dict[str, Any] = {
    "ngrams": 2,
    "class_weights": "balanced",
    "refit": True,
    "bag": {"min_documents": 1},
    "tfidf": {"min_documents": 1},
}


def test_what_is_the_same_for_every_kind_is_never_refused() -> None:
    finetune = FinetuneConfig(model="tfidf", seed=5, threads=1)
    assert found(finetune=finetune, pretrain=PretrainConfig(threads=1, seed=5, enabled=False), align=AlignConfig(seed=5)) == []
    assert found(finetune=FinetuneConfig(epochs=3)) == []
    assert found(finetune=FinetuneConfig(**SHARED_BY_AUTO)) == []
    assert (
        found(finetune=FinetuneConfig(model="bag+mean", epochs=3, bag={"epochs": 2}), pretrain=PretrainConfig(maxn=0, minn=0))
        == []
    )


ASKED: set[str] = set()


def watched(made: type[Section], place: str) -> type[Any]:
    """A section that notes which of its settings are asked for."""

    class Watched(made):  # type: ignore[valid-type, misc]
        def __getattribute__(self, name: str) -> Any:
            if name in made.model_fields:
                ASKED.add(f"{place}{name}")
            return super().__getattribute__(name)

    return Watched


SMALL: dict[str, dict[str, Any]] = {
    "cnn": {"filters": 3, "widths": (2,)},
    "bilstm": {"hidden": 3},
    "ca": {"dim": 4, "rounds": 2, "min_documents": 1},
    "encoder": {"model": Path("weights"), "max_len": 16},
}
WORDS = """
template = "{text} {mask}"
[labels]
bad.words = ["awful"]
fine.words = ["usual"]
good.words = ["great"]
"""
SWITCHED_ON_BY_OTHERS = {f"network.{name}" for name in ("partial_rows", "partial_words", "embedding_rank", "adversarial_norm")}
SWITCHED_ON_BY_OTHERS |= {f"encoder.{name}" for name in (*EncoderSettings.OF_TUNING, *EncoderSettings.OF_LORA)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_asks_for_all_that_it_is_said_to_read(
    kind: str, dataset: Path, aligned: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "labels.toml").write_text(WORDS)
    small = {**SMALL, "cloze": {"model": Path("weights"), "labels": tmp_path / "labels.toml", "max_len": 32}}
    sections = {name: watched(made, f"{name}.")(**small.get(name, {})) for name, made in KINDS[kind].sections.items()}
    config = watched(FinetuneConfig, "")(model=kind, epochs=1, threads=1, **sections)
    (tmp_path / "model").mkdir()
    (tmp_path / "scratch").mkdir()
    given = request.getfixturevalue("read") if KINDS[kind].reads == "text" else {}
    if kind == "cloze":
        given = {"texts": given["texts"], "weights": request.getfixturevalue("masked")}
    ASKED.clear()
    weights, embeds = config.weights, config.embeds  # what is asked for by the steps before finetune
    assert weights is not None or embeds is None
    write_model(config, dataset, aligned, tmp_path / "model", tmp_path / "scratch", **given)
    assert read_by(kind) - SWITCHED_ON_BY_OTHERS - OF_THE_FLOW - {"seed"} <= ASKED  # not all that is the same for everybody
