"""The monitoring flow: collect -> score -> detect -> today -> notify -> dashboard."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.runtime import flow_run
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.display import Display
from flows.retrain import request_retraining, start_requested
from flows.servers.running import running
from tasks.checkout import CHECKOUT
from tasks.collect.silent import UNSCORED, kept, unscored
from tasks.collect.spool import spool_in
from tasks.collect.task import collect
from tasks.config import RefreshConfig  # noqa: TC001 the flow's parameter is looked up when it is deployed
from tasks.crash import crash_point
from tasks.dashboard.task import dashboard
from tasks.detect.drift import renumbered
from tasks.detect.task import detect
from tasks.detect.unjudged import UNJUDGED, find_unjudged, unjudged_in_words
from tasks.engine.engines import engine_of
from tasks.forget.forgotten import forgotten_list
from tasks.model.no_label import NO_KNOWN_WORD
from tasks.monitor.sources import keep_source
from tasks.monitor.state import MonitorState, monitor_folder
from tasks.monitor.watched import begin_watching, not_found, num_watched
from tasks.notify.task import notify, open_channels
from tasks.register.models import load_model
from tasks.register.profile import read_profile
from tasks.score.explain import explainer, unexplained
from tasks.score.stream import Scorer
from tasks.score.task import score
from tasks.shown import in_code, inert
from tasks.store.digests import sha256_text
from tasks.today.change import change_in_words
from tasks.today.said import about, about_today, counted_in_words, drifted_in_words
from tasks.today.task import today
from tasks.tracking.client import import_mlflow
from tasks.tracking.home import tracking_home
from tasks.tracking.tracker import open_to_read
from tasks.week.summary import summary_due
from tasks.wording.sentence import said
from tasks.wording.wording import ENGLISH, wording_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.detect.drift import Drift
    from tasks.detect.unjudged import Unjudged
    from tasks.monitor.alert import Alert
    from tasks.monitor.transaction import Transaction
    from tasks.notify.channels.channel import Channel
    from tasks.notify.deliver import Report
    from tasks.register.profile import Profile

log = logging.getLogger(__name__)


@dataclass
class Refresh:
    """One refresh under way: what it works on, and what each step of it found."""

    config: RefreshConfig
    state: MonitorState
    display: Display
    scorer: Scorer
    channels: Sequence[Channel]
    started: float = field(default_factory=time.time)
    figures: dict[str, int] = field(default_factory=dict)
    collected: dict[str, Any] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    today: dict[str, Any] = field(default_factory=dict)
    summary: Alert | None = None
    unjudged: list[Unjudged] = field(default_factory=list)
    silence: str = ""
    stages: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._clock = time.monotonic()

    def finished(self, step: str, summary: str) -> None:
        """Take down how long a step took and say what it did."""
        now = time.monotonic()
        seconds, self._clock = now - self._clock, now
        self.stages[step] = round(seconds, 2)
        self.display.finished(step, cached=False, seconds=seconds, summary=summary)


def get_ready(config: RefreshConfig) -> None:
    """Do what every run needs, in the time that the Prefect server takes to start."""
    if tracking_home(config.runtime.tracking_uri, config.runtime.data_root, CHECKOUT).is_server:
        import_mlflow()


@flow(name="refresh", flow_run_name="{config.name}", persist_result=False, validate_parameters=True)
def refresh(config: RefreshConfig) -> dict[str, Any]:
    """Score what is new, look for surges and drift, send the alerts, and write the dashboard.

    Returns what `textmill refresh --json` prints.
    """
    with (
        running(monitor_folder(config.runtime.data_root, config.name)),
        MonitorState.open(config.runtime.data_root, config.name) as state,
        Display(interval_seconds=config.runtime.log_interval) as display,
    ):
        channels = open_channels(config.notify)
        try:
            run = Refresh(config, state, display, load_scorer(config), channels)
            count_what_is_new(run)
        except Exception:
            tell(config, state, channels)  # a source that is down must not hold up the alerts of earlier refreshes
            raise
        told = tell(config, state, channels)
        crash_point("refresh.told")
        run.finished("notify", f"{told.sent:,} sent, {told.waiting:,} waiting")
        started = start_requested(state)
        sentiment = run.scorer.sentiment
        explain, why_not = explainer(sentiment, run.scorer.negative), unexplained(sentiment)
        report = dashboard(state, config, reference(run.scorer, state), sentiment.title, explain, why_not)
        run.finished("dashboard", str(report))
        result = result_of(run, report, started, told)
        show_in_prefect(result)
        crash_point("refresh.shown")
        return result


def count_what_is_new(run: Refresh) -> None:
    """Collect, score and detect; all of it counts when this ends, and none of it if it raises or the process is killed."""
    config, state, scorer, channels = run.config, run.state, run.scorer, [channel.name for channel in run.channels]
    sentiment = scorer.sentiment
    with (
        spool_in(state.folder) as spool,
        state.refresh(model=sentiment.title, labels=sentiment.model.labels, negative=scorer.negative) as transaction,
    ):
        if mixed := keep_source(state, config.collect):
            run.display.say(f"{'source':<10} {mixed}")
        progress, listed = run.display.progress("collect"), forgotten_list(config.runtime.data_root)
        run.collected = collect(config.collect, transaction, spool, run.started, progress, forgotten=listed)
        crash_point("refresh.collected")
        figures = {**transaction.figures(), "new": run.collected["new"]}
        run.finished("collect", "{new:,} new, {duplicates:,} duplicates, {quarantined:,} quarantined".format(**figures))
        score(scorer, spool, transaction, engine_of(config.runtime), run.display.progress("score"))
        run.collected["reasons"] = dict(sorted((transaction.refused + Counter(run.collected["reasons"])).items()))
        note_if_unscored(run, transaction)
        crash_point("refresh.scored")
        run.finished("score", f"{transaction.scored:,} documents by {sentiment.title}")
        run.alerts, run.drift = detect(state, config.detect, reference(scorer, state), sentiment.title, run.started, channels)
        drifted = [drift.feature for drift in run.drift if drift.drifted]
        run.finished("detect", f"{len(run.alerts):,} new alerts, drift of {', '.join(drifted) or 'nothing'}")
        judge_today(run, channels)
        sum_up(run, channels)
        why = change_in_words(run.today["changed"]) if run.today["changed"] else ""
        if asked := request_retraining(state, config, drifted, why=why, now=run.started, channels=channels):
            run.alerts.append(asked)
        crash_point("refresh.detected")
        run.unjudged, run.silence = look_for_unjudged(state, config)
        watched = scorer.watch_list.entries if scorer.watch_list else ()
        begin_watching(state, watched, datetime.fromtimestamp(run.started, UTC).date().isoformat())
        run.figures = transaction.figures()


def note_if_unscored(run: Refresh, transaction: Transaction) -> None:
    """Tell, and keep for the watchdog, that the model knows no word of all that is new: until it knows one."""
    if transaction.scored > transaction.unknown:
        transaction.keep(UNSCORED, "")
    elif run.collected["new"]:
        warning = unscored(transaction.refused + Counter({NO_KNOWN_WORD: transaction.unknown}))
        transaction.keep(UNSCORED, kept(warning))
        run.collected["warnings"].append(warning)
        log.warning("%s", warning)


def judge_today(run: Refresh, channels: Sequence[str]) -> None:
    """Find how good the model is on the latest documents and what has changed in them; a backfill tells nobody."""
    config = run.config
    told = None if config.collect.until is not None else channels
    loaded, root = run.scorer.sentiment, config.runtime.data_root
    run.today, alerts = today(run.state, config.today, loaded, run.drift, root, run.started, told)
    run.alerts += alerts
    run.finished("today", "; ".join(line for _, line in about_today(run.today)) or "too little to judge the model by")


def sum_up(run: Refresh, channels: Sequence[str]) -> None:
    """Store the summary of the week, if it is due and somebody is to read it; a backfill sends none."""
    config = run.config
    if not channels or config.collect.until is not None:
        return
    if summary := summary_due(run.state, config, run.started):
        run.state.store_alerts([summary], cooldown_days=0, channels=channels)
        run.summary = summary


def look_for_unjudged(state: MonitorState, config: RefreshConfig) -> tuple[list[Unjudged], str]:
    """The series that cannot raise an alarm, and a line about them, which is kept for `textmill doctor` too."""
    unjudged = find_unjudged(state.counts(stories=config.detect.count == "stories"), config.detect)
    line = unjudged_in_words(unjudged, len(state.series()), config.detect)
    state.keep_setting(UNJUDGED, str(line))
    return unjudged, line


def tell(config: RefreshConfig, state: MonitorState, channels: Sequence[Channel]) -> Report:
    """Send what the outbox holds."""
    return notify(state, list(channels), time.time(), config)


def load_scorer(config: RefreshConfig) -> Scorer:
    """The models of one refresh, verified and loaded once: a model that is promoted meanwhile waits for the next one."""
    registered = open_to_read(config.runtime.tracking_uri, config.runtime.data_root, CHECKOUT)
    topics = tuple(load_model(registered, name) for name in config.score.topics)
    return Scorer(load_model(registered, config.score.model), config.detect.negative, topics, config.score.open_watch_list())


def reference(scorer: Scorer, state: MonitorState) -> Profile | None:
    """What the sentiment model's training data looked like, in the stream's bins; None if its package does not say."""
    profile = read_profile(scorer.sentiment.model.folder)
    return renumbered(profile, state.labels()) if profile else None


def result_of(run: Refresh, report: Path, retrained: Sequence[str], told: Report) -> dict[str, Any]:
    """What `textmill refresh --json` prints."""
    model = run.scorer.sentiment
    return {
        "name": run.config.name,
        "language": run.config.dashboard.language,
        **run.figures,
        "reasons": run.collected["reasons"],
        "passed_over": run.collected["passed_over"],
        "unchanged": run.collected["unchanged"],
        "refused_sources": run.collected["refused_sources"],
        "warnings": run.collected["warnings"],
        "model": {"name": model.name, "version": model.version},
        "topics": [topic.title for topic in run.scorer.topics],
        "alerts": [alert.summary() for alert in run.alerts],
        "summary": run.summary and run.summary.summary(),
        "drift": [
            dataclasses.asdict(drift) | {"window_start": str(drift.window_start), "window_end": str(drift.window_end)}
            for drift in run.drift
        ],
        "today": run.today,
        "not_judged": {
            "summary": run.silence,
            "series": [dataclasses.asdict(each) | {"reason": each.reason} for each in run.unjudged],
        },
        "watch_list": {
            "entries": num_watched(run.state),
            "not_found": [each._asdict() for each in not_found(run.state)],
        },
        "undelivered": told.waiting,
        "channels_down": list(told.down),
        "training_runs": list(retrained),
        "stages": run.stages,
        "seconds": round(time.time() - run.started, 2),
        "flow_run_id": str(flow_run.get_id() or ""),
        "report": str(report),
    }


def artifact_key(name: str) -> str:
    """The key under which Prefect files what it shows of a monitor: it takes `a` to `z`, digits and dashes alone."""
    key = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    return key if name.isascii() else f"{key.strip('-')}-{sha256_text(name)[:8]}".strip("-")


def show_in_prefect(result: dict[str, Any]) -> None:
    """Show the figures and the alerts on the run's page in Prefect's UI.

    Prefect reads a table's cells as Markdown, too: a topic's label could be a link or a picture there, so names are made inert.
    What is counted and sent by now stays so: a server that does not take them is a warning.
    """
    key = artifact_key(result["name"])
    wording = wording_in(result.get("language", ENGLISH))
    told = [
        said("model {name} version {version}", **{name: inert(value) for name, value in result["model"].items()}),
        said("new alerts: {count}", count=len(result["alerts"])),
        said("drift of {features}", features=drifted_in_words(result)),
        said("dashboard: {file}", file=in_code(result["report"])),
        *(said("{what}: {line}", what=what, line=inert(wording(line))) for what, line in about(result)),
        *(said("warning: {warning}", warning=inert(wording(warning))) for warning in result["warnings"]),
    ]
    lines = [f"**{wording(counted_in_words(result))}**", *(f"- {wording(line)}" for line in told)]
    alerts = [
        {name: inert(value) if isinstance(value, str) else value for name, value in alert.items()} for alert in result["alerts"]
    ]
    try:
        with temporary_settings(
            {PREFECT_CLIENT_MAX_RETRIES: 1}
        ):  # Prefect waits longer for the report of the run's end, which comes next
            create_markdown_artifact("\n".join(lines), key=f"refresh-{key}", description="What the last refresh found")
            if alerts:
                create_table_artifact(alerts, key=f"alerts-{key}", description="The alerts that the last refresh stored")
    except Exception as error:  # noqa: BLE001 whatever Prefect and the network raise
        log.warning("Prefect shows no figures of this refresh (%s)", type(error).__name__)
