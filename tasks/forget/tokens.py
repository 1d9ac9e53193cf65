"""A text as the pipelines of a data root cut it into tokens, without stop words and the like."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tasks.model.text.tokenize import TextToTokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

SETTINGS = "text.json"


def as_tokens(texts: Sequence[str], settings: Iterable[Path]) -> Iterator[tuple[int, str]]:
    """The number of each text with its tokens joined by blanks, for each different file of settings that can be read."""
    seen: set[str] = set()
    for path in settings:
        try:
            written = path.read_text(encoding="utf-8")
            if written in seen:
                continue
            seen.add(written)
            documents = TextToTokens(json.loads(written)).batch(texts)
        except (OSError, ValueError, KeyError, TypeError, ImportError):  # of a later version, or its library is not there
            continue
        yield from ((at, " ".join(tokens)) for at, tokens in enumerate(documents))


def settings_below(store: Path, mlflow: Path) -> list[Path]:
    """The settings of the datasets in a store and of registered models."""
    return sorted([*store.glob(f"prepare/*/dataset/{SETTINGS}"), *(mlflow / "artifacts").glob(f"*/models/*/**/{SETTINGS}")])
