"""Channels and the file that names them: what is sent is inert, what is secret stays so."""

import dataclasses
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import RequestError
from tasks.monitor.alert import Alert
from tasks.notify.channels.apprise import AppriseChannel
from tasks.notify.channels.channel import AlertRefused, ChannelDown, UnusableChannel
from tasks.notify.channels.event import EventChannel
from tasks.notify.channels.file import FileChannel
from tasks.notify.channels.webhook import WebhookChannel
from tasks.notify.channels_file import check_channels, read_channels
from tasks.notify.message import as_json, body, title
from tasks.notify.settings import NotifyConfig

MakeAlert = Callable[..., Alert]


def config(tmp_path: Path, text: str, mode: int = 0o600) -> NotifyConfig:
    path = tmp_path / "channels.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return NotifyConfig(channels=path)


def test_a_file_gets_one_line_an_alert_and_only_its_owner_reads_it(tmp_path: Path, make_alert: MakeAlert) -> None:
    path = tmp_path / "alerts.jsonl"
    channel = FileChannel("desk", str(path))
    channel.send(make_alert(0))
    with path.open("a") as file:
        file.write('{"id": "torn by a cra')
    channel.send(make_alert(1))
    lines = path.read_text().splitlines()
    assert [json.loads(lines[place])["window_end"] for place in (0, 2)] == ["2020-05-01", "2020-05-02"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("where", ["missing/alerts.jsonl", "folder", "link"])
def test_a_file_that_cannot_be_written_is_a_channel_that_is_down(tmp_path: Path, make_alert: MakeAlert, where: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ChannelDown, match="cannot write"):
        FileChannel("desk", str(tmp_path / where)).send(make_alert())
    assert not (tmp_path / "elsewhere").exists()


def test_a_webhook_gets_json_with_the_id_as_its_key(hook: Any, make_alert: MakeAlert) -> None:
    alert = make_alert()
    WebhookChannel("pager", hook.url, token="t0ken").send(alert)
    (received,), (headers,) = hook.received, hook.headers
    assert headers["Idempotency-Key"] == alert.id == received["id"]
    assert headers["Authorization"] == "Bearer t0ken"
    assert received["evidence"]["headlines"][0]["text"] == "Bank fails"
    assert (received["count"], received["negative_share"], received["baseline"]) == (100, 0.25, 0.1)


@pytest.mark.parametrize(
    ("status", "error"), [(500, ChannelDown), (429, ChannelDown), (401, ChannelDown), (302, ChannelDown), (422, AlertRefused)]
)
def test_what_a_webhook_answers_is_told_apart(hook: Any, make_alert: MakeAlert, status: int, error: type[Exception]) -> None:
    hook.status = status
    with pytest.raises(error, match=f"^answered {status}$"):
        WebhookChannel("pager", hook.url).send(make_alert())
    assert len(hook.received) == 1  # no redirect was followed


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "http://no-such-host.invalid/x", "http://[broken/x", "https://127.0.0.1:1"]
)
def test_a_webhook_that_cannot_be_reached_is_down_and_its_address_is_not_told(url: str, make_alert: MakeAlert) -> None:
    with pytest.raises(ChannelDown) as caught:
        WebhookChannel("pager", url).send(make_alert())
    assert str(caught.value).startswith("no answer (")
    assert url[8:] not in str(caught.value)
    assert url not in repr(WebhookChannel("pager", url))


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # apprise imports it where there is one
def test_apprise_sends_what_people_read(hook: Any, make_alert: MakeAlert) -> None:
    apprise_url = hook.url.replace("http://", "json://")
    sent: list[dict[str, Any]] = hook.received
    AppriseChannel("team", apprise_url).send(make_alert(headline="Bank fails"))
    assert sent[0]["title"] == "[high] desk: more negative news than usual in the whole stream, 2020-04-25 to 2020-05-01"
    told = "The 100 documents in the whole stream in the 7 days to 2020-05-01 are 25.0% negative on average; "
    assert f"{told}those before were 10.0%." in sent[0]["message"]
    assert "- Bank fails" in sent[0]["message"]
    hook.status = 500
    with pytest.raises(ChannelDown, match="apprise could not send it"):
        AppriseChannel("team", apprise_url).send(make_alert())
    with pytest.raises(ChannelDown, match="does not know"):
        AppriseChannel("team", "nosuch://x").send(make_alert())


def test_a_long_text_goes_in_several_messages_unless_the_address_says_otherwise() -> None:
    telegram = "tgram://123456789:abcdefghijklmnopqrstuvwxyz_ABCDEFGH/12345"
    (service,) = AppriseChannel("team", telegram).sender()
    parts = service._apply_overflow("x " * 9000, title="a title")  # apprise has no public way to ask what it would send
    assert len(parts) > 1
    assert all(len(part["body"]) <= service.body_maxlen for part in parts)
    (service,) = AppriseChannel("team", f"{telegram}?overflow=truncate").sender()
    assert len(service._apply_overflow("x " * 9000, title="a title")) == 1


