"""What a training step costs with sparse rows and with a dense optimizer."""

from __future__ import annotations

from benchmarks.rows import Group, Row

FIGURES = ("rows_touched", "sparse_step_ms", "dense_step_ms", "step_ratio", "sparse_whole_ms", "dense_whole_ms", "whole_ratio")


def group(quick: bool) -> Group:
    """The rows; quick ones take few rounds and small vocabularies."""
    sizes = (2_000, 10_000) if quick else (40_000, 250_000)
    rounds = " --rounds 3" if quick else ""
    return Group(
        name="optimizer",
        title="A training step: sparse rows and dense Adam",
        about=(
            "64 documents of 250 Zipf-distributed tokens, 100 dimensions, float32. `step` is the optimizer's part alone, "
            "`whole` also the forward and backward pass; medians in milliseconds, both kinds in turn in one process."
        ),
        rows=tuple(
            Row(f"{size:,} words", f"python -m benchmarks.micro.optimizer --words {size}{rounds}", FIGURES) for size in sizes
        ),
    )
