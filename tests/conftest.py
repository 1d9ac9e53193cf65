"""Fixtures of the whole suite: one Prefect server for everything that runs a flow."""

import gc
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

from tasks.garbage import collect_seldom
from tests.chromium import CHROMIUM, CHROMIUM_FLAGS
from tests.patience import HANGS_SECONDS
from tests.writers import write_dataset

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded; see flows/commands/main.py
# The processes of the tests keep the cores busy: more threads in each only wait for one another.
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
# Where some test has loaded Prefect, log lines of others are no lines of a flow; as flows/servers/server.py has it.
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
gc.disable()  # until all tests are collected: what is made by then stays
CHECKOUT = Path(__file__).parents[1]
MEMORY, ROOM = Path("/dev/shm"), 4 << 30  # bytes; the whole suite leaves one GB


def has_room(folder: Path) -> bool:
    """Whether a file system in memory takes programs and files, and there is memory for these."""
    try:
        place = os.statvfs(folder)
        (available,) = re.findall(r"MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text())
    except (OSError, ValueError):
        return False
    free = min(place.f_bavail * place.f_frsize, int(available) * 1024)
    return free >= ROOM and not place.f_flag & os.ST_NOEXEC and os.access(folder, os.W_OK)


# A run of the pipeline asks the disk hundreds of times to keep what it has: four processes would wait for one disk.
if "PYTEST_DEBUG_TEMPROOT" not in os.environ and has_room(MEMORY):
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)

WORDS = ["good", "bad", "film", "naïve", "电影", "über", "ab", "x", "日本語", "director", "plot", "boring", "🙂"]

MakeDataset = Callable[[dict[str, Sequence[Sequence[str]]]], Path]

# A shared machine stalls; a stall is not a failure.
settings.register_profile("patient", deadline=None)
# `make test`: `make test-long` draws the hundred of `patient` from each property.
settings.register_profile("quick", deadline=None, max_examples=20)
# `make fuzz`: as many examples of each parser as somebody has the time for.
settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "5000")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
settings.load_profile("patient")

# A process takes a room at a time, whose files share session fixtures, servers and imports; a file of the rooms that take
# minutes; a single test of the longest file. A long one at the end would leave the other processes with nothing to do.
LONGEST = "faults/test_forked.py"
BY_FILE = ("faults", "flows", "finetune")
LONG_ROOMS = ("faults", "register", "flows", "language", "tracking", "evaluate", "dashboard", "docs", "detect", "documents")
BESIDE = {"finetune": "flows"}  # their files take turns: all flows ask one Prefect server


def unit(test: str) -> str:
    """What goes to a process as one, given the id of a test below `tests/`: its room, its file or itself."""
    path, _, _ = test.partition("::")
    room, _, within = path.partition("/")
    return test if path == LONGEST else path if room in BY_FILE or not within else room


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long."""
    folder = Path(__file__).parent
    paths = {item: item.path.relative_to(folder).as_posix() for item in items}
    files: dict[str, list[str]] = {room: [] for room in BY_FILE}
    for path in dict.fromkeys(paths.values()):
        files.get(path.partition("/")[0], []).append(path)
    share = {path: number / len(of_room) for of_room in files.values() for number, path in enumerate(of_room)}

    def turn(item: pytest.Item) -> tuple[int, float]:
        path = paths[item]
        room = path.partition("/")[0]
        room = BESIDE.get(room, room)
        place = LONG_ROOMS.index(room) if room in LONG_ROOMS else len(LONG_ROOMS)
        return -1 if path == LONGEST else place, share.get(path, 0.0)

    items.sort(key=turn)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Have `--dist loadfile` deal out units."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByUnit(LoadFileScheduling):
        """Its scopes are units."""

        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid.partition("tests/")[2])

    return ByUnit(config, log)


def pytest_collection_finish() -> None:
    """Keep what is there by now: looking through its million objects again and again took an eighth of a process' time."""
    gc.collect()
    gc.freeze()
    collect_seldom()
    gc.enable()


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the step `weights` writes of a tiny pretrained network."""
    from tests.encoders import fetched_weights

    return fetched_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server on a home of its own, shared by all tests of a run, whichever process they are in."""
    from flows.servers.server import Server

    saved = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    base = tmp_path_factory.getbasetemp()
    os.environ["PREFECT_HOME"] = str((base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "prefect")
    with Server(tmp_path_factory.mktemp("data"), timeout=HANGS_SECONDS) as endpoint:
        from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

        from flows.servers.outage import without_heartbeat

        with (
            temporary_settings({PREFECT_API_URL: endpoint.url, PREFECT_API_AUTH_STRING: endpoint.auth}),
            without_heartbeat(),
        ):
            yield endpoint.url
    os.environ.clear()
    os.environ.update(saved)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred and forty sentences of the embedded sample, and eighty without labels."""
    folder = tmp_path_factory.mktemp("corpus") / "news"
    for label in ("positive", "negative", "neutral", "unlabelled"):
        (folder / label).mkdir(parents=True)
        for path in sorted((CHECKOUT / "data/sample" / label).glob("*.txt"))[:80]:
            shutil.copy(path, folder / label / path.name)
    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a real PostgreSQL server of our own, with its password."""
    from tests import postgresql as server

    if server.INITDB is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL is not installed; .ci/run installs it")
        pytest.skip("PostgreSQL is not installed")
    with server.postgresql(server.PASSWORD) as port:
        yield f"postgresql+psycopg://{server.USER}:open%20sesame%2F%25@127.0.0.1:{port}/postgres"


@pytest.fixture(scope="session")
def chromium() -> list[str]:
    """The command of a browser without a screen; a profile and a page are to be added."""
    if CHROMIUM is None:
        reason = "chromium is not installed (Debian: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return [CHROMIUM, *CHROMIUM_FLAGS]


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Write documents by split as prepare does; return the folder."""

    def make(splits: dict[str, Sequence[Sequence[str]]]) -> Path:
        return write_dataset(
            tmp_path / "dataset",
            [
                (f"{split}/{number}", split, None if split == "unlabelled" else "a", list(tokens))
                for split, documents in splits.items()
                for number, tokens in enumerate(documents)
            ],
            ["a"],
        )

    return make


@pytest.fixture
def documents() -> list[list[str]]:
    """Sixty short documents over a small vocabulary, always the same."""
    source = random.Random(3)
    return [source.choices(WORDS, weights=range(len(WORDS), 0, -1), k=source.randint(5, 30)) for _ in range(60)]
