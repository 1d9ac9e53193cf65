"""The answers that go with labels, of whichever registered model carries some.

Nothing of Arrow is imported here, so that nobody waits for it who asks about one text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.register.models import LoadedModel


def replies(loaded: LoadedModel) -> bool:
    """Whether the model's package carries answers; those of before textmill 0.2 never do."""
    return getattr(loaded.model, "replies", None) is not None


def with_replies(loaded: LoadedModel, texts: Sequence[str], predictions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The predictions of these texts with `answer` and `similar` where the model carries answers, else as they are.

    Where there is no answer `similar` has the nearest training questions: text, label, their answer and similarity.
    """
    return loaded.model.replied(texts, predictions) if replies(loaded) else list(predictions)
