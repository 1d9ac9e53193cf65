"""Reports, exports and logs are inert: text from outside stays text wherever it is shown.

Forty payloads go through the report and the dashboard (opened in Chromium and compared with the same pages made of plain
words: not one active node, handler or address more, and no script ran), through alerts as JSON and as messages, through the
lines that commands print and log while they read files, folders and rows that are called and hold such a thing, and through
Parquet and back.
"""

from __future__ import annotations

import collections
import contextlib
import datetime
import functools
import hashlib
import html
import io
import json
import logging
import os
import re
import subprocess
import sys
import time
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from markdown_it import MarkdownIt
from rich.console import Console

from flows.commands.printing import complain
from flows.display import Display
from flows.refresh import show_in_prefect
from flows.servers.server import Endpoint, answers, free_port
from tasks.config import RefreshConfig
from tasks.dashboard.content import DriftedFeature, DriftHistory, gather_content
from tasks.dashboard.page import render_page
from tasks.errors import RequestError
from tasks.evaluate.evaluation import Evaluation, evaluate_classifier
from tasks.evaluate.report import render_report
from tasks.evaluate.settings import EvaluateConfig
from tasks.ingest.corpus import write_corpus
from tasks.ingest.settings import IngestConfig
from tasks.monitor.alert import Alert
from tasks.monitor.state import MonitorState
from tasks.monitor.tables import SCORED_SCHEMA
from tasks.monitor.watched import NotFound
from tasks.notify.message import as_json, body, title
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig
from tests import writers
from tests.chromium import CHROMIUM, CHROMIUM_FLAGS
from tests.patience import HANGS_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

NUMBER = 13
PROMISE = (
    "Reports, exports and logs are inert: forty payloads (scripts, handlers, addresses, templates, formulas, ANSI, "
    "bidirectional and control characters) make no active node in the report or the dashboard (Chromium; a content security "
    "policy stands in both) nor in what Prefect's pages show of a refresh, no second line in a log or on a terminal, no "
    "control character in an alert; Parquet gives texts back as they were"
)
TAKEN_OUT = (
    "autoescape off in the report: 3 of its 5 pages fail; `visible` hands back the text: 2 of 5; `inert` does, for Prefect: "
    "29 of 40, and its pages"
)

HIT = "top.attacked=1;parent.attacked=1"
PAYLOADS = [
    f"<script>{HIT}</script>",
    f"</script><script>{HIT}</script>",
    f"<img src=x onerror={HIT}>",
    f"\"'><svg onload={HIT}>",
    f"</title></style></bdi></table><h1 onclick={HIT}>x</h1>",
    f"<iframe srcdoc='<script>{HIT}</script>'></iframe>",
    f"<a href='javascript:{HIT}'>press</a>",
    "<a href='http://evil.example/'>press</a>",
    "<form action=http://evil.example><input type=submit></form>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<base href=http://evil.example/>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<object data=http://evil.example></object><embed src=http://evil.example>",
    f"<details open ontoggle={HIT}>x</details>",
    f"<math><mtext><style><img src=x onerror={HIT}></style></mtext></math>",
    f"<noscript><p title='</noscript><img src=x onerror={HIT}>'>",
    f"<!--><script>{HIT}</script>-->",
    "<!--<script>",
    "]]><script>x</script>",
    f"&lt;script&gt;{HIT}&lt;/script&gt;",
    f"&#60;script&#62;{HIT}&#60;/script&#62;",
    f"\\u003cscript\\u003e{HIT}\\u003c/script\\u003e",
    "{{ 7*7 }} {% include '/etc/passwd' %} {# x #}",
    f"${{{HIT}}} `{HIT}` %{{y}} <%= 7*7 %>",
    "=cmd|'/C calc'!A0",
    "+1+1 and @SUM(1;1) and -2+3",
    '=HYPERLINK("http://evil.example","press")',
    "\t=1+1",
    "\x1b[2J\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07\x1b]8;;http://evil.example\x1b\\press\x1b]8;;\x1b\\",
    "\x9b31mred",
    "line\nINFO forged: all is well",
    "line\r\nWARNING forged",
    "line\u2028forged\u2029forged\x85forged\x0b\x0c\x1c",
    "\u202ereversed\u2066isolated\u2069\u200f",
    "\ufeff\u200bhidden\U000e0041",
    "%s %n %d {0.__class__} %(x)s",
    "[bold red]rich[/] [link=http://evil.example]press[/link]",
    "![x](http://evil.example/x.png) [press](javascript:x) <http://evil.example> www.evil.example @channel",
    "w" * 3000,
]
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]")
FRAME = """<!DOCTYPE html><body><iframe style="width:900px;height:800px" srcdoc="%s"></iframe><pre id="seen"></pre><script>
window.onload = () => setTimeout(() => {
  const page = document.querySelector("iframe").contentDocument, all = [...page.querySelectorAll("*")];
  const active = "SCRIPT IFRAME FRAME OBJECT EMBED FORM INPUT LINK META BASE A IMG H1 MATH NOSCRIPT TITLE".split(" ");
  const counts = Object.fromEntries(active.map(tag => [tag, all.filter(e => e.tagName === tag).length]));
  counts.handlers = all.filter(e => [...e.attributes].some(a => /^on/i.test(a.name))).length;
  const leads = (e, name) => /^\\s*(https?|javascript|\\/\\/)/i.test(e.getAttribute(name) || "");
  counts.addresses = all.filter(e => ["src", "href", "data", "action"].some(name => leads(e, name))).length;
  const policy = page.querySelector("meta[http-equiv=Content-Security-Policy]")?.content || "";
  document.getElementById("seen").textContent = JSON.stringify({counts, policy, attacked: window.attacked === 1});
}, 1500);
</script>"""


