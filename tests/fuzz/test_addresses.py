"""Addresses of any form: no exception, no secret that is told or overlooked; and a database's address, or one line."""

import string
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.collect.query import address_of, query_sources
from tasks.collect.settings import CollectConfig
from tasks.errors import RequestError, UnavailableError
from tasks.urls import holds_login, holds_password, is_url, resolved, unresolved, without_secrets
from tests.fuzz.bounded import bounded, refused, texts

VARIABLE = "FUZZED_DATABASE"
WORDS = (
    "http s3 postgresql+psycopg sqlite :// : @ / ? # & = :: [ ] % %2 %40 . host user word 5432 99999999 -1 password= pwd ${ME} "
    "${ } ::1 zip \\ \n \0 ; /path/x.csv ?timeout=x ?plugin=y * ~ é \ud83d &mode=ro ?uri=true"
)
REPEATED = st.tuples(st.sampled_from(["@", ":", "::", "a::", "/", "?", "&pwd=", "%", "[", "://"]), st.integers(1, 20_000))


@given(texts(WORDS) | REPEATED.map(lambda drawn: "x://" + drawn[0] * drawn[1]))
def test_any_text(address: str) -> None:
    with bounded(len(address)):
        shown = without_secrets(address)
        holds_login(address), holds_password(address)
    assert without_secrets(shown) == shown
    assert is_url(address) or (shown == address and not holds_password(address) and not holds_login(address))
    assert not holds_password(shown)
    if "${" not in address:
        assert resolved(address, "--x") == unresolved(address, address) == address


SECRETS = st.text(string.ascii_letters + string.digits + "/?#:!$%+~-_.", min_size=1, max_size=20).map(
    lambda word: f"pLaNt{word}eD"
)
HOSTS = st.sampled_from(["host", "127.0.0.1:5000", "[::1]:80", "db.example", "bucket"])
USERS = st.text(string.ascii_letters + string.digits + "-_.%", min_size=1, max_size=8)
PATHS = st.sampled_from(["", "/", "/a/b.csv", "/a?page=2", "/db?charset=utf8#x"])


@given(
    st.sampled_from(["http", "https", "ftp", "s3", "postgresql", "mysql+pymysql"]), USERS, SECRETS, HOSTS, PATHS, st.booleans()
)
def test_a_password_is_seen_and_never_told(scheme: str, user: str, secret: str, host: str, path: Path, chained: bool) -> None:
    address = f"{'zip://a.csv::' if chained else ''}{scheme}://{user}:{secret}@{host}{path}"
    assert holds_password(address)
    assert holds_login(address)
    assert secret not in without_secrets(address)
    assert host in without_secrets(address)


def refusal_of(address: str) -> bool:
    """Whether a database's address is refused, in one line without what was planted; raises whatever else it raises."""
    config = CollectConfig(query="SELECT 1 AS text, 2 AS time", database_variable=VARIABLE)
    with pytest.MonkeyPatch.context() as patch:
        try:
            patch.setenv(VARIABLE, address)
        except (ValueError, UnicodeEncodeError):  # no environment can hold it
            return True
        try:
            if address.startswith("sqlite:///:memory:"):  # any other may reach a host, or a file
                return not [found for source in query_sources(config, lambda name: None) for found in source.records]
            return "pLaNt" in address_of(config).url().render_as_string(hide_password=True)
        except (RequestError, UnavailableError) as error:
            refused(error, "pLaNt")
            return True


@given(texts(WORDS) | st.tuples(SECRETS, HOSTS).map(lambda drawn: f"postgresql://me:{drawn[0]}@{drawn[1]}"))
@example("postgresql://me:pLaNt@host:port/db")
def test_any_address_of_a_database(address: str) -> None:
    refusal_of(address)


OPTIONS = texts(
    "timeout cached_statements check_same_thread isolation_level detect_types uri plugin = & 1 abc true é %00 \0 -1 1e999"
)


@given(OPTIONS)
@example("timeout=abc")
def test_any_options_of_a_database(options: Any) -> None:
    refusal_of(f"sqlite:///:memory:?{options}")


@given(st.tuples(SECRETS, HOSTS))
def test_a_good_address_of_a_database_is_taken_and_its_password_hidden(drawn: Any) -> None:
    secret, host = drawn
    assert not refusal_of(f"postgresql+psycopg://me:{quote(secret, safe='')}@{host}/db")
