"""What happened in one run: told to MLflow as it goes, written to `data/runs/<id>.json`, returned at the end."""

from __future__ import annotations

import json
import logging
import os
import shlex
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from httpx import HTTPError
from prefect.runtime import flow_run

from flows.servers.notes import write_note
from flows.servers.running import crash_in_prefect
from flows.settled import SETTLED, settled_values
from tasks.config import PipelineConfig
from tasks.crash import crash_point
from tasks.durable import num_cores, sweep_partials
from tasks.errors import RequestError
from tasks.evaluate.evaluation import read_history
from tasks.evaluate.report import render_report, rows_by_label
from tasks.prepare.cautions import cautions
from tasks.prepare.contradictions import CONTRADICTIONS
from tasks.pretrain.report import FILE as VECTORS_REPORT
from tasks.pretrain.vectors import CURVE_FILE
from tasks.processes import runs, start_time
from tasks.shown import shortened
from tasks.store.step import Run
from tasks.tracking.spool import Unreachable
from tasks.tracking.tensorboard import finetune_points, pretrain_points, write_events
from tasks.tracking.tracker import flatten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prefect.states import State

    from flows.display import Display
    from tasks.register.models import Registration
    from tasks.store.artifact import Artifact, Store
    from tasks.tracking.tracker import Tracker

log = logging.getLogger(__name__)

RUN_TAG = "prefect.flow_run_id"  # by which all that MLflow knows of one run is found
MAX_WARNINGS = 5000  # characters of them in a tag
SHOWN_CLASSES = 6
KEY_TAG, STEP_TAG = "textmill.key", "textmill.step"  # by which a later run finds the child run of what it takes from the store


