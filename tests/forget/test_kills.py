"""A deletion that is killed and repeated leaves what one that was left alone does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.faults.command import held_locks
from tests.faults.forks import KILLED, Child
from tests.forget import root as roots

if TYPE_CHECKING:
    from pathlib import Path

POINTS = [
    "forget.remembered",
    "forget.begun",
    "forget.rows_deleted",
    "forget.rows_committed",
    "forget.vacuumed",
    "forget.rows_deleted:2",
    "forget.rows_committed:2",
    "forget.part_written",
    "forget.monitor_uncommitted",
    "forget.monitor_committed",
    "forget.monitor_swept",
    "forget.vacuumed:3",
    "forget.rewritten",
    "forget.removed",
    "forget.removed:7",
    "forget.artifact_moved",
    "forget.artifact_removed",
    "forget.artifact_moved:3",
    "forget.artifact_removed:3",
    "forget.looked",
]
FEW = ("forget.rows_committed:2", "forget.monitor_committed", "forget.artifact_moved:3")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made in a process of its own: whoever forks must not have used Arrow's threads."""
    root = tmp_path_factory.mktemp("planted") / "root"
    with Child(lambda: str(roots.make_root(root))) as child:
        assert child.wait() == 0, child.said
    return root


@pytest.fixture(scope="module")
def alone(planted: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is left where nothing was killed."""
    root = roots.copy(planted, tmp_path_factory.mktemp("alone") / "root")
    with Child(roots.forget, root) as child:
        assert child.wait() == 0, child.said
    assert child.result["left"] == []
    return roots.left_by(root)


@pytest.mark.parametrize("point", [pytest.param(point, marks=() if point in FEW else pytest.mark.long) for point in POINTS])
def test_a_killed_deletion_is_made_good(point: str, planted: Path, alone: dict[str, Any], tmp_path: Path) -> None:
    root = roots.copy(planted, tmp_path / "root")
    with Child(roots.forget, root, crash_at=point) as child:
        assert child.wait() == KILLED, child.said
    with Child(roots.forget, root) as child:
        assert child.wait() == 0, child.said
    assert child.result["left"] == []
    left = roots.left_by(root)
    assert [name for name in alone.keys() | left.keys() if left.get(name) != alone.get(name)] == []
    assert roots.states_noted(root)[-1] == "done"
    assert held_locks(root) == []
