"""How the steps of a language model are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tasks.finetune.history import read_history
from tasks.language.page import render_page
from tasks.store.presentation import Point, Presentation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.store.presentation import Report

MOST_UNKNOWN = 0.1
SHOWN_CHARS = 160


def says_tokenizer(report: Report) -> str:
    """The kind, its size, and how much of the text it lacks."""
    unknown = f", {report['valid_unknown']:.1%} of the validation pieces are <unk>" if report["valid_unknown"] else ""
    return f"{report['kind']}, {report['pieces']:,} pieces of {report['words']:,} words{unknown}"


def warn_of_unknown(report: Report, folder: Path) -> list[str]:
    """Say that much of the text is <unk>."""
    if report["valid_unknown"] <= MOST_UNKNOWN:
        return []
    return [
        f"{report['valid_unknown']:.0%} of the validation pieces are <unk>, which a model cannot write; "
        "give more text, --tokenizer.min-count 1, a larger --tokenizer.size, or --tokenizer.kind bpe"
    ]


def says_train(report: Report) -> str:
    """The best epoch, and how fast it went."""
    resumed = f", taken up after epoch {report['resumed_from_epoch']}" if report["resumed_from_epoch"] else ""
    return (
        f"validation perplexity {report['valid_perplexity']:,.1f} after epoch {report['best_epoch']} of {report['epochs']}; "
        f"{report['parameters'] / 1e6:,.2f} million parameters, {report['words_per_second']:,} words/s{resumed}"
    )


def curves(folder: Path) -> Iterator[Point]:
    """The figures of each epoch."""
    for epochs in read_history(folder).values():
        for epoch in epochs:
            for figure, value in epoch.items():
                if figure != "number":
                    yield Point(f"train_language/{figure}", int(epoch["number"]), float(value))


def says_measures(report: Report) -> str:
    """Bits per byte, beside the yardstick's."""
    said = f"test {report['model']['bits_per_byte']:.4f} bits per byte, perplexity {report['model']['perplexity']:,.1f}"
    if "kneser_ney" in report:
        said += f"; Kneser-Ney {report['kneser_ney']['bits_per_byte']:.4f}, both mixed {report['mixture']['bits_per_byte']:.4f}"
    return said


def measures_metrics(report: Report) -> dict[str, float]:
    """The figures of the model, the yardstick and the mixture."""
    parts = {name: report[name] for name in ("model", "kneser_ney", "mixture") if name in report}
    return {f"{part}/{figure}": float(value) for part, values in parts.items() for figure, value in values.items()}


def figures(report: Report) -> dict[str, float]:
    """The figures of the test that a run ends with."""
    return {f"test/{name}": float(report["model"][name]) for name in ("bits_per_byte", "perplexity", "word_perplexity")}


def result(report: Report, folder: Path) -> dict[str, Any]:
    """What `textmill language train --json` says of the test."""
    named = {name: report["model"][name] for name in ("bits_per_byte", "perplexity", "word_perplexity")}
    others = {name: report.get(name) for name in ("kneser_ney", "mixture", "comparison")}
    facts = {"test_documents": report["documents"], "unknown": report["unknown"], "vocabulary": report["vocabulary"]}
    samples = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
    return {**named, **facts, **others, "samples": [sample["text"] for sample in samples]}


def warn_of_yardstick(report: Report, folder: Path) -> list[str]:
    """Say that n-grams alone are better."""
    found = report.get("comparison")
    if not found or found["lower_95"] is None or found["lower_95"] <= 0:
        return []
    mixed, plain = report["mixture"]["bits_per_byte"], report["kneser_ney"]["bits_per_byte"]
    both = f"; both mixed have {mixed:.4f}, {'less' if mixed < plain else 'not less'} than n-grams alone ({plain:.4f})"
    return [
        f"n-grams cost {found['difference']:.4f} bits per byte less than this network: train longer, or give it more text{both}"
    ]


TOKENIZER = Presentation(says=says_tokenizer, warnings=warn_of_unknown)
TRAIN = Presentation(says=says_train, curves=curves)
MEASURES = Presentation(
    says=says_measures,
    metrics=measures_metrics,
    warnings=warn_of_yardstick,
    result=result,
    figures=figures,
    files=(".",),
    render=render_page,
)