@dataclass
class Record:
    """What happened in one run: to MLflow as it goes, to `data/runs/<id>.json` at the end, on a hit and on a miss alike."""

    config: PipelineConfig
    store: Store
    tracker: Tracker
    display: Display
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    skips: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    registration: Registration | None = None
    started: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.id = str(flow_run.get_id() or f"local-{os.getpid()}-{time.time_ns()}")
        self.tracking = ""
        self._children: dict[str, str] = {}
        self._write("running")  # before MLflow is told anything: whoever finds this record asks MLflow for what has no end
        crash_point("run.noted")
        self.tracking = self.tracker.start_run(self.config.name, tags={RUN_TAG: self.id, "textmill.kind": "run"})
        crash_point("run.started")
        self._log_params()
        self.last_ended = time.monotonic()  # a step, or the start
        workers = self.config.runtime.workers
        self.run = Run(
            self.store,
            workers=num_cores() if workers == "auto" else workers,
            progress_for=lambda step: self.display.progress(step, lambda metrics, at: self._log_child(step, metrics, at)),
            started=self._start_child,
        )
        self._write("running")

    def _log_params(self) -> None:
        """Log every setting but those that are yet to be decided: MLflow takes each once."""
        values = self.config.model_dump(mode="json")
        waiting = set(SETTLED) - {(section, name) for section, name, _ in settled_values(self.config)}
        for section, name in waiting:
            del values[section][name]
        self.tracker.log_params(self.tracking, values)

    def settle(self, config: PipelineConfig) -> PipelineConfig:
        """Take down what was decided after the run had begun, and hand the configuration on."""
        known = set(settled_values(self.config))
        self.config = config
        for section, name, value in settled_values(config):
            if (section, name, value) not in known:
                self.tracker.log_params(self.tracking, {section: {name: value}})
        self._write("running")
        return config

    def note(self, state: State) -> State:
        """Take down a finished step and hand its state on."""
        artifact: Artifact = state.result()
        cached = state.name == "Cached"
        self.artifacts[artifact.step] = artifact
        self._stage(artifact.step, cached, artifact.key, summary(artifact))
        self.tracker.log_metrics(self.tracking, numbers(artifact))
        if child := self._children.pop(artifact.step, None):
            self.tracker.set_tags(child, {KEY_TAG: artifact.key, "textmill.digest": artifact.digest})
            self.tracker.finish(child, "FINISHED")
        tags = {"key": artifact.key, "cached": str(cached)}
        self.tracker.set_tags(self.tracking, {f"textmill.{artifact.step}.{name}": value for name, value in tags.items()})
        made_by = {KEY_TAG: artifact.key, STEP_TAG: artifact.step}
        self.tracker.link_run(self.tracking, f"textmill.{artifact.step}.run_id", made_by)
        for line in artifact.report.get("warnings", ()):
            self.warn(line)
        if artifact.step == "prepare":
            self._tell_of_rows(artifact)
        self._write("running")
        return state

    def warn(self, line: str) -> None:
        """Say what a person ought to know about a run that goes on: at once, in MLflow, in the report and in the result."""
        log.warning("%s", line)
        self.warnings.append(line)
        self.tracker.set_tags(self.tracking, {"textmill.warnings": "\n".join(self.warnings)[:MAX_WARNINGS]})

    def skipped(self, step: str, reason: str) -> None:
        """Take down a step that this run has no use for."""
        self.skips[step] = reason
        self.display.say(f"{step:<10} skipped           {reason}")

    def registered(self, state: State) -> None:
        """Take down the last step."""
        made: Registration = state.result()
        self.registration = made
        text = f"{made.name} version {made.version}: {made.decision}, {made.reason}"
        self._stage("register", state.name == "Cached", self.artifacts["package"].key, text)
        if child := self._children.pop("register", None):
            self.tracker.set_tags(child, {"textmill.decision": made.decision, "textmill.reason": made.reason})
            self.tracker.finish(child, "FINISHED")

    def finished(self) -> dict[str, Any]:
        """Log what must be logged, write the report of this run, and return the result.

        `unreported` in it says where waits what a server could not be told: `mlflow` -> a file of the spool.
        """
        assert self.registration is not None
        evaluation, test = self.artifacts["evaluate"], self.artifacts["evaluate"].report
        report = self.folder / "report.html"
        render_report(self.store.folder(evaluation), self.context(), report)
        baseline = self.artifacts["yardstick"].report if "yardstick" in self.artifacts else None
        result = {
            "accuracy": test["accuracy"],
            "macro_f1": test["macro_f1"],
            "test_rows": test["test_rows"],
            "intervals": test["intervals"],
            "interval_methods": test["interval_methods"],
            "yardstick": baseline and {"accuracy": baseline["accuracy"], "macro_f1": baseline["macro_f1"]},
            "model": {"name": self.registration.name, "version": self.registration.version, "alias": self.registration.alias},
            "kind": self.config.finetune.model,
            "decision": self.registration.decision,
            "reason": self.registration.reason,
            "flow_run_id": self.id,
            "seconds": round(time.time() - self.started, 2),
            "stages": self.stages,
            "coverage": self.artifacts["align"].report["coverage"] if "align" in self.artifacts else None,
            "equation": equation(self.artifacts["prepare"].report),
            "split": self.artifacts["prepare"].report["split"],
            "labels": self.artifacts["prepare"].report["labels"],
            "contradictions": self._contradictions(),
            "warnings": self.warnings,
            "report": str(report),
        }
        self._log_parent(result, report)
        if self.config.runtime.tensorboard:
            result["tensorboard"] = str(self._write_events())
        result["unreported"] = self._unreported()
        result["mlflow_run_id"] = self.tracker.server_run_id(self.tracking)
        result["mlflow_run_url"] = self.tracker.run_url(self.tracking)
        self._write("finished", result, result["unreported"])
        return result

    def failed(self, error: BaseException) -> None:
        """Close what is open and write down that, and why, the run failed."""
        reason = str(error) if isinstance(error, RequestError) else f"{type(error).__name__}: {error}"
        status = "KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED"
        for child in self._children.values():
            self.tracker.finish(child, status)
        self.tracker.set_tags(self.tracking, {"textmill.error": reason[:1000]})
        self.tracker.finish(self.tracking, status)
        self._write("failed", {"error": reason}, self._unreported())

    @property
    def folder(self) -> Path:
        """Where this run's report and record stand."""
        return self.store.data_root / "runs" / self.id

    def context(self) -> dict[str, Any]:
        """What the report tells about the run beyond its metrics; see tasks.evaluate.report.Context."""
        data = self.artifacts["prepare"].report
        made = self.registration
        return {
            "name": self.config.name,
            "run_id": self.id,
            "created": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
            "command": command(self.config),
            "seconds": time.time() - self.started,
            "steps": [{"name": step, "note": self.notes[step]} | stage for step, stage in self.stages.items()],
            "skipped": self.skips,
            "data": {name: data[name] for name in ("found", "kept", "duplicates", "quarantined")},
            "splits": data["splits"],
            "dropped": {reason: count for reason, count in data["dropped"].items() if count},
            "split": data["split"],
            "labels": data["labels"],
            "contradictions": self._contradictions(),
            "warnings": self.warnings,
            "coverage": coverage(self.artifacts.get("align")),
            "vectors": vectors(self.artifacts.get("pretrain")),
            "model": made
            and {
                "name": made.name,
                "version": str(made.version),
                "alias": made.alias or "",
                "decision": made.decision,
                "reason": made.reason,
            },
            "config": self.config.model_dump(mode="json", exclude={"runtime"}),
        }

    def _tell_of_rows(self, prepared: Artifact) -> None:
        """Show the shares of the classes, and say what is in doubt about the rows."""
        self.display.say(f"{'':<28}{shares(prepared.report)}")
        file = self._contradictions()["file"]
        for line in cautions(prepared.report, file):
            self.warn(line)

    def _contradictions(self) -> dict[str, Any]:
        """Prepare's counts of texts with several labels, and the file that lists them, if there is one."""
        prepared = self.artifacts["prepare"]
        file = self.store.folder(prepared) / CONTRADICTIONS
        return dict(prepared.report["contradictions"]) | {"file": str(file) if file.is_file() else None}

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

    def _log_parent(self, result: Mapping[str, Any], report: Path) -> None:
        evaluation = self.artifacts["evaluate"]
        self.tracker.log_metrics(self.tracking, self._metrics())
        corpus = self.artifacts["ingest"]
        source = self.config.ingest.path or self.config.ingest.archive
        self.tracker.log_dataset(self.tracking, name=self.config.name, source=str(source or "imdb"), digest=corpus.digest[:16])
        self.tracker.log_artifacts(self.tracking, report)
        self.tracker.log_artifacts(self.tracking, self.store.folder(evaluation), "evaluate")
        if "pretrain" in self.artifacts:
            self.tracker.log_artifacts(
                self.tracking, self.store.folder(self.artifacts["pretrain"]) / VECTORS_REPORT, "pretrain"
            )
        self.tracker.set_tags(
            self.tracking, {"textmill.decision": str(result["decision"]), "textmill.version": str(result["model"]["version"])}
        )
        self.tracker.finish(self.tracking, "FINISHED")

    def _metrics(self) -> dict[str, float]:
        """The figures that the run ends with."""
        evaluation = self.artifacts["evaluate"].report
        metrics = {f"{step}/seconds": float(stage["seconds"]) for step, stage in self.stages.items()}
        return metrics | {f"test/{name}": float(evaluation[name]) for name in ("accuracy", "macro_f1", "ece")}

    def _write_events(self) -> Path:
        """Write the run for TensorBoard, from what its steps recorded, whether this run built them or not."""
        points = list(finetune_points(read_history(self.store.folder(self.artifacts["finetune"]))))
        if "pretrain" in self.artifacts:
            curve = self.store.folder(self.artifacts["pretrain"]) / CURVE_FILE
            points += pretrain_points(json.loads(curve.read_text(encoding="utf-8")))
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
            "name": self.config.name,
            "status": status,
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.started)),
            "mlflow_run_id": self.tracker.server_run_id(self.tracking) if self.tracking else None,
            "config": self.config.model_dump(mode="json"),
            "keys": {step: artifact.key for step, artifact in self.artifacts.items()},
            "result": result,
            "unreported": unreported or {},
        }
        write_note(self.store.data_root / "runs" / f"{self.id}.json", written)


