"""What a package replies: the answer of a sure label, or the training questions that are most like the text."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tasks.config import PipelineConfig
from tasks.ingest.settings import IngestConfig
from tasks.model.costs import Costs
from tasks.model.replies import REPLIES
from tasks.model.serving import REPLIES as SERVED_REPLIES
from tasks.model.serving import TextClassifier
from tasks.register.load import open_package
from tasks.register.models import LoadedModel
from tasks.register.package import write_package
from tasks.replies.carried import write_replies
from tasks.replies.measured import measure_answers
from tasks.replies.settings import RepliesConfig
from tasks.score.abstain import abstaining
from tasks.score.predict import predict_texts
from tasks.score.replies import with_replies
from tasks.score.score import score_file
from tasks.tracking.client import import_mlflow
from tests.served import package

if TYPE_CHECKING:
    from pathlib import Path

SURE, SURELY_BAD, UNSURE, UNREAD = "profit rose, strong growth", "loss fell, weak slump", "profit loss", "zyxwv"
TEXTS = [SURE, SURELY_BAD, UNSURE, UNREAD]
ANSWER = "Thank you, we are glad."


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained model, its rows, and a package of it."""
    return package(tmp_path_factory.mktemp("made"), seed=3).parent


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path := tmp_path_factory.mktemp("answers") / "answers.csv").write_text(f'label,answer\npositive,"{ANSWER}"\n')
    return path


def carrying(made: Path, answers: Path, folder: Path, least: float | None) -> tuple[Path, dict[str, Any]]:
    """A package of the model that replies, and the report of what it replies by."""
    for name in ("replies", "package"):
        (folder / name).mkdir(parents=True)
    config = RepliesConfig(answers=answers, min_confidence=least)
    dataset, texts = made / "prepared" / "dataset", made / "prepared" / "texts"
    report = write_replies(config, made / "model", dataset, texts, folder / "replies")
    write_package(made / "model", dataset, folder / "package", carries=[folder / "replies"])
    return folder / "package", report


@pytest.fixture(scope="module")
def replying(made: Path, answers: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder, report = carrying(made, answers, tmp_path_factory.mktemp("replying"), 0.6)
    assert report["without_answer"] == ["negative"]
    assert report["questions"] == 180
    return LoadedModel("news", 4, open_package(folder).TextClassifier(folder))


def test_a_sure_label_gets_its_answer_and_all_else_the_nearest_questions(replying: LoadedModel) -> None:
    said = with_replies(replying, TEXTS, predict_texts(replying, TEXTS))
    assert [each["answer"] for each in said] == [ANSWER, None, None, None]
    assert said[0]["similar"] == []
    assert [each["label"] for each in said[1]["similar"]] == ["negative"] * 3
    first = said[1]["similar"][0]
    assert 0 < said[1]["similar"][2]["similarity"] <= first["similarity"] <= 1
    assert {"loss", "fell", "weak", "slump"} & set(first["text"].split())
    assert {each["answer"] for each in said[2]["similar"]} <= {ANSWER, None}
    assert said[3]["similar"] == [], "nothing is like a text that shares no n-gram with any question"


def test_who_abstains_answers_nothing(replying: LoadedModel) -> None:
    never = Costs(("negative", "positive"), np.array([[0.0, 1.0], [1.0, 0.0]]), 0.0)
    silent = abstaining(predict_texts(replying, [SURE]), never)
    assert with_replies(replying, [SURE], silent)[0]["answer"] is None


def test_a_file_is_answered_as_single_texts_are(replying: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "asked.txt").write_text("\n".join(TEXTS))
    score_file(tmp_path / "asked.txt", tmp_path / "scored.parquet", reading=IngestConfig(), loaded=replying)
    rows = pq.read_table(tmp_path / "scored.parquet").to_pylist()
    single = with_replies(replying, TEXTS, predict_texts(replying, TEXTS))
    assert [row["answer"] for row in rows] == [each["answer"] for each in single]
    assert [[each["text"] for each in row["similar"]] for row in rows] == [
        [each["text"] for each in said["similar"]] for said in single
    ]


def test_mlflow_serves_answers_too(replying: LoadedModel) -> None:
    import_mlflow()
    from tasks.tracking.pyfunc_model import PackagedModel

    served = PackagedModel()
    served.load_context(SimpleNamespace(artifacts={"package": str(replying.model.folder)}, model_config=None))
    said = served.predict(None, pd.DataFrame({"text": [SURE, UNSURE]}))
    assert said["answer"].tolist() == [ANSWER, None]
    assert [len(each) for each in said["similar"]] == [0, 3]


def test_a_package_without_answers_is_as_before_and_has_no_code_for_them(made: Path) -> None:
    plain = LoadedModel("news", 3, TextClassifier(made / "package"))
    assert "answer" not in with_replies(plain, [SURE], predict_texts(plain, [SURE]))[0]
    assert not list((made / "package" / "code").rglob("replies.py"))
    assert REPLIES == SERVED_REPLIES


def test_figures_count_the_answered_the_right_and_what_neighbours_find(replying: LoadedModel) -> None:
    rows = [(SURE, "positive"), (SURE, "negative"), (SURELY_BAD, "negative"), (UNREAD, "positive")]
    report = measure_answers(replying.model, rows)
    assert (report["answered"], report["handed_over"]) == (2, 2)
    assert report["right"]["share"] == 0.5
    assert report["recall"]["share"] == report["nearest_right"]["share"] == 0.5
    assert [each["label"] for each in report["examples"]] == ["negative", "positive"]


def test_auto_answers_nothing_that_rows_cannot_promise(made: Path, answers: Path, tmp_path: Path) -> None:
    config = RepliesConfig(answers=answers, min_confidence="auto")
    given = made / "model", made / "prepared" / "dataset", made / "prepared" / "texts"
    report = write_replies(config, *given, tmp_path)
    assert report["answers_nothing"]
    assert report["rule"].startswith("no text: the rows cannot promise")


def test_equal_inputs_give_equal_bytes(made: Path, answers: Path, replying: LoadedModel, tmp_path: Path) -> None:
    again, _ = carrying(made, answers, tmp_path, 0.6)
    for name in ("replies.json", "questions.safetensors"):
        assert (again / name).read_bytes() == (replying.model.folder / name).read_bytes()


def test_confidence_without_answers_and_auto_without_a_promise_are_refused(answers: Path) -> None:
    with pytest.raises(ValueError, match="min_confidence is for answers"):
        PipelineConfig.model_validate({"register": {"min_confidence": 0.5}})
    with pytest.raises(ValueError, match=r"set evaluate\.promise held or folds"):
        PipelineConfig.model_validate({"register": {"min_confidence": "auto", "answers": answers}})
