"""How a model was made: the sections of its run that shape it, kept in the tags of its version.

A recipe can be run again by later code, as long as that still reads its settings. A version that was registered before there
were such tags has its recipe in the record of its run, `data/runs/<id>.json`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError, field_validator

from tasks.align.settings import AlignConfig
from tasks.errors import RequestError
from tasks.finetune.settings import FinetuneConfig, finetune_as_then
from tasks.prepare.settings import PrepareConfig
from tasks.pretrain.settings import PretrainConfig
from tasks.section import Section
from tasks.tracking.tags import RUN_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.adapt.settings import AdaptConfig
    from tasks.weights.place import WeightsConfig

TAG = "textmill.recipe."  # textmill.recipe.0, .1, … are one JSON object, cut where older servers' tags end
TAG_CHARS = 4500


class Recipe(Section):
    """All that decides how a corpus becomes a model."""

    prepare: PrepareConfig
    pretrain: PretrainConfig
    align: AlignConfig
    finetune: FinetuneConfig

    @field_validator("finetune")
    @classmethod
    def _only_its_own(cls, value: FinetuneConfig) -> FinetuneConfig:
        """Settings of kinds that the model does not have are no part of its recipe, nor is the model that it started from."""
        return value.only_read().anew()

    @property
    def trains_vectors(self) -> bool:
        """Whether it pretrains word vectors on its corpus."""
        return self.finetune.needs_vectors and self.align.vectors is None and self.pretrain.enabled

    @property
    def starts_from(self) -> tuple[WeightsConfig, AdaptConfig | None] | None:
        """The pretrained weights that it starts from, and how these were trained on; None if it starts from none."""
        weights = self.finetune.weights
        return None if weights is None else (weights, self.pretrain.adapted() if self.pretrain.adapts else None)

    @property
    def reads_unlabelled(self) -> bool:
        """Whether rows without a label can change the model."""
        return self.trains_vectors or self.finetune.reads_unlabelled

    def tags(self) -> dict[str, str]:
        """The recipe as tags of a version."""
        text = json.dumps(self.model_dump(mode="json"))
        return {f"{TAG}{at // TAG_CHARS}": text[at : at + TAG_CHARS] for at in range(0, len(text), TAG_CHARS)}


def read_recipe(tags: Mapping[str, str], runs: Path) -> Recipe:
    """The recipe of a version with these tags; `runs` is the folder of run records.

    RequestError if it is not known any more, or if this code cannot read it.
    """
    parts = [tags[name] for number in range(len(tags)) if (name := f"{TAG}{number}") in tags]
    values = json.loads("".join(parts)) if parts else _recorded(tags, runs)
    values = {**values, "finetune": finetune_as_then(values.get("finetune", {}))}
    try:
        return Recipe.model_validate({name: values[name] for name in Recipe.model_fields})
    except ValidationError as error:
        first = error.errors()[0]
        raise RequestError(f"this version reads no {'.'.join(map(str, first['loc']))} like its own ({first['msg']})") from None


def _recorded(tags: Mapping[str, str], runs: Path) -> dict[str, Any]:
    path = runs / f"{tags.get(RUN_TAG, '')}.json"
    try:
        config: dict[str, Any] = json.loads(path.read_bytes())["config"]
    except (OSError, ValueError, KeyError, TypeError):
        raise RequestError("its settings were not kept") from None
    return config
