"""A disk that is full, or may not be written: loud failure, what was there stays whole, and no half file is taken for one.

A trial puts a data root on a file system of its own (tmpfs, mounted for root; without root a limit on the size of each file,
and folders without permission), lets a writer write until it fails, and looks: everything that the writer said was written is
there and whole; what was not is absent, or whole. Then there is room again, the writer repeats what failed, and everything
must be as on a disk that was never full. Without permission means: as another user, where root can become one.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import json
import os
import random as randoms
import resource
import signal
import subprocess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import torch

from flows import prepared
from flows.servers.notes import write_note
from flows.servers.server import login
from tasks.align.settings import AlignConfig
from tasks.collect.found import COLLECTED_SCHEMA
from tasks.collect.spool import read_spool, spool_in, write_spool
from tasks.config import RefreshConfig
from tasks.dashboard.page import plotly, write_dashboard
from tasks.durable import sweep_partials
from tasks.finetune.checkpoint import load_checkpoint, save_checkpoint
from tasks.finetune.loop import Epoch, Training
from tasks.finetune.networks.network import NetworkView
from tasks.ingest.settings import IngestConfig
from tasks.monitor.alert import Alert
from tasks.monitor.state import MonitorState
from tasks.monitor.tables import SCORED_SCHEMA
from tasks.notify.channels.file import FileChannel
from tasks.prepare.settings import PrepareConfig
from tasks.register.ledger import Entry, Ledger
from tasks.store.artifact import Build, Store
from tasks.store.step import Run, step
from tasks.tracking.spool import Spool, read_calls
from tests.faults.forks import Child
from tests.faults.steps import warm
from tests.faults.trained import make_corpus
from tests.steps import alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

NUMBER = 6
PROMISE = (
    "A full disk, a read-only folder or one without permission is a loud failure, for eleven writers (a step, ingest "
    "and prepare, the ledger, the spool, alerts in a file, the monitor's alerts, its documents with what is collected, its "
    "dashboard, checkpoints, the records of runs, the servers' password): what was written stays whole, no "
    "half file is used, and with room again the same command completes the work"
)
TAKEN_OUT = (
    "`Ledger.append` and `Spool.add` do not ask how much was written: 4 of 63 trials fail, each of a full disk; written in "
    "place, on a full disk: the password, 1 of 7, the dashboard, 3 of 12, a run's record, 12 of 12; the old checkpoint removed "
    "before the new one is written: 9 of 15"
)
PAGE = 4096
ROOMY = 64 << 20
TIMES = 40  # things that a writer writes at most, until the disk is full
IS_ROOT = os.geteuid() == 0
NOBODY = 65534


class Writer(NamedTuple):
    """`write(root, number)` writes the thing of this number or raises; `read(root)` gives all that is there, by number."""

    write: Callable[[Path, int], object]
    read: Callable[[Path], dict[str, str]]
    times: int = TIMES


def text(number: int) -> str:
    """Something of a length of its own."""
    return f"{number}:" + "x" * randoms.Random(number).randrange(1, 900)


@step()
def much(build: Build, config: AlignConfig, run: Run) -> dict[str, int]:
    """Three files of about 24 kB."""
    for name in "abc":
        (build.folder / name).write_bytes(randoms.Random(f"{config.seed}{name}").randbytes(24_000))
    return {"seed": config.seed}


def write_artifact(root: Path, number: int) -> None:
    alone(much)(Run(Store(root)), AlignConfig(seed=number))


def write_steps(corpora: Path, root: Path, number: int) -> None:
    run = Run(Store(root))
    ingested = alone(prepared.ingest)(run, IngestConfig(source="folder", path=corpora / str(number % 2))).data
    alone(prepared.prepare)(run, PrepareConfig(seed=number), corpus=ingested)


def read_artifacts(root: Path) -> dict[str, str]:
    store = Store(root)
    left = [path.name for path in (store.root / ".building").glob("*")]
    if left:
        raise AssertionError(f"left over: {left}")
    folders = sorted(store.root.glob("[!.]*/*"))
    return {f"{folder.parent.name}/{folder.name}": store.verify(folder.parent.name, folder.name).digest for folder in folders}


def append_entry(root: Path, number: int) -> None:
    Ledger(root / "ledger.jsonl").append(Entry("news", number, "refused", 1, 1, text(number), time="then"))


def read_entries(root: Path) -> dict[str, str]:
    return {str(entry.version): entry.reason for entry in Ledger(root / "ledger.jsonl").entries()}


def add_call(root: Path, number: int) -> None:
    spool = Spool(root, "http://127.0.0.1:9")
    spool.path = spool.folder / "one.jsonl"
    spool.add({"op": "tags", "number": number, "text": text(number)})
    spool.close()


def read_waiting(root: Path) -> dict[str, str]:
    return {str(call["number"]): call["text"] for call in read_calls(root / "runs" / "spool" / "one.jsonl")}


def send_alert(root: Path, number: int) -> None:
    FileChannel("desk", str(root / "alerts.jsonl")).send(alert(number))


def read_alerts(root: Path) -> dict[str, str]:
    path = root / "alerts.jsonl"
    found = {}
    for line in path.read_bytes().splitlines() if path.exists() else []:
        with contextlib.suppress(ValueError):  # half a line is ended by the next, see FileChannel
            told = json.loads(line)
            found[told["window_end"]] = told["id"]
    return found


def store_alert(root: Path, number: int) -> None:
    with MonitorState.open(root, "desk") as state:
        if state.store_alerts([alert(number)], cooldown_days=0, channels=["desk", "pager"]):
            return
    if alert(number).window_end not in read_monitor(root):
        raise AssertionError("an alert was neither stored nor known")


def read_monitor(root: Path) -> dict[str, str]:
    with MonitorState.open(root, "desk") as state:
        if state.db.execute("PRAGMA quick_check").fetchone() != ("ok",):
            raise AssertionError("the monitor's database is damaged")
        waiting = {delivery.alert.id for delivery in state.outbox(["desk"], 9e9)}
        return {each.window_end: each.id for each in state.alerts() if each.id in waiting}


def alert(number: int) -> Alert:
    day = f"20{20 + number // 12:02d}-{number % 12 + 1:02d}-07"
    return Alert.make(
        "desk",
        kind="surge",
        series="all",
        severity="high",
        window=(day, day),
        facts={"count": 1, "negative_share": 0.5, "baseline": 0.1},
        created=float(number),
        evidence={"headlines": [{"id": "ab", "time": day, "text": text(number), "probability": 0.9}], "words": []},
    )


def write_refresh(root: Path, number: int, *, page: bool = False) -> None:
    """Lay out five documents, score them (as it were) and count them; with `page`, show them."""
    day = datetime.date(2024, 1, 1) + datetime.timedelta(number)
    when = datetime.datetime.combine(day, datetime.time(9), datetime.UTC)
    found: list[dict[str, Any]] = [
        {"id": hashlib.sha256(f"{number} {at}".encode()).digest(), "time": when, "day": day, "text": text(5 * number + at)}
        | {"source": "news"}
        for at in range(5)
    ]
    figures = {"model": "news/1", "label": "negative", "confidence": 0.9, "negative": 0.9, "tokens": 5, "unseen": 1}
    with MonitorState.open(root, "desk") as state:
        with spool_in(state.folder) as spool, state.refresh(model="news/1", labels=["negative", "positive"]) as transaction:
            new = [row for row in found if not transaction.seen([row["id"]])[0]]
            write_spool(spool, [pa.RecordBatch.from_pylist(new, COLLECTED_SCHEMA)])
            for batch in read_spool(spool):
                rows = [row | figures | {"topics": [], "names": []} for row in batch.to_pylist()]
                transaction.add(pa.RecordBatch.from_pylist(rows, SCORED_SCHEMA))
        if page:
            write_dashboard(state, RefreshConfig.model_validate({"collect": {"name": "desk"}}), state.folder / "dashboard.html")


def read_refreshes(root: Path) -> dict[str, str]:
    with MonitorState.open(root, "desk") as state:
        if (state.folder / "incoming.arrow").exists():
            raise AssertionError("what was collected is left over")
        texts = [text for batch in state.documents(columns=["text"]) for text in batch.column("text").to_pylist()]
        page = state.folder / "dashboard.html"
        if page.exists() and not page.read_text(encoding="utf-8").rstrip().endswith("</html>"):
            raise AssertionError("half a dashboard")
        return {text.partition(":")[0]: text for text in texts} | ({"page": "whole"} if page.exists() else {})


def training(number: int) -> Training:
    """The state of a training after some epochs; its weights are the number of the last one, and it grows with each."""
    model = torch.nn.Linear(40, 40)
    torch.nn.init.constant_(model.weight, number)
    return Training(
        NetworkView("mean", model, 16, "head"),
        SimpleNamespace(state=dict, load_state=lambda tensors: None),  # type: ignore[arg-type]
        [Epoch(epoch, epoch / 7, 0.1) for epoch in range(number + 1)],
        {str(epoch): model.weight.detach().clone() for epoch in range(number + 1)},
    )


def write_checkpoint(root: Path, number: int) -> None:
    save_checkpoint(root, training(number), "one")


def read_checkpoint(root: Path) -> dict[str, str]:
    found = training(99)
    found.history = []
    if not load_checkpoint(root, found, "one"):
        return {}
    if float(found.view.model.state_dict()["weight"][0, 0]) != found.history[-1].number:
        raise AssertionError("weights of another epoch")
    return {str(epoch.number): str(epoch.train_loss) for epoch in found.history}


def write_record(root: Path, number: int) -> None:
    sweep_partials(root / "runs")
    write_note(root / "runs" / f"{number}.json", {"text": text(number)})


def read_records(root: Path) -> dict[str, str]:
    found = {path.stem: json.loads(path.read_bytes())["text"] for path in (root / "runs").glob("*.json")}
    if len(found) != len(list((root / "runs").glob("*"))):
        raise AssertionError("something is left over")
    return found


def make_password(root: Path, number: int) -> None:
    login(root / "password")


def read_password(root: Path) -> dict[str, str]:
    return {"password": "made"} if (root / "password").exists() and login(root / "password") else {}


def writers(corpora: Path) -> dict[str, Writer]:
    return {
        "a step": Writer(write_artifact, read_artifacts, 4),
        "ingest and prepare": Writer(functools.partial(write_steps, corpora), read_artifacts, 3),
        "the ledger": Writer(append_entry, read_entries),
        "the spool": Writer(add_call, read_waiting),
        "alerts in a file": Writer(send_alert, read_alerts),
        "the monitor": Writer(store_alert, read_monitor),
        "a refresh": Writer(write_refresh, read_refreshes, 4),
        "a refresh with its dashboard": Writer(functools.partial(write_refresh, page=True), read_refreshes, 2),
        "checkpoints": Writer(write_checkpoint, read_checkpoint, 5),
        "records of runs": Writer(write_record, read_records),
        "the servers' password": Writer(make_password, read_password, 1),
    }


class Disk:
    """A folder whose room can be taken away and given back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.limit = ROOMY
        folder.mkdir()

    def __enter__(self) -> Disk:
        if IS_ROOT:
            self._mount("-t", "tmpfs", "-o", f"size={ROOMY},mode=0755", "tmpfs")
        (self.folder / "ballast").write_bytes(bytes(PAGE))  # a disk of no size at all would be one without a limit
        return self

    def __exit__(self, *exc_info: object) -> None:
        if IS_ROOT:
            subprocess.run(["umount", self.folder], check=True)

    def leave(self, free: int) -> None:
        """Leave so many more bytes; root: of the disk, else: of each file."""
        if IS_ROOT:
            status = os.statvfs(self.folder)
            used = (status.f_blocks - status.f_bfree) * status.f_frsize
            self._mount("-o", f"remount,size={(used + free) // PAGE * PAGE}")
        else:
            self.limit = max((path.stat().st_size for path in self.folder.rglob("*") if path.is_file()), default=0) + free

    def forbid(self) -> None:
        """Let nobody write."""
        if IS_ROOT:
            self._mount("-o", "remount,ro")
        else:
            _chmod(self.folder, 0o500)

    def free(self) -> None:
        """As it was."""
        self.limit = ROOMY
        if IS_ROOT:
            self._mount("-o", f"remount,rw,size={ROOMY}")
        else:
            _chmod(self.folder, 0o700)

    def _mount(self, *options: str) -> None:
        subprocess.run(["mount", *options, self.folder], check=True)


