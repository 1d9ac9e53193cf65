"""Texts in, labels and probabilities out, with fastText; without it, `lines` gives what fastText's own program is to be fed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.export.served.model import Model
from tasks.model.views.fasttext import lines

if TYPE_CHECKING:
    from collections.abc import Sequence


class FasttextModel(Model):
    """The model of this folder. fastText itself is to be fed what `lines` makes of texts."""

    def lines(self, texts: Sequence[str]) -> list[str]:
        """Each text as the line that `fasttext predict` reads."""
        return list(lines([self.tokens(text) for text in texts]))
