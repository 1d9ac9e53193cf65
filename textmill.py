"""textmill from a notebook: train on a frame or a file, load a model, label texts, read what runs left behind.

    import textmill

    run = textmill.train(frame, text="body", label="stars", name="reviews")
    textmill.load("reviews@champion").predict(["Sales rose sharply."])

A facade over the rooms and nothing more: a request goes through the same configuration, flow, store and registry as on the
command line, and mistakes have the same one-line messages (`textmill.RequestError`). Libraries are imported when they are
needed. docs/PYTHON.md shows it.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import weakref
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from tasks.register.models import LoadedModel
    from tasks.runtime import Runtime
    from tasks.score.watch import WatchList
    from tasks.store.artifact import Artifact, Store

__all__ = ["Model", "Opened", "RequestError", "TrainedRun", "UnavailableError", "artifact", "load", "run", "runs", "train"]

if TYPE_CHECKING:
    Names = str | Path | Mapping[str, Sequence[str]]  # a file of names, or each name with the ways in which texts write it

FRAME_NAME = "frame"  # of a model that is trained on a frame and given no name
STORED = re.compile(r"([a-z]+)/([0-9a-f]{8,64})")  # a step and the beginning of a key


def train(
    corpus: pd.DataFrame | str | Path | Sequence[str | Path] | None = None,
    *,
    text: str | None = None,
    label: str | None = None,
    test: pd.DataFrame | str | Path | None = None,
    valid: pd.DataFrame | str | Path | None = None,
    name: str | None = None,
    preset: str | None = None,
    config: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    data_root: str | Path | None = None,
) -> TrainedRun:
    """Train, evaluate and register a classifier, as `textmill train` does.

    `corpus`, `test` and `valid` (validation rows of your own) are frames, files or folders; `corpus` may be several files.
    Without one the preset's, the file's or the embedded sample is taken.
    `text` and `label` name columns. `settings` are knobs of docs/KNOBS.md: {"finetune.epochs": 3}. A frame is written to
    `raw/frames/<name>.parquet` of the data root, where the same frame hits the cache next time.
    RequestError: what is asked for is wrong.
    """
    from flows.commands.doors import Doors
    from flows.commands.options import Session
    from flows.commands.run_flow import run_flow
    from flows.commands.settings import check_train, resolve

    root = _runtime(data_root).data_root
    own = name if name is not None or preset or config or isinstance(corpus, str | Path | list | tuple | None) else FRAME_NAME
    given: dict[str, Any] = {"name": own, "ingest.text": text, "ingest.label": label, "runtime.data_root": root}
    given |= {"ingest.path": _path(corpus, root, own, ""), "ingest.test_path": _path(test, root, own, "-test")}
    given |= {"ingest.valid_path": _path(valid, root, own, "-valid")}
    arguments, file = _flags(given) + _flags(settings or {}), None if config is None else Path(config)
    with Doors() as doors:
        resolved = resolve(arguments, preset=preset, file=file, doors=doors)
        check_train(resolved)
        result = run_flow("train", resolved, Session())
    return TrainedRun.of_result(result, resolved.runtime.data_root)


def load(wanted: str | Path | None = None, *, data_root: str | Path | None = None) -> Model:
    """Verify and load a model: NAME@ALIAS, NAME/VERSION or NAME (its champion); without one the champion promoted last.

    Also one that is not registered: a package's folder, or `package/KEY` or `finetune/KEY` with at least eight digits of an
    artifact's key, as `stages` of a run has it. RequestError: there is no such model, or a file of it was changed.
    """
    if wanted is not None and (Path(wanted) / "package.json").is_file():
        return _open_package(Path(wanted), str(wanted))
    if isinstance(wanted, str) and (stored := STORED.fullmatch(wanted)):
        return _load_stored(wanted, stored[1], data_root)
    if isinstance(wanted, Path):
        raise RequestError(f"{wanted}: there is no package.json in it; give the folder of a package, or NAME@ALIAS")
    from flows.commands import registry

    return Model(registry.load(wanted, _root(data_root)))


def artifact(wanted: str, *, data_root: str | Path | None = None) -> Opened:
    """Open what a step made, `STEP/KEY` with at least eight digits of the key.

    Every byte of it is compared with its digest first. RequestError: there is no such artifact, or it is damaged.
    """
    from tasks.store.artifact import DamagedArtifact, Store

    stored = STORED.fullmatch(wanted)
    if stored is None:
        raise RequestError(
            f"{wanted!r} is not STEP/KEY; give a step and at least eight digits of a key, such as finetune/1f2e3d4c"
        )
    step, key = stored.groups()
    store = Store(_runtime(data_root).data_root)
    found = sorted(path.name for path in (store.root / step).glob(f"{key}*"))
    if len(found) != 1:
        many = "several artifacts begin so; give more digits" if found else "there is no such artifact; see `stages` of a run"
        raise RequestError(f"{wanted}: {many}")
    try:
        return Opened(store.verify(step, found[0]), store)
    except DamagedArtifact as error:
        raise RequestError(f"{error}; the next run builds it again") from None


def runs(name: str | None = None, *, data_root: str | Path | None = None) -> list[TrainedRun]:
    """The training runs of a data root, or of one model, oldest first."""
    records = []
    for path in (_runtime(data_root).data_root / "runs").glob("*.json"):
        try:
            record = json.loads(path.read_bytes())
            trains = "finetune" in record["config"] and record.get("verb", "train") == "train"
            if trains and name in (None, record["name"]):
                records.append(
                    (record["started"], TrainedRun(**{key: record[key] for key in _RECORDED}, data_root=path.parents[1]))
                )
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not the record of a run
    return [made for _, made in sorted(records, key=lambda pair: pair[0])]


def run(wanted: str | None = None, *, data_root: str | Path | None = None) -> TrainedRun:
    """The run of this id, or the last one of this model; without either the last one. RequestError if there is none."""
    found = [each for each in runs(data_root=data_root) if wanted in (None, each.id, each.name)]
    if not found:
        raise RequestError(f"there is no run {wanted}; see textmill.runs()" if wanted else "nothing was trained here yet")
    return found[-1]


@dataclass(frozen=True)
class TrainedRun:
    """A training run as it is on record. `result` is what `textmill train --json` prints, {"error": ...} of a failed run."""

    id: str
    name: str
    status: str  # running, finished, failed, killed
    started: str  # UTC, ISO 8601
    config: dict[str, Any] = field(repr=False)
    result: dict[str, Any] | None = field(repr=False)
    data_root: Path = field(repr=False)

    @classmethod
    def of_result(cls, result: Mapping[str, Any], data_root: Path) -> TrainedRun:
        """The run that has just ended with this result."""
        return run(result["flow_run_id"], data_root=data_root)

    @property
    def report(self) -> Path:
        """Its HTML report."""
        return Path(self._finished()["report"])

    @property
    def metrics(self) -> dict[str, float]:
        """Accuracy and macro-F1 on the test rows, if there were any, and the yardstick's where it was trained."""
        result = self._finished()
        own = {name: result[name] for name in ("accuracy", "macro_f1") if result[name] is not None}
        return own | {f"yardstick_{name}": value for name, value in (result["yardstick"] or {}).items()}

    def model(self) -> Model:
        """The version that it registered."""
        made = self._finished()["model"]
        return load(f"{made['name']}/{made['version']}", data_root=self.data_root)

    def artifact(self, step: str) -> Opened:
        """What one of its steps made. RequestError if the step was skipped."""
        stages = self._finished()["stages"]
        if not stages.get(step, {}).get("key"):
            raise RequestError(f"this run has no artifact of {step!r}; it has {', '.join(stages)}")
        return artifact(f"{step}/{stages[step]['key']}", data_root=self.data_root)

    def _finished(self) -> dict[str, Any]:
        if self.status != "finished" or self.result is None:
            why = f" ({self.result['error']})" if self.result and "error" in self.result else ""
            raise RequestError(f"run {self.id} is {self.status}{why}; only a finished run has results")
        return self.result