def mark_killed(runs_folder: Path, tracker: Tracker) -> list[str]:
    """Give every run whose process is gone without a word its end: in its record, in MLflow and in Prefect; return their ids.

    A killed process cannot say so itself, and both servers would show it as running for ever.
    """
    sweep_partials(runs_folder)
    marked = []
    for path in sorted(runs_folder.glob("*.json")):
        try:
            record = json.loads(path.read_bytes())
            dead = record["status"] == "running" and not runs(*record["process"])
            identity, name = record["id"], record["name"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is no record of a run (%s); left alone", path, type(error).__name__)
            continue
        if dead:
            try:
                crash_in_prefect(identity)
                left = tracker.running(name, {RUN_TAG: identity})
            except (HTTPError, Unreachable) as error:  # its record stays as it is, for the next run
                log.warning("run %s was killed, which a server could not be told (%s)", identity, type(error).__name__)
                continue
            for run_id in left:
                tracker.finish(run_id, "KILLED")
            log.warning("run %s of %s was killed; its record says so now", identity, name)
            write_note(path, record | {"status": "killed"})
            marked.append(identity)
    return marked


def summary(artifact: Artifact) -> str:
    """What one step did, in the words that its line on the screen has room for."""
    report = artifact.report
    match artifact.step:
        case "ingest":
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in report["reasons"].items())
            said = f"{equation(report)} ({reasons})" if reasons else equation(report)
            passed = ", ".join(f"{name} {count:,}" for name, count in report.get("passed_over", {}).items())
            return f"{said}; passed over: {passed}" if passed else said
        case "prepare":
            splits = ", ".join(f"{count:,} {split}" for split, count in report["splits"].items())
            share = report.get("unspaced_share")
            chosen = "" if share is None else f" (auto: {share:.0%} of letters are of scripts without blanks)"
            salt = "" if report["split"]["salt"] is None else f", salt {report['split']['salt']}"
            rule = f"split rule {report['split']['rule']}{salt}"
            return f"{equation(report)}; {splits}; {rule}; {report['tokenizer']} tokens{chosen}"
        case "pretrain":
            rate = f"{report['words_per_second']:,.0f} words/s"
            return f"{report['vocabulary']:,} words of {report['tokens']:,} tokens, {report['model_mb']:,.0f} MB, {rate}"
        case "align":
            return f"{report['vocabulary']:,} words, coverage {report['coverage']:.1%} of tokens"
        case "finetune":
            return f"valid accuracy {report['valid_accuracy']:.4f}"
        case "folds":
            return fold_summary(report)
        case "evaluate" | "yardstick":
            return f"test accuracy {report['accuracy']:.4f}, macro-F1 {report['macro_f1']:.4f}"
        case _:
            return ""


