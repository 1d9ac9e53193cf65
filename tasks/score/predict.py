"""Label a few texts with a registered model, which nobody should have to wait for: nothing of Arrow is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.documents.encoding import propose
from tasks.errors import RequestError
from tasks.score.answers import answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.register.models import LoadedModel


def predict_texts(loaded: LoadedModel, texts: Sequence[str]) -> list[dict[str, Any]]:
    """One dict a text, in order: label, confidence, the probability of each label, and reason.

    Where the model finds nothing to read the label is None, and `reason` says why. RequestError for a broken text.
    """
    for row, text in enumerate(texts):
        try:
            text.encode()
        except UnicodeEncodeError as error:  # a byte of the command line or of stdin that is not UTF-8
            raise RequestError(f"row {row}: half of a character (U+{ord(text[error.start]):04X}); send valid Unicode") from None
    predictions = loaded.model.predict(texts)
    if all("reason" in prediction for prediction in predictions):
        return predictions
    _, reasons = answers(loaded.model, texts)  # the package is older than the reasons
    return [
        {**prediction, "reason": None} if reason is None else {**dict.fromkeys(prediction), "reason": reason}
        for prediction, reason in zip(predictions, reasons, strict=True)
    ]


def check_unicode(texts: Sequence[str], where: str) -> None:
    """Raise RequestError for texts with bytes that are not UTF-8, as surrogates; it says which encoding they have."""
    bad = [(row, text) for row, text in enumerate(texts, 1) if any("\udc80" <= character <= "\udcff" for character in text)]
    if not bad:
        return
    data = "\n".join(text for _, text in bad).encode("utf-8", "surrogateescape")
    told = "send UTF-8"
    if found := propose(data):
        told = f"it reads as {found[0].encoding} ({found[0].shown!r}); convert it: iconv -f {found[0].encoding} -t utf-8"
    raise RequestError(f"{where}: text {bad[0][0]} is not UTF-8; {told}")
