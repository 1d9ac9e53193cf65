"""Settings that a configuration leaves open are decided before the key of the step that reads them is built.

A name that has a champion keeps its kind of model; another kind must be asked for. A new name gets the kind that docs/MODELS.md
found good for a corpus like its own. The tokenizer follows from the scripts of the corpus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.finetune.kinds import KINDS
from tasks.finetune.settings import AUTO
from tasks.unread import unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tasks.config import LanguageConfig, PipelineConfig
    from tasks.register.champion import Champion

# Settings whose `auto` is replaced before it enters a key, so that MLflow's parameters, which cannot change, wait for it.
SETTLED = (
    ("prepare", "tokenizer"),
    ("prepare", "split_rule"),
    ("prepare", "salt"),
    ("prepare", "test_from"),
    ("finetune", "model"),
)


def refuse_unlabelled(config: PipelineConfig) -> None:
    """Raise RequestError for a corpus without labels, in it or beside it, where the model learns them from rows."""
    if not config.ingest.only_unlabelled:
        return
    from tasks.labels.imports import imports_folder, in_use  # Arrow

    labelled = bool(in_use(imports_folder(config.runtime.data_root, config.name)))
    if config.finetune.own_labels is None and not labelled:
        remedy = next(kind.without_labels for kind in KINDS.values() if kind.zero_shot)
        raise RequestError(
            f"--ingest.unlabelled {config.ingest.unlabelled}: these texts have no labels, and model {config.finetune.model} "
            f"learns them from rows; give --ingest.path too, import labels for some with textmill label, or describe the "
            f"labels: {remedy}"
        )
    if config.pretrain.adapts and not labelled:
        raise RequestError(
            f"--pretrain.kind {config.pretrain.kind}: it is measured on validation rows, and texts without labels have none; "
            "give --ingest.path too, or remove this setting"
        )


def settle_by_champion(config: PipelineConfig, champion: Champion | None, say: Callable[[str], None]) -> PipelineConfig:
    """The configuration with the kind of model that the champion is, where none is asked for."""
    if champion is not None and config.finetune.model == AUTO:
        why = f"as the champion, version {champion.version}"
        return _with_model(config, champion.model, why, say)
    return config


def settle_by_texts(config: PipelineConfig, corpus: Path, say: Callable[[str], None]) -> PipelineConfig:
    """The configuration with the tokenizer that suits the scripts of the corpus, if it still says auto."""
    if config.prepare.tokenizer != AUTO:
        return config
    from tasks.prepare.script import choose_for_corpus

    chosen = choose_for_corpus(corpus)
    say(
        f"tokenizer {chosen.tokenizer}, chosen by prepare.tokenizer auto: {chosen.share:.0%} of letters are of scripts without "
        "blanks; another: --prepare.tokenizer"
    )
    return config.model_copy(update={"prepare": config.prepare.model_copy(update={"tokenizer": chosen.tokenizer})})


def settle_by_corpus(config: PipelineConfig, dataset: Path, say: Callable[[str], None]) -> PipelineConfig:
    """The configuration with the model that the prepared rows ask for, if it still says auto."""
    if config.finetune.model != AUTO:
        return config
    from tasks.finetune.choose import choose_model

    choice = choose_model(dataset)
    return _with_model(config, choice.model, f"chosen by finetune.model auto: {choice.reason}", say)


def _with_model(config: PipelineConfig, model: str, why: str, say: Callable[[str], None]) -> PipelineConfig:
    """The configuration with this model in place of auto; says so, and which settings beside auto it will not read."""
    before = {str(each) for each in unread(config)}
    config = config.model_copy(update={"finetune": config.finetune.with_model(model)})
    say(f"model {model}, {why}; another: --finetune.model")
    for each in unread(config):
        if str(each) not in before:
            say(str(each))
    return config.model_copy(update={"finetune": config.finetune.only_read()})


def settled_values(config: PipelineConfig | LanguageConfig) -> Iterator[tuple[str, str, Any]]:
    """(section, name, value) of the settings of `SETTLED` that are decided."""
    for section, name in SETTLED:
        value = getattr(getattr(config, section, None), name, AUTO)  # another flow has no such setting
        if value != AUTO:
            yield section, name, value
