"""The gate of a language model: bits per byte of the same documents, and the registry that it shares with classifiers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.errors import RequestError
from tasks.language.contest import BITS_TAG, LanguageCandidate, LanguageRegistrar, judge
from tasks.language.evaluation import write_measures
from tasks.language.package import served_code, write_language_package
from tasks.language.settings import GateConfig, MeasureConfig
from tasks.progress import SILENT
from tasks.register.gate import Rule
from tasks.register.models import (
    LANGUAGE,
    MODEL_TAG,
    Registration,
    list_models,
    load_champions,
    load_language_model,
    load_model,
    verify_version,
)
from tasks.register.seal import package_digest
from tasks.tracking.tracker import Tracker
from tests.language.conftest import trained_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = np.random.default_rng(5)
SIZE = SOURCE.integers(50, 500, 60)
BITS = SIZE * SOURCE.normal(2.0, 0.2, 60)
UNSEEN = np.zeros(60, bool)
NOT_WORSE, BETTER = Rule("not_worse", 0.02), Rule("better", 0.02)


@pytest.mark.parametrize(
    ("more", "rule", "passed", "word"),
    [
        (0.0, NOT_WORSE, True, "not worse"),
        (0.01, NOT_WORSE, True, "not worse"),
        (0.03, NOT_WORSE, False, "worse"),
        (-0.01, BETTER, True, "better"),
        (0.0, BETTER, False, "not better"),
    ],
)
def test_the_rule_is_about_the_bound_of_the_difference(more: float, rule: Rule, passed: bool, word: str) -> None:
    noise = np.random.default_rng(7).normal(0, 0.5, 60)
    noise -= noise.sum() / 60  # so that `more` is the difference
    found = judge(BITS + more * SIZE + noise, SIZE, BITS, UNSEEN, "champion version 1", rule)
    assert found.passed is passed
    assert found.reason.startswith(f"{word}: ")
    assert found.figures["difference"] == pytest.approx(more, abs=1e-3)


def test_documents_that_the_rival_trained_on_are_left_out() -> None:
    seen = np.arange(60) < 40
    rival = np.where(seen, 0.1 * BITS, BITS + 0.05 * SIZE)
    assert not judge(BITS, SIZE, rival, UNSEEN, "champion version 1", NOT_WORSE).passed
    found = judge(BITS, SIZE, rival, seen, "champion version 1", NOT_WORSE)
    assert found.passed
    assert "on 20 test documents" in found.reason
    assert "without 40 that it trained on" in found.reason
    few = judge(BITS, SIZE, rival, np.arange(60) < 56, "champion version 1", NOT_WORSE)
    assert (few.passed, few.reason) == (
        False,
        "too few test documents to compare with champion version 1: 4, needed: 5, without 56 that it trained on",
    )


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory, model: Path, texts: Path, holdout: Path, words: Path) -> dict[str, Any]:
    """The package and the measures of the trained model, and of one that had one step of training."""
    made = {}
    worse = trained_model(tmp_path_factory.mktemp("worse"), words, texts, epochs=1, lr=0.00001)
    for name, folder in {"good": model, "worse": worse}.items():
        root = tmp_path_factory.mktemp(name)
        for part in ("package", "measures"):
            (root / part).mkdir()
        report = write_language_package(folder, texts, root / "package")
        measures = write_measures(MeasureConfig(samples=0), folder, texts, holdout, root / "measures", progress=SILENT)
        made[name] = (root, report, measures["model"]["bits_per_byte"])
    return made


@pytest.fixture
def tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    made = Tracker.open(None, tmp_path, tmp_path / "checkout", "calls")
    yield made
    made.close()


Enrol = Callable[..., Registration]


@pytest.fixture
def enrol(tracker: Tracker, packaged: dict[str, Any], holdout: Path) -> Enrol:
    def register(which: str, **gate: Any) -> Registration:
        root, _, bits = packaged[which]
        tags = {MODEL_TAG: LANGUAGE, BITS_TAG: f"{bits:.6f}"}
        candidate = LanguageCandidate("calls", root / "package", root / "measures", holdout, "h", tags)
        return LanguageRegistrar(tracker, GateConfig(**gate)).register(candidate)

    return register


def test_a_worse_model_is_refused_and_a_better_one_promoted(tracker: Tracker, enrol: Enrol) -> None:
    assert enrol("worse").decision == "first"
    better = enrol("good", gate="better")
    assert better.decision == "promoted", better.reason
    assert "bits per byte against" in better.reason
    again = enrol("worse")
    assert again.decision == "refused"
    assert again.reason.startswith("worse: ")
    assert "textmill models promote 1" in again.reason
    assert enrol("good", gate="better").decision == "unchanged"
    assert [each.reason for each in list_models(tracker)] == [again.reason, better.reason]
    assert load_champions(tracker) == {"calls/2": None}


def test_a_language_model_is_no_classifier_and_the_default_is_of_the_right_kind(tracker: Tracker, enrol: Enrol) -> None:
    with pytest.raises(RequestError, match="no language model has a champion yet; run textmill language train first"):
        load_language_model(tracker)
    enrol("good")
    assert load_language_model(tracker).title == "calls/1"
    with pytest.raises(RequestError, match="no model has a champion yet; run textmill train first"):
        load_model(tracker)
    with pytest.raises(RequestError, match="calls version 1 is a language model: textmill generate reads it; name another"):
        load_model(tracker, "calls")


CLEAN = """
import json, sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tasks", "flows"):
            raise ImportError(name + " is out of reach")
