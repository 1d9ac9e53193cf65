import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SCHEMA = pa.schema([("id", pa.string()), ("split", pa.string()), ("label", pa.string()), ("tokens", pa.list_(pa.string()))])
WORDS = ["good", "bad", "film", "naïve", "电影", "über", "ab", "x", "日本語", "director", "plot", "boring", "🙂"]

MakeDataset = Callable[[dict[str, Sequence[Sequence[str]]]], Path]


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Write documents by split as prepare does; return the folder."""

    def make(splits: dict[str, Sequence[Sequence[str]]]) -> Path:
        folder = tmp_path / "dataset"
        folder.mkdir()
        rows = [
            {"id": f"{split}/{number}", "split": split, "label": None if split == "unlabelled" else "a", "tokens": list(tokens)}
            for split, documents in splits.items()
            for number, tokens in enumerate(documents)
        ]
        pq.write_table(
            pa.Table.from_pylist(rows, schema=SCHEMA), folder / "dataset.parquet", compression="zstd", write_page_checksum=True
        )
        return folder

    return make


@pytest.fixture
def documents() -> list[list[str]]:
    """Sixty short documents over a small vocabulary, always the same."""
    source = random.Random(3)
    return [source.choices(WORDS, weights=range(len(WORDS), 0, -1), k=source.randint(5, 30)) for _ in range(60)]
