import contextlib
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.tracking import tracker as tracker_module
from tasks.tracking.tracker import Tracker
from tests.mlflow_server import mlflow_server
from tests.patience import HANGS_SECONDS


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root whose store has been opened once, to be copied: MLflow takes seconds to migrate one."""
    root = tmp_path_factory.mktemp("opened")
    Tracker.open(None, root, root / "checkout", "shared").close()
    return root


@pytest.fixture(autouse=True)
def _a_busy_server_is_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is down refuses connections at once; the test of one that hangs sets limits of its own."""
    for name in ("CONNECT_SECONDS", "OPEN_SECONDS", "ANSWER_SECONDS"):
        monkeypatch.setattr(tracker_module, name, HANGS_SECONDS)


@pytest.fixture
def data_root(opened: Path, tmp_path: Path) -> Path:
    """A data root with a store that is migrated already."""
    (tmp_path / "mlflow").mkdir()
    shutil.copyfile(opened / "mlflow" / "mlflow.db", tmp_path / "mlflow" / "mlflow.db")
    return tmp_path


@pytest.fixture
def open_tracker(data_root: Path) -> Callable[..., Tracker]:
    """Open that store, or the one of a URI."""

    def opened(experiment: str | None = "films", uri: str | None = None) -> Tracker:
        return Tracker.open(uri, data_root, data_root / "checkout", experiment)

    return opened


class Forwarder:
    """Stands between client and server, so that the server can be out of reach and come back."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.port = a_free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.taken = 0  # connections that it has passed on
        self.unanswered: list[str] = []  # what was asked while it hung
        self.open()

    def open(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.sockets = [self.listener]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def hang(self) -> None:
        """Take connections, as the kernel does for a process that is stopped, and say nothing."""
        self.close()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.sockets = [self.listener]
        threading.Thread(target=self._hold, args=(self.listener,), daemon=True).start()

    def close(self) -> None:
        for each in self.sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _hold(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = listener.accept()[0]
                self.sockets.append(client)
                threading.Thread(target=self._listen, args=(client,), daemon=True).start()

    def _listen(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self.unanswered.append(client.recv(65536).partition(b"\r\n")[0].decode())

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = listener.accept()[0]
                self.taken += 1
                try:
                    upstream = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    client.close()
                    continue
                self.sockets += [client, upstream]
                for pair in ((client, upstream), (upstream, client)):
                    threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError), source:  # also where it was accepted while `close` went through the others
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="session")
def server_port(opened: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "mlflow.db").write_bytes((opened / "mlflow" / "mlflow.db").read_bytes())
    with mlflow_server(folder) as port:
        yield port


@pytest.fixture
def server(server_port: int) -> Iterator[Forwarder]:
    forwarder = Forwarder(server_port)
    yield forwarder
    forwarder.close()


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def free_port() -> int:
    """A port where nothing answers."""
    return a_free_port()
