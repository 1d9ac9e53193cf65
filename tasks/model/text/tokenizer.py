"""What a tokenizer is: how it cuts a cleaned text, and what it needs of libraries and of other settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Cut = Callable[[str], list[str]]

# Later steps give these a meaning of their own: no tokenizer returns one of them.
RESERVED_TOKENS = frozenset({"</s>", "<pad>", "<unk>"})
# The token for a run of blanks, where a tokenizer has one: SentencePiece's sign (Kudo & Richardson 2018), itself not a blank.
BLANK = "\u2581"


@dataclass(frozen=True)
class Demand:
    """A value that another setting of prepare must have; `reason` follows the tokenizer's name: "basic_english folds case"."""

    setting: str
    value: object
    reason: str


@dataclass(frozen=True)
class Tokenizer:
    """A way to cut texts.

    `make` gets the settings of `text.json` (see TextToTokens) and returns the function that cuts one text. `libraries` are the
    distributions that it imports: they enter the cache keys, and a served model requires them. `reads` names the settings of
    prepare that this tokenizer reads and most others do not. `automatic_from`: `auto` may choose it, for texts of which this
    share of letters or more is of scripts without blanks between words. `note` is shown in the help of the option.
    """

    make: Callable[[Mapping[str, Any]], Cut]
    libraries: tuple[str, ...] = ()
    demands: tuple[Demand, ...] = ()
    reads: tuple[str, ...] = ()
    automatic_from: float | None = None
    note: str = ""
