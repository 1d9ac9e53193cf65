"""Rows at even distances are read without the others, and are those of the whole list."""

from pathlib import Path

import numpy as np

from tasks.prepare.read import iter_with_texts
from tasks.replies.spread import spread_rows
from tests.writers import write_dataset, write_texts


def test_rows_at_even_distances_are_those_of_the_whole_list(tmp_path: Path) -> None:
    rows = [
        (f"{at:05}", "unlabelled" if at % 7 == 3 else "train", None if at % 7 == 3 else "ab"[at % 2], [f"w{at}"])
        for at in range(9000)
    ]
    dataset = write_dataset(tmp_path / "dataset", rows)
    texts = write_texts(tmp_path / "texts", [(name, split, f"w{at}") for at, (name, split, _, _) in enumerate(rows)])
    splits = ("train", "unlabelled")
    every = [
        {"tokens": row["tokens"], "text": row["text"]}
        for batch in iter_with_texts(dataset, texts, splits, ["label", "tokens"])
        for row in batch.to_pylist()
        if row["label"] is not None
    ]
    assert spread_rows(dataset, texts, splits, ["tokens"], len(every)) == (every, len(every))
    some = [every[at] for at in np.linspace(0, len(every) - 1, 50).round().astype(int)]
    assert spread_rows(dataset, texts, splits, ["tokens"], 50) == (some, len(every))
    assert spread_rows(dataset, texts, ("valid",), ["tokens"], 50) == ([], 0)
