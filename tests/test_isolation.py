import importlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tasks.errors import RequestError
from tasks.isolation import ChildDied, run_isolated

# It sleeps longer than any wait below, so that only being ended ends it.
CALLER = "import time; from tasks.isolation import run_isolated; run_isolated(time.sleep, 600)"


def start_caller() -> tuple[subprocess.Popen, psutil.Process]:
    caller = subprocess.Popen([sys.executable, "-c", CALLER], cwd=Path(__file__).parents[1], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        children = psutil.Process(caller.pid).children()
        # It has done its imports, so it sleeps in the function.
        if children and children[0].status() == psutil.STATUS_SLEEPING and children[0].cpu_times().user > 0.01:
            return caller, children[0]
        time.sleep(0.05)
    raise TimeoutError("the caller has no child")


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


def test_child_dies_with_a_killed_parent() -> None:
    caller, child = start_caller()
    caller.kill()
    caller.communicate()
    child.wait(timeout=60)
    assert not child.is_running()


def test_interrupt_ends_both_at_once() -> None:
    caller, child = start_caller()
    caller.send_signal(signal.SIGINT)
    _, errors = caller.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    assert not child.is_running()
