"""`textmill predict`."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import DataRoot, Json, Model
from flows.commands.printing import print_json
from tasks.errors import RequestError
from tasks.shown import in_line, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SHOWN = 200  # characters of a text beside its label; --json needs none of it


def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts to classify; without any, one a line from standard input.")
    ] = None,
    model: Model = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Classify texts with the champion."""
    from flows.commands.registry import load
    from tasks.score.predict import check_unicode, predict_texts

    given = texts or _lines_of_stdin()
    if not given:
        raise RequestError('no text given; try textmill predict "Sales rose sharply"')
    check_unicode(given, "an argument" if texts else "standard input")
    loaded = load(model, data_root)
    predictions = predict_texts(loaded, given)
    if as_json:
        print_json({"model": {"name": loaded.name, "version": loaded.version}, "predictions": predictions})
        return
    print(f"model {loaded.name} version {loaded.version}", file=sys.stderr)  # noqa: T201
    for text, prediction in zip(given, predictions, strict=True):
        print(_shown(text, prediction))  # noqa: T201


def _lines_of_stdin() -> list[str]:
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # so that a line that is not UTF-8 can be named
    return [line.rstrip("\n") for line in sys.stdin or ()]


def _shown(text: str, prediction: Mapping[str, Any]) -> str:
    """Label, confidence and text, parted by tabs; the reason where there is no label."""
    label = in_line(prediction["label"] or "-")
    confidence = "-" if prediction["confidence"] is None else f"{prediction['confidence']:.3f}"
    why = f"\t({prediction['reason']})" if prediction["reason"] else ""
    return f"{label}\t{confidence}\t{shortened(in_line(text), MAX_SHOWN)}{why}"
