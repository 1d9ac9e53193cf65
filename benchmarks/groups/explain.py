"""Whether the words that an explanation names matter, and what they cost."""

from __future__ import annotations

from benchmarks.groups.imdb import QUICK_SUBSET
from benchmarks.rows import Group, Row

WAYS = ("shares", "one by one", "lime", "at random")
FIGURES = (
    *("texts", "shares_less_lime"),
    *(f"fall.{way}" for way in WAYS),
    *(f"cpu_seconds_a_text.{way}" for way in WAYS[:3]),
)


def group(quick: bool) -> Group:
    """The row; a quick one explains ten texts of a small subset."""
    archive = "$GROUP/aclImdb_v1.tar.gz" if quick else "$DATA/imdb/aclImdb_v1.tar.gz"
    setup = (QUICK_SUBSET,) * quick + (
        f"textmill train --preset imdb-fast --ingest.archive {archive} --runtime.data-root $GROUP/root --json",
        f"python -m benchmarks.subset texts {archive} $GROUP/texts.csv --each 300",
    )
    command = "python -m benchmarks.explaining imdb-fast@champion $GROUP/texts.csv --data-root $GROUP/root"
    return Group(
        name="explain",
        title="Do the words of an explanation matter?",
        about=(
            "Of test reviews the ten words are taken out that `imdb-fast`'s explanation weighs most (`shares`), that are each "
            "alone missed most, that LIME (Ribeiro, Singh & Guestrin 2016; `pip install lime`) names, and ten drawn at random: "
            "how far the label's probability falls, with the standard error of the mean, and CPU seconds a text."
        ),
        rows=(
            Row("100 reviews", f"{command} --texts {10 if quick else 100}", FIGURES, setup, limit_seconds=3600),
            Row("500 reviews", f"{command} --texts {20 if quick else 500} --samples 500", FIGURES, setup, limit_seconds=3600),
        ),
    )