sys.meta_path.insert(0, Blocker())
from pathlib import Path
from types import ModuleType
folder = Path(sys.argv[1])
loader = ModuleType("loader")
exec((folder / "load.py").read_text(), loader.__dict__)
model = loader.open_package(folder).LanguageModel(folder)
answer, bits = model.generate("The group", {"max_tokens": 8, "seed": 3}), model.bits(["A bank cut all prices."]).bits
print(json.dumps([answer, bits.tolist()]))
"""


@pytest.mark.long
def test_a_process_without_the_project_writes_the_same_text(packaged: dict[str, Any], tmp_path: Path) -> None:
    from tasks.model.language.serving import LanguageModel

    folder = packaged["good"][0] / "package"
    done = subprocess.run([sys.executable, "-c", CLEAN, str(folder)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer, bits = json.loads(done.stdout)
    here = LanguageModel(folder)
    assert answer == here.generate("The group", {"max_tokens": 8, "seed": 3})
    assert answer["text"] == "The group" + answer["completion"]
    assert bits == pytest.approx(here.bits(["A bank cut all prices."]).bits.tolist())
    assert here.trained_on(["A bank cut all prices.", "no such text"]).tolist()[1] is False


def test_a_package_has_its_own_code_alone_and_the_same_bytes_again(
    packaged: dict[str, Any], model: Path, texts: Path, tmp_path: Path
) -> None:
    root, report, _ = packaged["good"]
    write_language_package(model, texts, tmp_path)
    assert package_digest(tmp_path) == package_digest(root / "package") == report["digest"]
    names = set(served_code())
    assert "model/language/serving.py" in names
    assert not any(name.startswith(("model/views", "model/classifier")) for name in names)
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".bin", ".pt", ".pkl")]
    from tasks.register.package import served_code as of_classifiers

    assert not any(name.startswith("model/language") for name in of_classifiers(["bag"], "word"))


def test_mlflow_serves_it_with_parameters(tracker: Tracker, enrol: Enrol) -> None:
    import mlflow
    import pandas as pd

    enrol("good")
    folder = verify_version(tracker, tracker.registry.version("calls", 1)).parents[1]
    served = mlflow.pyfunc.load_model(str(folder))
    frame = pd.DataFrame({"prompt": ["The group", ""]})
    answer = served.predict(frame, params={"max_tokens": 5, "temperature": 0.0})
    loaded = load_language_model(tracker, "calls@champion")
    assert answer.to_dict("records") == [
        loaded.model.generate(prompt, {"max_tokens": 5, "temperature": 0.0}) for prompt in ("The group", "")
    ]
    assert served.predict([{"prompt": "The group"}], params={"max_tokens": 1})["tokens"].tolist() == [1]
    with pytest.raises(Exception, match=r"top_p 2\.0 is out of bounds"):
        served.predict(frame, params={"top_p": 2.0})
