"""Messages in Chinese: titles, texts, dates and marks; what programs read keeps its names."""

import json
import re
from collections.abc import Callable
from datetime import date

import pytest

from tasks.detect.drift import Drift
from tasks.detect.drift_alerts import describe as describe_drift
from tasks.detect.settings import DetectConfig
from tasks.detect.subject_alerts import describe as describe_subject
from tasks.detect.subjects import Subject
from tasks.monitor.alert import Alert
from tasks.notify.digest import digest_of
from tasks.notify.message import as_json, body, title
from tasks.wording.sentence import as_evidence
from tasks.wording.wording import wording_in

MakeAlert = Callable[..., Alert]
DRIFT = Drift("length", 0.41, 0.25, True, 1400, 5000, "training", date(2020, 4, 4), date(2020, 5, 1))


def chinese(alert: Alert) -> Alert:
    return alert.linked("https://desk.example/news.html", "zh")


def test_a_surge_is_told_in_chinese(make_alert: MakeAlert) -> None:
    alert = chinese(make_alert(series="name:云杉电子", headline="云杉电子被立案调查"))
    alert.evidence["headlines"][0].update(copies=14, sources=5, first_seen="2020-04-28T09:12:00+00:00")
    assert title(alert) == "【严重】desk：关于“云杉电子”的负面新闻多于平常（2020年4月25日至2020年5月1日）"
    assert body(alert).split("\n") == [
        "截至2020年5月1日的 7 天里，提到“云杉电子”的 100 篇文档平均负面概率为 25.0%；此前为 10.0%。",
        "词：云杉电子被立案调查",
        "- 云杉电子被立案调查（共 14 份，来自 5 个来源，最早见于2020年4月28日 09:12）",
        "详情：https://desk.example/news.html",
        f"警报编号 {alert.id}",
    ]


def test_json_keeps_its_names_and_values_and_tells_in_chinese(make_alert: MakeAlert) -> None:
    alert = make_alert(series="length", message=describe_drift(DRIFT))
    plain, told = json.loads(as_json(alert)), json.loads(as_json(chinese(alert)))
    assert {key for key in told if told[key] != plain.get(key)} == {"title", "link"}
    assert plain["evidence"] == told["evidence"] == {"message": alert.evidence["message"]}


def test_a_stored_sentence_is_told_in_the_language_of_the_day(make_alert: MakeAlert) -> None:
    alert = Alert.make("desk", kind="drift", series="length", severity="low", window=("2020-04-04", "2020-05-01"), created=0.0,
                       evidence=json.loads(json.dumps(as_evidence(describe_drift(DRIFT)))))  # fmt: skip
    assert title(chinese(alert)) == "【一般】desk：长度发生漂移（2020年4月4日至2020年5月1日）"
    assert body(chinese(alert)).startswith("1400 篇文档的长度已偏离训练数据：稳定性指数 0.41，阈值 0.25\n")
    assert body(alert).startswith("length of 1400 documents has drifted from the training data: stability index 0.41")
    told = json.loads(as_json(chinese(alert)))["evidence"]
    assert told == {"message": "1400 篇文档的长度已偏离训练数据：稳定性指数 0.41，阈值 0.25"}
    assert json.loads(as_json(alert))["evidence"] == {"message": describe_drift(DRIFT)}


def test_a_subject_is_quoted_as_chinese_readers_quote() -> None:
    end = (date(2020, 5, 1) - date(1970, 1, 1)).days
    figures = {"count": 9, "documents": 40, "count_before": 3, "documents_before": 500, "negative_share": 0.8, "baseline": 0.2}
    subject = Subject(severity="low", day=end, words=("减持",), **figures)  # type: ignore[arg-type]
    assert wording_in("zh")(describe_subject(subject, DetectConfig())) == (
        "截至2020年5月1日的 14 天里，40 篇文档中有 9 篇提到“减持”；此前 500 篇中有 3 篇。"
        "这 9 篇的平均负面概率为 80.0%；此前全部为 20.0%。"
    )


def test_a_digest_is_chinese_as_a_whole(make_alert: MakeAlert) -> None:
    digest = digest_of([chinese(make_alert(days, headline="新闻", series=f"name:公司{days}")) for days in range(3)])
    assert title(digest) == "【严重】desk：3 条过去的警报（2020年4月25日至2020年5月3日）"
    told = body(digest)
    assert "激增 3 条" in told
    assert not re.search("[a-z]{2,}", told.replace("desk", "").replace("https: //", "").split("详情")[0])


@pytest.mark.parametrize("kind", ["watchdog", "retrain", "expected", "test", "digest"])
def test_every_kind_has_a_chinese_title(kind: str) -> None:
    alert = Alert.make("台", kind=kind, series="序列", severity="low", window=("2020-01-01", "2020-01-02"), created=0.0)
    assert not re.search("[A-Za-z]", title(chinese(alert)))
