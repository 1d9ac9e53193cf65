"""Run a function in a child process that may be killed, may crash, and never outlives its parent.

fastText ignores Ctrl-C while it trains and can end the process it runs in with SIGFPE. Here it ends a child. The two speak
JSON over pipes: the child's stdout and stderr stay free for what C libraries write there.
"""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import importlib
import json
import logging
import os
import selectors
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tasks.checkout import CHECKOUT
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1  # linux/prctl.h
TAIL_CHARS = 2000

ENTRY = "from tasks.isolation import serve; serve()"


class ChildDied(RuntimeError):  # noqa: N818 the name says what happened
    """The child ended by a signal or without an answer."""


def run_isolated(function: Callable[..., Any], *args: Any, on_output: Callable[[str], None] | None = None) -> Any:
    """Call a top-level `function` in a child process and return its result.

    Arguments and result must be JSON values. `on_output` is given the text that the child, C libraries included, writes to
    stdout and stderr, as it comes. Raises RequestError with the child's message if it raised one, RuntimeError
    ("ValueError: ...") for any other exception, ChildDied if it was ended. On KeyboardInterrupt here the child is killed.
    """
    request = json.dumps({"module": function.__module__, "name": function.__qualname__, "args": args, "parent": os.getpid()})
    answer_in, answer_out = os.pipe()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(CHECKOUT), os.environ.get("PYTHONPATH"))))}
    # -P: a file in the current folder must not shadow a library in the child.
    command = [sys.executable, "-P", "-c", ENTRY, str(answer_out)]
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            pass_fds=(answer_out,),
        )
    except BaseException:
        os.close(answer_in)
        raise
    finally:
        os.close(answer_out)
    try:
        assert child.stdin
        assert child.stdout
        # A child that dies at once takes its end of the pipe along; its last words say more than this error.
        with contextlib.suppress(BrokenPipeError), child.stdin:
            child.stdin.write(request.encode())
        answer, tail = _listen(answer_in, child.stdout.fileno(), on_output)
        returncode = child.wait()
    finally:
        os.close(answer_in)
        if child.poll() is None:
            child.kill()
            child.wait()
        if child.stdout:
            child.stdout.close()
    return _result(function.__qualname__, answer, returncode, tail)


def serve() -> None:
    """Be the child: read one request from stdin, answer on the pipe whose number is the only argument."""
    answer_out = int(sys.argv[1])
    request = json.load(sys.stdin)
    die_with_parent(request["parent"])
    try:
        function = getattr(importlib.import_module(request["module"]), request["name"])
        answer = {"result": function(*request["args"])}
    except RequestError as error:
        answer = {"request_error": str(error)}
    except Exception as error:  # noqa: BLE001 whatever it is, it is raised again in the parent
        answer = {"error": f"{type(error).__name__}: {error}"}
    with os.fdopen(answer_out, "wb") as pipe:
        pipe.write(json.dumps(answer).encode())


def die_with_parent(parent: int) -> None:
    """Have this process killed when the one that started it, `parent`, ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the line above; no signal comes then.
    if os.getppid() != parent:
        os._exit(1)


def _listen(answer_in: int, output_in: int, on_output: Callable[[str], None] | None) -> tuple[bytes, str]:
    """Read both pipes until the child has closed them: the answer, and the last of its output."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    answer, tail = bytearray(), ""
    with selectors.DefaultSelector() as selector:
        for pipe in (answer_in, output_in):
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                block = os.read(key.fd, 1 << 16)
                if not block:
                    selector.unregister(key.fd)
                elif key.fd == answer_in:
                    answer += block
                else:
                    text = decode(block)
                    tail = (tail + text)[-TAIL_CHARS:]
                    if on_output is not None:
                        on_output(text)
    return bytes(answer), tail


def _result(name: str, answer: bytes, returncode: int, tail: str) -> Any:
    if returncode < 0:
        number = -returncode
        known = number in {member.value for member in signal.Signals}
        cause = signal.Signals(number).name if known else f"signal {number}"
        hint = " (out of memory?)" if number == signal.SIGKILL else ""
        raise ChildDied(f"{name} was ended by {cause}{hint}{_quoted(tail)}")
    if not answer:
        raise ChildDied(f"{name} ended with status {returncode} and no answer{_quoted(tail)}")
    outcome = json.loads(answer)
    if "request_error" in outcome:
        raise RequestError(outcome["request_error"])
    if "error" in outcome:
        raise RuntimeError(outcome["error"])
    return outcome["result"]


def _quoted(tail: str) -> str:
    last = [line.strip() for line in tail.replace("\r", "\n").splitlines() if line.strip()][-3:]
    return f"; its last words: {' | '.join(last)}" if last else ""
