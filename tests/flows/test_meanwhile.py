"""Modules are imported beside a step that waits for a child process."""

import sys
import threading

import pytest

from flows.meanwhile import imported_meanwhile


def test_modules_are_there_when_the_block_ends_and_one_that_is_missing_is_passed_over() -> None:
    for name in ("sndhdr_of_nobody", "colorsys"):
        sys.modules.pop(name, None)
    with imported_meanwhile("sndhdr_of_nobody", "colorsys"):
        pass
    assert "colorsys" in sys.modules
    assert not [thread for thread in threading.enumerate() if thread.name == "imports"]


def test_an_error_of_the_block_is_the_caller_s() -> None:
    with pytest.raises(KeyError), imported_meanwhile("json"):
        raise KeyError("of the step")
