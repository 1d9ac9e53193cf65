"""No secret is stored: what was planted in the environment, a URL, a channel or a login is nowhere in what runs leave behind.

Training runs and refreshes work with all of the secrets (a feed that wants a key, a webhook that wants a token and answers
with it, an MLflow server's login and token, a database's password, a bucket's credentials, a cluster's private key, the
servers' own). Then every byte of the data roots, the home and the bucket is searched: databases and their logs, the store,
reports, records, log files and what the commands printed, Parquet by its values, archives unpacked; for each secret as it is,
as base64 and as a URL writes it.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import gzip
import html
import http.client
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
from sqlalchemy import create_engine, text

from flows.commands.settings import resolve, resolve_refresh
from flows.servers.server import Endpoint, answers, free_port, login
from tasks.checkout import CHECKOUT
from tasks.errors import RequestError
from tasks.store.shared.exchange import ROOT
from tasks.tracking.home import tracking_home
from tasks.tracking.server import server_environment
from tests.clusters import Cluster, certificates, wait_for_workers
from tests.faults.trained import make_corpus, textmill, train
from tests.monitored import write_stream
from tests.patience import HANGS_SECONDS
from tests.postgresql import USER, postgresql
from tests.s3 import BUCKET, KEY_ID, PASS, before, s3_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

NUMBER = 15
PROMISE = (
    "No secret is stored: environment variables, a feed's key and login, a webhook's address and token, a database's password, "
    "MLflow's login and token, Prefect's login, a bucket's secret key and session token and the private key of a Dask cluster "
    "are in no byte of databases, store, bucket, logs of workers too, reports, records and output; a password in a URL is "
    "refused before anything is stored"
)
TAKEN_OUT = (
    "`holds_password` always false: 2 of the 3 trials with a URL fail (the third is refused by CollectConfig too); a "
    "document's source names its database's whole address: 2 of 2 fail"
)

SECRETS = {
    "variable of another program": "pLaNtEd/aws+1",
    "key of a feed, by variable": "pLaNtEdFeed2",
    "token of a webhook, by variable": "pLaNtEdToken3",
    "token of a webhook, in its file": "pLaNtEdToken4",
    "address of a webhook": "pLaNtEdAddress5",
    "MLflow's password": "pLaNtEd:mlflow6",
    "token of MLflow": "pLaNtEdMlflow7",
    "login of a feed, in ~/.netrc": "pLaNtEdNetrc8",
    "password of a database, by variable": "pLaNtEd/db@9",
    "password of a database, in a file": "pLaNtEdFile10",
    "password of a database, a wrong one": "pLaNtEdWrong11",
    "secret key of a bucket": "pLaNtEd/bucket+12",
    "session token of a bucket": "pLaNtEdSession13",
    "private key of a cluster": "",  # a line of it, once it is made
}
UNUSED = "variable of another program"
OWN = "the servers' own password"
OWN_FILES = ("prefect/password", "prefect/server.json")  # where it stands, mode 0600
LEFT: dict[str, bytes] = {}
ASKED: list[str] = []  # what was asked and with which login, in the clear
STREAM: list[tuple[str, str]] = []  # day and title of what the feed gives: three months with a surge at their end


class Recorder(http.server.BaseHTTPRequestHandler):
    """Takes down what each request asks for, and the login that it brings."""

    def seen(self) -> bytes:
        """The body of a request that was taken down."""
        given = self.headers.get("Authorization", "")
        kind, _, word = given.partition(" ")
        ASKED.append(f"{self.path} {given} {base64.b64decode(word).decode() if kind == 'Basic' else ''}")
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def answer(self, status: int, text: bytes, reason: str | None = None, content_type: str = "text/plain") -> None:
        self.send_response(status, reason)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Answers(Recorder):
    """A feed, and a webhook that fails and repeats what it was sent."""

    def do_GET(self) -> None:
        self.seen()
        items = "".join(
            f"<item><title>{html.escape(title)}</title><dc:date>{day}T10:00:00Z</dc:date></item>" for day, title in STREAM
        )
        text = (
            '<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>'
            f"<title>news</title>{items}</channel></rss>"
        )
        self.answer(200, text.encode())

    def do_POST(self) -> None:
        self.seen()
        text = f"{self.path} {self.headers.get('Authorization')}"
        self.answer(500, text.encode(), text[:60].replace("\n", " "))


class Front(Recorder):
    """Stands before a real MLflow server, and hands on what it was asked with the login that is wanted there."""

    upstream = ("", 0)  # the login of that server, and its port

    def forward(self) -> None:
        body, (login, port) = self.seen(), self.upstream
        headers = {name: value for name, value in self.headers.items() if name.lower() in ("content-type", "accept")}
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=HANGS_SECONDS)) as connection:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            self.answer(answer.status, answer.read(), content_type=answer.getheader("Content-Type", "text/plain"))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = forward


@contextlib.contextmanager
def serving(handler: type[Recorder]) -> Iterator[str]:
    """Answer on a free port; the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """A real MLflow server with a store of its own, and the recorder before it; the recorder's address."""
    folder.mkdir()
    home, port, word = tracking_home(f"sqlite:///{folder / 'mlflow.db'}", folder, CHECKOUT), free_port(), folder / "password"
    entry = Endpoint(f"http://127.0.0.1:{port}", login(word))
    Front.upstream = (str(entry.auth), port)
    environment = os.environ | server_environment(home)
    command = [sys.executable, "-m", "flows.servers.mlflow_server", str(port), str(word)]
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            deadline = time.monotonic() + HANGS_SECONDS
            while not answers(entry, path="health"):
                if time.monotonic() > deadline or process.poll() is not None:
                    raise TimeoutError("MLflow's server did not start")
                time.sleep(0.2)
            with serving(Front) as address:
                yield address
        finally:
            process.terminate()


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """Run with every secret, and take down all that is left."""
    corpus = make_corpus(folder / "news")
    texts = {
        label: [path.read_text().strip() for path in sorted((corpus / label).iterdir())] for label in ("negative", "positive")
    }
    write_stream(folder / "stream.csv", texts)
    with (folder / "stream.csv").open(newline="") as file:
        STREAM[:] = [(row["when"][:10], row["headline"]) for row in csv.DictReader(file) if len(row["when"]) >= 10]
    ASKED.clear()
    said = train_everywhere(folder, corpus) + train_on_cluster(folder, corpus)
    said += refresh_from_feed(folder) + refresh_from_database(folder)
    LEFT.clear()
    LEFT.update(read_all(folder))
    LEFT["what was printed"] = said.encode()
    yield