def fold_summary(report: Mapping[str, Any]) -> str:
    """What the challenger's recipe came to beside each rival's."""
    found = [
        f"{100 * sum(each['accuracy']) / len(each['accuracy']):+.1f} points to {role}"
        for role, each in report["differences"].items()
    ]
    missing = [f"not {role}: {reason}" for role, reason in report["reasons"].items()]
    return "; ".join([f"{report['splits']} folds of {report['rows']:,} rows", *found, *missing])


def equation(report: Mapping[str, Any]) -> str:
    """The promise that no record disappears, with its numbers."""
    return "found {found:,} = kept {kept:,} + duplicates {duplicates:,} + quarantined {quarantined:,}".format(**report)


def shares(report: Mapping[str, Any]) -> str:
    """How the rows of each class are parted, in prepare's report: the largest classes, as many as a line has room for."""
    rows = rows_by_label(report["labels"])
    largest = sorted(rows, key=lambda name: -sum(rows[name]))[:SHOWN_CLASSES]
    parts = []
    for name in largest:
        train, valid, test = rows[name]
        parts.append(f"{shortened(name, 40)} {train:,} + {valid:,} + {test:,} ({test / (train + valid + test):.0%} test)")
    more = f", and {len(rows) - len(largest):,} more" if len(rows) > len(largest) else ""
    return f"train + valid + test of {', '.join(parts)}{more}"


def numbers(artifact: Artifact) -> dict[str, float]:
    """The plain numbers of a step's report, named for MLflow; pretrain's of each set that it was measured on too."""
    sets: dict[str, Mapping[str, Any]] = dict(artifact.report.get("intrinsic", {}))
    sets |= {name: artifact.report[name] for name in ("contradictions",) if name in artifact.report}
    report = dict(artifact.report) | {f"{name}/{of}": value for name, values in sets.items() for of, value in values.items()}
    plain = {name: value for name, value in report.items() if isinstance(value, int | float)}
    return {f"{artifact.step}/{name}": float(value) for name, value in plain.items() if not isinstance(value, bool)}


def coverage(aligned: Artifact | None) -> dict[str, float]:
    """Align's figures in the report's words."""
    if aligned is None:
        return {}
    names = {"coverage": "tokens", "coverage_types": "types", "vocabulary": "vocabulary", "missing": "missing"}
    return {to: float(aligned.report[name]) for name, to in names.items()}


def vectors(pretrained: Artifact | None) -> dict[str, Any]:
    """Pretrain's look at its own vectors, for the report."""
    if pretrained is None:
        return {}
    return {name: pretrained.report[name] for name in ("neighbours", "class_neighbours", "intrinsic")}


def command(config: PipelineConfig) -> str:
    """The command line that gives the same configuration, quoted for a shell."""
    default = dict(flatten(PipelineConfig().model_dump(mode="json")))
    words = ["textmill", "train"]
    for name, value in flatten(config.model_dump(mode="json")):
        if value != default.get(name) and value is not None:
            shown = (
                ",".join(map(str, value))
                if isinstance(value, list)
                else str(value).lower()
                if isinstance(value, bool)
                else str(value)
            )
            words += [f"--{name.replace('_', '-')}", shown]
    return shlex.join(words)