_RECORDED = ("id", "name", "status", "started", "config", "result")


class Model:
    """A verified model, ready to label texts."""

    def __init__(self, loaded: LoadedModel) -> None:
        """Take a loaded model."""
        self._loaded = loaded

    def __repr__(self) -> str:
        return f"<textmill model {self.title}: {', '.join(self.labels)}>"

    @property
    def title(self) -> str:
        """Name and version, or where it was read from."""
        return self._loaded.title if self._loaded.version else self._loaded.name

    @property
    def labels(self) -> list[str]:
        """Its labels, in the order of its probabilities."""
        return list(self._loaded.model.labels)

    def predict(
        self,
        texts: Sequence[str],
        *,
        max_error: float | None = None,
        each_label: bool = False,
        by_cost: bool = False,
        watch_list: Names | None = None,
        companies: str | Path | None = None,
    ) -> list[dict[str, Any]]:
        """One dict a text, as `textmill predict`: label, confidence, probabilities, and why there is no label.

        With `max_error` it abstains where it must, so that at most that share of its answers is wrong; with `by_cost` it gives
        the label that is cheapest to expect. A model that carries answers gives `answer` too, or else the most `similar`
        training questions. With names, `towards` is the sentiment towards each that a text has: `watch_list` is a TOML file or
        a dict such as {"Tesco": ["Tesco", "TSCO"]}, `companies` a CSV file (docs/TOWARDS.md).
        RequestError: it cannot promise that, carries no costs, or a list cannot be used.
        """
        from tasks.score.abstain import abstaining, check_abstention, costs_of, promised
        from tasks.score.predict import predict_texts
        from tasks.score.replies import with_replies

        check_abstention(max_error, None, each_label=each_label, by_cost=by_cost)
        watch = _watch_list(watch_list, companies)
        given = [texts] if isinstance(texts, str) else list(texts)
        predictions = predict_texts(self._loaded, given)
        if by_cost:
            predictions = abstaining(predictions, costs_of(self._loaded))
        elif max_error is not None:
            predictions = abstaining(predictions, promised(self._loaded, max_error, each_label=each_label))
        predictions = with_replies(self._loaded, given, predictions)
        if watch is None:
            return predictions
        from tasks.score.towards import with_towards

        return with_towards(self._loaded, watch, given, predictions)

    def explain(self, texts: Sequence[str]) -> list[dict[str, Any] | None]:
        """Why each text got its label, as `textmill predict --explain`: None for a text without words.

        Keys: label, log_odds, bias, remainder, and words, each with its word, start, end and share. RequestError: the model was
        packaged before models of its kind explained anything.
        """
        from tasks.score.explain import as_values, explanations

        return [as_values(each) for each in explanations(self._loaded, [texts] if isinstance(texts, str) else list(texts))]

    def score(
        self,
        frame: pd.DataFrame,
        text: str = "text",
        *,
        min_confidence: float | None = None,
        max_error: float | None = None,
        each_label: bool = False,
        by_cost: bool = False,
        watch_list: Names | None = None,
        companies: str | Path | None = None,
    ) -> pd.DataFrame:
        """Label each row of a frame, as `textmill score` labels a file.

        Columns: text, label, confidence, probabilities, reason, then those of `frame`, with its index; with names, as `predict`
        takes them, `towards` too, a list of dicts. RequestError: there is no such column, or it holds no texts.
        """
        import pandas as pd

        from tasks.ingest.settings import IngestConfig
        from tasks.score.abstain import check_abstention
        from tasks.score.score import score_file

        check_abstention(max_error, min_confidence, each_label=each_label, by_cost=by_cost)
        sure: dict[str, Any] = {"min_confidence": min_confidence, "max_error": max_error, "each_label": each_label}
        sure |= {"by_cost": by_cost, "watch": _watch_list(watch_list, companies)}
        with tempfile.TemporaryDirectory(prefix="textmill-") as folder:
            source, output = Path(folder) / "frame.parquet", Path(folder) / "scored.parquet"
            _write_frame(frame, source)
            try:
                score_file(source, output, reading=IngestConfig(text=text), loaded=self._loaded, **sure)
            except RequestError as error:
                raise RequestError(str(error).replace(str(source), "the frame")) from None
            scored = pd.read_parquet(output)
        return scored.drop(columns=["id", "model"]).set_axis(frame.index)


