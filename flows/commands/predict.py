"""`textmill predict`."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.options import ByCost, Companies, DataRoot, EachLabel, Json, MaxError, Model, WatchListFile
from flows.commands.printing import print_json
from tasks.errors import RequestError
from tasks.shown import in_line, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.model.abstention import Promise
    from tasks.model.explain import Explanation
    from tasks.score.watch import WatchList

MAX_SHOWN = 200  # characters of a text beside its label; --json needs none of it


def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts to classify; without any, one a line from standard input.")
    ] = None,
    model: Model = None,
    zero_shot: Annotated[
        bool, typer.Option("--zero-shot", help="Classify by what the labels mean, with pretrained weights and no model.")
    ] = False,
    labels: Annotated[Path | None, typer.Option(help="--zero-shot: a TOML file that describes each label.")] = None,
    weights: Annotated[
        str | None, typer.Option("--finetune.encoder.model", help="--zero-shot: the weights, a folder or NAME@COMMIT.")
    ] = None,
    masked: Annotated[
        str | None,
        typer.Option("--finetune.cloze.model", help="--zero-shot: weights of a masked language model, for a template."),
    ] = None,
    pooling: Annotated[str | None, typer.Option("--finetune.encoder.pooling", help="--zero-shot: mean, cls or last.")] = None,
    max_len: Annotated[
        int | None, typer.Option("--finetune.encoder.max-len", help="--zero-shot: most pieces of a text.")
    ] = None,
    truncate: Annotated[
        str | None, typer.Option("--finetune.encoder.truncate", help="--zero-shot: what is kept of a longer text.")
    ] = None,
    max_error: MaxError = None,
    each_label: EachLabel = False,
    by_cost: ByCost = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show which words spoke for the label, and which against it.")
    ] = False,
    watch_list: WatchListFile = None,
    companies: Companies = None,
    as_json: Json = False,
    data_root: DataRoot = None,
) -> None:
    """Classify texts with the champion."""
    from tasks.score.abstain import abstaining, check_abstention, costs_of, promised
    from tasks.score.predict import check_unicode, predict_texts
    from tasks.score.replies import with_replies

    asked = {
        "--finetune.encoder.model": weights,
        "--finetune.cloze.model": masked,
        "--finetune.encoder.pooling": pooling,
        "--finetune.encoder.max-len": max_len,
        "--finetune.encoder.truncate": truncate,
    }
    options = {flag: value for flag, value in asked.items() if value is not None}
    _check_zero_shot(options, labels, zero_shot=zero_shot, model=model)
    if zero_shot and (max_error is not None or by_cost):
        flag = "--by-cost" if by_cost else "--max-error"
        raise RequestError(f"{flag} asks for what a model carries, and --zero-shot uses no model; leave one out")
    check_abstention(max_error, None, each_label=each_label, by_cost=by_cost)
    if explain and zero_shot:
        raise RequestError("--explain tells the words of a model's answer, and --zero-shot uses no model; leave one out")
    watch = _watch_list(watch_list, companies, zero_shot=zero_shot)
    given = texts or _lines_of_stdin()
    if not given:
        raise RequestError('no text given; try textmill predict "Sales rose sharply"')
    check_unicode(given, "an argument" if texts else "standard input")
    if zero_shot and labels is not None:
        from flows.commands.zero_shot import predict_zero_shot

        _show(
            given,
            predict_zero_shot(given, options, labels, data_root),
            None,
            "zero-shot: nothing was measured",
            [None] * len(given),
            as_json=as_json,
        )
        return
    from flows.commands.registry import load

    loaded = load(model, data_root)
    promise = None if max_error is None else promised(loaded, max_error, each_label=each_label)
    rule = costs_of(loaded) if by_cost else promise
    predictions = predict_texts(loaded, given)
    if rule is not None:
        predictions = abstaining(predictions, rule)
    predictions = with_replies(loaded, given, predictions)
    if watch is not None:
        from tasks.score.towards import with_towards

        predictions = with_towards(loaded, watch, given, predictions)
    explained: list[Explanation | None] = [None] * len(given)
    if explain:
        from tasks.score.explain import as_values, explanations

        explained = explanations(loaded, given, [each["label"] for each in predictions])
        predictions = [each | {"explanation": as_values(why)} for each, why in zip(predictions, explained, strict=True)]
    named = {"name": loaded.name, "version": loaded.version}
    title = f"model {loaded.name} version {loaded.version}"
    if promise is not None:
        title += f"; {promise.says()}"
    _show(given, predictions, named, title, explained, promise=promise, as_json=as_json)


def _watch_list(watch_list: Path | None, companies: Path | None, *, zero_shot: bool) -> WatchList | None:
    """The names of the files; RequestError for one that cannot be used."""
    if watch_list is None and companies is None:
        return None
    if zero_shot:
        raise RequestError("--watch-list and --companies ask a model about names, and --zero-shot uses no model; leave one out")
    from tasks.score.watch import WatchList

    return WatchList.load(watch_list, companies)


def _check_zero_shot(options: Mapping[str, Any], labels: Path | None, *, zero_shot: bool, model: str | None) -> None:
    """Raise RequestError for options that are for the other way of classifying."""
    if not zero_shot:
        for flag, value in {"--labels": labels, **options}.items():
            if value is not None:
                raise RequestError(f"{flag} {value} is for --zero-shot; give that too, or leave it out")
        return
    if model is not None:
        raise RequestError(f"--model {model} and --zero-shot were both given; choose one")
    if labels is None:
        raise RequestError("--zero-shot needs --labels FILE that describes each label")
    weights = [flag for flag in options if flag.endswith(".model")]
    if len(weights) != 1:
        raise RequestError(
            "--zero-shot needs pretrained weights: --finetune.encoder.model or --finetune.cloze.model, one of them"
        )


def _show(
    texts: list[str],
    predictions: list[dict[str, Any]],
    model: Mapping[str, Any] | None,
    title: str,
    explained: Sequence[Explanation | None],
    *,
    promise: Promise | None = None,
    as_json: bool,
) -> None:
    """Print the predictions on stdout, and on stderr whose they are."""
    if as_json:
        facts = {} if promise is None else {"promise": promise.facts()}
        print_json({"model": model, **facts, "predictions": predictions})
        return
    print(title, file=sys.stderr)  # noqa: T201
    for text, prediction, why in zip(texts, predictions, explained, strict=True):
        print(_shown(text, prediction))  # noqa: T201
        for line in (*_towards(prediction), *_replied(prediction)):
            print(line)  # noqa: T201
        if why is not None and prediction["label"] is not None:
            from flows.commands.explained import print_explanation

            print_explanation(text, why)


def _towards(prediction: Mapping[str, Any]) -> list[str]:
    """A line for each name of the text, with the sentiment towards it and what that is from; indented."""
    return [
        f"    {in_line(each['name'])}\t{in_line(each['label'] or '-')}\t"
        f"{'-' if each['confidence'] is None else format(each['confidence'], '.3f')}\tfrom {each['from']}"
        for each in prediction.get("towards", ())
    ]


def _replied(prediction: Mapping[str, Any]) -> list[str]:
    """The answer, or the questions that whoever takes the text over may look at; indented."""
    if "answer" not in prediction:
        return []
    if prediction["answer"] is not None:
        return [f"    {in_line(prediction['answer'])}"]
    found = [
        f"    {each['similarity']:.2f}\t{in_line(each['label'])}\t{shortened(in_line(each['text'].strip()), MAX_SHOWN)}"
        for each in prediction["similar"]
    ]
    return ["    no answer; most similar questions:" if found else "    no answer", *found]


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
