"""Answering requests: `textmill serve` and MLflow's server, and an encoder's package by ONNX Runtime and torch."""

from __future__ import annotations

from benchmarks.groups.phrasebank import SENTENCES
from benchmarks.rows import Group, Row

SETTINGS = ("4 clients, 1 texts", "16 clients, 1 texts", "32 clients, 8 texts")
FIGURES = (
    *(f"read_a_cpu_second.{name}" for name in ("float32", "int8", "torch", "torch, 32 at a time")),
    *("float32_megabytes", "int8_megabytes", "float32_accuracy_on_all_rows", "int8_accuracy_on_all_rows"),
    *("float32_and_torch.labels_that_differ", "int8_and_float32.labels_that_differ"),
)


def group(quick: bool) -> Group:
    """The rows; quick ones send for a second each."""
    train = "textmill train --preset sample --finetune.model bag --runtime.data-root $GROUP/root --json"
    load = "python -m benchmarks.http_load --data-root $GROUP/root --model sample@champion"
    short = " --seconds 1 --rounds 1" if quick else ""
    asked = tuple(
        f"settings.{setting}.{server}.{figure}"
        for setting in SETTINGS
        for server in ("textmill", "mlflow")
        for figure in ("requests_a_second", "p50_ms", "p99_ms")
    )
    source = SENTENCES.format(agreement="50")
    path = "$GROUP/Sentences_50Agree.txt" if quick else source
    subset = (f"python -m benchmarks.subset lines {source} {path} --each 300",) if quick else ()
    encoder = "python -m benchmarks.serving --work $OWN --preset financial-encoder --finetune.model encoder"
    return Group(
        name="serve",
        title="Serving",
        about=(
            "The sample's `bag` behind `textmill serve` and `mlflow models serve`, one process each, asked by wrk on "
            "connections that stay open, the servers in turn: requests a second and milliseconds, medians of three loads. Then "
            "a frozen encoder (all-MiniLM-L6-v2) that labels PhraseBank from its package: texts a CPU second, and labels other "
            "than torch's."
        ),
        rows=(
            Row("requests", f"{load}{short}", asked, (train,)),
            Row(
                "an encoder's package",
                f"{encoder} --ingest.path {path} --finetune.encoder.model $WEIGHTS",
                ("texts", *FIGURES),
                subset,
                limit_seconds=3600,
            ),
        ),
    )
