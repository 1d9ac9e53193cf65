"""What it costs to bring rows from PostgreSQL and to read them: CPU seconds, and anonymous memory above an idle process.

    python -m benchmarks.sources [--rows 1000000] [--chars 200]

A server of its own, on 127.0.0.1, is filled with rows that differ; then `--fetch.query` and the step `ingest`, by place and by
content, run in one process, whose RssAnon is looked at every 20 ms. Idle is that process once it has read ten rows. Seconds are
the processor's, those of the server not among them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.checkout import CHECKOUT
from tasks.fetch.query import fetch_query
from tasks.fetch.settings import FetchConfig
from tasks.ingest.corpus import write_corpus
from tasks.ingest.settings import IngestConfig

if TYPE_CHECKING:
    from collections.abc import Callable

PASSWORD = "of a benchmark"
EVERY_SECONDS = 0.02
FILL = """CREATE TABLE news AS SELECT left(repeat(md5(n::text) || ' ', :chars / 33 + 1), :chars - 9) || lpad(n::text, 9, '0')
AS headline, (array['negative', 'neutral', 'positive'])[1 + n % 3] AS sentiment FROM generate_series(1, :rows) AS n"""


def run(rows: int, chars: int) -> None:
    """Fill a server and read from it in a process of its own."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import URL

    from tests.postgresql import USER, postgresql

    with postgresql(PASSWORD) as port, tempfile.TemporaryDirectory() as name:
        url = URL.create("postgresql+psycopg", USER, PASSWORD, "127.0.0.1", port, "postgres")
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text(FILL), {"rows": rows, "chars": chars})
        engine.dispose()
        address = Path(name) / "address"
        address.touch(0o600)
        address.write_text(url.render_as_string(hide_password=False))
        subprocess.run([sys.executable, "-m", "benchmarks.sources", "--read", name], check=True, cwd=CHECKOUT)


def read(folder: Path) -> None:
    """Fetch and ingest the rows; print what each took."""
    rows = folder / "rows.parquet"

    def fetch(query: str) -> int:
        config = FetchConfig(query=query, database_file=folder / "address")
        return fetch_query(config, ["headline", "sentiment"], rows).rows

    def ingest(ids: str) -> int:
        (folder / ids).mkdir(exist_ok=True)
        config = IngestConfig.model_validate({"path": rows, "text": "headline", "label": "sentiment", "ids": ids})
        return int(write_corpus(config, folder / ids)["kept"])

    fetch("SELECT * FROM news LIMIT 10")
    for ids in ("place", "content"):
        ingest(ids)
    idle = anonymous_mb()
    print(json.dumps({"idle_mb": round(idle)}))
    measured("fetch", idle, lambda: fetch("SELECT * FROM news"))
    for ids in ("place", "content"):
        measured(f"ingest by {ids}", idle, partial(ingest, ids))


def measured(what: str, idle: float, call: Callable[[], int]) -> None:
    """Print the rows, the CPU and wall seconds and the largest memory of a call."""
    peak, done = [0.0], threading.Event()

    def look() -> None:
        while not done.wait(EVERY_SECONDS):
            peak[0] = max(peak[0], anonymous_mb())

    watcher = threading.Thread(target=look)
    watcher.start()
    wall, cpu = time.monotonic(), time.process_time()
    rows = call()
    found: dict[str, Any] = {"what": what, "rows": rows, "cpu_seconds": round(time.process_time() - cpu, 1)}
    found |= {"seconds": round(time.monotonic() - wall, 1)}
    done.set()
    watcher.join()
    print(json.dumps(found | {"mb_above_idle": round(peak[0] - idle)}), flush=True)


def anonymous_mb() -> float:
    """RssAnon of this process in MB (2**20 bytes)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--chars", type=int, default=200)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.read is not None:
        read(arguments.read)
    else:
        run(arguments.rows, arguments.chars)
