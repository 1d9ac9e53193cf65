"""The token that takes the place of the name that a label is about, in training and in use alike.

A model that learns from pairs of a text and a name reads the text with the name exchanged for MARK, so that it learns what is
said near it and nothing of the companies themselves (aspect-target masking, as in Ma et al. 2018, "Sentic LSTM", and the
`$T$` of the SemEval-2014 data by Dong et al. 2014).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MARK = "xxname"  # a word for every tokenizer, as fastai's xxunk is; no text has it
MARKS_NAME = "marks_name"  # the key of text.json that says that the model was trained on pairs


def marked(text: str, places: Iterable[tuple[int, int]]) -> str:
    """The text with MARK, between blanks, in each of these places (start and end), or before it if there is none."""
    pieces, at = list[str](), 0
    for start, end in sorted(places):
        if start >= at:
            pieces += [text[at:start], f" {MARK} "]
            at = end
    pieces.append(text[at:])
    return "".join(pieces) if len(pieces) > 1 else f"{MARK} {text}"
