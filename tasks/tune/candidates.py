"""What a search may try: models, and for each of them places with their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.errors import RequestError
from tasks.finetune.kinds import KINDS
from tasks.finetune.search import is_searched, space_of, with_values
from tasks.finetune.settings import AUTO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.finetune.search import Space
    from tasks.finetune.settings import FinetuneConfig

ORDER = ("ngrams", "words", "text")  # what is read, by what training costs


class Candidates(NamedTuple):
    """The recipe that a search begins with, and by model the section that others of that model begin with, and their space."""

    default: FinetuneConfig
    sections: dict[str, FinetuneConfig]
    spaces: dict[str, Space]

    def spaces_as_json(self) -> dict[str, Any]:
        """The spaces by model, for a key: other spaces make another search."""
        return {
            model: {place: [type(span).__name__, *span] for place, span in each.items()} for model, each in self.spaces.items()
        }

    def made(self, model: str, values: dict[str, Any]) -> FinetuneConfig:
        """The section of a candidate; ValueError if its values do not fit each other."""
        return with_values(self.sections[model], values).only_read()


def candidates_of(given: FinetuneConfig, default: FinetuneConfig, models: Sequence[str], *, named: bool) -> Candidates:
    """What may be tried instead of `default`, which is `given` with its model decided.

    Without `models`: where the run names a model, other settings of that one; else every kind that says where its settings may
    be searched and has what it needs, and sums of two that read n-grams. RequestError for a model that cannot be searched.
    """
    wanted = [*models] or ([default.model] if named else _every(given))
    sections = {name: given.with_model(name).only_read() for name in dict.fromkeys([default.model, *wanted])}
    sections[default.model] = default
    spaces = {name: space_of(section) for name, section in sections.items()}
    for name in models:
        sections[name].check()
    if not any(spaces[name] for name in wanted) and set(wanted) <= {default.model}:
        raise RequestError(
            f"--finetune.model {default.model}: nothing is left to search of it; leave a setting out, or name "
            f"others with --models, such as {', '.join(_every(given)[:3])}"
        )
    return Candidates(default, sections, spaces)


def _every(given: FinetuneConfig) -> list[str]:
    able = sorted((kind for kind in KINDS.values() if is_searched(kind)), key=lambda kind: ORDER.index(kind.reads))
    singles = [kind for kind in able if _has_all(given.with_model(kind.name))]
    parts = [kind for kind in singles if kind.reads == ORDER[0] and not kind.alone]
    sums = [f"{one.name}+{other.name}" for at, one in enumerate(parts) for other in parts[at + 1 :]]
    return [
        *(kind.name for kind in singles if kind.reads == ORDER[0]),
        *sums,
        *(kind.name for kind in singles if kind.reads != ORDER[0]),
    ]


def _has_all(section: FinetuneConfig) -> bool:
    if section.model == AUTO:
        return False
    try:
        section.check()
    except RequestError:
        return False
    return True
