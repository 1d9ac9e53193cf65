"""A real PostgreSQL server of our own, for the tests that read from one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from flows.servers.server import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = "desk", "open sesame/%"
_FOUND = [*sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")), Path(shutil.which("initdb") or "/")]
INITDB = next((path for path in reversed(_FOUND) if path.is_file()), None)


@contextlib.contextmanager
def postgresql(password: str) -> Iterator[int]:
    """Run a server whose one user, USER, has this password (SCRAM); its port. FileNotFoundError if it is not installed."""
    if INITDB is None:
        raise FileNotFoundError("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    binaries, port = INITDB.resolve().parent, free_port()
    as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="textmill-postgresql-"))
    (folder / "password").write_text(password)
    if as_user:
        for path in (folder, folder / "password"):
            shutil.chown(path, "postgres")
    initdb: list[str | Path] = [
        binaries / "initdb",
        "-D",
        folder / "db",
        "-U",
        USER,
        "-A",
        "scram-sha-256",
        f"--pwfile={folder / 'password'}",
    ]
    subprocess.run([*as_user, *initdb, "--no-sync"], check=True, capture_output=True, cwd="/")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    control: list[str | Path] = [*as_user, binaries / "pg_ctl", "-D", folder / "db"]
    subprocess.run([*control, "-w", "-o", options, "-l", folder / "log", "start"], check=True, capture_output=True, cwd="/")
    try:
        yield port
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd="/")
        shutil.rmtree(folder)
