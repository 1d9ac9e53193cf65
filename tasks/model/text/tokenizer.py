"""What a tokenizer is: how it cuts a cleaned text, and what it needs of libraries and of other settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Cut = Callable[[str], list[str]]

# The tokens of this many pieces are remembered, in at most about 20 MB.
MOST_PIECES, LONG_PIECE = 1 << 16, 40
# Later steps give these a meaning of their own: no tokenizer returns one of them.
RESERVED_TOKENS = frozenset({"</s>", "<pad>", "<unk>"})
# The token for a run of blanks, where a tokenizer has one: SentencePiece's sign (Kudo & Richardson 2018), itself not a blank.
BLANK = "\u2581"


class CutAtBlanks:
    """Cuts a text at its blanks, after `before`, and what is between two of them by `cut_piece`, whatever stands around it.

    Letters and digits alone between two blanks are a token; so they are before one of the ASCII marks `closing`, which is
    another token with `keeps_closing`. Other pieces are cut once, as long as there is room for them.
    """

    def __init__(
        self, cut_piece: Cut, before: Callable[[str], str] = str, *, closing: str = "", keeps_closing: bool = False
    ) -> None:
        self.cut_piece, self.before = cut_piece, before
        self.closing, self.keeps_closing = closing, keeps_closing
        self._known: dict[str, list[str]] = {"": []}

    def __call__(self, text: str) -> list[str]:
        """The tokens of a cleaned text."""
        return self.pieces(self.before(text))

    def pieces(self, text: str) -> list[str]:
        """The tokens of a text that `before` has seen."""
        known, tokens = self._known, list[str]()
        for piece in text.split():
            if piece.isalnum():
                tokens.append(piece)
            else:
                found = known.get(piece)
                tokens += self.piece(piece) if found is None else found
        return tokens

    def piece(self, piece: str) -> list[str]:
        """The tokens of a piece without blanks; none of an empty one."""
        if piece.isalnum():
            return [piece]
        found = self._known.get(piece)
        if found is None:
            found = self.cut_piece(piece)
            if len(self._known) < MOST_PIECES and len(piece) < LONG_PIECE:
                self._known[piece] = found
        return found


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
