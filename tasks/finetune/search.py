"""Where settings may be searched for a better model: each kind says it in the module `search` of its folder.

That module is found by name: a value that was found is in the section of the model that is made with it, so the space is in no
key, and a change of it retrains nothing. A place is `ngrams`, `bag.lr`, or several with commas, whose values go together.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.finetune.kind import Kind
    from tasks.finetune.settings import FinetuneConfig, SharedSettings


class Among(NamedTuple):
    """One of these values; of several places together each is a tuple."""

    values: tuple[Any, ...]


class Between(NamedTuple):
    """A number from `low` to `high`, both included; `log`: by ratios; `whole`: without a fraction."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


Space = dict[str, Among | Between]


def is_searched(kind: Kind) -> bool:
    """Whether a kind says where its settings may be searched."""
    return find_spec(f"{kind.modules[0]}.search") is not None


def space_of(config: FinetuneConfig) -> Space:
    """Where the settings of this section's kinds may be searched, without those that differ from their defaults.

    Whoever sets a value asks for it, so it stays.
    """
    found: Space = {}
    for kind in config.kinds:
        if is_searched(kind):
            search: Callable[[SharedSettings], Space] = importlib.import_module(f"{kind.modules[0]}.search").search
            found |= search(config)
    return {place: span for place, span in found.items() if not any(_is_given(config, each) for each in place.split(","))}


def with_values(config: FinetuneConfig, values: dict[str, Any]) -> FinetuneConfig:
    """The section with the values of places; of several with commas they are a list or tuple. ValueError if they do not fit."""
    written = config.model_dump()
    for place, value in values.items():
        places = place.split(",")
        for each, own in zip(places, value if len(places) > 1 else [value], strict=True):
            section, _, name = each.rpartition(".")
            (written[section] if section else written)[name] = own
    return type(config).model_validate(written)


def _is_given(config: FinetuneConfig, place: str) -> bool:
    section, _, name = place.rpartition(".")
    holder = getattr(config, section) if section else config
    return bool(getattr(holder, name) != type(holder).model_fields[name].default)