def train_everywhere(folder: Path, corpus: Path) -> str:
    """Training runs that record in a file, at a server with a password, and at one with a token; what they printed."""
    root, variables = folder / "root", {"AWS_SECRET_ACCESS_KEY": SECRETS["variable of another program"]}
    said = [train(root, corpus, "--name", "news", variables=variables)]
    with mlflow_server(folder / "server") as address:
        password = {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": SECRETS["MLflow's password"]}
        for given in (password, {"MLFLOW_TRACKING_TOKEN": SECRETS["token of MLflow"]}):
            knobs = ("--name", "news", "--runtime.tracking-uri", address)
            said.append(train(root, corpus, *knobs, variables=variables | given))
    return json.dumps(said)


def train_on_cluster(folder: Path, corpus: Path) -> str:
    """A training run with a bucket and a cluster with certificates, and what is in the bucket as files; what it printed."""
    seen: list[str] = []
    (folder / "cluster").mkdir()
    with tempfile.TemporaryDirectory() as safe, s3_server() as server, before(server, lambda *_: PASS, seen=seen) as port:
        server.make()
        files = certificates(Path(safe))
        key = SECRETS["private key of a cluster"] = files.key.read_text().splitlines()[1]
        secret, token = SECRETS["secret key of a bucket"], SECRETS["session token of a bucket"]
        variables = server.environment(port) | {"AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
        with Cluster(folder / "cluster", files=files) as made:
            made.start_worker(settings=variables | {ROOT: str(folder / "cluster" / "root")})
            wait_for_workers(made, 1)
            tls = (word for kind in files._fields for word in (f"--runtime.tls-{kind}", str(getattr(files, kind))))
            knobs = ("--runtime.store", f"s3://{BUCKET}/trained", "--runtime.engine", "dask", "--runtime.address", made.address)
            said = json.dumps(train(folder / "shared", corpus, "--name", "news", *knobs, *tls, variables=variables))
        ASKED.append(f"the scheduler took {key}")  # it takes no other
        if any(token in headers and f"Credential={KEY_ID}/" in headers for headers in seen):
            ASKED.append(f"signed with {secret} and sent {token}")
        for number, place in enumerate(server.places("trained/")):
            (folder / f"object-{number}{Path(place).suffix}").write_bytes(server.get(place))
    return said


def refresh_from_feed(folder: Path) -> str:
    """A refresh that reads a feed with a key and a login, and warns two webhooks; what it printed."""
    variables = {
        "AWS_SECRET_ACCESS_KEY": SECRETS["variable of another program"],
        "FEED_KEY": SECRETS["key of a feed, by variable"],
        "PAGER_TOKEN": SECRETS["token of a webhook, by variable"],
    }
    netrc, channels = folder / ".netrc", folder / "channels.toml"
    netrc.write_text(f"machine 127.0.0.1 login me password {SECRETS['login of a feed, in ~/.netrc']}\n")
    with serving(Answers) as hook:
        channels.write_text(
            f'[one]\nkind = "webhook"\nurl = "{hook}/{SECRETS["address of a webhook"]}"\ntoken = "env:PAGER_TOKEN"\n'
            f'[two]\nkind = "webhook"\nurl = "{hook}/two"\ntoken = "{SECRETS["token of a webhook, in its file"]}"\n'
        )
        for path in (netrc, channels):
            path.chmod(0o600)
        options = ["--collect.source", f"{hook}/feed.xml?key=${{FEED_KEY}}", "--collect.name", "desk"]
        done = refresh(folder / "root", [*options, "--notify.channels", str(channels)], variables)
    for path in (netrc, channels):
        path.unlink()
    return done.stdout + done.stderr


def refresh_from_database(folder: Path) -> str:
    """Refreshes whose database's address, with its password, is in a variable or a file, or is wrong; what they printed."""
    words = [SECRETS[f"password of a database, {place}"] for place in ("by variable", "in a file", "a wrong one")]
    query = ["--collect.query", "SELECT 'sales rose' AS text, TIMESTAMP '2024-01-01 10:00' AS time"]
    secret, said = folder / "database", ""
    with postgresql(words[0]) as port:
        addresses = [
            f"postgresql+psycopg://{USER}:{urllib.parse.quote(word, safe='')}@127.0.0.1:{port}/postgres" for word in words
        ]
        for number, (word, address) in enumerate(zip(words, addresses, strict=True)):
            place = (
                ["--collect.database-file", str(secret)] if number == 1 else ["--collect.database-variable", "NEWS_DATABASE"]
            )
            secret.write_text(address)
            secret.chmod(0o600)
            if number == 1:
                set_password(addresses[0], word)
            variables = {} if number == 1 else {"NEWS_DATABASE": address}
            options = [*query, *place, "--collect.name", f"rows{number}"]
            done = refresh(folder / "root", options, variables, code=int(number == 2))
            secret.unlink()
            if number == 2 and "password authentication failed" in done.stderr:
                ASKED.append(f"database refused {word}")
            elif number < 2 and json.loads(done.stdout)["found"] == 1:  # nobody is let in without it
                ASKED.append(f"database took {word}")
            said += done.stdout + done.stderr
    return said


def set_password(address: str, word: str) -> None:
    """Give the database's user another password."""
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text(f"ALTER ROLE {USER} PASSWORD '{word}'"))
    engine.dispose()


def refresh(root: Path, options: list[str], variables: dict[str, str], *, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `textmill refresh`, which ends with this exit code."""
    command = [sys.executable, "-m", "flows.commands", "refresh", "--score.model", "news@champion", "--json"]
    return textmill(root, [*command, "--runtime.data-root", str(root), *options], variables, code=code)


def read_all(folder: Path) -> dict[str, bytes]:
    """Every file below the folder by name, its content readable."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            name, data = str(path.relative_to(folder)), path.read_bytes()
            if path.suffix == ".parquet":
                data += repr(pq.read_table(path).to_pydict()).encode()
            elif data[:2] == b"\x1f\x8b":
                data += gzip.decompress(data)
            elif data[:4] == b"PK\3\4":
                with zipfile.ZipFile(path) as archive:
                    data += b"".join(map(archive.read, archive.namelist()))
            found[name] = data
    return found


def not_stored(name: str, random: Random, folder: Path) -> str | None:
    word = SECRETS[name]
    places = [file for file, data in LEFT.items() if any(form in data for form in forms(word))]
    return f"it stands in {places}" if places else None


def own_password(random: Random, folder: Path) -> str | None:
    word = LEFT["root/prefect/password"].decode()
    places = [file for file, data in LEFT.items() if any(form in data for form in forms(word)) and not file.endswith(OWN_FILES)]
    return f"it stands in {places}" if places else None


def forms(word: str) -> set[bytes]:
    """A secret as it is, as a URL and JSON write it, and as base64 at each of three offsets, whatever stands around it."""
    shifted = {base64.b64encode(b"x" * offset + word.encode())[4 if offset else 0 : -4] for offset in range(3)}
    return {word.encode(), urllib.parse.quote(word, safe="").encode(), json.dumps(word).encode()[1:-1], *shifted}


def was_used(random: Random, folder: Path) -> str | None:
    """A secret that nobody used could not have been stored."""
    files = {Path(name).name for name in LEFT}
    if not {"prefect.db", "mlflow.db", "report.html", "dashboard.html", "server.log"} <= files:
        return f"only {sorted(files)} was searched"
    missing = [name for name, word in SECRETS.items() if name != UNUSED and not any(word in line for line in ASKED)]
    return f"never used: {missing}" if missing else None


def refused(ask: Callable[[], object], random: Random, folder: Path) -> str | None:
    try:
        ask()
    except RequestError as error:
        return "the password is told" if "pLaNtEd" in str(error) or "\n" in str(error) else None
    return "it was taken"


URL = "://me:pLaNtEd@127.0.0.1:1/x"
CASES: dict[str, Callable[[Random, Path], str | None]] = {
    **{name: (lambda random, folder, name=name: not_stored(name, random, folder)) for name in SECRETS},  # type: ignore[misc]
    OWN: own_password,
    "every secret was used": was_used,
    "password in the tracking URI": lambda r, f: refused(lambda: resolve(["--runtime.tracking-uri", f"http{URL}"]), r, f),
    "password in MLFLOW_TRACKING_URI": lambda r, f: refused(lambda: tracking_home(f"postgresql{URL}", f, CHECKOUT), r, f),
    "password in the source of a refresh": lambda r, f: refused(
        lambda: resolve_refresh(["--collect.source", f"https{URL}"]), r, f
    ),
}
COUNT = len(CASES)
