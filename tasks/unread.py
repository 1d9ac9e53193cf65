"""Which settings a training run will not read, so that one that was given is refused and not dropped without a word.

A setting counts as given where it differs from its default: whichever door it came through, and also in a configuration that
was stored whole. `threads` and `seed` are the same for everybody, so they may be given to whatever does not need them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.config import AUTO, NEEDS_VECTORS, VIEWS, AlignConfig, FinetuneConfig, PretrainConfig
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from tasks.config import PipelineConfig

WORDS = tuple(view for view in VIEWS if view in NEEDS_VECTORS)
NGRAMS = ("fasttext", "bag", "tfidf", "ca")
CHOSEN_BY_AUTO = ("bag", "tfidf")  # without being told; a champion's kind may be any

# Kinds of model that read a setting of finetune. What is missing here is read by every kind.
READERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            *("members", "batch_size", "optimizer", "lr", "embedding_lr", "weight_decay", "warmup_share", "decay", "clip"),
            *("dropout", "embedding_dropout", "embedding", "partial_rows", "partial_share", "partial_words", "embedding_rank"),
            *("frozen_epochs", "embedding_pull", "adversarial", "adversarial_norm", "adversarial_unlabelled"),
            *("max_len", "truncate", "compile", "mixed_precision"),
        ),
        WORDS,
    ),
    "epochs": (*WORDS, "fasttext", "bag"),
    "patience": (*WORDS, "bag"),
    "class_weights": (*WORDS, "bag", "tfidf", "ca"),
    "hidden": ("cnn", "bilstm"),
    "widths": ("cnn",),
    "ngrams": NGRAMS,
    "ngram_min_documents": ("bag", "tfidf"),
    **dict.fromkeys(("bag_epochs", "bag_batch_size", "bag_lr", "bag_dropout"), ("bag",)),
    **dict.fromkeys(("ca_dim", "ca_rounds", "ca_min_documents", "ca_unlabelled", "ca_l2"), ("ca",)),
    **dict.fromkeys(("fasttext_dim", "fasttext_epoch", "fasttext_lr"), ("fasttext",)),
}
# What a kind has of its own in place of a setting that it does not read.
TWINS = {
    "finetune.epochs": {"bag": "bag_epochs", "fasttext": "fasttext_epoch"},
    "finetune.lr": {"bag": "bag_lr", "fasttext": "fasttext_lr"},
    "finetune.dropout": {"bag": "bag_dropout"},
    "finetune.batch_size": {"bag": "bag_batch_size"},
    "pretrain.dim": {"fasttext": "fasttext_dim", "ca": "ca_dim"},
    "pretrain.epoch": {"bag": "bag_epochs", "fasttext": "fasttext_epoch"},
    "pretrain.lr": {"bag": "bag_lr", "fasttext": "fasttext_lr"},
}
# Given to whatever does not need them: `enabled` false says that nothing is trained, which is what happens.
ALWAYS = frozenset({f"{section}.{name}" for section in ("finetune", "pretrain", "align") for name in ("threads", "seed")}) | {
    "finetune.model",
    "pretrain.enabled",
    "align.vectors",  # refused, as `second`, where the configuration is made
    "align.second",
}


@dataclass(frozen=True)
class Unread:
    """A setting that was given and will not be read, and why not, in words that end with what to do."""

    section: str
    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.section}.{self.name} {self.why}"


def refuse_unread(config: PipelineConfig) -> None:
    """Raise RequestError for the settings that this run would not read."""
    found = unread(config)
    if found:
        others = ", ".join(f"{each.section}.{each.name}" for each in found[1:])
        raise RequestError(f"{found[0]}{f' (the same for {others})' if others else ''}")


def unread(config: PipelineConfig) -> list[Unread]:
    """Every setting of prepare, pretrain, align and finetune that was given and that this run would not read."""
    sections: tuple[BaseModel, ...] = (config.finetune, config.pretrain, config.align, config.prepare)
    found = []
    for section, values in zip(("finetune", "pretrain", "align", "prepare"), sections, strict=True):
        reasons = dict(_reasons(section, config))
        for name, field in type(values).model_fields.items():
            value = getattr(values, name)
            if f"{section}.{name}" in ALWAYS or value == field.default:
                continue
            why = reasons.get(name)
            if why:
                shown = str(value).lower() if isinstance(value, bool) else value
                found.append(Unread(section, name, f"{shown} {why}"))
    return found


def _reasons(section: str, config: PipelineConfig) -> Iterator[tuple[str, str]]:
    """Why each setting of a section that would not be read is not; the last reason of several is the nearest one."""
    if section == "finetune":
        yield from _conditions(config.finetune)
        for name in FinetuneConfig.model_fields:
            readers = READERS.get(name, VIEWS)
            if not set(readers) & set(config.finetune.views) and not _fine_under_auto(config.finetune, name):
                yield name, _of_other_models(section, name, readers, config.finetune)
    elif section == "pretrain":
        yield from _of_pretrain(config)
    elif section == "align":
        yield from _of_align(config)
    else:
        yield from _of_prepare(config)


def _fine_under_auto(finetune: FinetuneConfig, name: str) -> bool:
    """Whether auto may go with a setting: each model that it may choose reads it, or it is one of no kind in particular."""
    readers = READERS.get(name, VIEWS)
    return finetune.model == AUTO and (name == "epochs" or set(CHOSEN_BY_AUTO) <= set(readers))


def _of_other_models(section: str, name: str, readers: tuple[str, ...], finetune: FinetuneConfig) -> str:
    twins = TWINS.get(f"{section}.{name}", {})
    own = [f"finetune.{twins[view]}" for view in finetune.views if view in twins]
    whose = "models that read word vectors" if readers == WORDS else ", ".join(readers)
    instead = f"{finetune.model} reads {own[0]}" if own else f"set finetune.model to {_or(readers)} or a sum with one"
    chosen = "and finetune.model auto chooses by the corpus" if finetune.model == AUTO else f"not {finetune.model}"
    return f"is for {whose}, {chosen}; {instead}, or leave it out"


def _or(readers: tuple[str, ...]) -> str:
    return ", ".join(view for view in readers if view != "fasttext" or len(readers) == 1)


def _conditions(finetune: FinetuneConfig) -> Iterator[tuple[str, str]]:
    """Settings that another one of the section switches off."""
    own = {"bag": finetune.bag_epochs, "fasttext": finetune.fasttext_epoch}
    counted = [view for view in finetune.views if view in READERS["epochs"]]
    if counted and all(own.get(view) for view in counted):
        yield "epochs", "is not read beside bag_epochs or fasttext_epoch; leave one of them out"
    if finetune.embedding != "partial" or finetune.partial_rows not in ("rarest", "random"):
        yield "partial_share", "is for embedding partial with partial_rows rarest or random; set these too, or leave it out"
    if finetune.embedding != "low_rank":
        yield "embedding_rank", "is for embedding low_rank; set that too, or leave it out"
    if finetune.adversarial == "none":
        yield "adversarial_norm", "is for adversarial fgm or virtual; set one of them too, or leave it out"


def _of_prepare(config: PipelineConfig) -> Iterator[tuple[str, str]]:
    if not config.prepare.near_duplicates:
        yield "near_duplicate_similarity", "is for near_duplicates true; set that too, or leave it out"
    if config.ingest.test_path is not None:
        yield "test_share", "is not read where ingest.test_path gives the test rows; leave one of them out"


def _of_pretrain(config: PipelineConfig) -> Iterator[tuple[str, str]]:
    pretrain = config.pretrain
    if pretrain.loss != "ns":
        yield "neg", f"is for loss ns, not {pretrain.loss}; set loss ns, or leave it out"
    if not pretrain.maxn:
        if pretrain.bucket != 0:
            yield "bucket", "is for subwords, and maxn 0 makes none; raise maxn, or leave it out"
        if pretrain.minn:
            yield "minn", "is for subwords, and maxn 0 makes none; raise maxn, or leave it out"
    for name in PretrainConfig.model_fields:
        if not config.finetune.needs_vectors:
            yield name, _of_other_models("pretrain", name, WORDS, config.finetune)
        elif config.align.vectors is not None:
            yield name, "is not read where align.vectors gives vectors that are trained already; leave one of them out"
        elif not pretrain.enabled:
            own = "; random vectors have align.dim" if name == "dim" else ""
            yield name, f"is not read with pretrain.enabled false{own}; leave one of them out"


def _of_align(config: PipelineConfig) -> Iterator[tuple[str, str]]:
    align, pretrained = config.align, config.pretrain.enabled
    if align.vectors is not None:
        yield "dim", "is for random vectors; those of align.vectors have their own, so leave it out"
    elif pretrained:
        yield "dim", "is for random vectors (pretrain.enabled false); for those that are trained set pretrain.dim"
    elif align.second is None:
        yield "fallbacks", "is for vectors of words, and random ones have none; give align.vectors too, or leave it out"
    if align.second is None:
        yield "join", "joins align.second to other vectors; give that too, or leave it out"
    for name in AlignConfig.model_fields:
        if not config.finetune.needs_vectors:
            yield name, _of_other_models("align", name, WORDS, config.finetune)
