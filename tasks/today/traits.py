"""What can be said of a document without reading it closely: its source, its encoding, its language, its topics.

Shapes: N documents.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.evaluate.slices.script import NO_LETTERS, script_of
from tasks.today.damage import is_damaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SOURCE, ENCODING, LANGUAGE, TOPIC = "source", "encoding", "language", "topic"
KINDS = (SOURCE, ENCODING, LANGUAGE, TOPIC)  # of traits that the same documents have the first says most
PUBLISHERS = ("publisher", "source", "provider", "outlet", "site")  # fields of a document that name where it is from
READ_CHARS, SHORTEST = 300, 20  # of a text; letters of which a language can be told
_DIGITS = re.compile(r"\d+")


class Trait(NamedTuple):
    """Something that some documents have in common."""

    kind: str
    name: str


def traits(documents: Sequence[Mapping[str, object]]) -> Iterator[tuple[Trait, np.ndarray]]:
    """The traits of documents (text, source, fields, topics; rows of SCORED_SCHEMA), each with those that have it: bool [N]."""
    found: dict[Trait, list[int]] = {}
    for row, document in enumerate(documents):
        for trait in _of(document):
            found.setdefault(trait, []).append(row)
    for trait, rows in sorted(found.items()):
        has_N = np.zeros(len(documents), bool)
        has_N[rows] = True
        yield trait, has_N


def source_of(source: str, fields: Sequence[tuple[str, str]] | None) -> str:
    """Where a document is from: the field that names its publisher, else its file or feed with `#` for numbers.

    The files of an inbox have dates in their names, and the file of today is no new source.
    """
    named = {name.strip().casefold(): value.strip() for name, value in fields or ()}
    publisher = next((named[name] for name in PUBLISHERS if named.get(name)), "")
    return publisher or _DIGITS.sub("#", source)


def _of(document: Mapping[str, object]) -> Iterator[Trait]:
    text = str(document["text"])[:READ_CHARS]
    yield Trait(SOURCE, source_of(str(document["source"]), document["fields"]))  # type: ignore[arg-type]
    if is_damaged(text):
        yield Trait(ENCODING, "damaged")
    elif language := language_of(text):
        yield Trait(LANGUAGE, language)
    for model, label in document["topics"] or ():  # type: ignore[attr-defined]
        yield Trait(TOPIC, f"{label} of model {model}")


def language_of(text: str) -> str:
    """The code of a text's language, by py3langid; without that library, and of other than Latin letters, their script.

    Empty for too few letters.
    """
    script = script_of(text)
    if script == NO_LETTERS:
        return ""
    if script != "latin":
        return script
    if sum(map(str.isalpha, text)) < SHORTEST:
        return ""
    try:
        from py3langid import classify
    except ImportError:
        return script
    return str(classify(text)[0])
