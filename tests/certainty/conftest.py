import random
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.writers import Row, write_dataset, write_texts

WORDS = {"negative": ["loss", "fell", "weak", "slump"], "positive": ["profit", "rose", "strong", "growth"]}
FILLER = ["the", "company", "sales", "said", "market", "year", "group"]


class News(NamedTuple):
    """Rows whose labels their words tell, the texts of these rows, and the ids of those with the wrong label."""

    dataset: Path
    texts: Path
    wrong: set[str]


def made_rows(rows: int, wrong: float, seed: int = 1) -> tuple[list[Row], set[str]]:
    source, found, flipped = random.Random(seed), list[Row](), set[str]()
    for number in range(rows):
        said = sorted(WORDS)[number % 2]
        tokens = [*source.choices(FILLER, k=5), *source.sample(WORDS[said], k=2)]
        name, split = f"row/{number}", "valid" if number % 5 < 2 else "train"
        label = said
        if split == "train" and source.random() < wrong:
            label = next(other for other in WORDS if other != said)
            flipped.add(name)
        found.append((name, split, label, tokens))
    found += [(f"blind/{number}", "unlabelled", None, ["market"]) for number in range(20)]
    return found, flipped


@pytest.fixture(scope="session")
def news(tmp_path_factory: pytest.TempPathFactory) -> News:
    """Eight hundred rows, to be read only; a twentieth of the train rows has the wrong label."""
    folder = tmp_path_factory.mktemp("news")
    rows, wrong = made_rows(800, 0.05)
    texts = [(name, split, " ".join(tokens)) for name, split, _, tokens in rows]
    return News(write_dataset(folder / "dataset", rows), write_texts(folder / "texts", texts), wrong)
