"""What the desk knows already: a muted series sends nothing, an acknowledged alert is sent no more, and both are shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from flows.commands import monitor
from tasks.errors import RequestError
from tasks.monitor.alert import DEPLOYMENT, Alert
from tasks.monitor.known import MUTED, acknowledge, known, mute, unmute
from tasks.monitor.state import MonitorState, watch_name

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()
DAY = 86400.0


def stored(
    state: MonitorState, series: str, created: float, kind: str = "surge", channels: tuple[str, ...] = ("desk",)
) -> Alert:
    day = datetime.fromtimestamp(created, UTC).date().isoformat()
    alert = Alert.make(state.name, kind=kind, series=series, severity="high", window=(day, day), created=created)
    assert state.store_alerts([alert], cooldown_days=0, channels=channels) == [alert]
    return alert


def waiting(state: MonitorState) -> set[tuple[str, str]]:
    return {(row["alert"], row["channel"]) for row in state.waiting()}


def test_a_muted_series_sends_nothing_until_its_day_is_over(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        before = stored(state, "name:Tesco", NOON - DAY)
        other = stored(state, "name:Aldi", NOON - DAY)
        mute(state, "name:Tesco", "2026-03-12", by="ann", note="results day", now=NOON)
        assert waiting(state) == {(other.id, "desk")}
        during = stored(state, "name:Tesco", NOON + 2 * DAY)
        assert waiting(state) == {(other.id, "desk")}
        after = stored(state, "name:Tesco", NOON + 3 * DAY)
        assert waiting(state) == {(other.id, "desk"), (after.id, "desk")}
        said = known(state)
        assert [said.remark(alert) for alert in (before, during, after, other)] == [
            "muted until 2026-03-12 by ann (results day): not sent to who had not had it",
            "muted until 2026-03-12 by ann (results day): not sent",
            "",
            "",
        ]


@pytest.mark.parametrize("broken", ["keep_setting", "withdraw"])
def test_a_mute_that_cannot_be_kept_withdraws_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def fails(*_: object) -> None:
        raise OSError("no space")

    with MonitorState.open(tmp_path, "desk") as state:
        alert = stored(state, "all", NOON)
        with monkeypatch.context() as patched:
            patched.setattr(state, broken, fails)
            with pytest.raises(OSError, match="no space"):
                mute(state, "all", "2026-03-12", by="ann", now=NOON)
            with pytest.raises(OSError, match="no space"):
                acknowledge(state, alert.id, by="ann", now=NOON)
        assert (waiting(state), known(state)) == ({(alert.id, "desk")}, ((), {}))


def test_what_a_later_version_keeps_besides_is_passed_over(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        mute(state, "all", "2026-03-12", by="ann", now=NOON)
        held = json.loads(state.setting(MUTED) or "")
        state.keep_setting(MUTED, json.dumps([{**held[0], "reason": "new"}]))
        assert [each.series for each in known(state).mutes] == ["all"]


def test_an_unmuted_series_sends_again_and_the_page_still_says_why_it_was_silent(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        mute(state, "all", "2026-03-20", by="ann", now=NOON)
        silent = stored(state, "all", NOON + DAY)
        assert unmute(state, "all", now=NOON + 1.5 * DAY)
        assert not unmute(state, "all", now=NOON + 1.6 * DAY)
        loud = stored(state, "all", NOON + 2 * DAY)
        assert waiting(state) == {(loud.id, "desk")}
        assert (known(state).remark(silent), known(state).remark(loud)) == ("muted until 2026-03-20 by ann: not sent", "")


def test_a_later_mute_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        mute(state, "all", "2026-03-20", by="ann", now=NOON)
        mute(state, "all", "2026-03-11", by="bob", now=NOON + DAY)
        alert = stored(state, "all", NOON + 2 * DAY)
        assert waiting(state) == {(alert.id, "desk")}


def test_a_training_run_that_a_muted_alert_asks_for_is_started(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        wish = stored(state, "train/nightly", NOON, "retrain", ("desk", f"{DEPLOYMENT}train/nightly"))
        mute(state, "train/nightly", "2026-03-20", by="ann", now=NOON)
        assert waiting(state) == {(wish.id, f"{DEPLOYMENT}train/nightly")}
        again = stored(state, "train/nightly", NOON + DAY, "retrain", ("desk", f"{DEPLOYMENT}train/nightly"))
        assert waiting(state) == {(each.id, f"{DEPLOYMENT}train/nightly") for each in (wish, again)}


def test_an_acknowledged_alert_is_not_sent_to_those_who_have_not_had_it(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        alert = stored(state, "all", NOON, channels=("desk", "pager"))
        state.delivered(alert.id, "desk", NOON)
        acknowledge(state, alert.id, by="ann", now=NOON)
        acknowledge(state, alert.id, by="bob", note="strike", now=NOON + DAY)
        assert not waiting(state)
        assert [row["channel"] for row in state.deliveries()] == ["desk"]
        assert known(state).remark(alert) == "acknowledged 2026-03-11 by bob (strike)"


def test_the_command_finds_a_series_by_its_title_and_an_alert_by_its_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    until = (datetime.now(UTC).date() + timedelta(7)).isoformat()
    with MonitorState.open(tmp_path, "desk") as state:
        alert = stored(state, "name:Tesco", NOON)
    with MonitorState.open(tmp_path, watch_name("desk")) as state:
        late = stored(state, "train/nightly", NOON + DAY, "retrain")
    monitor.mute("tesco", until, by="ann", data_root=tmp_path)
    monitor.acknowledge(late.id, by="ann", data_root=tmp_path)
    capsys.readouterr()
    monitor.alerts(as_json=True, data_root=tmp_path)
    listed = json.loads(capsys.readouterr().out)["alerts"]
    assert [(each["id"], each["monitor"]) for each in listed] == [(late.id, "desk.watch"), (alert.id, "desk")]
    assert listed[0]["remark"].startswith("acknowledged ")
    with MonitorState.read(tmp_path, "desk") as state:
        assert [(each.series, each.until) for each in known(state).mutes] == [("name:Tesco", until)]
    monitor.unmute("Tesco", data_root=tmp_path)
    monitor.unmute("Tesco", data_root=tmp_path)
    assert capsys.readouterr().out.endswith("name:Tesco is not muted\n")


@pytest.mark.parametrize(
    ("series", "until", "told"),
    [
        ("Aldi", "2999-01-01", "monitor desk has no series Aldi; textmill monitor alerts lists those with alerts"),
        ("Tesco", "2020-01-01", "--until 2020-01-01 is over; give a day to come"),
        ("Tesco", "tomorrow", "--until tomorrow is not a day; give one such as "),
        ("sport", "2999-01-01", "sport may be name:Sport or topic:sections/sport; give one of these"),
    ],
)
def test_a_wrong_mute_is_told_in_a_line(tmp_path: Path, series: str, until: str, told: str) -> None:
    with MonitorState.open(tmp_path, "desk") as state:
        for each in ("name:Tesco", "topic:sections/sport", "name:Sport"):
            stored(state, each, NOON)
    with pytest.raises(RequestError) as raised:
        monitor.mute(series, until, data_root=tmp_path)
    assert str(raised.value).startswith(told)
    with pytest.raises(RequestError, match="is no alert of monitor desk"):
        monitor.acknowledge("0123", data_root=tmp_path)


def test_which_monitor_is_asked_where_there_are_several(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"there is no monitor below .* yet; textmill refresh makes one"):
        monitor.alerts(data_root=tmp_path)
    for name in ("desk", "other"):
        with MonitorState.open(tmp_path, name):
            pass
    with pytest.raises(RequestError, match=r"there are several monitors \(desk, other\); say which is meant with --monitor"):
        monitor.alerts(data_root=tmp_path)
    monitor.alerts(monitor="desk", data_root=tmp_path)
