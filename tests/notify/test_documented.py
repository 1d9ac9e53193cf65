"""The examples of docs/NOTIFY.md are channels, and the table of fields is that of the JSON."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks.notify.channels import KINDS
from tasks.notify.channels.apprise import AppriseChannel
from tasks.notify.channels.channel import UnusableChannel
from tasks.notify.channels_file import read_channels
from tasks.notify.digest import digest_of
from tasks.notify.message import as_json
from tasks.notify.settings import NotifyConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.monitor.alert import Alert

PAGE = (Path(__file__).parents[2] / "docs" / "NOTIFY.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_there_are_examples_of_every_kind() -> None:
    kinds = {table["kind"] for example in EXAMPLES for table in tomllib.loads(example).values()}
    assert kinds == KINDS.keys()
    assert {"slack", "teams", "mail", "pager"} <= {name for example in EXAMPLES for name in tomllib.loads(example)}


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise imports it where there is one
@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_is_a_channel(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import apprise

    monkeypatch.setenv("PAGER_TOKEN", "s3cret")
    monkeypatch.setenv("MAIL_URL", "mailtos://alerts:s3cret@smtp.example.com?to=desk@example.com")
    path = tmp_path / "channels.toml"
    path.write_text(example, encoding="utf-8")
    path.chmod(0o600)
    channels = read_channels(NotifyConfig(channels=path), emit_event=lambda alert: None)
    assert channels
    for channel in channels:
        assert not isinstance(channel, UnusableChannel), channel
        if isinstance(channel, AppriseChannel):
            assert apprise.Apprise().add(channel.url), channel.name


def test_the_table_of_fields_is_that_of_the_json(make_alert: Callable[..., Alert]) -> None:
    table = PAGE.partition("## The fields of an alert")[2].partition("\n## ")[0]
    documented = {name for row in re.findall(r"(?m)^\| (`.*?) \|", table) for name in re.findall(r"`(\w+)`", row)}
    alert = make_alert().linked("https://desk.example/news.html")
    written: dict[str, Any] = json.loads(as_json(alert))
    assert written.keys() == documented
    assert json.loads(as_json(digest_of([alert, make_alert(1)]))).keys() <= documented
