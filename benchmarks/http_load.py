"""`textmill serve` and `mlflow models serve` on one machine: one model, the same requests, one load generator.

    python -m benchmarks.http_load --data-root ROOT --model NAME@champion [--seconds 5] [--rounds 3]

wrk (Debian: apt-get install wrk), which is compiled, sends sentences of the embedded sample to `/invocations` of both, on one
thread and connections that stay open. The servers take turns in each setting, so that what else runs on the machine meets
all. One JSON object goes to stdout: of each server and setting the medians over the rounds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from flows.servers.server import free_port
from tasks.checkout import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENTS, TEXTS = (4, 16, 32), (1, 8)
BODIES = 500
LUA = """
local bodies = {{
{bodies}
}}
local at = 0
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {token}"
request = function()
  at = at % #bodies + 1
  return wrk.format("POST", "/invocations", nil, bodies[at])
end
done = function(summary, latency, requests)
  local errors = summary.errors
  local bad = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('{{"requests": %d, "microseconds": %d, "bad": %d, "p50": %d, "p99": %d}}\\n',
    summary.requests, summary.duration, bad, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass
class Server:
    """A server that runs: its port, its token, and how long it took to answer."""

    process: subprocess.Popen[bytes]
    port: int
    token: str
    start_seconds: float

    def processes(self) -> list[psutil.Process]:
        """The process and all that it has started."""
        first = psutil.Process(self.process.pid)
        return [first, *first.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """CPU seconds of all of them so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes())

    def megabytes(self) -> list[int]:
        """The resident memory of each."""
        return sorted((round(process.memory_info().rss / 1e6) for process in self.processes()), reverse=True)


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path, token: str, **variables: str) -> Iterator[Server]:
    """Start a server and wait until `/ping` answers."""
    environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment | variables, cwd=CHECKOUT, stdout=output, stderr=output, start_new_session=True
        )
    try:
        while not _answers(port):
            if process.poll() is not None:
                raise RuntimeError(log.read_text()[-1000:])
            time.sleep(0.02)
        yield Server(process, port, token, time.monotonic() - began)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=60).status == 200
    return False


@contextlib.contextmanager
def ours(root: Path, model: str, folder: Path) -> Iterator[Server]:
    """`textmill serve`, its access log on, as by default."""
    port, token = free_port(), folder / "token"
    token.write_text("a-token-for-the-benchmark")
    options = ["--runtime.data-root", str(root), "--serve.port", str(port), "--serve.token-file", str(token)]
    command = [sys.executable, "-m", "flows.commands", "serve", model, *options]
    with running(command, port, folder / "textmill.log", token.read_text()) as server:
        yield server


@contextlib.contextmanager
def theirs(root: Path, model: str, folder: Path, workers: int) -> Iterator[Server]:
    """`mlflow models serve`, with as many workers as asked for."""
    port = free_port()
    command = ["mlflow", "models", "serve", "-m", f"models:/{model}", "--env-manager", "local", "-h", "127.0.0.1"]
    command += ["-p", str(port), "--workers", str(workers)]
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{root}/mlflow/mlflow.db", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with running(command, port, folder / f"mlflow-{workers}.log", "none", **store) as server:
        yield server


def sentences() -> list[str]:
    """The labelled sentences of the embedded sample."""
    return [path.read_text(encoding="utf-8").strip() for path in sorted((CHECKOUT / "data" / "sample").glob("[np]*/*.txt"))]


def script(texts: int, token: str) -> str:
    """wrk's script of requests with so many texts each."""
    source, every = random.Random(texts), sentences()
    bodies = [json.dumps({"inputs": source.sample(every, texts)}) for _ in range(BODIES)]
    return LUA.format(bodies=",\n".join(f"[=====[{body}]=====]" for body in bodies), token=token)


def load(server: Server, clients: int, texts: int, seconds: int, folder: Path) -> dict[str, float]:
    """Send requests for some seconds; what came of it."""
    (path := folder / "requests.lua").write_text(script(texts, server.token), encoding="utf-8")
    before = server.cpu_seconds()
    command = ["wrk", "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s", "--script", str(path)]
    child = os.times()
    said = subprocess.run([*command, f"http://127.0.0.1:{server.port}"], capture_output=True, text=True, check=True).stdout
    ended = os.times()
    found = json.loads(said.splitlines()[-1])
    if found["bad"]:
        raise RuntimeError(f"{found['bad']} requests failed: {said}")
    took = found["microseconds"] / 1e6
    return {
        "requests_a_second": found["requests"] / took,
        "texts_a_second": texts * found["requests"] / took,
        "p50_ms": found["p50"] / 1000,
        "p99_ms": found["p99"] / 1000,
        "cpu_ms_a_request": 1000 * (server.cpu_seconds() - before) / found["requests"],
        "cores_of_wrk": (ended.children_user + ended.children_system - child.children_user - child.children_system) / took,
    }


def measure(root: Path, model: str, seconds: int, rounds: int) -> dict[str, Any]:
    """Start all servers, let them take turns, and put the medians together."""
    with tempfile.TemporaryDirectory(prefix="http-load-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        started = {
            "textmill": stack.enter_context(ours(root, model, folder)),
            "mlflow": stack.enter_context(theirs(root, model, folder, 1)),
            "mlflow, 2 workers": stack.enter_context(theirs(root, model, folder, 2)),
        }
        found: dict[str, Any] = {"model": model, "cores": len(os.sched_getaffinity(0)), "seconds": seconds, "rounds": rounds}
        found["wrk"] = re.sub(
            r" \[.*", "", subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout.splitlines()[0]
        )
        for server in started.values():
            load(server, 4, 1, 1, folder)  # warms it
        settings: dict[str, dict[str, Any]] = {}
        for clients in CLIENTS:
            for texts in TEXTS:
                rows: dict[str, list[dict[str, float]]] = {each: [] for each in started}
                for _ in range(rounds):
                    for each, server in started.items():
                        rows[each].append(load(server, clients, texts, seconds, folder))
                settings[f"{clients} clients, {texts} texts"] = {
                    each: {key: round(statistics.median(row[key] for row in many), 3) for key in many[0]}
                    for each, many in rows.items()
                }
                print(f"{clients} clients, {texts} texts: done", file=sys.stderr)
        found["load_average"] = round(os.getloadavg()[0], 1)
        found["start_seconds"] = {each: round(server.start_seconds, 2) for each, server in started.items()}
        found["megabytes"] = {each: server.megabytes() for each, server in started.items()}
        return found | {"settings": settings}


def main() -> int:
    """Read the command line, print the JSON; 2 with one line where wrk is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http_load", description=__doc__.partition("\n")[0])
    parser.add_argument("--data-root", type=Path, required=True, help="a data root with the registered model")
    parser.add_argument("--model", required=True, help="NAME@ALIAS")
    parser.add_argument("--seconds", type=int, default=5, help="of each load")
    parser.add_argument("--rounds", type=int, default=3, help="loads of each server and setting")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        print(json.dumps({"not_measured": "wrk is not installed; apt-get install wrk"}))
        return 0
    print(json.dumps(measure(given.data_root.absolute(), given.model, given.seconds, given.rounds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
