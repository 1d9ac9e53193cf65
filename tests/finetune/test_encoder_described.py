"""The kind `encoder` with labels in words: alone as the head, and as what the head starts from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError

from tasks.errors import RequestError
from tasks.finetune.kinds.encoder.settings import EncoderSettings
from tasks.finetune.logistic import Solver, logistic_regression
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.model.classifier import Classifier
from tests import writers

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = {"bad": "awful dull sinking", "fine": "average usual steady", "good": "great superb rising"}


def described(folder: Path, words: dict[str, str] = WORDS) -> Path:
    (path := folder / "labels.toml").write_text(
        "\n".join(f'[labels.{name}]\ndescription = "{text}"' for name, text in words.items())
    )
    return path


@pytest.fixture
def train(dataset: Path, aligned: Path, read: dict[str, Path], tmp_path: Path) -> Callable[..., tuple[Path, dict[str, Any]]]:
    def run(name: str = "model", rows: Path | None = None, texts: Path | None = None, **encoder: Any) -> Any:
        for folder in (made := tmp_path / name, scratch := tmp_path / f"{name}-scratch"):
            folder.mkdir()
        model = {key: encoder.pop(key) for key in ("model", "refit") if key in encoder}
        how = {"model": Path("weights"), "max_len": 16, "labels": described(tmp_path)} | encoder
        config = FinetuneConfig(**{"model": "encoder", "encoder": how, "threads": 1} | model)
        given: Any = {"weights": read["weights"], "texts": texts or read["texts"]}
        if config.embeds is not None and (rows is None or rows.name != "blind"):
            given["embedded"] = read["embedded"]
        return made, write_model(config, rows or dataset, aligned, made, scratch, **given)

    return run


def texts_of(rows: list, split: str = "valid") -> tuple[list[list[str]], list[str]]:
    chosen = [row for row in rows if row[1] == split]
    return [row[3] for row in chosen], [" ".join(row[3]) for row in chosen]


def test_zero_shot_answers_by_the_cosine_and_trains_nothing(train: Any, rows: list) -> None:
    folder, report = train(train="zero-shot")
    assert report["trainable_parameters"] == 0
    assert report["epochs"] == 0
    model = Classifier.load(folder)
    view: Any = model.views["encoder"]
    _, texts = texts_of(rows)
    vectors_ND = np.array(list(view.encoder.vectors(texts)))
    labels_CD = np.array(list(view.encoder.vectors([WORDS[label] for label in model.labels])))
    cosine_NC = (vectors_ND @ labels_CD.T) / np.outer(np.linalg.norm(vectors_ND, axis=1), np.linalg.norm(labels_CD, axis=1))
    answers_NC = model.probabilities(*texts_of(rows))
    assert (answers_NC.argmax(1) == cosine_NC.argmax(1)).all()
    assert 0 <= report["valid_accuracy"] <= 1


def test_the_rows_have_no_part_in_zero_shot(train: Any, rows: list, write_dataset: Any, tmp_path: Path) -> None:
    one, _ = train("one", train="zero-shot")
    few = [row for row in rows if row[1] == "valid" or int(row[0].partition("/")[2]) < 20]
    texts = writers.write_texts(tmp_path / "few-texts", [(row[0], row[1], " ".join(row[3])) for row in few])
    other, _ = train("other", rows=write_dataset(few, name="few"), texts=texts, train="zero-shot")
    assert (one / "weights.safetensors").read_bytes() == (other / "weights.safetensors").read_bytes()


def test_without_a_labelled_row_nothing_is_measured(train: Any, rows: list, write_dataset: Any, tmp_path: Path) -> None:
    blind = [(row[0], "unlabelled", None, row[3]) for row in rows]
    texts = writers.write_texts(tmp_path / "blind-texts", [(row[0], row[1], " ".join(row[3])) for row in blind])
    dataset = write_dataset(blind, labels=[], name="blind")
    folder, report = train(rows=dataset, texts=texts, train="zero-shot")
    assert report["valid_rows"] == 0
    assert not [name for name in report if name.startswith("valid_") and name != "valid_rows"]
    model = Classifier.load(folder)
    assert model.labels == sorted(WORDS)
    assert model.settings["temperature"] == 1.0
    train("small", rows=dataset, texts=texts, train="zero-shot", serve="int8")
    measured, _ = train("measured", train="zero-shot")
    assert (folder / "weights.safetensors").read_bytes() == (measured / "weights.safetensors").read_bytes()
    with pytest.raises(RequestError, match="a classifier needs at least two"):
        train("trained", rows=dataset, texts=texts)


def test_a_label_without_a_description_is_named(train: Any, tmp_path: Path) -> None:
    labels = described(tmp_path, {name: WORDS[name] for name in ("bad", "good")})
    kept = labels.rename(tmp_path / "two.toml")
    with pytest.raises(RequestError, match=r"two.toml: label 'fine' has no description"):
        train(train="zero-shot", labels=kept)


def test_the_head_of_a_frozen_network_starts_from_the_descriptions(train: Any) -> None:
    def weights(name: str, **encoder: Any) -> np.ndarray:
        view: Any = Classifier.load(train(name, **encoder)[0]).views["encoder"]
        weights_DC: np.ndarray = view.weights_DC
        return weights_DC.ravel()

    def alike(one: np.ndarray, other: np.ndarray) -> float:
        return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))

    meaning = weights("zero", train="zero-shot")
    assert alike(weights("held", l2=1e6), meaning) == pytest.approx(1, abs=1e-4)  # nothing but the descriptions is left
    loose, alone = weights("loose", l2=1e-6), weights("alone", l2=1e-4, labels=None)
    assert alike(loose, alone) > alike(loose, meaning)


def test_a_tuned_head_starts_from_the_descriptions(train: Any) -> None:
    folder, report = train(train="full", epochs=1, lr=1e-9, batch_size=64)
    zero, _ = train("zero", train="zero-shot")
    moved: Any = Classifier.load(folder).views["encoder"]
    fixed: Any = Classifier.load(zero).views["encoder"]
    np.testing.assert_allclose(moved.weights_DC, fixed.weights_DC, atol=1e-5)
    assert report["trainable_parameters"] > 0


def test_descriptions_are_drawn_in_pairs_like_the_rows(train: Any, rows: list, monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.finetune.kinds.encoder import contrast

    drawn: list[int] = []
    plain = contrast.drawn_pairs

    def watched(labels_N: np.ndarray, *rest: Any) -> Any:
        drawn.append(len(labels_N))
        return plain(labels_N, *rest)

    monkeypatch.setattr(contrast, "drawn_pairs", watched)
    folder, _ = train(train="full", contrastive=True, pairs=1, epochs=1, refit=True)
    assert drawn == [90 + 3, 120 + 3]
    assert np.isfinite(Classifier.load(folder).probabilities(*texts_of(rows))).all()


def test_an_offset_is_part_of_the_answer_and_not_of_the_penalty() -> None:
    random = np.random.default_rng(2)
    features_NF, labels_N = random.normal(size=(40, 3)), np.arange(40) % 2
    given_FC = random.normal(size=(3, 2))
    offset_NC = features_NF @ given_FC
    weights_FC, bias_C = logistic_regression(features_NF, labels_N, 2, 0.0, solver=Solver(200), offset_NC=offset_NC)
    alone_FC, alone_C = logistic_regression(features_NF, labels_N, 2, 0.0, solver=Solver(200))
    both_NC, alone_NC = features_NF @ (given_FC + weights_FC) + bias_C, features_NF @ alone_FC + alone_C
    np.testing.assert_allclose(np.diff(both_NC, axis=1), np.diff(alone_NC, axis=1), atol=1e-2)
    held_FC, _ = logistic_regression(features_NF, labels_N, 2, 1e9, solver=Solver(200), offset_NC=offset_NC)
    assert np.abs(held_FC).max() < 1e-6


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"train": "zero-shot"}, "nothing but what the labels mean; give labels, a TOML file that describes each"),
        ({"train": "zero-shot", "labels": "x", "l2": 1.0}, "train zero-shot reads no l2"),
        ({"train": "zero-shot", "labels": "x", "contrastive": True}, "train zero-shot reads no contrastive"),
        ({"train": "zero"}, "choose frozen, full, lora, zero-shot, or last:N"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        EncoderSettings(**settings)
