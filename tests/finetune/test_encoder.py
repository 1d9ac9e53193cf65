"""The kind `encoder` with a frozen network: logistic regression on vectors of texts, alone and in sums."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.embed.embed import write_vectors
from tasks.embed.reading import EmbedConfig
from tasks.errors import RequestError
from tasks.finetune.says import metrics, says
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.model.classifier import Classifier
from tasks.model.explain import Explainer
from tasks.model.text.tokenize import TextToTokens
from tasks.progress import SILENT
from tasks.store.artifact import Fingerprints, section_values
from tests.encoders import watched_encoder
from tests.finetune.conftest import LABELS

if TYPE_CHECKING:
    from collections.abc import Callable

ENCODER = {"model": Path("weights"), "max_len": 16, "l2": 0.001}


@pytest.fixture
def train(dataset: Path, aligned: Path, read: dict[str, Path], tmp_path: Path) -> Callable[..., tuple[Path, dict[str, Any]]]:
    given: Any = read

    def run(name: str = "model", **values: Any) -> tuple[Path, dict[str, Any]]:
        for folder in (made := tmp_path / name, scratch := tmp_path / f"{name}-scratch"):
            folder.mkdir()
        config = FinetuneConfig(**{"model": "encoder", "encoder": ENCODER, "threads": 1} | values)
        return made, write_model(config, dataset, aligned, made, scratch, **given)

    return run


def texts_of(rows: list, split: str) -> tuple[list[list[str]], list[str], list[str]]:
    chosen = [row for row in rows if row[1] == split]
    return [row[3] for row in chosen], [" ".join(row[3]) for row in chosen], [row[2] for row in chosen]


def test_it_learns_the_cue_words_and_is_served_as_it_was_measured(train: Any, rows: list) -> None:
    folder, report = train()
    assert report["valid_accuracy"] > 0.8
    classifier = Classifier.load(folder)
    documents, texts, labels = texts_of(rows, "valid")
    predicted = classifier.probabilities(documents, texts).argmax(1)
    assert np.mean(
        [classifier.labels[number] == label for number, label in zip(predicted, labels, strict=True)]
    ) == pytest.approx(report["valid_accuracy"])
    assert classifier.reads_text
    assert not classifier.unseen(documents, texts).any()


@pytest.mark.parametrize("model", ["encoder", "tfidf+encoder"])
def test_it_explains_itself_by_taking_words_out_of_the_text(train: Any, rows: list, model: str) -> None:
    classifier = Classifier.load(train(model=model)[0])
    documents, texts, _ = texts_of([row for row in rows if row[3]], "valid")
    settings = {"html": True, "lowercase": True, "numbers": "keep", "punctuation": "keep", "width": "keep", "han": "keep"}
    explainer = Explainer(classifier, TextToTokens(settings | {"tokenizer": "word", "stop_words": [], "user_dictionary": []}))
    likely_NC = np.log(classifier.probabilities(documents[:3], texts[:3]).astype(np.float64))
    for text, why, likely_C in zip(texts, explainer.explain(texts[:3]), likely_NC, strict=False):
        assert why is not None
        assert why.bias + sum(word.share for word in why.words) == pytest.approx(why.log_odds)
        column = classifier.labels.index(why.label)
        assert why.log_odds == pytest.approx(likely_C[column] - np.delete(likely_C, column).mean(), abs=1e-3)
        assert [text[word.start : word.end] for word in why.words] == text.split()
    assert not classifier.splits_quickly


@pytest.mark.parametrize("described", [False, True])
def test_it_reads_several_layers_and_is_served_as_it_was_measured(
    train: Any, rows: list, read: dict[str, Path], tmp_path: Path, described: bool
) -> None:
    how = EmbedConfig(pooling="mean", max_len=16, truncate="head", layers=2)
    for folder in (read["embedded"], scratch := tmp_path / "again"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    write_vectors(how, read["weights"], read["texts"], ("train", "valid"), read["embedded"], scratch, progress=SILENT)
    more: dict[str, Any] = {}
    if described:
        (labels := tmp_path / "labels.toml").write_text(
            "".join(f'[labels.{each}]\ndescription = "{each}"\n' for each in LABELS)
        )
        more = {"labels": labels}
    folder, report = train(encoder=ENCODER | more)
    assert report["valid_accuracy"] > 0.6
    classifier = Classifier.load(folder)
    view = classifier.views["encoder"]
    assert view.weights_DC.shape == (4 * 32, 3)  # type: ignore[attr-defined]
    documents, texts, labels_of = texts_of(rows, "valid")
    right = [
        classifier.labels[number] == label
        for number, label in zip(classifier.probabilities(documents, texts).argmax(1), labels_of, strict=True)
    ]
    assert np.mean(right) == pytest.approx(report["valid_accuracy"])


def test_equal_inputs_give_equal_bytes(train: Any) -> None:
    one, two = train("one")[0], train("two")[0]
    for name in ("weights.safetensors", "model.json", "encoder/states.onnx", "encoder/tokenizer.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_the_scaling_is_folded_into_the_weights(train: Any, rows: list, read: dict[str, Path]) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    folder, _ = train(encoder=ENCODER | {"l2": 0.05})
    view = Classifier.load(folder, read["embedded"]).views["encoder"]
    _, texts, labels = texts_of(rows, "train")
    vectors_ND = np.array(list(view.encoder.vectors(texts)))  # type: ignore[attr-defined]
    scaler = StandardScaler().fit(vectors_ND.astype(np.float64))
    theirs = LogisticRegression(C=1 / (0.05 * len(texts)), tol=1e-9, max_iter=5000).fit(scaler.transform(vectors_ND), labels)
    ours_NC = vectors_ND @ view.weights_DC + view.bias_C  # type: ignore[attr-defined]
    ours_NC = np.exp(ours_NC - ours_NC.max(1, keepdims=True))
    np.testing.assert_allclose(
        ours_NC / ours_NC.sum(1, keepdims=True), theirs.predict_proba(scaler.transform(vectors_ND)), atol=2e-3
    )


def test_a_dimension_that_never_differs_has_no_weight(train: Any, read: dict[str, Path]) -> None:
    path = read["embedded"] / "vectors.npy"
    vectors_ND = np.load(path)
    vectors_ND[:, 3] = np.linspace(-1e-33, 1e-33, len(vectors_ND))
    vectors_ND[:, 4] = 0.3
    np.save(path, vectors_ND)
    folder, report = train()
    weights_DC = Classifier.load(folder).views["encoder"].weights_DC  # type: ignore[attr-defined]
    assert not weights_DC[3:5].any()
    assert np.isfinite(weights_DC).all()
    assert report["valid_accuracy"] > 0.8


@pytest.mark.parametrize("model", ["tfidf+encoder", "bag+ca+encoder", "encoder+mean"])
def test_a_sum_reads_texts_and_tokens(train: Any, rows: list, model: str) -> None:
    folder, report = train(model=model, ca={"dim": 4, "min_documents": 2})
    assert report["views"].keys() == set(model.split("+"))
    classifier = Classifier.load(folder)
    documents, texts, _ = texts_of(rows, "valid")
    assert np.isfinite(classifier.probabilities(documents, texts)).all()
    with pytest.raises(ValueError, match="reads the texts of documents, and only their tokens were given"):
        classifier.probabilities(documents)


def test_refit_learns_from_the_validation_rows_too(train: Any) -> None:
    plain, again = train("plain"), train("again", refit=True)
    assert again[1]["valid_accuracy"] == plain[1]["valid_accuracy"]
    assert again[1]["views"]["encoder"]["members"][0]["refit"]["rows"] == 120
    assert (plain[0] / "weights.safetensors").read_bytes() != (again[0] / "weights.safetensors").read_bytes()


def test_stored_vectors_spare_encoding_if_they_were_made_in_the_same_way(
    train: Any, rows: list, read: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = train()
    documents, texts, _ = texts_of(rows, "valid")
    expected_NC = Classifier.load(folder).probabilities(documents, texts)
    calls = watched_encoder(monkeypatch)
    assert Classifier.load(folder, read["embedded"]).probabilities(documents, texts).tobytes() == expected_NC.tobytes()
    assert calls == []
    made = read["embedded"] / "made.json"
    made.write_text(json.dumps(json.loads(made.read_text()) | {"pooling": "cls"}))
    assert Classifier.load(folder, read["embedded"]).probabilities(documents, texts).tobytes() == expected_NC.tobytes()
    assert len(calls) == len(set(texts))


def test_the_name_of_the_weights_is_in_no_key_of_finetune(tmp_path: Path) -> None:
    memory = Fingerprints(tmp_path / "memory.db")

    def key(**encoder: Any) -> dict[str, Any]:
        return section_values(FinetuneConfig(model="encoder", encoder=encoder).keyed(), memory)

    commit = "0" * 40
    assert key(model=tmp_path) == key(model=f"desk/tiny@{commit}") == key()
    assert key(l2=0.5) != key()


@pytest.mark.parametrize("place", ["desk/tiny@main", "bert-base-uncased@" + "a" * 40])
def test_a_name_of_the_hub_is_told_from_a_path(place: str) -> None:
    config = FinetuneConfig(model="encoder", encoder={"model": place})
    assert config.weights is not None
    assert config.weights.place == place
    path = FinetuneConfig(model="encoder", encoder={"model": f"./{place}/x"}).encoder.model
    assert isinstance(path, Path)


def test_weights_have_to_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.finetune.kinds.encoder.find_spec", lambda name: object())
    with pytest.raises(
        RequestError, match=r"has no weights to start from; give --finetune.encoder.model FOLDER or NAME@COMMIT"
    ):
        FinetuneConfig(model="tfidf+encoder").check()
    FinetuneConfig(model="bag").check()


def test_without_the_extra_a_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.finetune.kinds.encoder.find_spec", lambda name: None if name == "onnx" else object())
    with pytest.raises(
        RequestError, match=r"needs the package onnx, which is not installed; run pip install 'textmill\[encoder\]'"
    ):
        FinetuneConfig(model="encoder", encoder=ENCODER).check()


def test_peft_is_asked_for_by_adapters_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.finetune.kinds.encoder.find_spec", lambda name: None if name == "peft" else object())
    for train in ("frozen", "full", "last:1"):
        FinetuneConfig(model="encoder", encoder={"model": Path("weights"), "train": train}).check()
    with pytest.raises(RequestError, match=r"needs the package peft, which is not installed; run pip install"):
        FinetuneConfig(model="encoder", encoder={"model": Path("weights"), "train": "lora"}).check()


def test_int8_is_measured_and_served_alike(
    train: Any, rows: list, read: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact, float32 = train("exact")
    folder, report = train("int8", encoder=ENCODER | {"serve": "int8"}, refit=False)
    assert (folder / "encoder/states.onnx").stat().st_size < 0.9 * (exact / "encoder/states.onnx").stat().st_size
    documents, texts, labels = texts_of(rows, "valid")
    calls = watched_encoder(monkeypatch)
    classifier = Classifier.load(folder, read["embedded"])
    probabilities_NC = classifier.probabilities(documents, texts)
    assert len(calls) == len(set(texts))  # a vector of float32 is not its own
    right = np.mean([classifier.labels[at] == label for at, label in zip(probabilities_NC.argmax(1), labels, strict=True)])
    assert right == pytest.approx(report["valid_accuracy"]) == pytest.approx(report["figures"]["encoder/int8_accuracy"])
    assert report["figures"]["encoder/float32_accuracy"] == pytest.approx(float32["valid_accuracy"])
    assert 0 < report["figures"]["encoder/int8_largest_difference"] < 0.5
    assert f"; encoder: int8 gives {report['figures']['encoder/int8_labels_that_differ']:.0f} of 30 validation rows" in says(
        report
    )
    assert metrics(report)["encoder/int8_accuracy"] == pytest.approx(right)


def test_what_int8_loses_is_counted() -> None:
    from tasks.finetune.kinds.encoder.int8 import compared

    float32_NC = np.log(np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]))
    int8_NC = np.log(np.array([[0.9, 0.1], [0.45, 0.55], [0.2, 0.8]]))
    found = compared([int8_NC], [float32_NC], np.array([0, 0, 0]))
    assert found.figures == {
        "int8_accuracy": pytest.approx(1 / 3),
        "float32_accuracy": pytest.approx(2 / 3),
        "int8_labels_that_differ": 1.0,
        "int8_largest_difference": pytest.approx(0.15),
    }
    assert found.note == (
        "int8 gives 1 of 3 validation rows another label than float32 (accuracy 0.3333, float32 0.6667), "
        "and probabilities that differ by 0.150 at most"
    )
