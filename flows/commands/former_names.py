"""Settings of finetune as version 0.1 spelt them, written anew at each door before the doors are put together.

So the command line still beats the environment, and that a file, whichever names they use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.finetune.former import KEPT, places_now
from tasks.finetune.settings import AUTO, SECTIONS, SharedSettings, kinds_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.finetune.kind import Kind

SECTION = "finetune"
PREFIX = "textmill_finetune__"
NOW = SharedSettings.model_fields.keys() | SECTIONS.keys()


@dataclass
class Given:
    """The arguments and the variables by today's names; `renamed` has a sentence for each old name that was used."""

    arguments: list[str]
    variables: dict[str, str]
    renamed: list[str] = field(default_factory=list)


def with_todays_names(arguments: Sequence[str], variables: Mapping[str, str], written: Mapping[str, Any]) -> Given:
    """What was given, by today's names; RequestError for a setting that one door gives by both names.

    `variables` are those of the environment, `written` the values of the preset or file; they say which model is meant.
    """
    kinds = kinds_given(arguments, variables, written)
    given = Given([], {})
    _rename_arguments(list(arguments), kinds, given)
    _rename_variables(variables, kinds, given)
    return given


def kinds_given(arguments: Sequence[str], variables: Mapping[str, str], written: Mapping[str, Any]) -> tuple[Kind, ...]:
    """The kinds of the model that the doors give together."""
    return kinds_of(_model(arguments, variables, written))


def places_today(place: str, kinds: Sequence[Kind]) -> list[str]:
    """The places, `finetune.network.lr`, of a setting that version 0.1 spelt `finetune.lr`; empty for a name of today."""
    section, _, old = place.partition(".")
    return [f"{SECTION}.{own}.{new}" for own, new in _now(old, kinds)] if section == SECTION else []


def _now(old: str, kinds: Sequence[Kind]) -> list[tuple[str, str]]:
    return [] if old in NOW else places_now(old, SECTIONS, kinds)


def _model(arguments: Sequence[str], variables: Mapping[str, str], written: Mapping[str, Any]) -> object:
    for at, word in enumerate(arguments):
        flag, equals, value = word.partition("=")
        if flag == f"--{SECTION}.model":
            return value if equals else next(iter(arguments[at + 1 : at + 2]), AUTO)
    for name, value in variables.items():
        if name.lower() == f"{PREFIX}model":
            return value
    section = written.get(SECTION)
    return section.get("model", AUTO) if isinstance(section, dict) else AUTO


def _rename_arguments(waiting: list[str], kinds: Sequence[Kind], given: Given) -> None:
    flags = {word.partition("=")[0] for word in waiting}
    while waiting:
        word = waiting.pop(0)
        flag, equals, value = word.partition("=")
        old = flag.removeprefix(f"--{SECTION}.").replace("-", "_")
        places = _now(old, kinds) if flag.startswith(f"--{SECTION}.") else []
        if not places:
            given.arguments.append(word)
            continue
        if not equals:
            if not waiting:
                raise RequestError(f"{flag} needs a value")
            value = waiting.pop(0)
        today = [f"--{SECTION}.{section}.{new.replace('_', '-')}" for section, new in places]
        _refuse_both(flag, today, flags)
        given.arguments += [f"{name}={value}" for name in today]
        if old not in KEPT:
            given.renamed.append(f"{flag} is now {' and '.join(today)}")


def _rename_variables(variables: Mapping[str, str], kinds: Sequence[Kind], given: Given) -> None:
    names = {name.lower() for name in variables}
    for name, value in variables.items():
        old = name.lower().removeprefix(PREFIX)
        places = _now(old, kinds) if name.lower().startswith(PREFIX) else []
        today = [f"{PREFIX}{section}__{new}" for section, new in places]
        _refuse_both(name, today, names)
        given.variables |= dict.fromkeys(today, value) if today else {name: value}
        if today and old not in KEPT:
            given.renamed.append(f"{name} is now {' and '.join(each.upper() for each in today)}")


def _refuse_both(old: str, today: Sequence[str], given: set[str]) -> None:
    both = next((name for name in today if name in given), None)
    if both is not None:
        shown = both if both.startswith("--") else both.upper()
        raise RequestError(f"{old} and {shown} are the same setting, and both are given; keep the second")
