"""What labels mean, in words: a TOML file with a description or examples for each.

    template = "{text} It was {mask}."     for masked language models alone

    [labels.positive]
    description = "The company's profit or sales rose."
    examples = ["Operating profit rose to EUR 13.1 mn from EUR 8.7 mn"]
    words = ["good", "great"]              that fill the mask

In goes the file, out come the texts of each label; a line for what is wrong with it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from tasks.documents.encoding import read_utf8
from tasks.documents.spelling import spelled
from tasks.errors import RequestError
from tasks.section import Section
from tasks.shown import in_line, shortened
from tasks.toml_names import remedy_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TEXT, MASK = "{text}", "{mask}"
MAX_SHOWN = 60

Words = Annotated[str, Field(min_length=1, pattern=r"\S")]


class Meaning(Section):
    """A label in words."""

    description: Words | None = None
    examples: tuple[Words, ...] = ()
    words: tuple[Words, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """The description and the examples."""
        return (*((self.description,) if self.description else ()), *self.examples)


class _File(Section):
    template: str | None = None
    labels: dict[str, Meaning] = Field(min_length=2)

    @model_validator(mode="after")
    def _one_text_and_one_mask(self) -> Self:
        if self.template is not None and (self.template.count(TEXT), self.template.count(MASK)) != (1, 1):
            raise ValueError(f"template must have {TEXT} and {MASK} once each")
        return self


@dataclass(frozen=True)
class Described:
    """Labels by name, each in words, and the cloze template if there is one; `place` names the file in messages."""

    place: str
    meanings: Mapping[str, Meaning]
    template: str | None = None

    @property
    def labels(self) -> list[str]:
        """The labels, sorted as those of a corpus are."""
        return sorted(self.meanings)

    def texts(self, labels: Sequence[str]) -> list[tuple[str, ...]]:
        """The description and examples of each label; RequestError for a label that has none here."""
        return [self._of(label, "texts", "no description and no examples") for label in labels]

    def words(self, labels: Sequence[str]) -> list[tuple[str, ...]]:
        """The words of each label that fill the mask; RequestError for a label that has none here."""
        return [self._of(label, "words", "no words") for label in labels]

    def _of(self, label: str, part: str, called: str) -> tuple[str, ...]:
        meaning = self.meanings.get(label)
        found: tuple[str, ...] = getattr(meaning, part) if meaning else ()
        if not found:
            shown = shortened(in_line(label), MAX_SHOWN)
            known = shortened(", ".join(map(in_line, self.labels)), 2 * MAX_SHOWN)
            raise RequestError(
                f"{self.place}: label {shown!r} has {called} (labels there: {known}); write them in [labels.{shown}]"
            )
        return found


def read_described(path: Path) -> Described:
    """Read a file of labels; RequestError says what is wrong with it."""
    text = ""
    try:
        values = tomllib.loads(text := read_utf8(path))
    except FileNotFoundError:
        raise RequestError(f"{path}: no such file; give a TOML file with [labels.NAME] and description or examples") from None
    except OSError as error:
        raise RequestError(f"{path} cannot be read ({error.strerror}); give a readable TOML file") from None
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{path} is not TOML ({error}); {remedy_of(text)}") from None
    try:
        made = _File.model_validate(values)
    except ValidationError as error:
        raise RequestError(f"{path}: {_first(error.errors()[0])}; correct it") from None
    meanings: dict[str, Meaning] = {}
    for name, meaning in made.labels.items():
        label = spelled(name)
        if not label or label in meanings:
            shown = shortened(in_line(name), MAX_SHOWN)
            raise RequestError(f"{path}: label {shown!r} is {'empty' if not label else 'there twice'}; correct it")
        meanings[label] = meaning
    return Described(str(path), meanings, made.template)


def _first(error: Any) -> str:
    """An error of pydantic's in words."""
    place = ".".join(str(part) for part in error["loc"])
    kind, message = error["type"], str(error["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"{place} is no setting here (template, and labels.NAME with description, examples, words)"
    if kind in ("missing", "too_short") and place == "labels":
        return "fewer than two labels; describe each in a part [labels.NAME]"
    if kind == "model_type":
        return f"{place} must be a part [{place}] with a description or examples"
    return f"{place}: {message[:1].lower()}{message[1:]}" if place else message