@dataclass(frozen=True)
class Opened:
    """A verified artifact of the store: what one step made."""

    made: Artifact = field(repr=False)
    store: Store = field(repr=False)

    @property
    def name(self) -> str:
        """Its step and key."""
        return f"{self.made.step}/{self.made.key}"

    @property
    def folder(self) -> Path:
        """Where its files are. Read them, and leave them as they are."""
        return self.store.folder(self.made)

    @property
    def report(self) -> Mapping[str, Any]:
        """What the step reported."""
        return self.made.report

    @cached_property
    def files(self) -> list[str]:
        """Names of its files, relative to its folder."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file())

    def frame(self, file: str) -> pd.DataFrame:
        """Read one of its Parquet files. RequestError if there is no such file."""
        import pandas as pd

        if file not in self.files:
            raise RequestError(f"{self.name} has no file {file!r}; it has {', '.join(self.files)}")
        return pd.read_parquet(self.folder / file)


def _watch_list(names: Names | None, companies: str | Path | None) -> WatchList | None:
    """The names to look for; RequestError for a list that cannot be used."""
    if names is None and companies is None:
        return None
    from tasks.score.companies import read_companies
    from tasks.score.watch import WatchList

    listed = None if companies is None else Path(companies)
    if names is None or isinstance(names, str | Path):
        return WatchList.load(None if names is None else Path(names), listed)
    if wrong := [name for name, ways in names.items() if isinstance(ways, str)]:
        raise RequestError(f"watch_list: {wrong[0]!r} is one text; give a list of the ways in which it is written")
    return WatchList(names, {}, read_companies(listed) if listed else (), listed=str(listed))


def _load_stored(wanted: str, step: str, data_root: str | Path | None) -> Model:
    """The model of an artifact. What finetune makes lacks the tokenizer, so the package that was made of it is looked for."""
    opened = artifact(wanted, data_root=data_root)
    if step == "finetune":
        opened = _package_of(opened)
    elif step != "package":
        raise RequestError(f"{wanted} is not a model; give an artifact of package or finetune")
    return _open_package(opened.folder, wanted)


def _package_of(finetuned: Opened) -> Opened:
    for path in sorted((finetuned.store.root / "package").glob("*/manifest.json")):
        upstream = json.loads(path.read_bytes())["inputs"]["upstream"]
        if finetuned.made.digest in upstream.values():
            return artifact(f"package/{path.parent.name}", data_root=finetuned.store.data_root)
    raise RequestError(f"{finetuned.name} was not packaged; run its training again, which goes on from there")


def _open_package(folder: Path, title: str) -> Model:
    """A package without what the store keeps beside it, which would not be taken for a part of it."""
    from tasks.register.load import DamagedPackage, open_package
    from tasks.register.models import LoadedModel
    from tasks.register.seal import copy_package

    copy = Path(tempfile.mkdtemp(prefix="textmill-"))
    try:
        copy_package(folder, copy)
        serving = open_package(copy)
        model = Model(LoadedModel(title, 0, serving.TextClassifier(copy)))
    except (DamagedPackage, OSError, ValueError, KeyError) as error:
        shutil.rmtree(copy)
        raise RequestError(f"{folder} is not a whole package ({error}); it will not be loaded") from None
    weakref.finalize(model, shutil.rmtree, copy, ignore_errors=True)  # some of its files are read when they are needed
    return model


def _runtime(data_root: str | Path | None) -> Runtime:
    from flows.commands.runtime import runtime_of

    return runtime_of(_root(data_root))


def _root(data_root: str | Path | None) -> Path | None:
    return None if data_root is None else Path(data_root)


def _flags(settings: Mapping[str, Any]) -> list[str]:
    """Settings as the command line has them, so that one reader checks both."""
    given = {name: value if name == "ingest.path" else _written(value) for name, value in settings.items() if value is not None}
    return [
        f"--{name.replace('_', '-')}={each}"
        for name, value in given.items()
        for each in (value if isinstance(value, list | tuple) else [value])
    ]


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _path(corpus: Any, root: Path, name: str | None, part: str) -> Any:
    """The files or folders of a corpus; a frame is written first, whole or not at all."""
    if corpus is None or isinstance(corpus, str | Path | list | tuple):
        return corpus
    from tasks.names import name_of
    from tasks.writable import make_data_root

    make_data_root(root)
    path = root / "raw" / "frames" / f"{name_of(name or FRAME_NAME, FRAME_NAME)}{part}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_frame(corpus, path)
    return path


def _write_frame(frame: pd.DataFrame, path: Path) -> None:
    from tasks.durable import replaced

    try:
        with replaced(path) as written:
            frame.to_parquet(written, index=False)
    except (ValueError, TypeError) as error:  # a column of mixed types, names that are no texts
        raise RequestError(
            f"the frame cannot be written as Parquet ({str(error).splitlines()[0]}); give columns one type"
        ) from None
