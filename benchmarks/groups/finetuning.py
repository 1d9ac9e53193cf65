"""What the ways of fine-tuning pretrained word vectors are worth, and what they cost."""

from __future__ import annotations

from benchmarks.groups.imdb import QUICK_SUBSET
from benchmarks.rows import Group, Row

FIGURES = ("accuracy", "valid_accuracy", "train_seconds", "trainable_parameters")
PROGRAM = "python -m benchmarks.micro.ablation"
LABELS = (1_000, 0)
QUICK_LABELS = (100,)
WAYS = {
    "frozen": "--embedding frozen",
    "full": "--embedding full",
    "rows without a vector": "--embedding partial",
    "rarest half of the rows": "--embedding partial --knob partial_rows=rarest",
    "random half of the rows": "--embedding partial --knob partial_rows=random",
    "rows of the 2,000 most telling words": "--embedding partial --words 2000",
    "low rank 8": "--embedding low_rank",
    "low rank 32": "--embedding low_rank --knob embedding_rank=32",
    "full after 1 frozen epoch": "--knob frozen_epochs=1",
    "full, as slow as the filters": "--knob embedding_lr=0.001",
    "full, pulled back by 1%": "--knob embedding_pull=0.01",
    "full, FGM": "--knob adversarial=fgm",
    "full, virtual adversarial": "--knob adversarial=virtual",
}
WITH_UNLABELLED = {
    "full, virtual, 1 unlabelled review a labelled one": "--knob adversarial=virtual --knob adversarial_unlabelled=1",
    "full, virtual, 4 unlabelled reviews a labelled one": "--knob adversarial=virtual --knob adversarial_unlabelled=4",
}


def group(quick: bool) -> Group:
    """The rows; quick ones read a small subset."""
    archive = "$GROUP/aclImdb_v1.tar.gz" if quick else "$DATA/imdb/aclImdb_v1.tar.gz"
    setup = (QUICK_SUBSET,) * quick + (f"{PROGRAM} setup {archive} --folder $GROUP",)

    def row(labels: int, name: str, options: str) -> Row:
        shown = f"{labels:,} labels" if labels else "all labels"
        command = f"{PROGRAM} train --folder $GROUP --model cnn --labels {labels} --vectors subwords --no-misspelt {options}"
        return Row(f"{shown}, {name}", command, FIGURES, setup)

    return Group(
        name="finetuning",
        title="Ways of fine-tuning the embedding (IMDB)",
        about=(
            "TextCNN on the vectors of the table of parts: fastText cbow, 100 dimensions, 2 epochs over the 75,000 train and "
            "unlabelled reviews; at most 200 tokens, 3 epochs (with 1,000 labels the pipeline's own number, at most 20). Knobs "
            "not in a row's name are the defaults: none was chosen on these rows. One seed each: differences of less than "
            "half a point are noise, with 1,000 labels of more than that. `valid` is a fifth of the "
            "labelled rows (of all: what prepare held out). The virtual adversary of 1,000 labels is shown with unlabelled "
            "reviews too; in all other rows adversaries read labelled rows alone."
        ),
        rows=tuple(
            row(labels, name, options)
            for labels in (QUICK_LABELS if quick else LABELS)
            for name, options in (WAYS | (WITH_UNLABELLED if labels else {})).items()
        ),
    )
