"""Rows of a query become a file whose bytes follow from the rows, and a file of another place is copied whole or not at all."""

from __future__ import annotations

import http.server
import random
import sqlite3
import tempfile
import threading
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from sqlalchemy import create_engine, text

from tasks import download
from tasks.errors import RequestError, UnavailableError
from tasks.fetch.files import fetch_files
from tasks.fetch.query import BATCH_ROWS, Came, fetch_query
from tasks.fetch.settings import FetchConfig
from tasks.ingest.corpus import write_corpus
from tasks.store.artifact import Fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.ingest.settings import IngestConfig

ROWS = [
    (f"title {number}", ("bad", "good", None)[number % 3], f"2024-01-{1 + number % 28:02}", number / 2) for number in range(50)
]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SQLite file with ROWS, named by the variable NEWS."""
    path = tmp_path / "news.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE news (title TEXT, mood TEXT, day TEXT, score REAL)")
        connection.executemany("INSERT INTO news VALUES (?, ?, ?, ?)", ROWS)
    monkeypatch.setenv("NEWS", f"sqlite:///{path}")
    return path


def fetch(folder: Path, query: str, *columns: str) -> Path:
    folder.mkdir(exist_ok=True)
    fetch_query(FetchConfig(query=query, database_variable="NEWS"), columns, folder / "rows.parquet")
    return folder / "rows.parquet"


def test_rows_in_any_order_make_the_same_bytes(database: Path, tmp_path: Path) -> None:
    one = fetch(tmp_path / "one", "SELECT * FROM news ORDER BY title", "title", "mood", "day")
    other = fetch(tmp_path / "other", "SELECT day, title, mood FROM news ORDER BY day DESC", "title", "mood", "day")
    assert one.read_bytes() == other.read_bytes()
    table = pq.read_table(one)
    assert table.column_names == ["title", "mood", "day"]
    assert sorted(map(tuple, (row.values() for row in table.to_pylist())), key=repr) == sorted(
        (row[:3] for row in ROWS), key=repr
    )
    assert not list(one.parent.glob("waiting*"))


def test_values_are_text_and_null_stays_null(database: Path, tmp_path: Path) -> None:
    query = "SELECT title, NULL AS none_there, 2.0 AS two, score, x'c3a9' AS bytes FROM news WHERE title = 'title 1'"
    (row,) = pq.read_table(fetch(tmp_path / "one", query, "title", "none_there", "two", "score", "bytes")).to_pylist()
    assert row == {"title": "title 1", "none_there": None, "two": "2.0", "score": "0.5", "bytes": "é"}


def test_a_row_that_came_twice_is_there_twice(database: Path, tmp_path: Path) -> None:
    both = fetch(tmp_path / "both", "SELECT * FROM news UNION ALL SELECT * FROM news", "title")
    assert pq.read_metadata(both).num_rows == 2 * len(ROWS)


@pytest.mark.parametrize(
    ("query", "error", "said"),
    [
        ("SELECT title FROM news", RequestError, "gives no column 'mood'; it gives 'title'"),
        ("SELECT * FROM news WHERE 1 = 0", RequestError, "gives no row"),
        ("SELECT * FROM absent", UnavailableError, "the sqlite query failed: OperationalError: no such table: absent"),
    ],
)
def test_what_is_wrong_with_a_query_is_one_line(
    database: Path, tmp_path: Path, query: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as raised:
        fetch(tmp_path / "one", query, "title", "mood")
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "one").iterdir()) == []


def test_without_a_database_a_line_says_where_it_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEWS", raising=False)
    with pytest.raises(RequestError, match="the environment variable NEWS is empty"):
        fetch(tmp_path / "one", "SELECT 1", "title")


def test_rows_of_postgresql(postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWS", postgresql)
    engine = create_engine(postgresql)
    number = 2 * BATCH_ROWS + 7
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE to_train_on (title text, good boolean, at timestamptz, day date)"))
        rows = [
            {
                "title": f"t {n}",
                "good": n % 2 == 0,
                "at": datetime(2024, 1, 1, n % 24, tzinfo=UTC),
                "day": date(2024, 1, 1 + n % 28),
            }
            for n in range(number)
        ]
        connection.execute(text("INSERT INTO to_train_on VALUES (:title, :good, :at, :day)"), rows)
    engine.dispose()
    found = pq.read_table(fetch(tmp_path / "one", "SELECT * FROM to_train_on", "title", "good", "at", "day")).to_pylist()
    assert len(found) == number
    by_title = {row["title"]: row for row in found}
    assert by_title["t 3"] == {"title": "t 3", "good": "false", "at": "2024-01-01T03:00:00+00:00", "day": "2024-01-04"}
    with pytest.raises(UnavailableError, match="the postgresql query failed"):
        fetch(tmp_path / "two", "DELETE FROM to_train_on RETURNING title", "title")
    assert pq.read_metadata(fetch(tmp_path / "three", "SELECT * FROM to_train_on", "title")).num_rows == number


SINCE = "SELECT title, mood, day FROM news WHERE day >= :since"


def new_rows(folder: Path, before: Path | None = None, *, query: str = SINCE, now: float = 1.8e9) -> Came:
    folder.mkdir()
    config = FetchConfig(query=query, since="day", database_variable="NEWS")
    return fetch_query(config, ["title", "mood", "day"], folder / "rows.parquet", before=before, now=now)


def test_new_rows_come_beside_those_of_before_as_if_all_had_been_asked_for(database: Path, tmp_path: Path) -> None:
    whole = "SELECT title, mood, day FROM news WHERE day >= '1900'"
    assert new_rows(tmp_path / "1", tmp_path / "absent.parquet") == (50, 50, "1900-01-01 00:00:00")
    assert (tmp_path / "1/rows.parquet").read_bytes() == fetch(tmp_path / "all", whole, "title", "mood", "day").read_bytes()
    with sqlite3.connect(database) as connection:
        rows = [("a title", "good", "2024-01-27"), ("a title", "good", "2024-01-27"), ("later", "bad", "2024-02-03")]
        connection.executemany("INSERT INTO news (title, mood, day) VALUES (?, ?, ?)", rows)
        connection.execute("UPDATE news SET mood = 'fair' WHERE day = '2024-01-28'")
    came = new_rows(tmp_path / "2", tmp_path / "1/rows.parquet")
    assert (came.rows, came.since) == (53, "2024-01-26 00:00:00")
    assert came.new < 10
    assert (tmp_path / "2/rows.parquet").read_bytes() == fetch(tmp_path / "all2", whole, "title", "mood", "day").read_bytes()
    assert new_rows(tmp_path / "3", tmp_path / "2/rows.parquet") == (53, 1, "2024-02-01 00:00:00")
    assert (tmp_path / "3/rows.parquet").read_bytes() == (tmp_path / "2/rows.parquet").read_bytes()
    strictly = new_rows(tmp_path / "4", tmp_path / "2/rows.parquet", query=SINCE.replace(">=", ">"))
    assert strictly.rows == 53


def test_a_row_of_the_future_or_without_a_day_hides_no_other(database: Path, tmp_path: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.executemany(
            "INSERT INTO news (title, mood, day) VALUES (?, 'bad', ?)", [("far", "2099-01-01"), ("none", None)]
        )
    query = "SELECT title, mood, day FROM news WHERE day >= :since OR day IS NULL"
    assert new_rows(tmp_path / "1", query=query).rows == 52
    assert new_rows(tmp_path / "2", tmp_path / "1/rows.parquet", query=query)[::2] == (52, "2024-01-26 00:00:00")
    (tmp_path / "1/rows.parquet").write_bytes(b"damaged")
    assert new_rows(tmp_path / "3", tmp_path / "1/rows.parquet", query=query) == (52, 52, "1900-01-01 00:00:00")


def test_a_column_without_times_cannot_say_what_is_new(database: Path, tmp_path: Path) -> None:
    query = "SELECT title, mood, 'week ' || day AS day FROM news WHERE day >= :since"
    with pytest.raises(RequestError, match=r"'day' of fetch.query holds no times \(one value is 'week 2024-01-01'\)"):
        new_rows(tmp_path / "1", query=query)
    assert list((tmp_path / "1").iterdir()) == []


def test_a_server_that_stops_in_the_middle_of_a_query_is_one_line(
    postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWS", postgresql)
    stops = "SELECT n::text AS title, CASE WHEN n = 9000 THEN pg_terminate_backend(pg_backend_pid())::text END AS mood"
    with pytest.raises(UnavailableError, match=r"the postgresql query failed: .*; correct it, or try again") as raised:
        fetch(tmp_path / "one", f"{stops} FROM generate_series(1, 20000) AS n", "title", "mood")
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "one").iterdir()) == []


class _Place(http.server.BaseHTTPRequestHandler):
    content = b"text\tlabel\n" + b"profit rose\tgood\n" * 5000

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if "absent" in self.path:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(self.content[: 1000 if "half" in self.path else None])

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Place) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


def fetched(url: str, folder: Path) -> list[Path]:
    """Fetch as a new run does, which has the copies of those before."""
    target = Path(tempfile.mkdtemp(dir=folder)) if list(folder.glob("*")) else folder
    copies, memory = folder / "copies", Fingerprints(folder / "memory.sqlite")
    return fetch_files(url, target, copies, memory, pause_seconds=0.0)


def test_a_file_is_copied_under_its_own_name(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "pLaNted")
    (copy,) = fetched(f"{place}/some/my%20news.tsv?token=${{TOKEN}}", tmp_path)
    assert copy == tmp_path / "my news.tsv"
    assert copy.read_bytes() == _Place.content


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("absent.tsv", RequestError, "absent.tsv: no such file"),
        ("half.tsv", UnavailableError, "half.tsv"),
        ("", RequestError, "names no file"),
        ("2024-*.tsv", RequestError, "http lists no files, so it takes no pattern; name one file"),
    ],
)
def test_a_file_that_does_not_come_whole_is_refused(
    place: str, tmp_path: Path, path: str, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as raised:
        fetched(f"{place}/{path}?token=pLaNted", tmp_path)
    assert "pLaNted" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_protocol_that_is_unknown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="Protocol not known"):
        fetched("gopher2://host/a.csv", tmp_path)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"query": "SELECT 1"}, "a query needs its database"),
        ({"query": "SELECT 1", "url": "https://host/a.csv", "database_variable": "X"}, "choose one"),
        ({"url": "/home/a.csv"}, "named by ingest.path"),
        ({"url": "https://me:word@host/a.csv"}, "must hold no user or password"),
        ({"database_variable": "X"}, "no query"),
        ({"query": "SELECT 1 WHERE a > :since", "database_variable": "X"}, "since names the column of times"),
        ({"query": "SELECT 1", "since": "day", "database_variable": "X"}, "since names the column of times"),
        ({"url": "https://host/a.csv", "since": "day"}, "since names the column of times"),
    ],
)
def test_what_cannot_be_fetched_is_refused(values: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FetchConfig.model_validate(values)


def test_the_order_of_rows_is_not_the_order_they_came_in(database: Path, tmp_path: Path) -> None:
    shuffled = list(ROWS)
    random.Random(1).shuffle(shuffled)
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE later AS SELECT * FROM news WHERE 0")
        connection.executemany("INSERT INTO later VALUES (?, ?, ?, ?)", shuffled)
    one, other = (fetch(tmp_path / name, f"SELECT * FROM {name}", "title", "mood") for name in ("news", "later"))
    assert one.read_bytes() == other.read_bytes()


@pytest.fixture
def bucket() -> Iterator[Any]:
    """A file system in memory with four files."""
    memory = fsspec.filesystem("memory")
    for name in ("2024/b.csv", "2024/a.csv", "2023/a.csv", "notes.txt"):
        memory.pipe(f"/bucket/{name}", f"text,label\n{name},good\n".encode())
    yield memory
    memory.rm("/bucket", recursive=True)


def test_files_of_a_pattern_come_in_the_order_of_their_names(bucket: Any, tmp_path: Path) -> None:
    (tmp_path / "some").write_text("")
    files = fetched("memory://bucket/20*/*.csv", tmp_path)
    below = files[0].parents[1]
    assert [file.relative_to(below).as_posix() for file in files] == ["2023/a.csv", "2024/a.csv", "2024/b.csv"]
    assert files[2].read_text() == "text,label\n2024/b.csv,good\n"
    assert [file.name for file in fetched("memory://bucket/2024/*.csv", tmp_path)] == ["a.csv", "b.csv"]
    with pytest.raises(RequestError, match=r"--fetch\.url memory://bucket/\*\.json: no file matches; correct the pattern"):
        fetched("memory://bucket/*.json", tmp_path)
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("in/a.csv", "text,label\n")
        archive.writestr("in/b.csv", "text,label\n")
    assert [file.name for file in fetched(f"zip://in/*.csv::file://{packed}", tmp_path)] == ["a.csv", "b.csv"]


def test_only_a_file_that_changed_is_loaded_again_and_an_old_copy_is_never_used(
    bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "memory://bucket/2024/*.csv"
    fetched(url, tmp_path)
    loaded: list[str] = []
    whole = download._load

    def load(filesystem: Any, name: str, *given: Any, **more: Any) -> None:
        loaded.append(name)
        whole(filesystem, name, *given, **more)

    monkeypatch.setattr(download, "_load", load)
    fetched(url, tmp_path)
    assert loaded == []
    bucket.pipe("/bucket/2024/b.csv", b"text,label\nother,good\n")
    assert fetched(url, tmp_path)[1].read_text() == "text,label\nother,good\n"
    assert loaded == ["/bucket/2024/b.csv"]
    monkeypatch.setattr(type(bucket), "info", _unreachable)
    with pytest.raises(UnavailableError, match=r"memory://bucket/2024/a\.csv cannot be read"):
        fetched("memory://bucket/2024/a.csv", tmp_path)


def test_a_file_that_changes_while_it_is_read_is_refused(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = download._load

    def load(*given: Any, **more: Any) -> None:
        whole(*given, **more)
        bucket.pipe("/bucket/2024/b.csv", b"text,label\nnewer,good\n")

    monkeypatch.setattr(download, "_load", load)
    with pytest.raises(UnavailableError, match=r"b\.csv cannot be read \(it changed while it was read\); try again later"):
        fetched("memory://bucket/2024/b.csv", tmp_path)


def _unreachable(*_: Any, **__: Any) -> None:
    raise ConnectionRefusedError("no route to host")


def brought(data_root: Path, ingest: dict[str, Any] | None = None, **fetch: Any) -> IngestConfig:
    """The section ingest of a run, once it has brought its files."""
    from flows.display import Display
    from flows.fetched import fetched as bring
    from tasks.config import PipelineConfig

    values = {"name": "news", "fetch": fetch, "ingest": ingest or {}, "runtime": {"data_root": data_root}}
    with Display() as display:
        return bring(PipelineConfig.model_validate(values), display).ingest


def test_files_are_read_beside_what_is_fetched(database: Path, tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("title,mood,day\nan old title,good,2023-01-01\n")
    (tmp_path / "more.jsonl").write_text('{"title": "another", "mood": "bad", "day": "2023-01-02"}\n')
    columns = {"text": "title", "label": "mood", "keep": ("day",)}
    asked = {"query": "SELECT * FROM news", "database_variable": "NEWS"}
    given = columns | {"path": (tmp_path / "old.csv", tmp_path / "*.jsonl")}
    found, again = (brought(tmp_path / "data", given, **asked) for _ in range(2))
    assert found == again
    (tmp_path / "corpus").mkdir()
    assert write_corpus(found, tmp_path / "corpus")["kept"] == len(ROWS) + 2
    sources = pq.read_table(tmp_path / "corpus/corpus.parquet")["source"].value_counts().to_pylist()
    assert {each["values"]: each["counts"] for each in sources} == {
        "path/old.csv": 1,
        "path/more.jsonl": 1,
        "fetched/rows.parquet": len(ROWS),
    }
    for path, said in ((tmp_path, "a folder; beside what is fetched only files"), (tmp_path / "absent.csv", "no such file")):
        with pytest.raises(RequestError, match=said):
            brought(tmp_path / "data", columns | {"path": path}, **asked)
    with pytest.raises(RequestError, match="a corpus of its own"):
        brought(tmp_path / "data", {"archive": tmp_path / "a.tar.gz"}, **asked)


def test_a_run_keeps_the_rows_of_the_runs_before_it_for_this_query_alone(database: Path, tmp_path: Path) -> None:
    columns = {"text": "title", "label": "mood", "keep": ("day",)}
    asked = {"query": SINCE, "database_variable": "NEWS", "since": "day"}

    def rows(**more: Any) -> int:
        path = brought(tmp_path / "data", columns, **{**asked, **more}).path
        assert isinstance(path, Path)
        return int(pq.read_metadata(path).num_rows)

    assert rows() == len(ROWS)
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM news WHERE day < '2024-01-10'")
    assert rows() == len(ROWS)
    assert rows(query=f"{SINCE} AND mood IS NOT NULL") < len(ROWS) // 2
    assert rows() == len(ROWS)


def test_files_of_other_names_may_have_the_same_bytes(tmp_path: Path) -> None:
    paths = []
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("text,label\none,good\n")
        paths.append(brought(tmp_path / "data", url=f"file://{tmp_path / name}").path)
    assert [path.name for path in paths if isinstance(path, Path) and path.is_file()] == ["a.csv", "b.csv"]
