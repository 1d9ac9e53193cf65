"""A vocabulary's vectors out of a large text file."""

from __future__ import annotations

from benchmarks.rows import Group, Row

FIGURES = ("read_seconds", "read_cpu_seconds", "file_mb", "sum")


def group(quick: bool) -> Group:
    """The rows; quick ones read a file of a hundredth the size."""
    scale = 100 if quick else 1
    wanted = f"--wanted {50_000 // scale}"
    program = "python -m benchmarks.micro.vectors"
    small, large = "$GROUP/vectors.vec", "$GROUP/twice.vec"
    make_small = f"{program} generate {small} --rows {300_000 // scale} --dim 300"
    make_large = f"{program} generate {large} --rows {600_000 // scale} --dim 300"
    return Group(
        name="align",
        title="Aligning 50,000 words with a text file of 300,000 vectors of 300 dimensions",
        about=(
            "The wanted words are spread evenly over a generated file, and all three matrices are compared by their sum. "
            "`read seconds` leaves imports out. The last row reads a file of twice the length: its memory is the matrix's, "
            "not the file's."
        ),
        rows=(
            Row("gensim load_word2vec_format", f"{program} gensim {small} {wanted}", FIGURES, (make_small,)),
            Row("textmill align", f"{program} textmill {small} {wanted}", FIGURES, (make_small,)),
            Row("textmill align, 600,000 rows", f"{program} textmill {large} {wanted}", FIGURES, (make_large,)),
        ),
    )