def look(page: str, folder: Path) -> dict[str, Any]:
    """What a browser sees of a page in a frame of the same origin."""
    if CHROMIUM is None:
        raise FileNotFoundError("chromium is not installed (Debian: apt-get install chromium)")
    folder.mkdir()
    (folder / "frame.html").write_text(FRAME % html.escape(page, quote=True), encoding="utf-8")
    command = [
        CHROMIUM,
        *CHROMIUM_FLAGS,
        "--virtual-time-budget=8000",
        f"--user-data-dir={folder / 'profile'}",
        "--dump-dom",
        (folder / "frame.html").as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    return json.loads(html.unescape(done.stdout.rsplit('<pre id="seen">', 1)[1].split("</pre>")[0]))


class Mistaken:
    """Sure of the next label, so that every label and text is among the errors that the report lists."""

    reads_text = False

    def __init__(self, labels: list[str]) -> None:
        self.labels = sorted(labels)

    def probabilities(self, tokens: pa.Array, texts: object = None) -> np.ndarray:
        truth = [self.labels.index(document[0]) for document in tokens.to_pylist()]
        return np.eye(len(self.labels), dtype=np.float32)[[(at + 1) % len(self.labels) for at in truth]] * 0.9 + 0.1 / len(
            self.labels
        )


def report_of(texts: list[str], folder: Path) -> str:
    """A report whose labels, texts, name, command and configuration are these."""
    writers.write_dataset(folder / "dataset", [(f"train{at}", "train", text, [text, *texts]) for at, text in enumerate(texts)])
    writers.write_holdout(folder / "holdout", [(f"test{at}", "test", text, [text, *texts]) for at, text in enumerate(texts)])
    quoted = [(f"test{at}", "test", " ".join([text, *texts])) for at, text in enumerate(texts)]
    writers.write_texts(folder / "holdout_texts", quoted)
    (folder / "evaluate").mkdir()
    history = {"bag": [{"epoch": 1, "train_loss": 0.5, "valid_accuracy": 0.5}]}
    asked = Evaluation(EvaluateConfig(bootstrap=100), *(folder / part for part in ("dataset", "holdout", "holdout_texts")))
    evaluate_classifier(asked, Mistaken(texts), history, folder / "evaluate")
    step = {"name": texts[1], "seconds": 1, "cached": True, "key": texts[2], "note": texts[3]}
    context = {"name": texts[0], "command": texts[4], "steps": [step], "splits": {texts[5]: 3}, "config": {texts[6]: texts[7]}}
    return render_report(folder / "evaluate", context, folder / "report.html").read_text(encoding="utf-8")


def dashboard_of(texts: list[str], folder: Path) -> str:
    """A dashboard whose headlines, sources, topics, names, words, series and features are these."""
    start, rows = datetime.date(2024, 1, 1), []
    for number in range(60 + len(texts)):
        text = texts[number - 60] if number >= 60 else f"sales of company {number} rose"
        when = datetime.datetime.combine(start + datetime.timedelta(number // 2), datetime.time(9), datetime.UTC)
        row = {
            "id": hashlib.sha256(f"{number}".encode()).digest(),
            "time": when,
            "day": when.date(),
            "text": text,
            "source": text[:40],
            "model": "news/1",
        }
        row |= {
            "label": "negative",
            "confidence": 0.9,
            "negative": 0.9,
            "tokens": 5,
            "unseen": 1,
            "topics": [("sector", text[:60])],
            "names": [text[:60]],
        }
        rows.append(row)
    config = RefreshConfig.model_validate({"collect": {"name": "desk"}, "runtime": {"data_root": folder}})
    with MonitorState.open(folder, "desk") as state:
        with state.refresh(model="news/1", labels=["negative", "positive"]) as transaction:
            transaction.add(pa.RecordBatch.from_pylist(rows, SCORED_SCHEMA))
        state.store_alerts([alert_of(texts, f"name:{text[:60]}") for text in texts], cooldown_days=0)
        days = [(start + datetime.timedelta(day)).isoformat() for day in (0, 7)]
        drift = DriftHistory(days, (DriftedFeature(texts[0], 0.3, 0.1, True, (1.0, 3.0)),), "its past", 28)
        return render_page(gather_content(state, config, drift, now=1.706e9))


def alert_of(texts: list[str], series: str) -> Alert:
    evidence = {
        "headlines": [{"id": "0", "time": "2024-01-28T09:00:00Z", "text": text, "probability": 0.9} for text in texts],
        "words": [{"word": text} for text in texts],
        "message": texts[0],
    }
    return Alert.make(
        "desk",
        kind="surge",
        series=series,
        severity="high",
        window=("2024-01-20", "2024-01-27"),
        created=0.0,
        facts={"count": 28, "negative_share": 0.41, "baseline": 0.2},
        evidence=evidence,
    )


def page(make: Callable[[list[str], Path], str], start: int, random: Random, folder: Path) -> str | None:
    """Eight payloads against eight plain words."""
    hostile = PAYLOADS[start : start + 8]
    made = make(hostile, folder / "hostile")
    plain_page = make([f"word{at}" for at in range(8)], folder / "plain")
    seen, plain = look(made, folder / "a"), look(plain_page, folder / "b")
    if seen["attacked"]:
        return "a script ran"
    if seen["counts"] != plain["counts"]:
        return f"active nodes: {seen['counts']} instead of {plain['counts']}"
    if "default-src 'none'" not in seen["policy"]:
        return f"its policy is {seen['policy']!r}"
    added = set(CONTROL.findall(made)) - {"\t", *CONTROL.findall(plain_page)}  # a library's source holds some
    return f"it holds {sorted(added)}" if added else None


def alert(payload: str, random: Random, folder: Path) -> str | None:
    """As programs and as people get it."""
    made = alert_of([payload, "plain"], f"name:{payload}")
    line, head, text = as_json(made), title(made), body(made)
    json.loads(line)
    if CONTROL.search(line) or CONTROL.search(head) or CONTROL.search(text.replace("\n", "")):
        return "a control character is sent"
    if text.count("\n") != body(alert_of(["plain", "plain"], "name:x")).count("\n"):
        return "a line is added"
    addresses = "://evil" in text or "www.evil" in text
    return "markup or an address is sent" if addresses or set("<>@`[]") & set(text + head.partition("]")[2]) else None


def terminal(payload: str, random: Random, folder: Path) -> str | None:
    """What a command prints while it runs, and when it complains."""
    out, complaint = io.StringIO(), io.StringIO()
    display = Display(console=Console(file=out, force_terminal=False, width=100))
    with display:
        display.say(f"train --name {payload}")
        display.finished("ingest", cached=False, seconds=1.0, summary=payload)
    with contextlib.redirect_stderr(complaint):
        complain(f"{payload}: no such file")
    for lines, count in ((out.getvalue(), 2), (complaint.getvalue(), 1)):
        if lines.count("\n") != count or CONTROL.search(lines.replace("\n", "")):
            return f"{lines!r} was printed"
    return "markup was read" if "[bold red]" in payload and "[bold red]" not in out.getvalue() else None


def log_lines(payload: str, random: Random, folder: Path) -> str | None:
    """What is logged, and the reasons that are told, while a corpus is read that is made of it."""
    name = payload.replace("/", "|").replace("\0", "")[:60].encode("utf-8", "surrogatepass")[:200]
    root = folder / "corpus"
    for label in (name, b"plain"):
        own = bytes(root) + b"/" + label
        Path(own.decode("utf-8", "surrogateescape")).mkdir(parents=True)
        for number in range(12):
            Path(f"{own.decode('utf-8', 'surrogateescape')}/{number}.txt").write_text(
                f"{payload} of {label!r} {number * 7}", encoding="utf-8"
            )
        Path(own.decode("utf-8", "surrogateescape"), name.decode("utf-8", "surrogateescape")).symlink_to("nothing")
    stream, told = io.StringIO(), ""
    handler = logging.StreamHandler(stream)
    counted = Counting()
    for each in (handler, counted):
        logging.getLogger("tasks").addHandler(each)
    logging.getLogger("tasks").setLevel(logging.DEBUG)
    try:
        (folder / "ingested").mkdir()
        (folder / "prepared").mkdir()
        report = write_corpus(IngestConfig(path=root), folder / "ingested")
        write_dataset(PrepareConfig(), folder / "ingested", folder / "prepared")
        write_corpus(IngestConfig(path=root, labels=("none",)), folder / "ingested")
    except RequestError as error:
        told = str(error)
    finally:
        for each in (handler, counted):
            logging.getLogger("tasks").removeHandler(each)
        logging.getLogger("tasks").setLevel(logging.NOTSET)
    lines = stream.getvalue()
    if lines.count("\n") != counted.number or CONTROL.search(lines.replace("\n", "")) or "\n" in told:
        return f"{lines!r} was logged for {counted.number} events, {told!r} was told"
    texts = pq.read_table(folder / "ingested" / "corpus.parquet").column("text").to_pylist()
    whole = [text for text in texts if payload.removeprefix("\ufeff") in text]
    return None if report["kept"] == 24 and (not texts or whole) else f"Parquet gave {texts[:1]!r}"


def artifacts_of(texts: list[str]) -> list[dict[str, str]]:
    """What Prefect is handed to show of a refresh whose alerts, model, drift and report have such names."""
    given: list[dict[str, str]] = []
    result = {"name": "desk", "found": 1, "scored": 1, "duplicates": 0, "quarantined": 0}
    result |= {"model": {"name": texts[0], "version": texts[-1]}, "report": f"/root/{texts[0]}/dashboard.html"}
    result |= {"drift": [{"feature": text, "drifted": True} for text in texts]}
    result |= {"alerts": [alert_of(["plain"], text).summary() for text in texts]}
    missing = [NotFound(text, "2020-07-18", 9)._asdict() for text in texts]
    result |= {"warnings": texts, "not_judged": {"summary": texts[0]}, "watch_list": {"entries": 9, "not_found": missing}}
    cause = {"kind": "source", "name": texts[0], "share": 0.3, "share_before": 0.0, "words": texts}
    changed = {"auc": 0.7, "interval": [0.6, 0.8], "rest_auc": 0.5, "causes": [cause]}
    result |= {"today": {"expected": None, "changed": changed}}
    with (
        mock.patch(
            "flows.refresh.create_markdown_artifact",
            lambda text, key, description: given.append({"key": key, "type": "markdown", "data": text}),
        ),
        mock.patch(
            "flows.refresh.create_table_artifact",
            lambda table, key, description: given.append({"key": key, "type": "table", "data": json.dumps(table)}),
        ),
    ):
        show_in_prefect(result)
    return given


def artifact(payload: str, random: Random, folder: Path) -> str | None:
    """What Prefect is handed, read as the Markdown that it takes it for."""
    markdown, table = artifacts_of([payload])
    cells = [str(value) for row in json.loads(table["data"]) for value in row.values()]
    lines = artifacts_of(["plain"])[0]["data"].count("\n")
    if markdown["data"].count("\n") != lines or any("\n" in cell for cell in cells):
        return "a line is added"
    for text in (markdown["data"], *cells):
        tokens = [token for block in MarkdownIt("commonmark").parse(text) for token in (block, *(block.children or ()))]
        if active := {token.type for token in tokens} & {"html_block", "html_inline", "link_open", "image"}:
            return f"{sorted(active)} in {text[:200]!r}"
        shown = "".join(token.content for token in tokens if token.type == "text")
        if re.search(r"://|www\.\S|\w@\w", shown) or CONTROL.search(text.replace("\n", "")):
            return f"an address or a control character in {text[:200]!r}"
    return None


def prefect_page(random: Random, folder: Path) -> str | None:
    """The artifacts with all payloads in Prefect's own pages, against those with plain words."""
    with prefect_ui(folder / "home") as api:
        for kind, texts in (("markdown", PAYLOADS[-2:]), ("markdown", PAYLOADS), ("table", PAYLOADS)):
            plain = [f"word{number}" for number in range(len(texts))]
            pages = []
            for number, each in enumerate((texts, plain)):
                found = next(given for given in artifacts_of(each) if given["type"] == kind)
                pages.append(active_nodes(api, found, folder / f"profile-{kind}-{len(texts)}-{number}"))
            if pages[0] != pages[1]:
                return f"active nodes in a {kind}: {pages[0]} instead of {pages[1]}"
    return None


@contextlib.contextmanager
def prefect_ui(home: Path) -> Iterator[str]:
    """Prefect's own server with its pages, without a password to type into them; the address of its API."""
    home.mkdir()
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {"PREFECT_HOME": str(home), "PREFECT_UI_API_URL": api, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + HANGS_SECONDS
            while not answers(Endpoint(api)):
                if time.monotonic() > deadline or process.poll() is not None:
                    raise TimeoutError("Prefect's server did not start")
                time.sleep(0.2)
            yield api
        finally:
            process.terminate()


def active_nodes(api: str, artifact: dict[str, str], profile: Path) -> dict[str, int]:
    """What a browser finds in Prefect's page of an artifact that could act, and how many rows or lines it shows."""
    body = json.dumps(artifact | {"data": json.loads(artifact["data"]) if artifact["type"] == "table" else artifact["data"]})
    request = urllib.request.Request(f"{api}/artifacts/", body.encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=HANGS_SECONDS) as response:
        made = json.load(response)
    command = [
        CHROMIUM or "chromium",
        *CHROMIUM_FLAGS,
        "--virtual-time-budget=20000",
        f"--user-data-dir={profile}",
        "--dump-dom",
    ]
    command.append(f"{api.removesuffix('/api')}/artifacts/artifact/{made['id']}")
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    parser = Shown()
    parser.feed(done.stdout)
    if not parser.nodes["p-table-row"] + parser.nodes["li"]:
        raise AssertionError("Prefect's page shows no artifact")
    return dict(parser.nodes)


class Shown(HTMLParser):
    """Counts what could act, and what holds it, in the part of Prefect's page that shows an artifact's data."""

    ACTIVE = frozenset(
        {"a", "img", "svg", "iframe", "object", "embed", "form", "input", "button", "style", "script", "link", "meta", "base"}
        | {"math", "details", "h1"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.nodes: collections.Counter[str] = collections.Counter()
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        classes = (dict(attrs).get("class") or "").split()
        if tag == "section" and (self._depth or "artifact-data-view" in classes):
            self._depth += 1
        if not self._depth:
            return
        self.nodes.update([tag] if tag in self.ACTIVE or tag == "li" else [])
        self.nodes.update({"p-table-row", "p-sanitize-html"} & set(classes))
        self.nodes["handlers"] += sum(name.startswith("on") for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "section" and self._depth:
            self._depth -= 1


class Counting(logging.Handler):
    """Counts events."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.number += 1


LINES = {"alert": alert, "artifact": artifact, "terminal": terminal, "log": log_lines}
CASES: dict[str, Callable[[Random, Path], str | None]] = {
    f"{make.__name__.removesuffix('_of')} {start} to {start + 7}": functools.partial(page, make, start)
    for make in (report_of, dashboard_of)
    for start in range(0, len(PAYLOADS), 8)
}
CASES |= {
    f"{name}: payload {at}": functools.partial(case, payload)
    for at, payload in enumerate(PAYLOADS)
    for name, case in LINES.items()
}
CASES["Prefect's pages"] = prefect_page
COUNT = len(CASES)
