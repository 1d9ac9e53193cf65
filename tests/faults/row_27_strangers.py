"""Workers and schedulers that are not what they should be, foreign certificates: nothing is done, and one line says why."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.engine.dask_cluster import DaskCluster
from tasks.errors import RequestError, UnavailableError
from tasks.runtime import Runtime
from tests.clusters import CHECKOUT, Cluster, certificates, other_code, wait_for_workers
from tests.engine import calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from tasks.engine.knock import Certificates

NUMBER = 27
PROMISE = (
    "No stranger makes a byte: a worker with other code (one constant, one file more), another version of a library, or none "
    "of this project, and one that does not see the folder of the work, do no call and are named in one line with what differs"
    "; a driver without a certificate, with one of another authority, or without TLS gets no work done, a worker with one of "
    "another authority does not join, and an address without TLS beyond this machine is refused"
)
TAKEN_OUT = (
    "a worker does not look at its code: 3 of 4 trials with other code or libraries are done (the fourth has no module of ours)"
)
LIMIT_SECONDS = 600
NUMBERS = [(number,) for number in range(999)]
RUNNING: dict[str, Any] = {}


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """Two clusters of one worker: one on this machine in clear, one with certificates."""
    plain, safe = folder / "plain", folder / "safe"
    for each in (plain, safe):
        each.mkdir()
    files = certificates(safe)
    with Cluster(plain) as open_, Cluster(safe, files=files) as closed:
        for made in (open_, closed):
            made.start_worker()
            wait_for_workers(made, 1)
        RUNNING.update(open=open_, closed=closed, files=files, folder=safe)
        yield


def worker_of(make: Callable[[Path], Path], expected: str) -> Callable[[Random, Path], str | None]:
    """A trial with one more worker, whose code is in a folder that `make` makes."""

    def trial(random: Random, folder: Path) -> str | None:
        made = RUNNING["open"]
        worker = made.start_worker(code=make(folder / "code"))
        try:
            wait_for_workers(made, 2)
            return refused(lambda: DaskCluster(made.address).check(), expected) or refused(
                lambda: list(DaskCluster(made.address).map_ordered(calls.number_and_process, ((n,) for n in range(999)))),
                expected,
            )
        finally:
            made.kill(worker)
            wait_for_workers(made, 1)

    return trial


def one_file_more(folder: Path) -> Path:
    """Our code and a module more."""
    other_code(folder)
    changed = folder / "tasks" / "prepare" / "documents.py"
    changed.write_text((CHECKOUT / "tasks" / "prepare" / "documents.py").read_text())
    (folder / "tasks" / "prepare" / "more.py").write_text("MORE = 1\n")
    return folder


def other_library(folder: Path) -> Path:
    """A folder that says that a library has another version."""
    about = folder / "scipy-0.1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: scipy\nVersion: 0.1\n")
    return folder


def no_project(folder: Path) -> Path:
    """A module of another project that is called as ours is."""
    folder.mkdir(parents=True)
    (folder / "tasks.py").write_text("")
    return folder


def unseen(random: Random, folder: Path) -> str | None:
    """A folder that is another one for the worker."""
    with contextlib.chdir(folder):
        return refused(
            lambda: DaskCluster(RUNNING["open"].address).check(Path("/proc/self/cwd")), "does not see /proc/self/cwd"
        )


def driver_with(files: Callable[[], Certificates | None], scheme: str, expected: str) -> Callable[[Random, Path], str | None]:
    """A trial in which a driver with these certificates wants work done by the cluster with TLS."""

    def trial(random: Random, folder: Path) -> str | None:
        address = scheme + RUNNING["closed"].address.partition("://")[2]
        return refused(lambda: DaskCluster(address, files()).check(), expected)

    return trial


def foreign_worker(random: Random, folder: Path) -> str | None:
    """A worker whose certificate another authority has signed."""
    made = RUNNING["closed"]
    ours, made.files = made.files, certificates(RUNNING["folder"], "stranger", authority="stranger-authority")
    try:
        worker = made.start_worker()
    finally:
        made.files = ours
    try:
        time.sleep(8.0)
        said = DaskCluster(made.address, ours).check()
        return None if ": 1 workers" in said else f"it joined: {said}"
    finally:
        made.kill(worker)


def ours(random: Random, folder: Path) -> str | None:
    """Our own certificates are taken: else the others would prove nothing."""
    engine = DaskCluster(RUNNING["closed"].address, RUNNING["files"])
    found = [number for number, _ in engine.map_ordered(calls.number_and_process, ((n,) for n in range(9)), folder=folder)]
    return None if found == list(range(9)) else f"{found}"


def beyond(random: Random, folder: Path) -> str | None:
    """An address without TLS on another host."""
    try:
        Runtime(engine="dask", address=f"tcp://10.{random.randrange(256)}.0.1:8786")
    except ValueError as error:
        return None if "can run code on every worker" in str(error) else str(error)
    return "it was taken"


def refused(work: Callable[[], object], expected: str) -> str | None:
    """Whether the work ends with one line that has these words in it."""
    try:
        found = work()
    except (UnavailableError, RequestError) as error:
        return None if expected in str(error) and "\n" not in str(error) else f"it said: {error}"
    return f"it was done: {found!r:.100}"


CASES = {
    "other constant": worker_of(other_code, "has other code: tasks/prepare/documents.py; it would not make the same bytes"),
    "one file more": worker_of(one_file_more, "has other code: tasks/prepare/more.py; it would not make the same bytes"),
    "other library": worker_of(other_library, "has scipy 0.1, and here it is"),
    "no project": worker_of(no_project, "has no textmill, or another one"),
    "unseen folder": unseen,
    "no certificate": driver_with(lambda: None, "tls://", "needs certificates"),
    "foreign certificate": driver_with(
        lambda: certificates(RUNNING["folder"], "stranger", authority="stranger-authority"), "tls://", "is not of the authority"
    ),
    "certificate that the scheduler does not know": driver_with(
        lambda: certificates(RUNNING["folder"], "stranger", authority="stranger-authority")._replace(ca=RUNNING["files"].ca),
        "tls://",
        "the scheduler refuses the certificate",
    ),
    "no TLS": driver_with(lambda: None, "tcp://", "no scheduler answers there"),
    "foreign worker": foreign_worker,
    "our own": ours,
    "beyond this machine": beyond,
}
COUNT = 2 * len(CASES)
