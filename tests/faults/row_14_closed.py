"""Servers are closed by default: what no password, no right Host or another site's Origin brings is refused, and only that.

Both servers run as `textmill up` starts them, in an environment that asks for every address. A trial sends one request, drawn
from the paths and methods of that server, that differs from a good one in one thing.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import http.client
import json
import os
import socket
import stat
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import psutil
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from flows.servers.pidfile import PidFile
from flows.servers.server import free_port, launch, login
from flows.servers.services import start_all, stop_all
from tasks.checkout import CHECKOUT
from tasks.errors import RequestError
from tasks.runtime import Runtime
from tasks.tracking.tracker import Tracker
from tests.patience import HANGS_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from random import Random

NUMBER = 14
PROMISE = (
    "The servers of `textmill up` are closed: 127.0.0.1 only, a generated password (file mode 0600), foreign Host and Origin"
    " and Sec-Fetch-Site refused, on HTTP and on WebSockets; a missing or wrong password refused, on HTTP and inside Prefect's"
    " five WebSockets; databases, logs and password files 0600; no start with a bad password file"
)
COUNT = 2000
TAKEN_OUT = (
    "`Guard.refusal` not asked: 81 of 290 trials fail; `Guard.knows_password` always true: 17 of 145; Prefect takes every "
    "token in a WebSocket: 6 of 10 with a wrong one"
)

ASKING_FOR_MORE = {
    "PREFECT_SERVER_API_HOST": "0.0.0.0",
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "*",
    "MLFLOW_HOST": "0.0.0.0",
    "MLFLOW_SERVER_ALLOWED_HOSTS": "*",
    "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "*",
    "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",
    "FORWARDED_ALLOW_IPS": "*",
    "UVICORN_HOST": "0.0.0.0",
}
PATHS = {
    "prefect": [
        ("GET", "/api/admin/version"),
        ("GET", "/api/admin/settings"),
        ("POST", "/api/flow_runs/filter"),
        ("POST", "/api/deployments/filter"),
        ("POST", "/api/logs/filter"),
        ("POST", "/api/variables/filter"),
    ],
    "mlflow": [
        ("GET", "/"),
        ("GET", "/health"),
        ("GET", "/version"),
        ("GET", "/ajax-api/2.0/mlflow/experiments/search?max_results=3"),
        ("POST", "/api/2.0/mlflow/runs/search"),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts"),
        ("GET", "/ajax-api/3.0/mlflow/server-info"),
    ],
}
GUARDED = {  # what a password opens but need not answer well
    "prefect": [("POST", "/api/automations/filter"), ("POST", "/api/block_documents/filter")],
    "mlflow": [
        ("POST", "/ajax-api/3.0/jobs/search"),
        ("POST", "/ajax-api/3.0/mlflow/assistant/message"),
        ("GET", "/ajax-api/3.0/mlflow/assistant/config"),
        ("POST", "/graphql"),
        ("GET", "/get-artifact?path=x&run_id=y"),
        ("POST", "/v1/traces"),
    ],
}
SOCKETS = {"prefect": "/api/events/out", "mlflow": "/ajax-api/3.0/mlflow/assistant"}
PREFECT_SOCKETS = [  # in each of these Prefect asks for the password inside, in the first message
    "/api/events/in",
    "/api/events/out",
    "/api/logs/out",
    "/api/task_runs/subscriptions/scheduled",
    "/api/work_pools/any/workers/connect",
]
HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1",
    "127.0.0.1:1{port}",
    "127.0.0.1.nip.io:{port}",
    "127.0.0.1:{port}@evil.example",
    "127.0.0.1:{port}.evil.example",
    "localhost.evil.example:{port}",
    "localhost:",
    "0.0.0.0:{port}",
    "192.168.1.1:{port}",
    "10.0.0.1:{port}",
    "[::1]:{port}",
    "2130706433:{port}",
    "0x7f000001:{port}",
    "",
]
ORIGINS = [
    "http://evil.example",
    "https://evil.example:{port}",
    "null",
    "",
    "https://127.0.0.1:{port}",
    "http://127.0.0.1",
    "http://127.0.0.1:3000",
    "http://localhost:3000",
    "http://127.0.0.1:{port}.evil.example",
    "http://127.0.0.1:{port}@evil.example",
    "http://[::1]:{port}",
    "file://",
    "chrome-extension://abcdefgh",
]
FETCHES = [
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Sec-Fetch-Site": "cross-site"},
]
ADDRESSES: dict[str, tuple[int, str]] = {}  # port and user:password of each server, while `prepare` keeps them


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """Start both servers and their workers."""
    saved = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "MLFLOW_"))]:
        del os.environ[name]
    runtime = Runtime(data_root=folder / "root", server_timeout=HANGS_SECONDS)
    os.environ |= {**ASKING_FOR_MORE, "PREFECT_HOME": str(folder / "root" / "prefect")}
    try:
        ports = {"prefect": free_port(), "mlflow": free_port()}
        start_all(runtime, prefect_port=ports["prefect"], mlflow_port=ports["mlflow"])
        word = login(folder / "root" / "prefect" / "password")
        ADDRESSES.update({name: (port, word) for name, port in ports.items()})
        yield
    finally:
        stop_all(runtime)
        ADDRESSES.clear()
        os.environ.clear()
        os.environ.update(saved)


def ask(
    server: str,
    random: Random,
    *,
    headers: dict[str, str] | Sequence[tuple[str, str]] = (),
    auth: str | None = "",
    host: str | None = "",
    paths: list[tuple[str, str]] | None = None,
) -> tuple[str, int]:
    """The request that was drawn and the status of its answer; good unless `host`, `auth` or `headers` say otherwise."""
    port, word = ADDRESSES[server]
    method, path = random.choice(paths or PATHS[server] + GUARDED[server])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANGS_SECONDS)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    if host is not None:
        connection.putheader("Host", (host or f"127.0.0.1:{port}"))
    if auth is not None:
        connection.putheader("Authorization", auth or basic(word))
    for name, value in headers.items() if isinstance(headers, dict) else headers:
        connection.putheader(name, value)
    body = b"{}" if method == "POST" else b""
    if body:
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    with contextlib.closing(connection):
        return f"{server} {method} {path}", connection.getresponse().status


def basic(word: str) -> str:
    return "Basic " + base64.b64encode(word.encode()).decode()


def judge(asked: tuple[str, int], *allowed: int) -> str | None:
    what, status = asked
    return None if status in allowed else f"{what} was answered {status}"


def let_in(server: str, random: Random, folder: Path) -> str | None:
    """Programs, the server's own pages, and who follows a link to it."""
    port, _ = ADDRESSES[server]
    name = random.choice(["127.0.0.1", "localhost", "LocalHost"])
    own = {"Origin": f"http://{name}:{port}", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    headers = random.choice([{}, own, {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, link])
    for _ in range(20):  # a link is followed with GET
        asked = ask(server, random, headers=headers, host=f"{name}:{port}", paths=PATHS[server])
        if headers is not link or " GET " in asked[0]:
            break
    if headers is link and name != "127.0.0.1":
        return judge(asked, 307)  # to the same page at our address
    return None if asked[1] < 300 or (asked[1] == 400 and "mlflow" in asked[0]) else judge(asked, 200)


def foreign_host(server: str, random: Random, folder: Path) -> str | None:
    port, _ = ADDRESSES[server]
    return judge(ask(server, random, host=random.choice(HOSTS[:-1]).format(port=port)), 403, 400)


def no_host(server: str, random: Random, folder: Path) -> str | None:
    return judge(ask(server, random, host=None), 403, 400)


def two_hosts(server: str, random: Random, folder: Path) -> str | None:
    return judge(ask(server, random, headers={"Host": "evil.example"}), 403, 400)


def forwarded(server: str, random: Random, folder: Path) -> str | None:
    """A proxy's headers open nothing."""
    headers = {
        "X-Forwarded-Host": f"127.0.0.1:{ADDRESSES[server][0]}",
        "X-Forwarded-For": "127.0.0.1",
        "Forwarded": "for=127.0.0.1",
    }
    if random.random() < 0.5:
        return judge(ask(server, random, headers=headers, host="evil.example"), 403)
    return judge(ask(server, random, headers=headers, auth=None), 401)


def foreign_origin(server: str, random: Random, folder: Path) -> str | None:
    return judge(ask(server, random, headers={"Origin": random.choice(ORIGINS).format(port=ADDRESSES[server][0])}), 403)


def foreign_fetch(server: str, random: Random, folder: Path) -> str | None:
    return judge(ask(server, random, headers=random.choice(FETCHES)), 403)


def no_password(server: str, random: Random, folder: Path) -> str | None:
    return judge(ask(server, random, auth=None), 401)


def wrong_password(server: str, random: Random, folder: Path) -> str | None:
    _, word = ADDRESSES[server]
    wrong = random.choice(
        [word[:-1], word + "x", word.swapcase(), "textmill:", ":", "", "admin:password1234", word.split(":")[1], "ü:ö"]
    )
    auth = random.choice([basic(wrong), f"Bearer {word}", f"Basic {word}", "Basic", "Basic =", f"Digest {basic(word)}"])
    return judge(ask(server, random, auth=auth), 401, 500 if server == "prefect" else 401)


def two_passwords(server: str, random: Random, folder: Path) -> str | None:
    return judge(ask(server, random, auth=basic("a:b"), headers=[("Authorization", basic("c:d"))]), 401)


def foreign_socket(server: str, random: Random, folder: Path) -> str | None:
    """A WebSocket of another site or another name is not opened."""
    host = random.choice(["evil.example", f"127.0.0.1:{ADDRESSES[server][0]}"])
    origin = "" if host == "evil.example" else random.choice(["null", "http://evil.example"])
    status = shake_hands(server, host, origin)
    return None if status == "403" else f"{server} {SOCKETS[server]} from {host} {origin} was answered {status}"


def own_socket(random: Random, folder: Path) -> str | None:
    """Prefect's client opens one; there the password is asked for inside."""
    status = shake_hands("prefect", f"127.0.0.1:{ADDRESSES['prefect'][0]}", "")
    return None if status == "101" else f"it was answered {status}"


def no_token_in_socket(random: Random, folder: Path) -> str | None:
    """No message, or one that brings no password, opens nothing; the header of the handshake counts for nothing."""
    _, word = ADDRESSES["prefect"]
    messages: list[dict[str, Any]] = [
        {"type": "auth"},
        {"type": "auth", "token": None},
        {"type": "auth", "token": ""},
        {"type": "filter", "filter": {}, "token": word},
        {"token": word},
        {},
    ]
    return _not_let_in(random.choice(PREFECT_SOCKETS), random.choice(messages), header=random.random() < 0.5)


def wrong_token_in_socket(random: Random, folder: Path) -> str | None:
    _, word = ADDRESSES["prefect"]
    wrong = [
        word[:-1],
        word + "x",
        word.swapcase(),
        word.split(":")[1],
        basic(word),
        "textmill:",
        "ü",
        1,
        True,
        [word],
        {"a": word},
    ]
    message = {"type": "auth", "token": random.choice(wrong)}
    return _not_let_in(random.choice(PREFECT_SOCKETS), message, header=random.random() < 0.5)


def no_protocol_in_socket(random: Random, folder: Path) -> str | None:
    """Prefect's clients of old sent no password inside; the way that was left for them is closed."""
    _, word = ADDRESSES["prefect"]
    message = {"type": "auth", "token": word}
    return _not_let_in(random.choice(PREFECT_SOCKETS), message, header=random.random() < 0.5, protocol=None)


def right_token_in_socket(random: Random, folder: Path) -> str | None:
    """It is the password that opens it."""
    path = random.choice(PREFECT_SOCKETS)
    said = _first_answer(path, {"type": "auth", "token": ADDRESSES["prefect"][1]})
    return None if said == {"type": "auth_success"} else f"{path} answered {said}"


def _not_let_in(path: str, message: Mapping[str, object], *, header: bool, protocol: str | None = "prefect") -> str | None:
    """What the socket says to its first message, which should be nothing but that it is closed for want of a password."""
    said = _first_answer(path, message, header=header, protocol=protocol)
    closed = (1008, None) if protocol else (403,)  # None: broken off, where a token is no ASCII text
    return None if said in closed else f"{path} answered {said} to {json.dumps(message)}"


def _first_answer(
    path: str, message: Mapping[str, object], *, header: bool = False, protocol: str | None = "prefect"
) -> object:
    """The first message of a WebSocket of Prefect's after ours, the code it is closed with, or the handshake's status."""
    port, word = ADDRESSES["prefect"]
    headers = {"Authorization": basic(word)} if header else {}
    try:
        with connect(
            f"ws://127.0.0.1:{port}{path}",
            additional_headers=headers,
            subprotocols=[Subprotocol(protocol)] if protocol else None,
            proxy=None,
        ) as opened:
            opened.send(json.dumps(message))
            return json.loads(opened.recv(timeout=HANGS_SECONDS))
    except InvalidStatus as error:
        return error.response.status_code
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd else None


def shake_hands(server: str, host: str, origin: str) -> str:
    """The status of the answer to a WebSocket's opening."""
    port, word = ADDRESSES[server]
    lines = [f"GET {SOCKETS[server]} HTTP/1.1", f"Host: {host}", f"Authorization: {basic(word)}", "Upgrade: websocket"]
    lines += ["Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg=="]
    lines += ["Sec-WebSocket-Protocol: prefect", *([f"Origin: {origin}"] if origin else []), "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=HANGS_SECONDS) as connection:
        connection.sendall("\r\n".join(lines).encode())
        return connection.recv(4096).decode("latin-1").split(" ")[1]


def other_addresses(random: Random, folder: Path) -> str | None:
    """Every socket that a process of ours listens on is one of 127.0.0.1, and no other address answers."""
    root = data_root(folder)
    record, found = PidFile(root), []
    for name in ("prefect", "mlflow", "worker", "watch-worker"):
        pid = record.running(name)
        if pid is None:
            return f"{name} does not run"
        for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            found += [c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    if set(found) != {"127.0.0.1"}:
        return f"sockets listen on {sorted(set(found))}"
    own = {
        a.address for found in psutil.net_if_addrs().values() for a in found if a.family in (socket.AF_INET, socket.AF_INET6)
    }
    for address in sorted(own - {"127.0.0.1"}):
        for server, (port, _) in ADDRESSES.items():
            with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=5):
                return f"{server} answers at {address}"
    return None


def file_modes(random: Random, folder: Path) -> str | None:
    """What holds the password, parameters or logs is its owner's alone."""
    root = data_root(folder)
    suffixes = (".db", ".db-wal", ".db-shm", ".sqlite", ".log", ".lock")
    files = [path for path in root.rglob("*") if path.name in ("password", "server.json") or path.name.endswith(suffixes)]
    if not {"password", "prefect.db", "mlflow.db", "mlflow.log", "worker.log"} <= {path.name for path in files}:
        return f"only {sorted(path.name for path in files)} are there"
    open_to_others = [path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
    return f"others may read {open_to_others}" if open_to_others else None


def told_to_nobody(random: Random, folder: Path) -> str | None:
    """No argument, log line or record holds the password."""
    word = ADDRESSES["prefect"][1].partition(":")[2]
    for process in psutil.process_iter(["cmdline"]):
        if any(word in argument for argument in process.info["cmdline"] or []):
            return f"process {process.pid} has it among its arguments"
    for path in [
        *data_root(folder).glob("logs/*"),
        data_root(folder) / "services.json",
        *data_root(folder).glob("prefect/*.log"),
    ]:
        if word.encode() in path.read_bytes():
            return f"{path.name} has it"
    return None


def bad_password_file(random: Random, folder: Path) -> str | None:
    """A password that others may read, or none worth the name, starts no server."""
    home = folder / "prefect"
    home.mkdir()
    path = home / "password"
    text, mode = random.choice(
        [("", 0o600), ("  \n", 0o600), ("short", 0o600), ("ü" * 20, 0o600), ("x" * 32, 0o644), ("x" * 32, 0o660)]
    )
    path.write_text(text)
    path.chmod(mode)
    try:
        started = launch(home, port=free_port(), stay=True)
    except RequestError as error:
        return None if "\n" not in str(error) and str(path) in str(error) else f"it said {error}"
    started.process.kill()
    started.process.wait()
    return f"a server started with the password {text!r}, mode {mode:o}"


def fresh_passwords(random: Random, folder: Path) -> str | None:
    """Two homes have two passwords of 192 bits, and a home keeps its own."""
    one, two = folder / "one", folder / "two"
    words = login(one), login(two)
    if login(one) != words[0] or words[0] == words[1] or min(map(len, words)) < len("textmill:") + 32:
        return f"the passwords were {words}"
    return None if stat.S_IMODE(one.stat().st_mode) == 0o600 else "others may read it"


def own_client(random: Random, folder: Path) -> str | None:
    """A run that tracks to that server is let in by itself, and nothing of the login stays in what it records."""
    port, word = ADDRESSES["mlflow"]
    saved = dict(os.environ)
    try:
        tracker = Tracker.open(
            f"http://{random.choice(['127.0.0.1', 'localhost'])}:{port}", data_root(folder), CHECKOUT, "closed"
        )
        run = tracker.start_run("run", {"kind": "test"})
        tracker.log_metrics(run, {"accuracy": 0.5})
        tracker.finish(run)
        tracker.close()
        if tracker.server_run_id(run) is None:
            return "the run waits in the spool"
        found = json.dumps(tracker._client.get_run(tracker.server_run_id(run)).to_dictionary())
        return "the run holds the password" if word.partition(":")[2] in found or basic(word) in found else None
    finally:
        os.environ.clear()
        os.environ.update(saved)


def other_servers(random: Random, folder: Path) -> str | None:
    """The password is sent to that server alone."""
    from tasks.tracking.client import log_in
    from tasks.tracking.home import tracking_home

    port, _ = ADDRESSES["mlflow"]
    saved = dict(os.environ)
    try:
        for uri in (
            f"http://127.0.0.1:{port + 1}",
            f"http://127.0.0.1:{port}.evil.example",
            f"https://127.0.0.1:{port}",
            "http://evil.example",
        ):
            log_in(tracking_home(uri, data_root(folder), CHECKOUT))
            if "MLFLOW_TRACKING_PASSWORD" in os.environ:
                return f"{urlparse(uri).netloc} would be sent the password"
    finally:
        os.environ.clear()
        os.environ.update(saved)
    return None


def data_root(folder: Path) -> Path:
    return folder.parent / "root"


BOTH: list[Callable[[str, Random, Path], str | None]] = [
    let_in,
    foreign_host,
    no_host,
    two_hosts,
    forwarded,
    foreign_origin,
    foreign_fetch,
    no_password,
    wrong_password,
    two_passwords,
    foreign_socket,
]
ONCE: list[Callable[[Random, Path], str | None]] = [
    own_socket,
    no_token_in_socket,
    wrong_token_in_socket,
    no_protocol_in_socket,
    right_token_in_socket,
    other_addresses,
    file_modes,
    told_to_nobody,
    bad_password_file,
    fresh_passwords,
    own_client,
    other_servers,
]
CASES = {
    f"{server}: {case.__name__.replace('_', ' ')}": functools.partial(case, server)
    for case in BOTH
    for server in ("prefect", "mlflow")
} | {case.__name__.replace("_", " "): case for case in ONCE}
