"""The doors that settings come through, so that an error names the file or the variable that holds a value, and not a flag.

Whatever checks a value begins its sentence with the flag of the setting, `--finetune.bag.lr`, or with its place in the
configuration, `finetune.bag.lr`. Only here it is known who gave it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flows.commands.former_names import places_today
from flows.commands.runtime import PREFIX
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from tasks.finetune.kind import Kind

NAME = r"--[a-z][\w-]*(?:\.[\w-]+)*|[a-z]\w*(?:\.\w+)+"
BEGINNING = re.compile(rf"\A(?:{NAME})(?: and (?:{NAME}))*(?= |:|$)")


class Doors:
    """Who gave each setting. In a `with` block, a RequestError leaves with the doors of the settings that it begins with."""

    def __init__(self) -> None:
        """Know of no setting yet."""
        self._spelt: dict[str, str] = {}
        self._sections: dict[str, set[str]] = {}

    def __enter__(self) -> Doors:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if isinstance(error, RequestError):
            error.args = (BEGINNING.sub(lambda found: self._named(found[0]), str(error)),)

    def note(
        self,
        arguments: Sequence[str],
        variables: Mapping[str, str],
        written: Mapping[str, Any],
        *,
        file: str,
        kinds: Sequence[Kind],
    ) -> None:
        """Note what each door gives. `file` names the file or preset that holds `written`; `kinds` are those of the model."""
        flags = [word.partition("=")[0] for word in arguments if word.startswith("--")]
        names = [name for name in variables if name.upper().startswith(PREFIX)]
        given = [(place, f"{file}: {place}", f"{file}: ") for place in _places(written)]
        given += [(name[len(PREFIX) :].lower().replace("__", "."), name, "") for name in names]
        given += [(flag[2:].replace("-", "_"), flag, "--") for flag in flags]
        for name, spelt, door in given:
            for place in {name, *places_today(name, kinds)}:
                self._spelt[place] = spelt
                self._sections.setdefault(place.rpartition(".")[0], set()).add(door)

    def _named(self, names: str) -> str:
        return " and ".join(self._door(name.removeprefix("--").replace("-", "_"), name) for name in names.split(" and "))

    def _door(self, place: str, name: str) -> str:
        """How the door spells a setting; `name` as it is where nobody gave it."""
        if place in self._spelt:
            return self._spelt[place]
        parts = place.split(".")
        for last in range(len(parts) - 1, 0, -1):  # a section that was given as a whole
            if (above := ".".join(parts[:last])) in self._spelt:
                return f"{self._spelt[above]}: {'.'.join(parts[last:])}"
        inside = {door for section, doors in self._sections.items() if f"{section}.".startswith(f"{place}.") for door in doors}
        return f"{inside.pop()}{place}" if len(inside) == 1 and "" not in inside else name


def _places(written: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in written.items():
        if isinstance(value, dict):
            yield from _places(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
