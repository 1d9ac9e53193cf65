import pyarrow as pa
import pytest

from tasks import token_counts
from tasks.token_counts import count_tokens

DOCUMENTS = [["b", "a"], ["c", "a", None], None, [], ["ä", "b"]]


@pytest.mark.parametrize("merge_rows", [0, 500_000])
def test_batches_are_summed_and_ordered(monkeypatch: pytest.MonkeyPatch, merge_rows: int) -> None:
    monkeypatch.setattr(token_counts, "MERGE_ROWS", merge_rows)
    counted = count_tokens(pa.array([tokens], pa.list_(pa.string())) for tokens in DOCUMENTS)
    assert counted.to_pydict() == {"token": ["a", "b", "c", "ä"], "count": [2, 2, 1, 1]}
    assert counted["count"].type == pa.int64()


def test_nothing_gives_an_empty_table() -> None:
    assert count_tokens([]).to_pydict() == {"token": [], "count": []}
