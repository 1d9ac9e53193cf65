"""Which code and which libraries the tokens of a text depend on: those of the tokenizer that cuts it, and of no other."""

from __future__ import annotations

from tasks.model.text.han import LIBRARIES as HAN_LIBRARIES
from tasks.prepare.tokenizers import TOKENIZERS

TABLE = "tasks.prepare.tokenizers"


def text_modules(tokenizer: str) -> list[str]:
    """Where the code of a tokenizer begins; `auto` may be any of those that it chooses from."""
    return [f"tasks.model.text.tokenizers.{name}" for name in _names(tokenizer)]


def text_libraries(tokenizer: str, han: str) -> list[str]:
    """The libraries that clean and cut texts with these settings of prepare."""
    converts = HAN_LIBRARIES if han == "simplified" else ()
    return [*(library for name in _names(tokenizer) for library in TOKENIZERS[name].libraries), *converts]


def _names(tokenizer: str) -> list[str]:
    automatic = [name for name, each in TOKENIZERS.items() if each.automatic_from is not None]
    return automatic if tokenizer == "auto" else [tokenizer]