def test_what_goes_wrong_with_an_event_is_a_channel_that_is_down(make_alert: MakeAlert) -> None:
    seen: list[Alert] = []
    EventChannel("prefect", seen.append).send(make_alert())
    assert [alert.id for alert in seen] == [make_alert().id]

    def broken(alert: Alert) -> None:
        raise RuntimeError("https://secret@server")

    with pytest.raises(ChannelDown, match=r"^no event \(RuntimeError\)$"):
        EventChannel("prefect", broken).send(make_alert())


def test_hostile_text_is_inert_for_programs(make_alert: MakeAlert, hostile: str) -> None:
    line = as_json(make_alert(headline=hostile, series=f"name:{hostile}"))
    assert line.isprintable()
    line.encode()
    assert "[U+001B][2J" in json.loads(line)["evidence"]["headlines"][0]["text"]
    assert "[U+202E]" in json.loads(line)["series"]
    assert not {"text", "content", "message", "blocks"} & json.loads(line).keys()  # what chat programs would show


@pytest.mark.parametrize("kind", ["surge", "drift"])
def test_hostile_text_is_inert_for_people(make_alert: MakeAlert, hostile: str, kind: str) -> None:
    alert = make_alert(headline=hostile, series=f"name:{hostile}", message=None if kind == "surge" else hostile)
    for text in (title(alert), body(alert)):
        own = text.removeprefix("[high] ")
        assert not set("@<>&`*[]~|_\x1b\r\u202e") & set(own)
        assert "://" not in text
    assert "\n" not in title(alert)
    assert body(alert).splitlines()[-1] == f"alert {alert.id}"
    assert len(body(alert).splitlines()) == (4 if kind == "surge" else 2)


def test_an_address_without_a_scheme_is_no_link(make_alert: MakeAlert) -> None:
    assert "www. evil.example" in body(make_alert(headline="see www.evil.example"))


def test_a_long_headline_is_cut(make_alert: MakeAlert) -> None:
    assert len(body(make_alert(headline="x" * 100_000))) < 1000


CHANNELS = """
[desk]
kind = "file"
path = "alerts.jsonl"

[pager]
kind = "webhook"
url = "https://pager.example/hook"
token = "env:PAGER_TOKEN"

[team]
kind = "apprise"
url = "env:TEAM_URL"

[prefect]
kind = "event"
"""


