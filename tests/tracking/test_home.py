from pathlib import Path

import pytest
from sqlalchemy import create_engine

from tasks.errors import RequestError
from tasks.tracking.home import tracking_home

ODD_NAMES = [
    "my root 数据 #1",
    "a+b%20c",
    "q?x=1&y#z",
    "semi;'\"$=[*]",
    "per%cent%",
    "me:word@host",
    "back\\slash",
    "zip::x",
    "{b}$(x)`y`",
    "~",
    "e\u0301",
]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_the_checkouts_own_data_root_uses_the_folder_mlflow_of_the_checkout(tmp_path: Path) -> None:
    home = tracking_home(None, tmp_path / "data", tmp_path)
    assert home.database == tmp_path / "mlflow" / "mlflow.db"
    assert home.uri == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert home.ledger == tmp_path / "mlflow" / "ledger.jsonl"
    assert home.artifacts == tmp_path / "mlflow" / "artifacts"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_the_uri_of_a_database_names_the_same_file_again(name: str, tmp_path: Path) -> None:
    home = tracking_home(None, tmp_path / name, tmp_path)
    assert home.database == tmp_path / name / "mlflow" / "mlflow.db"
    again = tracking_home(home.uri, tmp_path, tmp_path)
    assert again == home
    assert Path(create_engine(home.uri).url.database or "").name == "mlflow.db"


def test_a_blank_that_was_given_as_20_is_understood_where_only_that_folder_is_there(tmp_path: Path) -> None:
    (tmp_path / "my root").mkdir()
    uri = f"sqlite:///{tmp_path}/my%20root/mlflow.db"
    assert tracking_home(uri, tmp_path, tmp_path).database == tmp_path / "my root" / "mlflow.db"
    (tmp_path / "my%20root").mkdir()
    assert tracking_home(uri, tmp_path, tmp_path).database == tmp_path / "my%20root" / "mlflow.db"


def test_another_data_root_keeps_its_own_store(tmp_path: Path) -> None:
    assert tracking_home(None, tmp_path / "elsewhere", tmp_path).folder == tmp_path / "elsewhere" / "mlflow"


def test_the_uri_given_wins_over_the_environment_and_that_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1/")
    assert tracking_home(None, tmp_path, tmp_path).uri == "http://127.0.0.1:1"
    assert tracking_home("sqlite:///here.db", tmp_path, tmp_path).database == Path("here.db").absolute()


def test_a_server_keeps_artifacts_and_the_data_root_keeps_the_ledger(tmp_path: Path) -> None:
    home = tracking_home("https://mlflow.example", tmp_path, tmp_path)
    assert home.is_server
    assert home.artifacts is None
    assert home.ledger == tmp_path / "mlflow" / "ledger.jsonl"


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/x", "sqlite://", "sqlite:///:memory:", "ftp://x"])
def test_a_uri_without_a_store_of_mlflow_3_is_refused_with_the_remedy(uri: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"sqlite:///PATH/mlflow\.db"):
        tracking_home(uri, tmp_path, tmp_path)


@pytest.mark.parametrize(
    "uri",
    [
        "http://me:s3cret@127.0.0.1:5000",
        "postgresql://me:s3cret/@db/mlflow",
        "postgresql://db/mlflow?password=s3cret",
        "mysql+pymysql://me@db/mlflow?passwd=s3cret",
    ],
)
def test_a_password_in_the_uri_is_refused_without_being_told(uri: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="MLFLOW_TRACKING_PASSWORD") as refused:
        tracking_home(uri, tmp_path, tmp_path)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("uri", ["http://me:${WORD}@127.0.0.1:5000", "postgresql://me:${WORD}@db/mlflow"])
def test_a_reference_that_nobody_resolves_is_refused(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", "s3cret")
    with pytest.raises(RequestError, match=r"\$\{WORD\}, which is not replaced there; .*MLFLOW_TRACKING_PASSWORD"):
        tracking_home(uri, tmp_path, tmp_path)
