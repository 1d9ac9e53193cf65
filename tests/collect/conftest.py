from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tasks.collect.collect import Collector
from tasks.collect.settings import CollectConfig
from tasks.monitor.state import MonitorState

NOW = 1_600_000_000.0  # 13 September 2020


@dataclass
class Collected:
    """What one refresh collected, and where its records went."""

    rows: list[dict[str, Any]]
    figures: dict[str, int]
    report: dict[str, Any]
    quarantine: list[dict[str, Any]]
    texts: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.texts = [row["text"] for row in self.rows]


Collect = Callable[..., Collected]


@pytest.fixture
def collect(tmp_path: Path) -> Iterator[Collect]:
    """Collect into one monitor; what is found counts as seen afterwards. The equation is asserted each time."""
    with MonitorState.open(tmp_path / "root", "news") as state:

        def run(source: Path | str | None = None, *, now: float = NOW, **options: Any) -> Collected:
            config = CollectConfig(source=None if source is None else str(source), **options)
            with state.refresh() as refresh:
                collector = Collector(config, refresh, now=now)
                rows = [row for batch in collector.batches() for row in batch.to_pylist()]
                assert refresh.num_waiting == len(rows)
                refresh.scored = len(rows)  # nobody scores here
                figures = refresh.figures()
            assert figures["found"] == len(rows) + figures["duplicates"] + figures["quarantined"]
            assert sum(collector.reasons.values()) == figures["quarantined"] or collector.num_unchanged
            return Collected(rows, figures, collector.report(), state.quarantined())

        yield run
