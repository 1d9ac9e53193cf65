"""What pretraining, subwords and each view of the sum are worth."""

from __future__ import annotations

from benchmarks.groups.imdb import QUICK_SUBSET
from benchmarks.rows import Group, Row

FIGURES = ("accuracy", "macro_f1", "misspelt_accuracy", "train_seconds")
PROGRAM = "python -m benchmarks.micro.ablation"
LABELS = (100, 1_000, 10_000, 0)
QUICK_LABELS = (100, 0)


def group(quick: bool) -> Group:
    """The rows; quick ones read a small subset."""
    archive = "$GROUP/aclImdb_v1.tar.gz" if quick else "$DATA/imdb/aclImdb_v1.tar.gz"
    setup = (QUICK_SUBSET,) * quick + (f"{PROGRAM} setup {archive} --folder $GROUP",)

    def row(name: str, options: str) -> Row:
        return Row(name, f"{PROGRAM} train --folder $GROUP {options}", FIGURES, setup)

    def pretraining(labels: int) -> list[Row]:
        shown = f"{labels:,} labels" if labels else "all labels"
        given = f"--model cnn --labels {labels}"
        kinds = [(kind, f"{given} --vectors subwords --embedding {kind}") for kind in ("frozen", "partial", "full")]
        return [
            row(f"cnn, {shown}, random vectors", f"{given} --vectors random"),
            *(row(f"cnn, {shown}, pretrained, {kind}", options) for kind, options in kinds),
        ]

    return Group(
        name="ablation",
        title="What each part is worth (IMDB)",
        about=(
            "One part changed at a time, on the official test part. Vectors: fastText cbow, 100 dimensions, 2 epochs over the"
            " 75,000 train and unlabelled reviews; TextCNN and the sum read at most 200 tokens and train 3 epochs, so that "
            "the whole group takes about half an hour on 2 cores: its figures are below those of the presets. `labels` "
            "counts labelled reviews, of which a fifth are validation rows; with 100 and 1,000 of them the number of epochs "
            "is the pipeline's own choice. One seed each. "
            "`partial` trains the rows without a vector. `misspelt` is the same test part with two neighbouring letters "
            "swapped in 10% of the words."
        ),
        rows=(
            *(each for labels in (QUICK_LABELS if quick else LABELS) for each in pretraining(labels)),
            row("cnn, vectors without subwords", "--model cnn --vectors words"),
            row("mean alone", "--model mean --vectors subwords"),
            row("bag alone", "--model bag"),
            row("ca alone", "--model ca"),
            row("bag+cnn", "--model bag+cnn --vectors subwords"),
            row("bag+ca", "--model bag+ca"),
            row("bag+ca+cnn", "--model bag+ca+cnn --vectors subwords"),
        ),
    )
