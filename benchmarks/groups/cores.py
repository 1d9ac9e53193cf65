"""How prepare and score use two cores."""

from __future__ import annotations

from benchmarks.rows import Group, Row

COSTS = ("documents_per_second", "busy_cores", "driver_us", "cpu_us", "tree_peak_mb")


def group(quick: bool) -> Group:
    """The one row; a quick one reads some hundred reviews."""
    limit = " --limit 300" if quick else ""
    command = f"python -m benchmarks.micro.partitions $DATA/imdb/aclImdb_v1.tar.gz --folder $OWN{limit}"
    figures = tuple(f"{work}.{workers}.{cost}" for work in ("prepare", "score") for workers in (1, 2) for cost in COSTS)
    return Group(
        name="cores",
        title="One process and two",
        about=(
            "IMDB's 25,000 labelled train reviews, prepared and scored (`bag`) by one process and by two, in processes that "
            "have imported what they need and loaded the model; the figures are named by work and number of processes. The "
            "bytes must be the same. `driver us` is what a document costs the process that hands out the work."
        ),
        rows=(Row("prepare and score", f"{command} --workers 1 2", ("equal_bytes", *figures), limit_seconds=3600),),
    )
