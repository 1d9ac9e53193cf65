"""A vocabulary's vectors out of a large file, as text and in word2vec's binary format."""

from __future__ import annotations

from benchmarks.rows import Group, Row

FIGURES = ("read_seconds", "read_cpu_seconds", "file_mb", "sum")
PROGRAM = "python -m benchmarks.micro.vectors"


def group(quick: bool) -> Group:
    """The rows; quick ones read a file of a hundredth the size."""
    scale = 100 if quick else 1
    return Group(
        name="align",
        title="Aligning 50,000 words with a file of 300,000 vectors of 300 dimensions",
        about=(
            "The wanted words are spread evenly over a generated file, and the matrices of a format are compared by their sum. "
            "`read seconds` leaves imports out. Rows with 600,000 vectors read a file of twice the length: their memory is the "
            "matrix's, not the file's."
        ),
        rows=(
            _row("gensim load_word2vec_format", "gensim", "vectors.vec", 300_000, scale),
            _row("textmill align", "textmill", "vectors.vec", 300_000, scale),
            _row("textmill align, 600,000 rows", "textmill", "twice.vec", 600_000, scale),
            _row("gensim load_word2vec_format, binary", "gensim", "vectors.bin", 300_000, scale),
            _row("textmill align, binary", "textmill", "vectors.bin", 300_000, scale),
            _row("textmill align, binary, 600,000 rows", "textmill", "twice.bin", 600_000, scale),
        ),
    )


def _row(name: str, reader: str, file: str, num_rows: int, scale: int) -> Row:
    path = f"$GROUP/{file}"
    setup = f"{PROGRAM} generate {path} --rows {num_rows // scale} --dim 300"
    return Row(name, f"{PROGRAM} {reader} {path} --wanted {50_000 // scale}", FIGURES, (setup,))
