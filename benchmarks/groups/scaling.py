"""Cost at 25,000, 100,000 and 1,000,000 documents."""

from __future__ import annotations

from benchmarks.rows import Group, Row

STAGES = ("prepare", "finetune", "score")
TIMES = (1, 4, 40)


def group(quick: bool) -> Group:
    """The rows; quick ones start from a few hundred reviews."""
    archive = "$DATA/imdb/aclImdb_v1.tar.gz"
    limit = " --limit 300" if quick else ""
    costs = tuple(f"{stage}.{cost}" for stage in STAGES for cost in ("seconds", "cpu_seconds", "peak_mb", "tree_peak_mb"))

    def row(times: int) -> Row:
        command = f"python -m benchmarks.micro.scaling {archive} --times {times} --folder $OWN{limit}"
        return Row(f"{times}x", command, ("corpus", "prepare.kept", "finetune.parameters", *costs))

    return Group(
        name="scaling",
        title="Cost at 25,000, 100,000 and 1,000,000 documents",
        about=(
            "IMDB's 25,000 labelled train reviews, repeated with 7% of the words exchanged in every copy, so that no row is a "
            "near-duplicate of another; the n-gram vocabulary is capped by raising the rarest n-gram kept with the copies. "
            "Stages as `textmill train` and `textmill score` run them, each in a process of its own, the bag for two epochs; "
            "a stage's seconds include its imports."
        ),
        rows=tuple(row(times) for times in TIMES),
    )
