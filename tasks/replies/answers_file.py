"""Read the file of answers: a csv with the columns label and answer."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from tasks.errors import RequestError
from tasks.shown import in_line

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

COLUMNS = ("label", "answer")
MOST_CHARS = 10_000  # of one answer


def read_answers(path: Path, labels: Collection[str]) -> dict[str, str]:
    """The answer of each label that has one; RequestError names the line that cannot be used.

    Labels are compared without white space around them. A label of the corpus may have no answer: its texts are handed over.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path}: cannot be read as UTF-8 ({error})") from None
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: dict[str, str] = {}
    try:
        header = [name.strip() for name in next(rows, [])]
        if sorted(header) != sorted(COLUMNS):
            raise RequestError(
                f"{path}: the first line must name the columns label,answer; it reads {in_line(','.join(header))}"
            )
        at = header.index("label")
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            where = f"{path}, line {rows.line_num}"
            if len(row) != len(COLUMNS):
                raise RequestError(f"{where}: {len(row)} cells in place of 2; put quotes around an answer that holds a comma")
            label, answer = row[at].strip(), row[1 - at].strip()
            if label not in labels:
                known = ", ".join(in_line(name) for name in sorted(labels)[:20])
                raise RequestError(f"{where}: {in_line(label)} is not a label of the corpus; its labels are {known}")
            if label in found:
                raise RequestError(f"{where}: {in_line(label)} has an answer already; give each label one")
            if not answer or len(answer) > MOST_CHARS:
                raise RequestError(f"{where}: the answer has {len(answer):,} characters; give 1 to {MOST_CHARS:,}")
            found[label] = answer
    except csv.Error as error:
        raise RequestError(f"{path}, line {rows.line_num}: {error}; put quotes around an answer that holds a comma") from None
    if not found:
        raise RequestError(f'{path}: there is no answer in it; write a line for each label, such as refund,"We refund ..."')
    return found
