"""A channel can be tried before there is anything to tell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flows.commands.settings import resolve_refresh
from flows.commands.try_channel import try_channel
from tasks.errors import RequestError, UnavailableError

if TYPE_CHECKING:
    from pathlib import Path


def channels(folder: Path, text: str) -> list[str]:
    path = folder / "channels.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return ["--notify.channels", str(path), "--collect.name", "desk"]


def test_a_test_message_says_what_it_is_and_each_has_an_id_of_its_own(tmp_path: Path) -> None:
    arguments = channels(tmp_path, '[team]\nkind = "file"\npath = "told.jsonl"\n')
    arguments += ["--notify.link", "https://desk.example/news.html"]
    said = [try_channel(resolve_refresh(arguments), "team") for _ in range(2)]
    told = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [each["id"] for each in told] == [each["id"] for each in said]
    assert told[0]["id"] != told[1]["id"]
    assert (told[0]["kind"], told[0]["monitor"], told[0]["title"]) == ("test", "desk", "[low] desk: a test of channel team")
    assert told[0]["link"] == "https://desk.example/news.html"
    assert "测试" in told[0]["evidence"]["message"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ('[desk]\nkind = "file"\npath = "x"\n', "has no channel 'team'; it has: desk"),
        ('[team]\nkind = "fax"\n', "channel team cannot be used: .*no known kind"),
        ('[team]\nkind = "webhook"\nurl = "http://127.0.0.1:9"\neach = "yes"\n', "each must be true or false"),
        ("[team", "is not TOML"),
    ],
)
def test_a_wrong_request_says_what_is_wrong(tmp_path: Path, written: str, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        try_channel(resolve_refresh(channels(tmp_path, written)), "team")


def test_without_a_file_it_says_where_one_is_given() -> None:
    with pytest.raises(RequestError, match=r"--notify\.channels FILE"):
        try_channel(resolve_refresh([]), "team")


def test_a_channel_that_takes_nothing_says_why(tmp_path: Path) -> None:
    arguments = channels(tmp_path, '[team]\nkind = "webhook"\nurl = "http://127.0.0.1:9/"\n')
    with pytest.raises(UnavailableError, match="channel team took nothing: no answer"):
        try_channel(resolve_refresh(arguments), "team")


@pytest.mark.parametrize("link", ["file:///etc/passwd", "javascript:alert(1)", "https://user:word@desk.example/", "desk"])
def test_a_link_that_is_no_plain_address_is_refused(tmp_path: Path, link: str) -> None:
    with pytest.raises(RequestError, match=r"notify\.link"):
        resolve_refresh([*channels(tmp_path, ""), "--notify.link", link])
