"""The code digest: comments never count, reachable logic always does, anything else never."""

import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tasks.store.source import code_digest, code_files
from tasks.store.sweep import sweep
from tests.steps import OF_ENCODERS, ROOMS, decorated

CHECKOUT = Path(__file__).parents[1]

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


NAMED = [(room, name) for rooms in (ROOMS, OF_ENCODERS) for room, names in rooms.items() for name in names]
EVERY_STEP = pytest.mark.parametrize(("room", "name"), NAMED)


def step_function(room: str, name: str, tree: Path = CHECKOUT) -> Callable[..., object]:
    return decorated(getattr(importlib.import_module(f"tasks.{room}.task"), name), tree)


@EVERY_STEP
def test_a_step_reaches_no_orchestrator_and_no_configuration(room: str, name: str) -> None:
    """What decides a step's bytes must be neither Prefect's wrapper nor another step's knobs."""
    banned = {
        CHECKOUT / "tasks" / name
        for name in ("store/step.py", "store/artifact.py", "store/presentation.py", "config.py", "runtime.py")
    }
    banned |= {path for path in (CHECKOUT / "tasks").glob("*/settings.py") if path.parent.name != room}
    assert all(path.is_file() for path in banned)
    reached = code_files(step_function(room, name))
    assert any(path.parent.name == room for path in reached)
    assert not reached & banned


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code: what nobody changes of it is parsed once for all steps."""
    tree = tmp_path_factory.mktemp("tree")
    for folder in ("tasks", "flows"):
        shutil.copytree(CHECKOUT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tree


@pytest.fixture
def rewrite(tree: Path) -> Iterator[Callable[[Path, str], None]]:
    """Write a module of the copy anew, until the test has ended."""
    before: dict[Path, bytes] = {}

    def write(path: Path, text: str) -> None:
        before.setdefault(path, path.read_bytes())
        path.write_text(text)

    yield write
    for path, content in before.items():
        path.write_bytes(content)


@EVERY_STEP
def test_a_comment_never_rebuilds_a_step_and_its_logic_does(
    tree: Path, rewrite: Callable[[Path, str], None], room: str, name: str
) -> None:
    function = step_function(room, name, tree)
    before = code_digest(function, tree)
    for path in (tree / "tasks" / room).glob("*.py"):
        rewrite(path, f"# a comment\n{path.read_text()}\n# another\n")
    rewrite(tree / "tasks" / "store" / "step.py", "CHANGED = 1\n")
    assert code_digest(function, tree) == before
    inside = sorted(path for path in code_files(function, tree) if path.parent.name == room and path.name != "__init__.py")
    rewrite(inside[0], f"{inside[0].read_text()}\nCHANGED = 1\n")
    assert code_digest(function, tree) != before


@pytest.mark.parametrize(("room", "name"), [*NAMED, ("register", "folds")])
def test_another_sentence_about_a_step_never_rebuilds_it(room: str, name: str) -> None:
    wording = {*(CHECKOUT / "tasks").glob("*/says.py"), CHECKOUT / "tasks" / "equation.py"}
    assert len(wording) > len(ROOMS)
    assert not code_files(step_function(room, name)) & wording


def test_the_digest_is_the_same_in_another_process() -> None:
    code = "from tasks.store.source import code_digest; from tasks.store.sweep import sweep; print(code_digest(sweep))"
    said = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == code_digest(sweep)