def _chmod(folder: Path, mode: int) -> None:
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            path.chmod(mode)


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """Two corpora, and the imports that children share."""
    for number in range(2):
        make_corpus(folder / "corpora" / str(number), 10 + 10 * number)
    with warm():
        plotly()
        yield


def fills(name: str, trouble: str, random: Random, folder: Path) -> str | None:
    """Write, forbid, write on, allow, write again; wrong is what was lost, is torn, failed in silence or does not heal."""
    writer = writers(folder.parent / "corpora")[name]
    expected = _alone(writer.write, writer.read, folder / "never-full", writer.times)
    if isinstance(expected, str):
        return expected
    before = random.randint(0, min(3, writer.times - 1))
    with Disk(folder / "disk") as disk:
        root, done = disk.folder / "root", folder / "done"
        root.mkdir()
        done.touch()
        code, said = _write(disk, writer, root, done, range(before))
        if code:
            return f"with room: {said}"
        if trouble == "full":
            needed = sum(path.stat().st_size for path in (folder / "never-full").rglob("*") if path.is_file())
            disk.leave(random.randrange(needed + 4 * PAGE))
        elif trouble == "read-only":
            disk.forbid()
        other_user = trouble == "no permission" and IS_ROOT
        if trouble == "no permission" and not IS_ROOT:
            disk.forbid()
        code, said = _write(disk, writer, root, done, range(before, writer.times), other_user=other_user)
        if code > 0 and not said:
            return "it failed in silence"
        acknowledged = len(done.read_text().splitlines())
        if code < 0 or bool(code) != (acknowledged < writer.times):
            return f"exit code {code} with {acknowledged} of {writer.times} written ({said})"
        if trouble != "full" and not code:
            return "it wrote where it may not"
        disk.free()
        with Child(writer.read, root) as child:
            if child.wait():
                return f"after it was {trouble}: {child.said}"
            found = child.result
        if wrong := {number for number, value in found.items() if expected.get(number) != value}:
            return f"after it was {trouble}: {sorted(wrong)} are other than they were written"
        if len(found) < acknowledged * len(expected) // writer.times:
            return f"after it was {trouble}: of {acknowledged} that were written {len(found)} are there"
        code, said = _write(disk, writer, root, done, range(acknowledged, writer.times))
        if code:
            return f"with room again: {said}"
        with Child(writer.read, root) as child:
            if child.wait() or child.result != expected:
                return f"with room again: {child.said or 'not everything is there'}"
    return None


def _alone(write: Callable[[Path, int], object], read: Callable[[Path], dict[str, str]], root: Path, times: int) -> dict | str:
    """What is read when nothing goes wrong, or what did."""
    root.mkdir()

    def all_of_it() -> str:
        for number in range(times):
            write(root, number)
        return json.dumps(read(root))

    with Child(all_of_it) as child:
        return child.said if child.wait() else json.loads(child.result)


def _write(disk: Disk, writer: Writer, root: Path, done: Path, numbers: range, *, other_user: bool = False) -> tuple[int, str]:
    """Write these in a process of their own until one fails; a line goes to `done` for each that did not."""

    def go() -> None:
        with done.open("a") as file:
            if not IS_ROOT:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (disk.limit, disk.limit))
            if other_user:
                os.setuid(NOBODY)
            for number in numbers:
                writer.write(root, number)
                file.write(f"{number}\n")
                file.flush()

    with Child(go) as child:
        return child.wait(), child.said


NAMES = list(writers(None))  # type: ignore[arg-type]
CASES = {
    f"{name}, {trouble}": functools.partial(fills, name, trouble)
    for trouble in ("full", "read-only", "no permission")
    for name in NAMES
}
COUNT = 90 * len(NAMES)  # thirty sizes for each writer
