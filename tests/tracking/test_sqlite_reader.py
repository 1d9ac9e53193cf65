"""What is read of a SQLite file without MLflow is what MLflow's client answers."""

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mlflow.store.db.utils import _get_latest_schema_revision

from tasks.checkout import CHECKOUT
from tasks.errors import UnavailableError
from tasks.tracking.sqlite_reader import SCHEMAS, SqliteReader
from tasks.tracking.tracker import RegistryReader, Tracker, open_to_read


@pytest.fixture(scope="module")
def root(opened: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("registry")
    (root / "mlflow").mkdir()
    shutil.copyfile(opened / "mlflow" / "mlflow.db", root / "mlflow" / "mlflow.db")
    return root


@pytest.fixture(scope="module")
def written(root: Path) -> Tracker:
    """A store with whatever a registry may hold: aliases, tags that are cut, deleted versions, foreign models, prompts."""
    package = root / "package"
    (package / "code").mkdir(parents=True)
    for name in ("package.json", "code/one.py"):
        (package / name).write_text("{}")
    tracker = Tracker.open(None, root, root / "checkout", "films")
    registry, client = tracker.registry, tracker._client
    run = tracker.start_run("whole")
    for number in range(3):
        registry.add_version(
            "films", package, f"d{number}", ["numpy"], {"textmill.test_accuracy": "0.9", "long": "x" * 4000}, run
        )
    registry.add_version("新闻", package, "d9", ["numpy"], {}, None)
    registry.set_alias("films", "champion", 3)
    registry.set_alias("films", "previous", 1)
    client.delete_model_version("films", "2")
    client.create_registered_model("empty")
    client.create_registered_model("foreign", tags={"owner": "desk"})
    client.create_model_version("foreign", package.as_uri())
    client.register_prompt("asked", "Is {{text}} good news?")
    client.delete_experiment(client.create_experiment("gone"))
    return tracker


@pytest.fixture
def read(written: Tracker, root: Path) -> RegistryReader:
    return open_to_read(None, root, root / "checkout")


@pytest.fixture
def database(written: Tracker, root: Path, tmp_path: Path) -> Path:
    """A copy of the file that a test may spoil."""
    (tmp_path / "mlflow").mkdir()
    return Path(shutil.copyfile(root / "mlflow" / "mlflow.db", tmp_path / "mlflow" / "mlflow.db"))


def test_both_ways_of_reading_give_equal_answers(written: Tracker, read: RegistryReader) -> None:
    by_mlflow, without = written.registry, read.registry
    assert isinstance(without._client, SqliteReader)
    assert without.names() == by_mlflow.names() == ["empty", "films", "foreign", "新闻"]
    for name in (*by_mlflow.names(), "asked", "books"):
        assert without.aliases(name) == by_mlflow.aliases(name)
        assert without.versions(name) == by_mlflow.versions(name)
    assert [version.version for version in without.versions("films")] == [1, 3]
    assert without.versions("films")[0].run_id is not None
    for name, wanted in (("films", "champion"), ("films", 1), ("新闻", 1)):
        version = without.version(name, wanted)
        assert version == by_mlflow.version(name, wanted)
        assert without.verify(version) == by_mlflow.verify(version)
    assert read.registry.places == written.places


def test_what_is_not_there_is_refused_in_the_same_words(written: Tracker, read: RegistryReader) -> None:
    for name, wanted in (("books", 1), ("films", 2), ("films", "challenger"), ("empty", 1)):
        said = []
        for registry in (written.registry, read.registry):
            with pytest.raises(Exception, match=name) as refused:
                registry.version(name, wanted)
            said.append((type(refused.value), str(refused.value)))
        assert said[0] == said[1]


def test_the_schema_of_the_installed_mlflow_is_known() -> None:
    # A new MLflow: compare its tables with what sqlite_reader.py reads and sqlite_runs.py writes, run the tests of
    # both, and add its revision to SCHEMAS.
    assert _get_latest_schema_revision() in SCHEMAS


def test_any_other_schema_is_left_to_mlflow(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'older'")
    connection.close()
    assert SqliteReader.open(database) is None
    (database.parent / "empty.db").touch()
    assert SqliteReader.open(database.parent / "empty.db") is None
    (database.parent / "text.db").write_text("no database " * 100)
    assert SqliteReader.open(database.parent / "text.db") is None


def test_a_table_that_cannot_be_read_is_said_in_one_line(database: Path, tmp_path: Path) -> None:
    read = open_to_read(None, tmp_path, tmp_path / "checkout")
    with sqlite3.connect(database) as connection:
        connection.execute("ALTER TABLE model_versions RENAME TO elsewhere")
    connection.close()
    with pytest.raises(UnavailableError, match=r"MLflow store sqlite:.* failed: no such table: model_versions"):
        read.registry.versions("films")


def test_reading_writes_nothing_and_works_on_a_path_with_odd_letters(database: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a?b #c%20" / "mlflow.db"
    odd.parent.mkdir()
    shutil.copyfile(database, odd)
    odd.chmod(0o400)
    before = odd.read_bytes()
    reader = SqliteReader.open(odd)
    assert reader is not None
    assert {model.name for model in reader.search_registered_models()} == {"empty", "films", "foreign", "新闻"}
    assert odd.read_bytes() == before
    assert [path.name for path in odd.parent.iterdir()] == ["mlflow.db"]


def test_any_thread_may_ask_and_nothing_stays_open(read: RegistryReader) -> None:
    path = read.home.database
    assert path is not None
    before = times_open(path)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(read.registry.names).result() == read.registry.names()
    assert times_open(path) == before


def times_open(path: Path) -> int:
    """How often this process has a file open."""
    held = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            held.append(link.readlink())
    return held.count(path)


def test_mlflow_is_not_imported(written: Tracker, root: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tasks.tracking.tracker import open_to_read; root = Path(sys.argv[1]); "
        "print(open_to_read(None, root, root / 'checkout').registry.names()); "
        "print(sorted({'mlflow', 'sqlalchemy', 'prefect', 'torch', 'pandas'} & sys.modules.keys()))"
    )
    said = subprocess.run([sys.executable, "-c", program, str(root)], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == ["['empty', 'films', 'foreign', '新闻']", "[]"]
