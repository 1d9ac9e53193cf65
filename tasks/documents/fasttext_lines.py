"""Lines in fastText's own format: `__label__x text`, one document a line.

Labels are the words with the prefix before the text; a document here has one label, so that a line with several is refused. The
prefix further on is text. A line without a label is unlabelled text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.documents.lines import Lines, Row, decode_line

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "__label__"


def fasttext_rows(lines: Lines) -> Iterator[Row]:
    """Read each line as its text and its label, in this order; a line with several labels is a row with that reason."""
    while (line := lines.take()) is not None:
        text, bad = decode_line(line, lines.encoding)
        if line.long or bad is not None:
            reason = "too_long" if line.long else "undecodable"
            yield Row(line.number, line.offset if bad is None else bad, line.data, None, reason)
        elif text.strip():
            labels, text = labels_and_text(text)
            if len(labels) > 1:
                shown = ", ".join(labels[:5])
                yield Row(line.number, line.offset, line.data, None, "several_labels", f"it has the labels {shown}")
            else:
                yield Row(line.number, line.offset, line.data, [text, labels[0] if labels else ""])


def labels_and_text(line: str) -> tuple[list[str], str]:
    """Take the labels off the beginning of a line; each is named once, without its prefix."""
    labels: dict[str, None] = {}
    rest = line.strip()
    while rest.startswith(PREFIX):
        word, _, rest = rest.partition(rest[end]) if (end := _blank(rest)) else (rest, "", "")
        labels[word.removeprefix(PREFIX)] = None
        rest = rest.lstrip()
    return [label for label in labels if label], rest


def _blank(text: str) -> int:
    """The place of the first white space; 0 if the text has none."""
    return next((at for at, character in enumerate(text) if character.isspace()), 0)
