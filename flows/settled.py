"""What a configuration leaves to us, decided and written into it before the key of the step that reads it is built.

A name that has a champion goes on as it was; whatever else is wanted must be asked for. A new name gets what docs/MODELS.md
measured to be good for a corpus like its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.config import AUTO
from tasks.unread import refuse_unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydantic import BaseModel

    from tasks.config import PipelineConfig
    from tasks.register.champion import Champion

# Settings whose `auto` is replaced before it enters a key, so that MLflow's parameters, which cannot change, wait for it.
SETTLED = (("prepare", "split_rule"), ("prepare", "salt"), ("finetune", "model"))


def settle_by_champion(config: PipelineConfig, champion: Champion | None, say: Callable[[str], None]) -> PipelineConfig:
    """The configuration with the kind of model that the champion is, where none is asked for.

    RequestError for a setting that the champion's kind of model does not read.
    """
    if champion is not None and config.finetune.model == AUTO:
        say(f"model {champion.model}, as the champion, version {champion.version}; another: --finetune.model")
        config = _with(config, "finetune", model=champion.model)
        refuse_unread(config)
    return config


def settle_by_corpus(config: PipelineConfig, dataset: Path, say: Callable[[str], None]) -> PipelineConfig:
    """The configuration with the model that the prepared rows ask for, if it still says auto."""
    if config.finetune.model != AUTO:
        return config
    from tasks.finetune.choose import choose_model

    choice = choose_model(dataset)
    say(f"model {choice.model}, chosen by finetune.model auto: {choice.reason}; another: --finetune.model")
    return _with(config, "finetune", model=choice.model)


def settled_values(config: PipelineConfig) -> Iterator[tuple[str, str, Any]]:
    """(section, name, value) of the settings of `SETTLED` that are decided."""
    for section, name in SETTLED:
        value = getattr(getattr(config, section), name)
        if value != AUTO:
            yield section, name, value


def _with(config: PipelineConfig, section: str, **values: object) -> PipelineConfig:
    own: BaseModel = getattr(config, section)
    return config.model_copy(update={section: own.model_copy(update=values)})
