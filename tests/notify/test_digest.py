"""Alerts of the past are one message, and nothing of them is lost."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks.monitor.alert import Alert
from tasks.notify.channels.channel import AlertRefused, ChannelDown
from tasks.notify.channels.file import FileChannel
from tasks.notify.channels.webhook import WebhookChannel
from tasks.notify.deliver import LONGEST_WAIT_SECONDS, deliver
from tasks.notify.digest import age_days, digest_of
from tasks.notify.message import as_json, body, title

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.monitor.state import MonitorState
    from tasks.notify.channels.channel import Channel

NOW = datetime.datetime(2020, 7, 20, 8, tzinfo=datetime.UTC).timestamp()


def found_now(make_alert: Callable[..., Alert], *days: int, series: str = "name:贵州茅台") -> list[Alert]:
    return [replace(make_alert(day, series=series), created=NOW) for day in days]


def store(state: MonitorState, alerts: list[Alert], *channels: str) -> list[str]:
    assert len(state.store_alerts(alerts, cooldown_days=0, channels=channels)) == len(alerts)
    return [alert.id for alert in alerts]


class Taking:
    """A channel that wants digests, and fails as it is told."""

    digests = True

    def __init__(self, *answers: Exception | None) -> None:
        self.name, self.answers, self.sent = "team", list(answers), list[Alert]()

    def send(self, alert: Alert) -> None:
        self.sent.append(alert)
        if answer := self.answers.pop(0) if self.answers else None:
            raise answer


def test_a_first_refresh_over_history_is_one_message_and_what_is_new_another(
    state: MonitorState, hook: Any, tmp_path: Path, make_alert: Callable[..., Alert]
) -> None:
    ids = store(state, found_now(make_alert, *range(0, 52, 4), 79), "desk", "pager", "each")
    channels: list[Channel] = [
        FileChannel("desk", str(tmp_path / "alerts.jsonl")),
        WebhookChannel("pager", hook.url),
        WebhookChannel("each", hook.url + "/each", digests=False),
    ]
    report = deliver(state, channels, NOW, digest_after_days=14)
    assert (report.sent, report.waiting, report.down) == (3 * 14, 0, ())
    assert [json.loads(line)["id"] for line in (tmp_path / "alerts.jsonl").read_text().splitlines()] == ids
    assert len(hook.received) == 2 + 14
    (digest,) = [body for body in hook.received if body["kind"] == "digest"]
    assert sorted(each["id"] for each in digest["evidence"]["alerts"]) == sorted(ids[:13])
    assert (digest["monitor"], digest["series"], digest["severity"]) == ("desk", "name:贵州茅台", "high")
    assert digest["title"] == "[high] desk: 13 alerts of the past, 2020-04-25 to 2020-06-18"
    assert deliver(state, channels, NOW + 1, digest_after_days=14).sent == 0


def test_one_alert_of_the_past_is_sent_as_it_is(state: MonitorState, hook: Any, make_alert: Callable[..., Alert]) -> None:
    ids = store(state, found_now(make_alert, 0, 70), "pager")
    deliver(state, [WebhookChannel("pager", hook.url)], NOW, digest_after_days=14)
    assert hook.ids() == ids


def test_a_digest_that_is_not_taken_is_sent_again_with_the_same_id(
    state: MonitorState, make_alert: Callable[..., Alert]
) -> None:
    store(state, found_now(make_alert, 0, 4, 8), "team")
    channel = Taking(ChannelDown("no answer"))
    report = deliver(state, [channel], NOW, digest_after_days=14)
    assert (report.sent, report.waiting, report.down) == (0, 3, ("team",))
    assert deliver(state, [channel], NOW + LONGEST_WAIT_SECONDS, digest_after_days=14).sent == 3
    assert [alert.kind for alert in channel.sent] == ["digest"] * 2
    assert channel.sent[0].id == channel.sent[1].id


def test_what_is_refused_as_a_digest_is_tried_alone(state: MonitorState, make_alert: Callable[..., Alert]) -> None:
    ids = store(state, found_now(make_alert, 0, 4, 8), "team")
    channel = Taking(AlertRefused("answered 413"), None, AlertRefused("answered 422"))
    assert deliver(state, [channel], NOW, digest_after_days=14).waiting == 3
    report = deliver(state, [channel], NOW + LONGEST_WAIT_SECONDS, digest_after_days=14)
    assert (report.sent, report.waiting, report.down) == (2, 1, ())
    assert [alert.id for alert in channel.sent[1:]] == ids


def test_a_digest_names_each_alert_in_words(make_alert: Callable[..., Alert]) -> None:
    alerts = [*found_now(make_alert, 0, 4), *found_now(make_alert, 8, series="topic:sections/[x](http://e) 体育")]
    alerts += found_now(make_alert, *range(100, 130), series="all")
    told = digest_of(alerts)
    assert age_days(alerts[0]) == 80
    lines = body(told).splitlines()
    assert lines[0] == "33 alerts (33 of surge) from 2020-05-01 to 2020-09-07, found while older news was read"
    assert lines[1].startswith("- ［high］ desk: more negative news than usual in the whole stream, 2020-09-01")
    assert lines[-2:] == ["and 13 more", f"alert {told.id}"]
    shown = body(digest_of(alerts[:3])).splitlines()
    assert "- ［high］ desk: more negative news than usual about 贵州茅台, 2020-04-29 to 2020-05-05" in shown
    assert "in topic ［x］(http: //e) 体育 of model sections" in shown[1]
    assert title(told) == "[high] desk: 33 alerts of the past, 2020-04-25 to 2020-09-07"
    assert json.loads(as_json(told))["evidence"]["alerts"][0]["series"] == "all"
    assert digest_of(alerts[::-1]).id == told.id
