import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tasks.errors import RequestError
from tasks.ingest.settings import IngestConfig
from tasks.model.abstention import ABSTENTION, Abstention
from tasks.model.costs import COSTS, Costs
from tasks.model.serving import TextClassifier
from tasks.register.models import LoadedModel
from tasks.score.abstain import abstaining, check_abstention, costs_of, promised
from tasks.score.explain import explanations
from tasks.score.predict import predict_texts
from tasks.score.score import score_file

GOOD, BAD, UNSURE, UNREAD = "profit rose, strong growth", "loss fell, weak slump", "profit rose, loss fell", "zyxwv"
TEXTS = [GOOD, BAD, UNSURE, UNREAD]


@pytest.fixture(scope="module")
def promising(loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """The model with a table by which only its surest answers are right."""
    package = tmp_path_factory.mktemp("promising") / "package"
    shutil.copytree(loaded.model.folder, package)
    sure, unsure = (float(loaded.model.probabilities([text]).max()) for text in (GOOD, UNSURE))
    assert sure > unsure
    confidence_N = np.repeat([sure, unsure], 200)
    rows = np.stack([confidence_N, 1 - confidence_N], 1).astype(np.float32), np.repeat([0, 1], 200)
    made = Abstention.measured("held", ["negative", "positive"], rows, rows)
    (package / ABSTENTION).write_text(json.dumps(made.written()))
    return LoadedModel("news", 4, TextClassifier(package))


def test_an_answer_that_is_not_sure_enough_has_no_label_and_keeps_its_probabilities(promising: LoadedModel) -> None:
    plain = predict_texts(promising, TEXTS)
    given = abstaining(plain, promised(promising, 0.05))
    assert [each["label"] for each in given] == ["positive", "negative", None, None]
    assert [each["reason"] for each in given] == [None, None, "uncertain", "no_known_word"]
    assert [each["probabilities"] for each in given] == [each["probabilities"] for each in plain]


def test_nobody_abstains_where_half_the_answers_may_be_wrong(promising: LoadedModel) -> None:
    given = abstaining(predict_texts(promising, TEXTS), promised(promising, 0.6))
    assert all(each["label"] for each in given[:3])


def test_a_file_is_answered_as_single_texts_are_and_all_are_counted(promising: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text("\n".join(TEXTS))
    output = tmp_path / "scored.parquet"
    report = score_file(tmp_path / "news.txt", output, reading=IngestConfig(), loaded=promising, max_error=0.05)
    rows = pq.read_table(output).to_pylist()
    assert [row["label"] for row in rows] == ["positive", "negative", None, None]
    assert [row["reason"] for row in rows] == [None, None, "uncertain", "no_known_word"]
    assert report["found"] == 4 == report["answered"] + report["abstained"] + report["quarantined"]
    assert report["uncertain"] == report["abstained"] == 1
    assert report["promise"]["max_error"] == 0.05


def test_a_package_without_a_table_says_how_to_get_one(loaded: LoadedModel) -> None:
    with pytest.raises(RequestError, match=r"^news/3 carries no promise .* train it again with --evaluate.promise held"):
        promised(loaded, 0.05)


def test_what_it_cannot_promise_names_the_model(promising: LoadedModel) -> None:
    with pytest.raises(RequestError, match=r"^news/4: 400 calibration rows cannot promise .*0\.001; the least"):
        promised(promising, 0.001)


def test_a_report_without_a_promise_is_as_before(loaded: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text(GOOD)
    report = score_file(tmp_path / "news.txt", tmp_path / "scored.parquet", reading=IngestConfig(), loaded=loaded)
    assert not {"promise", "answered", "abstained"} & report.keys()


def test_two_ways_to_say_when_to_answer_are_refused() -> None:
    with pytest.raises(RequestError, match=r"--max-error 0\.05 and --min-confidence 0\.9 both"):
        check_abstention(0.05, 0.9, each_label=False)
    with pytest.raises(RequestError, match="--each-label"):
        check_abstention(None, None, each_label=True)


@pytest.fixture(scope="module")
def costly(loaded: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """The model with costs by which a wrong `negative` is dearer than a wrong `positive`."""
    package = tmp_path_factory.mktemp("costly") / "package"
    shutil.copytree(loaded.model.folder, package)
    assert 1 < float(np.divide(*loaded.model.probabilities([UNSURE])[0])) < 1.5
    matrix = np.array([[0.0, 1.0], [1.5, 0.0]])
    (package / COSTS).write_text(json.dumps(Costs(("negative", "positive"), matrix, None).written()))
    return LoadedModel("news", 5, TextClassifier(package))


def test_the_cheapest_answer_is_given_with_its_own_probability(costly: LoadedModel, tmp_path: Path) -> None:
    plain = predict_texts(costly, TEXTS)
    found = abstaining(plain, costs_of(costly))
    assert [each["label"] for each in plain] == ["positive", "negative", "negative", None]
    assert [each["label"] for each in found] == ["positive", "negative", "positive", None]
    assert found[2]["confidence"] == found[2]["probabilities"]["positive"] < 0.5
    (tmp_path / "news.txt").write_text("\n".join(TEXTS))
    output = tmp_path / "scored.parquet"
    score_file(tmp_path / "news.txt", output, reading=IngestConfig(), loaded=costly, by_cost=True)
    rows = pq.read_table(output).to_pylist()
    assert [row["label"] for row in rows] == [each["label"] for each in found]
    assert [row["confidence"] for row in rows] == pytest.approx([each["confidence"] for each in found])


def test_a_package_without_costs_says_how_to_get_some(loaded: LoadedModel) -> None:
    with pytest.raises(
        RequestError, match=r"^news/3 carries no costs; train it again with --evaluate.costs FILE --evaluate.by-cost"
    ):
        costs_of(loaded)
    with pytest.raises(RequestError, match=r"--min-confidence 0\.9 and --by-cost both"):
        check_abstention(None, 0.9, each_label=False, by_cost=True)


def test_an_explanation_is_of_the_label_that_is_given(costly: LoadedModel, tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text("\n".join(TEXTS))
    output = tmp_path / "scored.parquet"
    score_file(tmp_path / "news.txt", output, reading=IngestConfig(), loaded=costly, by_cost=True, explain=True)
    rows = pq.read_table(output).to_pylist()
    likeliest = [max(row["probabilities"], key=row["probabilities"].get) for row in rows]
    assert any(row["label"] not in (None, label) for row, label in zip(rows, likeliest, strict=True))
    for row, label in zip(rows, likeliest, strict=True):
        (expected,) = explanations(costly, [row["text"]], [row["label"] or label])
        found = [(word["word"], word["share"]) for word in row["explanation"] or ()]
        assert found == [(word.word, pytest.approx(word.share, abs=1e-5)) for word in (expected.words if expected else ())]
