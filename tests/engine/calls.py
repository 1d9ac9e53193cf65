"""What the tests have worker processes do."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tasks.errors import RequestError
from tests.patience import until


def number_and_process(number: int) -> tuple[int, int]:
    return number, os.getpid()


def slow_to_be_ready(number: int, folder: str) -> tuple[int, int]:
    if number < 0:
        until((Path(folder) / "go").exists, "the word to go")
    return number, os.getpid()


def refuse_three(number: int) -> int:
    if number == 3:
        raise RequestError("row 3: refused")
    return number


def die_once_at_three(number: int, folder: str) -> int:
    died = Path(folder) / "died"
    if number == 3 and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die_at_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def slow_number(number: int, folder: str) -> int:
    (Path(folder) / f"begun-{number}").touch()
    until((Path(folder) / "go").exists, "the word to go")
    return number


def one_file(path: str) -> str:
    return Path(path).read_text()


def strange_error(number: int) -> int:
    raise StrangeError(number, "more")


class StrangeError(Exception):
    """One that pickle cannot read back."""

    def __init__(self, number: int, more: str) -> None:
        super().__init__(f"number {number}")