def test_the_file_names_channels_and_the_environment_holds_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER_TOKEN", "t0ken")
    monkeypatch.setenv("TEAM_URL", "mailto://user:pass@example.org")
    channels = read_channels(config(tmp_path, CHANNELS), emit_event=lambda _: None)
    assert [channel.name for channel in channels] == ["desk", "pager", "team", "prefect"]
    assert channels[0] == FileChannel("desk", str(tmp_path / "alerts.jsonl"))  # beside the file that names it
    assert channels[1] == WebhookChannel("pager", "https://pager.example/hook", "t0ken")
    assert channels[2] == AppriseChannel("team", "mailto://user:pass@example.org")
    assert "t0ken" not in repr(channels)
    assert "pass" not in repr(channels)
    assert read_channels(NotifyConfig()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(RequestError, match=rf"can be read by others \(mode {mode:04o}\); chmod 600"):
        check_channels(config(tmp_path, CHANNELS, mode))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[x]\nkind = 'pigeon'", "channel 'x' has no known kind; give one of file, webhook, apprise, event"),
        ("x = 1", "channel 'x' has no known kind"),
        ("[x]\nkind = ['file']", "channel 'x' has no known kind"),
        ("[x]\nkind = 'file'", r"channel 'x' \(file\) lacks path"),
        ("[x]\nkind = 'file'\npath = 'a'\nurl = 'b'", "unknown settings: url; remove them"),
        ("[x]\nkind = 'file'\npath = 3", "path must be a text"),
        ("[x]\nkind = 'file'\npath = \"a\\u0000b\"", "path must be a text that is not empty, without NUL"),
        ("[x]\nkind = 'file'\npath = '~nobody-of-that-name/a'", "there is no such home folder"),
        (f"[x]\nkind = {'9' * 5000}", "is not TOML"),
        (f"[x]\nkind = {'[' * 5000}", "is not TOML"),
        ("[x]\nkind = 'webhook'\nurl = 'file:///etc/passwd'", "begins with neither http:// nor https://"),
        ("[x]\nkind = 'webhook'\nurl = 'env:NOT_SET_HERE'", "environment variable NOT_SET_HERE, which is not set"),
        ("[x]\nkind = 'event'", "events can only be sent from a Prefect flow"),
        ("[x\nurl = 's3cret'", "is not TOML; it has a table for each channel"),
        ("[值班]\nkind = 'file'\ns3crét = 's3cret'", 'is not TOML; write the name in line 1 in quotes: "值班"$'),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        check_channels(config(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_one_channel_that_cannot_be_used_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_URL", "mailto://user:pass@example.org")
    monkeypatch.delenv("PAGER_TOKEN", raising=False)
    channels = read_channels(config(tmp_path, CHANNELS), emit_event=lambda _: None)
    assert [channel.name for channel in channels] == ["desk", "pager", "team", "prefect"]
    assert [channel.name for channel in channels if isinstance(channel, UnusableChannel)] == ["pager"]
    exposed = read_channels(config(tmp_path, CHANNELS, 0o644))
    assert {type(channel) for channel in exposed} == {UnusableChannel}
    assert len(exposed) == 4


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="cannot be read"):
        read_channels(NotifyConfig(channels=tmp_path / "none.toml"))


def test_a_file_of_alerts_shows_chinese_as_it_is_and_stays_utf_8_after_a_crash(tmp_path: Path, make_alert: MakeAlert) -> None:
    path = tmp_path / "alerts.jsonl"
    channel = FileChannel("desk", str(path))
    channel.send(make_alert(series="name:贵州茅台", headline="茅台股价大跌"))
    assert "name:贵州茅台" in path.read_text(encoding="utf-8")
    whole = path.read_bytes()
    for cut in range(1, 5):
        path.write_bytes(whole + '{"series": "name:🍺茅'.encode()[:-cut])
        channel.send(make_alert(series="name:腾讯"))
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) == 3
        assert [json.loads(lines[number])["series"] for number in (0, 2)] == ["name:贵州茅台", "name:腾讯"]


def test_a_message_names_its_monitor_and_series_in_words_and_links_where_there_is_a_link(make_alert: MakeAlert) -> None:
    alert = make_alert(series="topic:sections/股市", headline="茅台股价大跌").linked("https://desk.example/news.html")
    (headline,) = alert.evidence["headlines"]
    headline["link"] = "https://news.example/股价?id=7"
    assert (
        title(alert) == "[high] desk: more negative news than usual in topic 股市 of model sections, 2020-04-25 to 2020-05-01"
    )
    lines = body(alert).splitlines()
    assert lines[2:5] == [
        "- 茅台股价大跌",
        "  https://news.example/%E8%82%A1%E4%BB%B7?id=7",
        "more: https://desk.example/news.html",
    ]
    headline["link"] = "javascript:alert(1)"
    assert "javascript" not in body(alert)
    assert title(make_alert(series="name:AT&T")).startswith("[high] desk: more negative news than usual about AT＆T, ")
    watchdog = Alert.make(
        "desk.watch",
        kind="watchdog",
        series="refresh/desk",
        severity="high",
        window=("2020-05-01", "2020-05-01"),
        created=0.0,
    )
    assert title(watchdog) == "[high] desk: watchdog: refresh/desk"


def test_a_surge_without_a_word_of_its_own_says_so(make_alert: MakeAlert) -> None:
    alert = make_alert()
    alert.evidence["words"].clear()
    assert "no word stands out: there is more negative news, on the usual subjects" in body(alert).splitlines()


def test_a_file_that_an_editor_began_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (channel,) = read_channels(config(tmp_path, "\ufeff[desk]\nkind = 'file'\npath = 'alerts.jsonl'\n"))
    assert channel.name == "desk"


def test_what_people_read_of_a_small_series_is_two_sentences_and_the_stories_behind_it(make_alert: MakeAlert) -> None:
    alert = make_alert(series="name:Tesco", headline="Tesco warns on profit")
    figures = {"count": 6, "negative_share": 0.634, "baseline": 0.112, "baseline_count": 1041, "counted": "stories"}
    alert = dataclasses.replace(alert, window_start="2020-04-04", facts=figures | {"false_alarms": 3.0})
    alert.evidence["headlines"][0].update(copies=14, sources=5, first_seen="2020-04-28T09:12:00+00:00")
    lines = body(alert).splitlines()
    assert lines[0] == (
        "The 6 stories about Tesco in the 28 days to 2020-05-01 are 63.4% negative on average; the 1,041 before were 11.2%. "
        "Chance alone makes a series look like this 3 times in 1,000 days."
    )
    assert "- Tesco warns on profit (in 14 copies from 5 sources, first seen 2020-04-28 09:12)" in lines
