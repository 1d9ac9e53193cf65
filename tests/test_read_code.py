"""What was read of a module is remembered for its very bytes, and a memory that is no use costs reading again."""

import json
from pathlib import Path

import pytest

from tasks.store.read_code import CodeMemory


class Reader:
    """Counts what it reads."""

    def __init__(self) -> None:
        self.read: list[bytes] = []

    def __call__(self, source: bytes) -> list[object]:
        self.read.append(source)
        return [source.decode(), [1, None]]


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "root" / "rooms" / "one.py"
    path.parent.mkdir(parents=True)
    path.write_text("one = 1")
    return path


def file_of(module: Path) -> Path:
    return module.parents[2] / "share" / "code.json"


def memory(module: Path, reader: Path = Path(__file__)) -> CodeMemory:
    """As a new process has it."""
    return CodeMemory(module.parents[1], reader, file_of(module))


@pytest.fixture
def read(module: Path) -> Reader:
    """A reader that has read the module, which is remembered."""
    read = Reader()
    first = memory(module)
    assert first.of(module, read) == first.of(module, read) == ["one = 1", [1, None]]
    first.keep()
    return read


def test_a_module_is_read_once_for_all_processes(module: Path, read: Reader) -> None:
    assert memory(module).of(module, read) == ["one = 1", [1, None]]
    assert len(read.read) == 1


def test_other_bytes_are_read_again(module: Path, read: Reader) -> None:
    module.write_text("one = 2")
    assert memory(module).of(module, read) == ["one = 2", [1, None]]


@pytest.mark.parametrize("damage", ["", "no line", "{}", "changed", "folder"])
def test_a_memory_that_is_no_use_is_passed_over(module: Path, read: Reader, damage: str) -> None:
    file = file_of(module)
    if damage == "changed":
        file.write_text(file.read_text().replace("one = 1", "one = 9"))
    elif damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        file.write_text(damage)
    again = memory(module)
    assert again.of(module, read) == ["one = 1", [1, None]]
    again.keep()
    assert len(read.read) == 2


def test_another_reader_believes_nothing_of_it(module: Path, read: Reader, tmp_path: Path) -> None:
    (tmp_path / "reader.py").write_text("another way of reading")
    memory(module, tmp_path / "reader.py").of(module, read)
    assert len(read.read) == 2


def test_a_module_of_another_checkout_is_not_remembered(module: Path, tmp_path: Path) -> None:
    read, elsewhere = Reader(), tmp_path / "elsewhere.py"
    elsewhere.write_text("two = 2")
    first = memory(module)
    for _ in range(2):
        first.of(elsewhere, read)
    first.keep()
    assert len(read.read) == 2
    assert not file_of(module).exists()


def test_a_module_that_is_gone_is_forgotten(module: Path, read: Reader) -> None:
    other = module.with_name("two.py")
    module.rename(other)
    again = memory(module)
    again.of(other, read)
    again.keep()
    assert set(json.loads(file_of(module).read_text().partition("\n")[2])) == {"rooms/two.py"}
