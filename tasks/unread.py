"""Which settings a training run will not read, so that one that was given is refused and not dropped without a word.

A setting counts as given where it differs from its default: whichever door it came through, and also in a configuration that
was stored whole. `threads` and `seed` are the same for everybody, so they may be given to whatever does not need them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.adapt.settings import AdaptSettings
from tasks.align.settings import AlignConfig
from tasks.errors import RequestError
from tasks.finetune.kinds import KINDS
from tasks.finetune.networks.settings import NETWORK
from tasks.finetune.settings import AUTO, SECTIONS
from tasks.pretrain.settings import PretrainConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import BaseModel

    from tasks.config import PipelineConfig
    from tasks.finetune.kind import Kind
    from tasks.finetune.settings import FinetuneConfig

OR_REMOVE = "or remove this setting"
KINDS_OF_WORDS = tuple(kind for kind in KINDS.values() if kind.reads == "words")
AUTOMATIC = tuple(kind for kind in KINDS.values() if kind.automatic)  # chosen without being asked for; a champion's may be any
SHARED = frozenset().union(*(kind.shared for kind in KINDS.values()))  # settings of finetune that not every kind reads
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
    finetune = config.finetune
    sections: dict[str, BaseModel] = {"finetune": finetune}
    sections |= {f"finetune.{name}": made for name in SECTIONS if (made := getattr(finetune, name)) is not None}
    sections |= {
        "pretrain": config.pretrain,
        "pretrain.adapt": config.pretrain.adapt,
        "align": config.align,
        "prepare": config.prepare,
    }
    found = []
    for section, values in sections.items():
        reasons = dict(_reasons(section, config))
        for name, field in type(values).model_fields.items():
            value = getattr(values, name)
            if f"{section}.{name}" in ALWAYS or value == field.default or f"{section}.{name}" in sections:
                continue
            why = reasons.get(name)
            if why:
                shown = str(value).lower() if isinstance(value, bool) else value
                found.append(Unread(section, name, f"{shown} {why}"))
    return found


def _reasons(section: str, config: PipelineConfig) -> Iterator[tuple[str, str]]:
    """Why each setting of a section that would not be read is not; the last reason of several is the nearest one."""
    if section == "finetune":
        yield from _of_shared(config.finetune)
    elif section.startswith("finetune."):
        yield from _of_kinds(section.removeprefix("finetune."), config.finetune)
    elif section == "pretrain.adapt":
        yield from _of_adapt(config)
    elif section == "pretrain":
        yield from _of_pretrain(config)
    elif section == "align":
        yield from _of_align(config)
    else:
        yield from _of_prepare(config)


def _of_shared(finetune: FinetuneConfig) -> Iterator[tuple[str, str]]:
    own = [kind.instead.get("finetune.epochs", "") for kind in finetune.kinds if "epochs" in kind.shared]
    if own and all(_given(finetune, setting) for setting in own):
        yield "epochs", f"is not read beside {' or '.join(own)}; leave one of them out"
    for name in SHARED:
        readers = tuple(kind for kind in KINDS.values() if name in kind.shared)
        fine_under_auto = name == "epochs" or all(kind in readers for kind in AUTOMATIC)
        if set(finetune.kinds) & set(readers) or (finetune.model == AUTO and fine_under_auto):
            continue
        yield name, _of_other_kinds(f"finetune.{name}", readers, finetune)


def _given(finetune: FinetuneConfig, setting: str) -> bool:
    section, _, name = setting.partition(".")
    return bool(section) and getattr(getattr(finetune, section), name, None) is not None


def _of_kinds(name: str, finetune: FinetuneConfig) -> Iterator[tuple[str, str]]:
    """Settings in the section `name` of kinds that the model does not have, or that others of the section switch off."""
    readers = tuple(kind for kind in KINDS.values() if name in kind.sections)
    if set(finetune.kinds) & set(readers):
        if name == NETWORK:
            yield from _of_networks(finetune)
        return
    if finetune.model == AUTO and all(getattr(finetune, own) for kind in AUTOMATIC for own in kind.sections):
        return  # whichever it chooses has what it was given
    for setting in SECTIONS[name].model_fields:
        yield setting, _of_other_kinds(f"{name}.{setting}", readers, finetune)


def _of_other_kinds(setting: str, readers: tuple[Kind, ...], finetune: FinetuneConfig) -> str:
    own = [f"finetune.{kind.instead[setting]}" for kind in finetune.kinds if setting in kind.instead]
    whose = "models that read word vectors" if readers == KINDS_OF_WORDS else ", ".join(kind.name for kind in readers)
    instead = f"{finetune.model} reads {own[0]}, so set that" if own else f"set finetune.model to {models_with(readers)}"
    chosen = "and finetune.model auto chooses by the corpus" if finetune.model == AUTO else f"not {finetune.model}"
    return f"is for {whose}, {chosen}; {instead}, {OR_REMOVE}"


def models_with(kinds: Sequence[Kind]) -> str:
    """The values of finetune.model that have one of these kinds, in words: "bag or a sum that contains it"."""
    in_sums = [kind.name for kind in kinds if not kind.alone]
    if not in_sums:
        return " or ".join(kind.name for kind in kinds)
    return f"{', '.join(in_sums)} or a sum that contains {'it' if len(in_sums) == 1 else 'one of them'}"


def _of_networks(finetune: FinetuneConfig) -> Iterator[tuple[str, str]]:
    """Settings of the networks that another one of them switches off."""
    network = getattr(finetune, NETWORK)
    if network.embedding != "partial" or network.partial_rows not in ("rarest", "random"):
        yield "partial_share", f"is for embedding partial with partial_rows rarest or random; set both, {OR_REMOVE}"
    if network.embedding != "low_rank":
        yield "embedding_rank", f"is for embedding low_rank; set that too, {OR_REMOVE}"
    if network.adversarial == "none":
        yield "adversarial_norm", f"is for adversarial fgm or virtual; set one of them too, {OR_REMOVE}"


def _of_prepare(config: PipelineConfig) -> Iterator[tuple[str, str]]:
    if not config.prepare.near_duplicates:
        yield "near_duplicate_similarity", f"is for near_duplicates true; set that too, {OR_REMOVE}"
    if config.ingest.test_path is not None:
        yield "test_share", "is not read where ingest.test_path gives the test rows; leave one of them out"
    if config.ingest.valid_path is not None:
        yield "valid_share", "is not read where ingest.valid_path gives the validation rows; leave one of them out"


def _of_adapt(config: PipelineConfig) -> Iterator[tuple[str, str]]:
    if not config.pretrain.adapts:
        for name in AdaptSettings.model_fields:
            yield name, f"is for pretrain.kind masked or causal; set one of them too, {OR_REMOVE}"
    elif config.pretrain.kind != "masked":
        yield "share", f"is for pretrain.kind masked, not {config.pretrain.kind}; {OR_REMOVE.removeprefix('or ')}"


def _of_pretrain(config: PipelineConfig) -> Iterator[tuple[str, str]]:
    pretrain, finetune = config.pretrain, config.finetune
    if pretrain.adapts:
        starting = tuple(kind for kind in KINDS.values() if kind.starts_from_weights)
        if not set(finetune.kinds) & set(starting):
            yield "kind", _of_other_kinds("pretrain.kind", starting, finetune)
        elif finetune.needs_vectors and config.align.vectors is None and pretrain.enabled:
            yield "kind", f"trains no word vectors, and {finetune.model} reads some; give align.vectors, {OR_REMOVE}"
        for name in PretrainConfig.model_fields.keys() - PretrainConfig.OF_BOTH:
            yield name, f"is for pretrain.kind fasttext, not {pretrain.kind}; {OR_REMOVE.removeprefix('or ')}"
        return
    if pretrain.loss != "ns":
        yield "neg", f"is for loss ns, not {pretrain.loss}; set loss ns, {OR_REMOVE}"
    if not pretrain.maxn:
        if pretrain.bucket != 0:
            yield "bucket", f"is for subwords, and maxn 0 makes none; raise maxn, {OR_REMOVE}"
        if pretrain.minn:
            yield "minn", f"is for subwords, and maxn 0 makes none; raise maxn, {OR_REMOVE}"
    for name in PretrainConfig.model_fields.keys() - {"kind"}:
        if not config.finetune.needs_vectors:
            yield name, _of_other_kinds(f"pretrain.{name}", KINDS_OF_WORDS, config.finetune)
        elif config.align.vectors is not None:
            yield name, "is not read where align.vectors gives vectors that are trained already; leave one of them out"
        elif not pretrain.enabled:
            own = "; random vectors have align.dim" if name == "dim" else ""
            yield name, f"is not read with pretrain.enabled false{own}; leave one of them out"


def _of_align(config: PipelineConfig) -> Iterator[tuple[str, str]]:
    align, pretrained = config.align, config.pretrain.enabled
    if align.vectors is not None:
        yield "dim", "is for random vectors; those of align.vectors have their own, so remove this setting"
    elif pretrained:
        yield "dim", "is for random vectors (pretrain.enabled false); for those that are trained set pretrain.dim"
    elif align.second is None:
        yield "fallbacks", f"is for vectors of words, and random ones have none; give align.vectors too, {OR_REMOVE}"
    if align.second is None:
        yield "join", f"joins align.second to other vectors; give that too, {OR_REMOVE}"
    for name in AlignConfig.model_fields:
        if not config.finetune.needs_vectors:
            yield name, _of_other_kinds(f"align.{name}", KINDS_OF_WORDS, config.finetune)
