import pytest

from tasks.errors import RequestError
from tasks.urls import holds_login, holds_password, resolved, unresolved, without_secrets


@pytest.mark.parametrize(
    "url",
    [
        "http://me:s3cret@127.0.0.1:5000",
        "postgresql://me:s3/cret@db/mlflow",
        "postgresql://me:12/cret@db/mlflow",
        "postgresql://me:s3?cret@db/mlflow",
        "https://me:s3/cret@host/a.vec",
        "postgresql://db/mlflow?password=s3cret",
        "mysql+pymysql://me@db/mlflow?charset=utf8&passwd=s3cret",
        "mssql+pyodbc://me@db/mlflow?Pwd=s3cret",
        "mssql+pyodbc://?odbc_connect=SERVER%3Ddb%3BPWD%3Ds3cret",
        "zip://a.vec::https://me:s3cret@host/x.zip",
        "zip://a.vec::simplecache::s3://key:s3cret@bucket/x.zip",
        "https://me:s3cret@[::1]:80/a.vec",
    ],
)
def test_what_holds_a_password(url: str) -> None:
    assert holds_password(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://me@host/",
        "http://host:80/a@b:c",
        "http://[::1]:80/a@b:c",
        "http://${ME}:${WORD}@host/",
        "postgresql://db/mlflow?password=${WORD}",
        "/a:b@c",
        "sqlite:////a/b:c@d.db",
        "https://h/?q=word",
        "https://h/?q=password&page=2",
        "zip://a:b.vec::https://host/x.zip",
    ],
)
def test_what_holds_no_password(url: str) -> None:
    assert not holds_password(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://me@host/x", True),
        ("zip://a.vec::https://me@host/x.zip", True),
        ("https://${ME}:${WORD}@host/x", True),
        ("https://host/a@b", False),
        ("inbox/a@b.csv", False),
    ],
)
def test_who_logs_in_is_seen_in_every_link(url: str, expected: bool) -> None:
    assert holds_login(url) is expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("zip://a.txt::s3://key:secret@bucket/a.zip", "zip://a.txt::s3://bucket/a.zip"),
        ("zip://a.txt::https://host/a.zip?token=secret#secret", "zip://a.txt::https://host/a.zip"),
        ("filecache::https://me:secret@host/a?b=secret", "filecache::https://host/a"),
        ("postgresql://me:p/secret@db/x", "postgresql://db/x"),
        ("https://me:p?secret@host/x", "https://host/x"),
        ("http://[::1]:80/a?secret", "http://[::1]:80/a"),
        ("news?.csv", "news?.csv"),
    ],
)
def test_what_may_be_told_of_a_url(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_a_reference_becomes_its_value_and_the_value_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://host/${URL_TOKEN}/x"
    monkeypatch.delenv("URL_TOKEN", raising=False)
    with pytest.raises(RequestError, match=r"--align\.vectors reads the environment variable URL_TOKEN, which is not set"):
        resolved(url, "--align.vectors")
    monkeypatch.setenv("URL_TOKEN", "s3cret")
    assert resolved(url, "--align.vectors") == "https://host/s3cret/x"
    assert resolved("a/${URL_TOKEN}", "--align.vectors") == "a/${URL_TOKEN}"  # a path
    assert unresolved("no https://host/s3cret/x", url) == "no https://host/${URL_TOKEN}/x"
