"""The record of one run: logged to MLflow as it goes, written to `data/runs/<id>.json`, returned at the end."""

from __future__ import annotations

import dataclasses
import logging
import os
import shlex
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from prefect.runtime import flow_run

from flows.servers.notes import write_note
from flows.settled import SETTLED, settled_values
from tasks.crash import crash_point
from tasks.engine.engines import engine_of
from tasks.errors import RequestError
from tasks.processes import start_time, this_host
from tasks.store.step import Run
from tasks.tracking.tags import RUN_TAG
from tasks.tracking.tensorboard import write_events
from tasks.tracking.tracker import flatten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prefect.states import State

    from flows.display import Display
    from tasks.config import LanguageConfig, PipelineConfig
    from tasks.store.artifact import Artifact, Store
    from tasks.store.presentation import Presentation, Report
    from tasks.store.step import Step
    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)

Config = TypeVar("Config", "PipelineConfig", "LanguageConfig")
MAX_WARNINGS = 5000  # characters of them in a tag
KEY_TAG, STEP_TAG = (
    "textmill.key",
    "textmill.step",
)  # a later run that takes an artifact from the store finds its child run by them


@dataclass
class Record:
    """The record of one run: to MLflow as it goes, to `data/runs/<id>.json` at the end, on a hit and on a miss alike.

    It knows no step: each brings its own presentation. `result` is what `textmill train --json` prints, as far as it is known;
    `page` is what the page of the run shows.
    """

    config: PipelineConfig | LanguageConfig
    store: Store
    tracker: Tracker
    display: Display
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    skips: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)
    page: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.id = str(flow_run.get_id() or f"local-{os.getpid()}-{time.time_ns()}")
        self.tracking = ""
        self.store.begin_run(self.id, self.config.name, " ".join(self.config.verb))
        self._children: dict[str, str] = {}
        self._write(
            "running"
        )  # before MLflow hears of the run: a later run that finds this record asks MLflow for runs without an end
        crash_point("run.noted")
        self.tracking = self.tracker.start_run(self.config.name, tags={RUN_TAG: self.id, "textmill.kind": "run"})
        crash_point("run.started")
        self._log_params()
        self.last_ended = time.monotonic()  # a step, or the start
        self.run = Run(
            self.store,
            engine=engine_of(self.config.runtime),
            progress_for=lambda step: self.display.progress(step, lambda metrics, at: self._log_child(step, metrics, at)),
            started=self._start_child,
        )
        self._write("running")

    def _log_params(self) -> None:
        """Log every setting that is decided already: MLflow takes each once."""
        values = self.config.model_dump(mode="json")
        waiting = set(SETTLED) - {(section, name) for section, name, _ in settled_values(self.config)}
        for section, name in waiting:
            values.get(section, {}).pop(name, None)
        self.tracker.log_params(self.tracking, values)

    def settle(self, config: Config) -> Config:
        """Record settings that were decided after the run had begun, and hand the configuration on."""
        known = set(settled_values(self.config))
        self.config = config
        for section, name, value in settled_values(config):
            if (section, name, value) not in known:
                self.tracker.log_params(self.tracking, {section: {name: value}})
        self._write("running")
        return config

    def trained_on(self, source: str, digest: str) -> None:
        """Tell MLflow which corpus this run is about."""
        self.tracker.log_dataset(self.tracking, name=self.config.name, source=source, digest=digest[:16])

    def note(self, state: State) -> State:
        """Record a finished step and hand its state on."""
        artifact: Artifact = state.result()
        step, cached, shown = artifact.step, state.name == "Cached", artifact.shown
        self.artifacts[step] = artifact
        folder = self.store.folder(artifact)
        self._stage(step, cached, artifact.key, shown.says(artifact.report))
        metrics = {f"{step}/{name}": value for name, value in shown.metrics(artifact.report).items()}
        self.tracker.log_metrics(self.tracking, metrics)
        self._end_child(step, {**shown.tags(artifact.report), KEY_TAG: artifact.key, "textmill.digest": artifact.digest})
        tags = {"key": artifact.key, "cached": str(cached)}
        self.tracker.set_tags(self.tracking, {f"textmill.{step}.{name}": value for name, value in tags.items()})
        self.tracker.link_run(self.tracking, f"textmill.{step}.run_id", {KEY_TAG: artifact.key, STEP_TAG: step})
        for line in shown.details(artifact.report):
            self.display.say(f"{self.display.indent}{line}")
        for line in shown.warnings(artifact.report, folder):
            self.warn(line)
        self._collect(shown, artifact.report, folder)
        self._write("running")
        return state

    def kept(self, state: State) -> State:
        """Remember one of many artifacts of a step, of which another step makes what is shown; hand its state on."""
        artifact: Artifact = state.result()
        self.parts.setdefault(artifact.step, []).append(artifact.key)
        self._write("running")
        return state

    def did(self, step: str, state: State, *, shown: Presentation, key: str) -> None:
        """Record a task whose outcome is a dataclass and not in the store; `key` is of what it worked on."""
        report = dataclasses.asdict(state.result())
        self._stage(step, state.name == "Cached", key, shown.says(report))
        self._end_child(step, shown.tags(report))
        self._collect(shown, report, self.folder)

    def warn(self, line: str) -> None:
        """Warn a person about a run that goes on: at once, in MLflow, in the report and in the result."""
        log.warning("%s", line)
        self.warnings.append(line)
        self.tracker.set_tags(self.tracking, {"textmill.warnings": "\n".join(self.warnings)[:MAX_WARNINGS]})

    def skipped(self, step: Step, reason: str) -> None:
        """Record a step that this run does not need."""
        self.skips[step.name] = reason
        self.result |= step.shown.skipped
        self.display.say(f"{step.name:<10} skipped           {reason}")

    def finished(self) -> dict[str, Any]:
        """Log the final figures and files, write the report of this run, and return the result.

        `unreported` in it names, for a server that did not answer, the spool file of what could not be sent.
        """
        report = self.folder / "report.html"
        for artifact in self.artifacts.values():
            if artifact.shown.render:
                artifact.shown.render(self.store.folder(artifact), self.context(), report)
        result = self.result | {
            "flow_run_id": self.id,
            "seconds": round(time.time() - self.started, 2),
            "stages": self.stages,
            "warnings": self.warnings,
            "report": str(report),
        }
        self._log_end(report)
        if self.config.runtime.tensorboard:
            result["tensorboard"] = str(self._write_events())
        result["unreported"] = self._unreported()
        result["mlflow_run_id"] = self.tracker.server_run_id(self.tracking)
        result["mlflow_run_url"] = self.tracker.run_url(self.tracking)
        self._write("finished", result, result["unreported"])
        self.store.end_run("finished")
        return result

    def failed(self, error: BaseException) -> None:
        """Close the open runs in MLflow, and record why this one failed."""
        reason = str(error) if isinstance(error, RequestError) else f"{type(error).__name__}: {error}"
        status = "KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED"
        for child in self._children.values():
            self.tracker.finish(child, status)
        self.tracker.set_tags(self.tracking, {"textmill.error": reason[:1000]})
        self.tracker.finish(self.tracking, status)
        self._write("failed", {"error": reason}, self._unreported())
        self.store.end_run("failed")

    @property
    def folder(self) -> Path:
        """The folder of this run's report; its record is beside it."""
        return self.store.data_root / "runs" / self.id

    def context(self) -> dict[str, Any]:
        """What the report says about the run, beside the part of the step that renders it."""
        return {
            "name": self.config.name,
            "run_id": self.id,
            "created": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "command": command(self.config),
            "seconds": time.time() - self.started,
            "steps": [{"name": step, "note": self.notes[step]} | stage for step, stage in self.stages.items()],
            "skipped": self.skips,
            "warnings": self.warnings,
            "config": self.config.model_dump(mode="json", exclude={"runtime"}),
            **self.page,
        }

    def _collect(self, shown: Presentation, report: Report, folder: Path) -> None:
        """Keep a step's part of what is shown at the end."""
        part = shown.result(report, folder)
        self.result = {**part, **self.result} if shown.render else {**self.result, **part}  # the figures come first
        self.page |= shown.page(report, folder)
        self.figures |= shown.figures(report)
        self.tags |= shown.run_tags(report)

    def _stage(self, step: str, cached: bool, key: str, text: str) -> None:
        now = time.monotonic()
        seconds, self.last_ended = now - self.last_ended, now
        self.notes[step] = text
        self.stages[step] = {"seconds": round(seconds, 2), "cached": cached, "key": key}
        self.display.finished(step, cached=cached, seconds=seconds, summary=text)

    def _start_child(self, step: str) -> None:
        if step in self._children:  # begun before an outage
            return
        tags = {RUN_TAG: self.id, "textmill.kind": "step", STEP_TAG: step}
        self._children[step] = self.tracker.start_run(step, tags=tags, parent_run_id=self.tracking)

    def _log_child(self, step: str, metrics: Mapping[str, float], at: int) -> None:
        if step in self._children:
            self.tracker.log_metrics(self._children[step], dict(metrics), step=at)

    def _end_child(self, step: str, tags: Mapping[str, str]) -> None:
        if child := self._children.pop(step, None):
            self.tracker.set_tags(child, tags)
            self.tracker.finish(child, "FINISHED")

    def _log_end(self, report: Path) -> None:
        self.tracker.log_metrics(self.tracking, self._metrics())
        self.tracker.log_artifacts(self.tracking, report)
        for step, artifact in self.artifacts.items():
            for name in artifact.shown.files:
                self.tracker.log_artifacts(self.tracking, self.store.folder(artifact) / name, step)
        self.tracker.set_tags(self.tracking, self.tags)
        self.tracker.finish(self.tracking, "FINISHED")

    def _metrics(self) -> dict[str, float]:
        """The figures that the run ends with."""
        return {f"{step}/seconds": float(stage["seconds"]) for step, stage in self.stages.items()} | self.figures

    def _write_events(self) -> Path:
        """Write the run for TensorBoard, from what its steps recorded, whether this run built them or not."""
        points = [point for each in self.artifacts.values() for point in each.shown.curves(self.store.folder(each))]
        folder = self.store.data_root / "tensorboard" / self.config.name / self.id
        parameters = flatten(self.config.model_dump(mode="json", exclude={"runtime"}))
        return write_events(folder, points, self._metrics(), dict(parameters), command(self.config))

    def _unreported(self) -> dict[str, str]:
        waiting = self.tracker.flush()
        return {"mlflow": str(waiting)} if waiting else {}

    def _write(self, status: str, result: Mapping[str, Any] | None = None, unreported: Mapping[str, str] | None = None) -> None:
        written = {
            "id": self.id,
            "process": [os.getpid(), start_time(os.getpid())],
            "host": this_host(),
            "name": self.config.name,
            "verb": " ".join(self.config.verb),
            "status": status,
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.started)),
            "mlflow_run_id": self.tracker.server_run_id(self.tracking) if self.tracking else None,
            "config": self.config.model_dump(mode="json"),
            "keys": {step: artifact.key for step, artifact in self.artifacts.items()},
            "parts": self.parts,
            "result": result,
            "unreported": unreported or {},
        }
        write_note(self.store.data_root / "runs" / f"{self.id}.json", written)


def command(config: PipelineConfig | LanguageConfig) -> str:
    """The command line that gives the same configuration, quoted for a shell."""
    default = dict(flatten(config.defaults().model_dump(mode="json")))
    words = ["textmill", *config.verb]
    for name, value in flatten(config.model_dump(mode="json")):
        if name == "ingest.path" and isinstance(value, list):  # a path may hold a comma
            words += [word for each in value for word in ("--ingest.path", each)]
        elif value != default.get(name) and value is not None:
            shown = (
                ",".join(map(str, value))
                if isinstance(value, list)
                else str(value).lower()
                if isinstance(value, bool)
                else str(value)
            )
            words += [f"--{name.replace('_', '-')}", shown]
    return shlex.join(words)
