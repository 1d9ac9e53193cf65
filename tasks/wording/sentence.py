"""A sentence that still knows what it was made of, so that it can be read in another language.

A `Sentence` is a text, in English, as f-strings make it; so it can be printed, compared and stored like any other. It also
keeps its pattern and the values in it, which tasks/wording/wording.py puts into the pattern of another language. Values may
be sentences themselves. The idea is that of markupsafe's `Markup`: a str that knows more of itself.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

DAY, MINUTE = "day", "minute"  # format specs of values: an ISO day; an ISO time, of which day and minute are shown
SAID, MESSAGE = "said", "message"  # of an alert's evidence: a sentence for `unpacked`, and the same in English


class Sentence(str):
    """A text in English with its `pattern` (of `str.format`) and `values`; make it with `said` or `joined`."""

    __slots__ = ("pattern", "values")

    pattern: str
    values: Mapping[str, Any]

    @classmethod
    def made(cls, english: str, pattern: str, values: Mapping[str, Any]) -> Sentence:
        """Make a sentence from what its pattern gives in English."""
        sentence = cls(english)
        sentence.pattern, sentence.values = pattern, values
        return sentence


class Formatter(string.Formatter):
    """`str.format` with the format specs DAY and MINUTE, and with what a sentence among the values is read as."""

    def __init__(self, read: Callable[[Sentence], str], day: Callable[[str], str], minute: Callable[[str], str]) -> None:
        self._read = read
        self._special = {DAY: day, MINUTE: minute}

    def format_field(self, value: Any, format_spec: str) -> str:
        """Format one value."""
        if isinstance(value, Sentence):
            return self._read(value)
        special = self._special.get(format_spec)
        return special(str(value)) if special else str(format(value, format_spec))


_ENGLISH = Formatter(str, str, lambda time: time[:16].replace("T", " "))


def said(pattern: str, /, **values: Any) -> Sentence:
    """The sentence of a pattern such as `{count:,} of {total:,} found since {since:day}`.

    Patterns are written out where `said` is called: a test reads them there, and asks for each in the other languages.
    """
    return Sentence.made(_ENGLISH.vformat(pattern, (), values), pattern, values)


def joined(separator: str, parts: Iterable[str]) -> Sentence:
    """Sentences and words behind each other; other languages have separators of their own for the English one."""
    parts = list(parts)
    return Sentence.made(separator.join(parts), "", {"separator": separator, "parts": parts})


def as_known(text: str) -> Sentence:
    """A fixed text of ours, read from a report or a file: in another language if its catalogue has it, else as it is."""
    return Sentence.made(text, text.replace("{", "{{").replace("}", "}}"), {}) if text else joined("", [])


def packed(text: str) -> Any:
    """A sentence as JSON, which `unpacked` reads again; any other text as it is."""
    if not isinstance(text, Sentence):
        return text
    values = {name: _packed_value(value) for name, value in text.values.items()}
    return {"pattern": text.pattern, "values": values}


def _packed_value(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_packed_value(each) for each in value]
    return packed(value) if isinstance(value, str) else value


def unpacked(held: Any) -> str:
    """The sentence, or the text, that `packed` has written."""
    if not isinstance(held, dict):
        return str(held)
    values = {name: _unpacked_value(value) for name, value in held["values"].items()}
    pattern = held["pattern"]
    return said(pattern, **values) if pattern else joined(values["separator"], values["parts"])


def _unpacked_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpacked_value(each) for each in value]
    return unpacked(value) if isinstance(value, dict) else value


def as_evidence(text: str) -> dict[str, Any]:
    """What the evidence of an alert holds of its message: the English one for programs, and the sentence for people."""
    return {MESSAGE: str(text), SAID: packed(text)} if isinstance(text, Sentence) else {MESSAGE: text}


def message_of(evidence: Mapping[str, Any]) -> str:
    """The message of an alert's evidence: a sentence if `as_evidence` made it of one; empty without a message."""
    return unpacked(evidence[SAID]) if SAID in evidence else str(evidence.get(MESSAGE, ""))
