import importlib
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tasks.errors import RequestError
from tasks.isolation import ChildDied, run_isolated

# Longer than any wait below, so that only being ended ends it.
SLEEPER = "import time\ndef sleep():\n    print('asleep', flush=True)\n    time.sleep(600)\n"
CALLER = "import sleeper; from tasks.isolation import run_isolated; run_isolated(sleeper.sleep, on_output=print)"


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[subprocess.Popen]:
    """A process whose child sleeps in the function that it was asked for."""
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", CALLER],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What a shell runs in the background inherits that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == b"asleep\n"
        yield process
        process.kill()


def test_result_comes_back() -> None:
    assert run_isolated(math.gcd, 12, 18) == 6
    assert run_isolated(json.dumps, {"a": ["é", None]}) == '{"a": ["\\u00e9", null]}'


def test_it_is_another_process() -> None:
    assert run_isolated(os.getpid) != os.getpid()


def test_exception_comes_back_with_type_and_message() -> None:
    with pytest.raises(RuntimeError, match=r"ValueError: expected a nonnegative input|ValueError: math domain error"):
        run_isolated(math.sqrt, -1)


def test_request_error_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "thrower.py").write_text(
        "from tasks.errors import RequestError\ndef throw(text):\n    raise RequestError(text)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(RequestError, match=r"^no café here; add one$"):
        run_isolated(importlib.import_module("thrower").throw, "no café here; add one")


@pytest.mark.parametrize("number", [signal.SIGFPE, signal.SIGSEGV, signal.SIGKILL])
def test_a_signal_is_named(number: signal.Signals) -> None:
    with pytest.raises(ChildDied, match=number.name):
        run_isolated(signal.raise_signal, int(number))


def test_an_exit_without_answer_is_an_error() -> None:
    with pytest.raises(ChildDied, match="status 3 and no answer"):
        run_isolated(os._exit, 3)


def test_output_of_the_child_is_forwarded_and_does_not_spoil_the_answer() -> None:
    heard: list[str] = []
    assert run_isolated(os.system, "printf '12%%\\r100%%' >&2; printf noise", on_output=heard.append) == 0
    assert "12%\r100%" in "".join(heard)
    assert "noise" in "".join(heard)


def test_the_current_folder_cannot_shadow_a_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    assert run_isolated(math.gcd, 4, 6) == 2


def test_child_dies_with_a_killed_parent(caller: subprocess.Popen) -> None:
    (child,) = psutil.Process(caller.pid).children()
    caller.kill()
    child.wait()
    assert not child.is_running()


def test_interrupt_ends_both_at_once(caller: subprocess.Popen) -> None:
    (child,) = psutil.Process(caller.pid).children()
    caller.send_signal(signal.SIGINT)
    _, errors = caller.communicate()
    assert b"KeyboardInterrupt" in errors
    assert not child.is_running()
