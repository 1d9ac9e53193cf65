"""No secret is stored: what was planted in the environment, a URL, a channel or a login is nowhere in what runs leave behind.

One training run and one refresh work with all of the secrets (a feed that wants a key, a webhook that wants a token and
answers with it, an MLflow login, the servers' own password). Then every byte of the data root and the home is searched:
databases and their logs, the store, reports, records, log files and what the commands printed, Parquet by its values, archives
unpacked; for each secret as it is, as base64 and as a URL writes it.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import gzip
import html
import http.server
import json
import sys
import threading
import urllib.parse
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from benchmarks.kills import write_stream
from flows.settings import resolve, resolve_refresh
from tasks.config import CHECKOUT
from tasks.errors import RequestError
from tasks.tracking.home import tracking_home
from tests.faults.trained import make_corpus, textmill, train

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

NUMBER = 15
PROMISE = (
    "No secret is stored: environment variables, a feed's key and login, a webhook's address and token, MLflow's and "
    "Prefect's logins are in no byte of databases, store, logs, reports, records and output; a password in a URL is refused "
    "before anything is stored"
)
TAKEN_OUT = "`holds_password` always false: 2 of the 3 trials with a URL fail (the third is refused by CollectConfig too)"

SECRETS = {
    "variable of another program": "pLaNtEd/aws+1",
    "key of a feed, by variable": "pLaNtEdFeed2",
    "token of a webhook, by variable": "pLaNtEdToken3",
    "token of a webhook, in its file": "pLaNtEdToken4",
    "address of a webhook": "pLaNtEdAddress5",
    "MLflow's password": "pLaNtEd:mlflow6",
    "token of MLflow": "pLaNtEdMlflow7",
    "login of a feed, in ~/.netrc": "pLaNtEdNetrc8",
}
OWN = "the servers' own password"
OWN_FILES = ("prefect/password", "prefect/server.json")  # where it stands, mode 0600
LEFT: dict[str, bytes] = {}
ASKED: list[str] = []
STREAM: list[tuple[str, str]] = []  # day and title of what the feed gives: three months with a surge at their end


class Answers(http.server.BaseHTTPRequestHandler):
    """A feed, and a webhook that fails and repeats what it was sent."""

    def do_GET(self) -> None:
        ASKED.append(f"{self.path} {self.headers.get('Authorization', '')}")
        items = "".join(
            f"<item><title>{html.escape(title)}</title><dc:date>{day}T10:00:00Z</dc:date></item>" for day, title in STREAM
        )
        self.answer(
            200,
            f'<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>news</title>{items}</channel></rss>',
        )

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        ASKED.append(f"{self.path} {self.headers.get('Authorization', '')}")
        self.answer(500, f"{self.path} {self.headers.get('Authorization')}")

    def answer(self, status: int, text: str) -> None:
        self.send_response(status, text[:60].replace("\n", " "))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """Run with every secret, and take down all that is left."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    corpus = make_corpus(folder / "news")
    texts = {
        label: [path.read_text().strip() for path in sorted((corpus / label).iterdir())] for label in ("negative", "positive")
    }
    write_stream(folder / "stream.csv", texts)
    with (folder / "stream.csv").open(newline="") as file:
        STREAM[:] = [(row["when"][:10], row["headline"]) for row in csv.DictReader(file) if len(row["when"]) >= 10]
    try:
        said = runs(folder, corpus, server.server_port)
    finally:
        server.shutdown()
        server.server_close()
    LEFT.clear()
    LEFT.update(read_all(folder))
    LEFT["what was printed"] = said.encode()
    yield


def runs(folder: Path, corpus: Path, port: int) -> str:
    """A training run and a refresh; what they printed."""
    root, secrets = folder / "root", SECRETS
    variables = {
        "AWS_SECRET_ACCESS_KEY": secrets["variable of another program"],
        "FEED_KEY": secrets["key of a feed, by variable"],
        "PAGER_TOKEN": secrets["token of a webhook, by variable"],
        "MLFLOW_TRACKING_USERNAME": "me",
        "MLFLOW_TRACKING_PASSWORD": secrets["MLflow's password"],
        "MLFLOW_TRACKING_TOKEN": secrets["token of MLflow"],
    }
    result = train(root, corpus, "--name", "news", variables=variables)
    (folder / ".netrc").write_text(f"machine 127.0.0.1 login me password {secrets['login of a feed, in ~/.netrc']}\n")
    (folder / ".netrc").chmod(0o600)
    channels = folder / "channels.toml"
    hook = f"http://127.0.0.1:{port}"
    channels.write_text(
        f'[one]\nkind = "webhook"\nurl = "{hook}/{secrets["address of a webhook"]}"\ntoken = "env:PAGER_TOKEN"\n'
        f'[two]\nkind = "webhook"\nurl = "{hook}/two"\ntoken = "{secrets["token of a webhook, in its file"]}"\n'
    )
    channels.chmod(0o600)
    command = [
        sys.executable,
        "-m",
        "flows.cli",
        "refresh",
        "--collect.source",
        f"{hook}/feed.xml?key=${{FEED_KEY}}",
        "--collect.name",
        "desk",
    ]
    command += [
        "--score.model",
        "news@champion",
        "--notify.channels",
        str(channels),
        "--runtime.data-root",
        str(root),
        "--json",
    ]
    done = textmill(root, command, variables)
    for path in (channels, folder / ".netrc"):
        path.unlink()
    return json.dumps(result) + done.stdout + done.stderr


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
    words = [
        SECRETS[name]
        for name in (
            "key of a feed, by variable",
            "token of a webhook, by variable",
            "token of a webhook, in its file",
            "address of a webhook",
        )
    ]
    missing = [word for word in words if not any(word in line for line in ASKED)]
    files = {Path(name).name for name in LEFT}
    if not {"prefect.db", "mlflow.db", "report.html", "dashboard.html", "server.log"} <= files:
        return f"only {sorted(files)} was searched"
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
