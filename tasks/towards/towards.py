"""The sentiment towards each name of a text: by the part that speaks of it, or by the text with the name marked.

Shapes: N texts, K pairs of a text and a name, C labels.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tasks.towards.borders import without_borders
from tasks.towards.mark import MARKS_NAME, marked
from tasks.towards.parts import own_part, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tasks.towards.parts import Mentioned, Spans

    Answers = Callable[[Sequence[str]], tuple[np.ndarray, list[str | None]]]

PAIR, CLAUSE, TEXT = "pair", "clause", "text"  # what a sentiment is from
TEXT_SETTINGS = "text.json"


class Towards(NamedTuple):
    """Pairs of a text and a name, by text and name: rows int64 [K], names [K], probabilities float32 [K, C], origins [K].

    An origin is PAIR of a model that was trained on pairs, CLAUSE where a part of the text was read, else TEXT.
    """

    rows: np.ndarray
    names: list[str]
    probabilities: np.ndarray
    origins: list[str]


def trained_on_pairs(model: Any) -> bool:
    """Whether a served model was trained on texts whose name is marked."""
    settings = model.folder / TEXT_SETTINGS if hasattr(model, "folder") else None
    return bool(settings and settings.is_file() and json.loads(settings.read_text(encoding="utf-8")).get(MARKS_NAME))


def sentiment_towards(
    found: Sequence[Mentioned], probabilities_NC: np.ndarray, answers: Answers, *, by_pair: bool = False
) -> Towards:
    """The sentiment towards each name of N texts, whose own probabilities are given.

    `answers` gives a model's probabilities for texts, and for each the reason why they say nothing of it, or None. A model that
    was trained on pairs, `by_pair`, reads each text once for each of its names, any other only the parts that are not the text;
    where it finds nothing to read in a part, the text's probabilities count.
    """
    rows: list[int] = []
    names: list[str] = []
    asked: list[tuple[int, str]] = []  # a pair, and what is to be read for it
    for row, each in enumerate(found):
        whole = [(0, len(each.text))]
        for name, spans in _parts(each).items():
            if by_pair:
                asked.append((len(rows), _marked_part(each, name, spans)))
            elif spans != whole:
                asked.append((len(rows), " ".join(without_borders(each.text[start:end]) for start, end in spans)))
            rows.append(row)
            names.append(name)
    rows_K = np.array(rows, np.int64)
    probabilities_KC = probabilities_NC[rows_K].astype(np.float32)
    origins = [TEXT] * len(rows)
    if asked:
        read, reasons = answers([text for _, text in asked])
        for at, ((pair, _), reason) in enumerate(zip(asked, reasons, strict=True)):
            if reason is None:
                probabilities_KC[pair] = read[at]
                origins[pair] = PAIR if by_pair else CLAUSE
    return Towards(rows_K, names, probabilities_KC, origins)


def _parts(each: Mentioned) -> dict[str, Spans]:
    """The part of each name, by name."""
    names = each.names
    if len(names) < 2:
        return {name: own_part(each.text, each.mentions) for name in names}
    return dict(sorted(parts_of(each.text, each.mentions).items()))


def _marked_part(each: Mentioned, name: str, spans: Spans) -> str:
    """What a model of pairs reads: the part that speaks of a name, with the name marked."""
    pieces = []
    for start, end in spans:
        places = [(m.start - start, m.end - start) for m in each.mentions if m.name == name and start <= m.start < end]
        if places:
            pieces.append(without_borders(marked(each.text[start:end], places)))
    return " ".join(pieces) or marked(each.text, ())
