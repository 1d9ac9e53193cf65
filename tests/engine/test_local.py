"""Calls are done in order, once or again, by processes that leave nothing behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks.engine.engines import open_engine
from tasks.engine.local import LocalPool
from tasks.errors import RequestError, UnavailableError
from tasks.processes import start_time
from tests.engine import calls
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def engine() -> Iterator[LocalPool]:
    """Two workers, which have ended when the test has."""
    yield LocalPool(2)
    until(lambda: not started(), "the end of both")


def started() -> set[int | None]:
    return {process.pid for process in multiprocessing.active_children()}


def test_results_come_in_order_from_other_processes_and_few_calls_are_under_way(engine: LocalPool) -> None:
    asked = []

    def numbers() -> Iterator[tuple[int]]:
        for number in range(20):
            asked.append(number)
            yield (number,)

    found = []
    for place, (number, pid) in enumerate(engine.map_ordered(calls.number_and_process, numbers())):
        assert number == place
        assert len(asked) <= place + 9
        found.append(pid)
    assert len(found) == 20
    assert os.getpid() not in found


def test_few_calls_start_no_process_and_one_worker_is_this_process() -> None:
    for pool, few in ((LocalPool(2), 3), (LocalPool(1), 0), (open_engine(1), 0)):
        done = pool.map_ordered(calls.number_and_process, [(1,), (2,), (3,)], few=few)
        assert list(done) == [(1, os.getpid()), (2, os.getpid()), (3, os.getpid())]


def test_calls_are_done_here_until_a_process_is_ready(engine: LocalPool, tmp_path: Path) -> None:
    found = []
    numbers = ((number, str(tmp_path)) for number in range(1000))
    for number, pid in engine.map_ordered(calls.slow_to_be_ready, numbers, ready=(-1, str(tmp_path))):
        found.append((number, pid))
        if pid != os.getpid():
            break
        (tmp_path / "go").touch()
        time.sleep(0.02)
    assert [number for number, _ in found] == list(range(len(found)))
    assert found[0][1] == os.getpid()
    assert found[-1][1] != os.getpid()


def test_an_error_of_a_call_is_raised_at_its_turn(engine: LocalPool) -> None:
    done = engine.map_ordered(calls.refuse_three, ((number,) for number in range(9)))
    assert [next(done), next(done), next(done)] == [0, 1, 2]
    with pytest.raises(RequestError, match=r"^row 3: refused$"):
        next(done)


def test_a_call_whose_worker_is_killed_is_repeated(engine: LocalPool, tmp_path: Path) -> None:
    numbers = [(number, str(tmp_path)) for number in range(8)]
    assert list(engine.map_ordered(calls.die_once_at_three, numbers)) == list(range(8))


def test_a_call_that_kills_its_worker_each_time_is_named_and_no_other(tmp_path: Path) -> None:
    done = LocalPool(2).map_ordered(calls.die_at_three, [(number,) for number in range(8)])
    with pytest.raises(UnavailableError, match=r"^3: the process that works on it died twice.*--runtime\.workers"):
        list(done)
    until(lambda: not started(), "the end of both")  # another thread may be at the end of a process


def test_who_stops_early_leaves_no_process() -> None:
    done = LocalPool(2).map_ordered(calls.number_and_process, ((number,) for number in range(1000)))
    assert next(done)[0] == 0
    assert started()
    del done
    until(lambda: not started(), "the end of both")  # another thread may be at the end of a process


def test_processes_that_are_started_early_are_those_that_work() -> None:
    pool = LocalPool(2)
    with pool.started("tests.engine.calls"):
        until(lambda: len(started()) == 2, "the start of both")
        early = started()
        assert {pid for _, pid in pool.map_ordered(calls.number_and_process, [(1,), (2,)], few=9)} <= early
    until(lambda: not started(), "the end of both")


def test_processes_that_were_started_for_nothing_end_with_the_block() -> None:
    with pytest.raises(KeyError), LocalPool(2).started("no_such_module"):
        raise KeyError
    until(lambda: not started(), "the end of both")  # another thread may be at the end of a process


PARENT = """
import os, signal, sys, time
from tasks.engine.local import LocalPool
from tests.engine import calls
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts the tests beside it has them ignore Ctrl-C
print("main", flush=True)
try:
    for number, pid in LocalPool(2).map_ordered(calls.number_and_process, ((number,) for number in range(9))):
        print(pid, flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent_and_run_no_script_again(tmp_path: Path, how: signal.Signals) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout.readline() == "main\n"
    worker = int(parent.stdout.readline())
    if how == signal.SIGKILL:
        parent.kill()
    else:
        os.killpg(parent.pid, how)  # as a terminal sends it: to all of them
    said, errors = parent.communicate()
    assert said == ("" if how == signal.SIGKILL else "stopped\n")
    assert how == signal.SIGKILL or not errors  # what cleans up after a killed one says so
    until(lambda: start_time(worker) is None, "the worker's end")


def test_the_main_module_is_there_again_after_two_threads_have_handed_out_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    main, inside, returned = sys.modules["__main__"], threading.Event(), threading.Event()
    monkeypatch.setitem(sys.modules, "__main__", main)

    class Slow:
        """A pool to which the first thread hands a call until the second does so too, and the second until the first has."""

        def submit(self, function: object, number: int) -> None:
            if number == 1:
                threads[1].start()
                inside.wait(0.5)
            else:
                inside.set()
                returned.wait(1)

    def hand_out(number: int) -> None:
        pool = LocalPool(2)
        pool._pool = Slow()  # type: ignore[assignment]
        pool._submit(hand_out, (number,))
        if number == 1:
            returned.set()

    threads = [threading.Thread(target=hand_out, args=(number,)) for number in (1, 2)]
    threads[0].start()
    for thread in threads:
        thread.join()
    assert sys.modules["__main__"] is main
