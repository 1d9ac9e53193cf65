"""The other recipe of a comparison on the same folds: a registered version's, or one that a file describes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from tasks.config import PipelineConfig
from tasks.errors import RequestError
from tasks.finetune.kinds import KINDS
from tasks.register.recipe import read_recipe
from tasks.unread import refuse_unread

if TYPE_CHECKING:
    from tasks.tracking.tracker import Tracker

OF_THE_SPLIT = frozenset(
    {"seed", "salt", "split_rule", "split", "split_column", "test_from", "test_share", "valid_share", "contradictions"}
)
SECTIONS = ("pretrain", "align", "finetune")  # of a recipe; prepare makes the rows, which both share


class Other(NamedTuple):
    """The other recipe, as a configuration of the same rows, and what to call it."""

    config: PipelineConfig
    title: str


def other_recipe(against: str | None, config: PipelineConfig, tracker: Tracker) -> Other | None:
    """The recipe that `against` names, on the rows of `config`; None if it names none.

    RequestError: there is no such version or file, its recipe cannot be read, or it prepares rows in another way.
    """
    if against is None:
        return None
    if against.endswith(".toml"):
        return Other(_checked(_of_file(Path(against), config), against), Path(against).name)
    from tasks.register.models import find_version

    version = find_version(tracker, against)
    title = f"{version.name}/{version.version}"
    recipe = read_recipe(version.tags, config.runtime.data_root / "runs")
    _refuse_other_rows(recipe.prepare.model_dump(mode="json"), config, title)
    return Other(_checked(config.model_copy(update={name: getattr(recipe, name) for name in SECTIONS}), title), title)


def _of_file(file: Path, config: PipelineConfig) -> PipelineConfig:
    from flows.commands.settings import read_sections

    written = read_sections(file)
    try:
        given = PipelineConfig.model_validate({name: values for name, values in written.items() if name in SECTIONS})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RequestError(f"{file}: {place}: {first['msg'].removeprefix('Value error, ')}") from None
    if "prepare" in written:
        own = config.prepare.model_dump(mode="json")
        _refuse_other_rows(own | written["prepare"], config, str(file))
    if not given.finetune.kinds:
        raise RequestError(f"{file}: finetune.model names no model; name one of {', '.join(KINDS)}")
    return config.model_copy(update={name: getattr(given, name) for name in SECTIONS})


def _refuse_other_rows(prepare: dict[str, Any], config: PipelineConfig, title: str) -> None:
    """RequestError if a section `prepare` makes other tokens of a text than this run's; how it splits rows is of no account."""
    own = config.prepare.model_dump(mode="json")
    for name in own.keys() - OF_THE_SPLIT:
        if name in prepare and prepare[name] not in (own[name], "auto"):
            raise RequestError(
                f"{title} has prepare.{name} {prepare[name]}, and this run {own[name]}: two recipes are compared on the same "
                f"rows, so give --prepare.{name.replace('_', '-')} {prepare[name]}, or compare with another one"
            )


def _checked(config: PipelineConfig, title: str) -> PipelineConfig:
    config = config.model_copy(update={"finetune": config.finetune.only_read()})
    try:
        refuse_unread(config)
        config.finetune.check()
    except RequestError as error:
        raise RequestError(f"{title}: {error}") from None
    return config
