"""The code digest: comments never count, reachable logic always does, anything else never."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tasks.source import code_digest, reachable

TASK = '''
from tasks.room import work
from tasks.other import unrelated

def step(build):
    """Doc."""
    return work.run(build)

def neighbour(build):
    return unrelated(build)
'''
FILES = {
    "tasks/__init__.py": "",
    "tasks/room/__init__.py": "",
    "tasks/room/task.py": TASK,
    "tasks/room/work.py": "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nfrom .deep import helper\n"
    "if TYPE_CHECKING:\n    from tasks.other import unrelated\n\n"
    'def run(x):\n    """Doc."""\n    return helper(x, "page.html.j2")\n',
    "tasks/room/deep.py": "def helper(x, y):\n    import tasks.lazy\n    return x\n",
    "tasks/room/page.html.j2": "<p>{{ x }}</p>",
    "tasks/lazy.py": "VALUE = 1\n",
    "tasks/other.py": "def unrelated(x):\n    return 1\n",
}


@pytest.fixture
def digest(tmp_path: Path) -> Callable[..., str]:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def compute(changed: str | None = None, old: str = "", new: str = "") -> str:
        if changed:
            path = tmp_path / changed
            assert old in path.read_text()
            path.write_text(path.read_text().replace(old, new))
        return code_digest(load(tmp_path / "tasks/room/task.py").step, tmp_path)

    return compute


def load(path: Path) -> ModuleType:
    # Only the function object is needed; its first-party imports are read, not run.
    module = ModuleType("demo")
    module.__file__ = str(path)
    source = path.read_text().replace("from tasks", "# from tasks")
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("tasks/room/work.py", "    return helper", "    # why\n    return helper"),
        ("tasks/room/work.py", '"""Doc."""', '"""Other words."""'),
        ("tasks/room/work.py", "def run(x):", "def run( x ):"),
        ("tasks/room/task.py", '"""Doc."""', '"""Other words."""'),
        ("tasks/room/task.py", "return unrelated(build)", "return unrelated(build) + 1"),
        ("tasks/other.py", "return 1", "return 2"),
    ],
)
def test_what_cannot_change_the_output_does_not_count(digest: Callable[..., str], file: str, old: str, new: str) -> None:
    assert digest() == digest(file, old, new)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("tasks/room/work.py", "helper(x,", "helper(x + 1,"),
        ("tasks/room/task.py", "work.run(build)", "work.run(build, 1)"),
        ("tasks/room/deep.py", "return x", "return y"),
        ("tasks/lazy.py", "1", "2"),
        ("tasks/room/page.html.j2", "<p>", "<b>"),
    ],
)
def test_logic_in_reach_counts(digest: Callable[..., str], file: str, old: str, new: str) -> None:
    assert digest() != digest(file, old, new)


def test_every_room_reaches_no_orchestrator_and_no_configuration() -> None:
    """What decides a step's bytes must be neither Prefect's wrapper nor another step's knobs."""
    root = Path(__file__).parents[1]
    rooms = [path for path in (root / "tasks").glob("*/*.py") if path.name not in {"task.py", "__init__.py"}]
    assert rooms
    banned = {root / "tasks" / name for name in ("step.py", "artifact.py", "config.py", "tracking.py")}
    for path in rooms:
        if path.parent.name not in {"register", "tracking"}:
            assert not reachable({path}, root) & banned, path


def test_the_digest_is_the_same_in_another_process() -> None:
    assert importlib.util.find_spec("prefect") is not None
    from tasks.sweep import sweep

    assert code_digest(sweep) == code_digest(sys.modules["tasks.sweep"].sweep)
