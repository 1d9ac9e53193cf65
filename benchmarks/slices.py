"""How often a report would name a weak slice if right and wrong had nothing to do with the slices of a run.

    python -m benchmarks.slices --data-root data --name zh [--permutations 1000]

takes the newest finished run of that name, spreads its right and wrong rows over the test rows at random, and counts the
permutations that name any slice: with the correction, and without it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from tasks.evaluate.predictions import PREDICTIONS, read_columns
from tasks.evaluate.slices.columns import read_rows
from tasks.evaluate.slices.settings import SliceConfig
from tasks.evaluate.slices.significance import corrected_p
from tasks.evaluate.slices.slices import LEVEL, worth_a_look
from tasks.ingest.schema import KEPT_PART

DRAWS = 199  # of each permutation


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument("--name", required=True)
    parser.add_argument("--permutations", type=int, default=1000)
    asked = parser.parse_args()
    records = [json.loads(path.read_text()) for path in (asked.data_root / "runs").glob("*.json")]
    ended = [record for record in records if (record["name"], record["status"]) == (asked.name, "finished")]
    if not ended:
        parser.error(f"no finished run of {asked.name} below {asked.data_root}")
    keys = max(ended, key=lambda record: record["started"])["keys"]
    folders = {step: asked.data_root / "store" / step / key for step, key in keys.items()}
    kept = folders["ingest"] / KEPT_PART
    of_rows = (folders["prepare"] / "holdout_texts", folders["ingest"], kept if kept.is_dir() else None)
    rows = read_rows(SliceConfig(), *of_rows)
    correct = read_columns(folders["evaluate"] / PREDICTIONS, "correct").column("correct").to_numpy().astype(bool)
    chosen, numbered = worth_a_look(rows.groupings, len(correct), SliceConfig().slice_rows)
    generator = np.random.default_rng(2)
    named = np.zeros(2, int)
    for seed in range(asked.permutations):
        p_values = corrected_p(generator.permutation(correct), numbered, len(chosen), draws=DRAWS, seed=seed)
        named += [bool((values < LEVEL).any()) for values in p_values]
    print(
        f"{len(correct):,} rows, {int((~correct).sum()):,} wrong, {len(chosen)} slices: of {asked.permutations:,} permutations "
        f"{named[1]} name a weak slice, and {named[0]} by uncorrected p-values"
    )


if __name__ == "__main__":
    main()
