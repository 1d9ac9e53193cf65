"""Financial PhraseBank with 8 to 64 labelled sentences a class: n-grams and encoders on the same draws."""

from __future__ import annotations

from benchmarks.groups.phrasebank import SENTENCES
from benchmarks.rows import Group, Row

CONTENDERS = ("yardstick", "ngrams", "frozen", "described", "zero-shot")
SIZES = (8, 16, 32, 64)


def group(quick: bool) -> Group:
    """The rows; quick ones take two draws of 8 a class of a small subset."""
    source = SENTENCES.format(agreement="50")
    path = "$GROUP/Sentences_50Agree.txt" if quick else source
    setup = (f"python -m benchmarks.subset lines {source} {path} --each 300",) if quick else ()
    sizes = SIZES[:1] if quick else SIZES
    first = "python -m benchmarks.few_labels --work $GROUP/draws --encoder $WEIGHTS --labels benchmarks/phrasebank_labels.toml"
    drawn = f"--sizes {' '.join(map(str, sizes))} --draws {2 if quick else 5} --preset phrasebank --ingest.path {path}"

    def row(name: str) -> Row:
        found = ("none",) if name == "zero-shot" else tuple(map(str, sizes))
        figures = tuple(
            f"{name}.{size}.{figure}" for size in found for figure in ("accuracy", "accuracy_deviation", "macro_f1")
        )
        return Row(name, f"{first} --only {name} {drawn}", figures, setup, 7200)

    return Group(
        name="few_labels",
        title="Few labels (Financial PhraseBank)",
        about=(
            "8 to 64 labelled sentences a class, validation rows among them, five draws, measured on the test rows of one "
            "split; means and the standard deviation of accuracy over the draws. The encoder is all-MiniLM-L6-v2, frozen; "
            "`described` starts from descriptions of the labels, and `zero-shot` reads no label at all. Vectors are made once, "
            "by the first row that needs them. What tuning on pairs gives, which takes hours, is in docs/FEW_LABELS.md."
        ),
        rows=tuple(map(row, CONTENDERS)),
    )
