"""The kind `encoder` tuned on pairs of texts: what is drawn, what is descended, what is served."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tasks.finetune.kinds.encoder.pairs import drawn_pairs, reads_of_a_text
from tasks.finetune.kinds.encoder.settings import EncoderSettings
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.model.classifier import Classifier

if TYPE_CHECKING:
    from collections.abc import Callable

PAIRS = {"model": Path("weights"), "train": "full", "contrastive": True, "pairs": 1, "max_len": 16, "lr": 2e-3, "batch_size": 8}
LABELS_N = np.array([0, 1, 0, 2, 1, 0, 2])


@pytest.fixture
def tune(dataset: Path, aligned: Path, read: dict[str, Path], tmp_path: Path) -> Callable[..., tuple[Path, dict[str, Any]]]:
    given: Any = {"texts": read["texts"], "weights": read["weights"]}

    def run(name: str = "model", scratch: Path | None = None, **encoder: Any) -> tuple[Path, dict[str, Any]]:
        kept = scratch or tmp_path / f"{name}-scratch"
        for folder in (made := tmp_path / name, kept):
            folder.mkdir(exist_ok=True)
        config = {key: encoder.pop(key) for key in ("model", "refit", "class_weights") if key in encoder}
        values = FinetuneConfig(**{"model": "encoder", "encoder": PAIRS | encoder, "threads": 1} | config)
        return made, write_model(values, dataset, aligned, made, kept, **given)

    return run


def drawn(labels_N: np.ndarray, pairs: int, batch_size: int = 4, seed: int = 1) -> list[np.ndarray]:
    return list(drawn_pairs(labels_N, pairs, batch_size, np.random.default_rng(seed)))


def served(folder: Path, rows: list) -> tuple[np.ndarray, np.ndarray]:
    chosen, model = [row for row in rows if row[1] == "valid"], Classifier.load(folder)
    answers_NC = model.probabilities([row[3] for row in chosen], [" ".join(row[3]) for row in chosen])
    return answers_NC, np.array([model.labels.index(row[2]) for row in chosen])


def test_each_text_begins_as_many_pairs_of_both_sorts() -> None:
    batches = drawn(LABELS_N, 3)
    assert [len(rows_B) for rows_B in batches] == [4] * (len(LABELS_N) * 3)
    first_P, second_P = np.concatenate(batches).reshape(-1, 2).T
    alike_P = LABELS_N[first_P] == LABELS_N[second_P]
    assert (np.bincount(first_P[alike_P]) == 3).all()
    assert (np.bincount(first_P[~alike_P]) == 3).all()
    assert (first_P != second_P).all()
    assert sum(map(len, batches)) == len(LABELS_N) * reads_of_a_text(3)


def test_every_other_text_may_be_the_second_of_a_pair() -> None:
    pairs = {tuple(pair) for pair in np.concatenate(drawn(LABELS_N, 100)).reshape(-1, 2).tolist()}
    assert pairs == {(a, b) for a, b in itertools.product(range(len(LABELS_N)), repeat=2) if a != b}


def test_the_only_text_of_its_label_is_paired_with_itself() -> None:
    pairs = np.concatenate(drawn(np.array([0, 1, 1]), 2)).reshape(-1, 2).tolist()
    assert [0, 0] in pairs
    assert [1, 1] not in pairs


def test_the_last_batch_may_be_smaller_and_a_seed_gives_the_same_pairs() -> None:
    one, other = drawn(LABELS_N, 1, 16), drawn(LABELS_N, 1, 16)
    assert [len(rows_B) for rows_B in one] == [16, 12]
    assert all(np.array_equal(*both) for both in zip(one, other, strict=True))
    assert not all(np.array_equal(*both) for both in zip(one, drawn(LABELS_N, 1, 16, seed=2), strict=True))


def test_pairs_are_drawn_a_batch_at_a_time() -> None:
    labels_N = np.arange(1000) % 2
    batches = drawn_pairs(labels_N, 10**9, 8, np.random.default_rng(1))  # of which no machine holds all
    assert len(next(batches)) == 8


def test_the_loss_is_the_squared_error_of_the_cosine() -> None:
    from tasks.finetune.kinds.encoder.contrast import cosine_loss

    vectors_BD = torch.tensor([[1.0, 0.0], [2.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    assert cosine_loss(vectors_BD, torch.tensor([0, 0, 1, 1])).item() == pytest.approx((1 - 0.5**0.5) ** 2 / 2)
    assert cosine_loss(vectors_BD, torch.tensor([0, 2, 0, 1])).item() == pytest.approx((1 + 0.5) / 2)


def test_it_learns_and_is_served_as_it_was_measured(tune: Any, rows: list) -> None:
    folder, report = tune(pairs=2, epochs=3)
    answers_NC, truth = served(folder, rows)
    assert -np.log(answers_NC[np.arange(len(truth)), truth]).mean() == pytest.approx(report["valid_loss"], abs=1e-3)
    assert report["valid_accuracy"] > 0.8
    assert Classifier.load(folder).settings["views"]["encoder"]["made"]["weights"] == "tuned"


@pytest.mark.long
def test_tuning_moves_texts_of_one_label_together(tune: Any, rows: list, read: dict[str, Path]) -> None:
    from tasks.model.views.encoder import Reading, TextEncoder

    def apart(folder: Path) -> float:
        """Mean cosine of texts with one label, less that of texts with two."""
        encoder, train = TextEncoder(folder, Reading("mean", 16, "head")), [row for row in rows if row[1] == "valid"]
        vectors_ND = np.array(list(encoder.vectors([" ".join(row[3]) for row in train])))
        vectors_ND /= np.linalg.norm(vectors_ND, axis=1, keepdims=True)
        alike_NN = np.equal.outer(*[np.array([row[2] for row in train])] * 2)
        return float((cosine_NN := vectors_ND @ vectors_ND.T)[alike_NN].mean() - cosine_NN[~alike_NN].mean())

    folder, _ = tune(pairs=2, epochs=3)
    assert apart(folder / "encoder") > apart(read["weights"]) + 0.3


@pytest.mark.long
@pytest.mark.parametrize("how", [{"train": "full"}, {"train": "lora", "lora_rank": 2}])
def test_a_killed_training_ends_with_the_same_bits(
    tune: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any]
) -> None:
    if how["train"] == "lora":
        pytest.importorskip("peft", reason="the extra `encoder` is not installed")
    whole, _ = tune("whole", epochs=2, **how)
    from tasks.finetune import epochs

    def killed(point: str) -> None:
        if point == "finetune.epoch.1":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(epochs, "crash_point", killed)
        with pytest.raises(KeyboardInterrupt):
            tune("killed", tmp_path / "scratch", epochs=2, **how)
    again, report = tune("again", tmp_path / "scratch", epochs=2, **how)
    assert report["resumed_from_epoch"] == 1
    for name in ("weights.safetensors", "encoder/states.onnx", "history.json"):
        assert (again / name).read_bytes() == (whole / name).read_bytes()


def test_refit_tunes_and_fits_on_both(tune: Any, rows: list) -> None:
    folder, report = tune(refit=True, epochs=1, train="last:1", class_weights="balanced", model="tfidf+encoder")
    assert report["views"].keys() == {"tfidf", "encoder"}
    assert report["views"]["encoder"]["members"][0]["refit"]["rows"] == 120
    assert np.isfinite(served(folder, rows)[0]).all()


def test_members_are_served_together(tune: Any, rows: list) -> None:
    folder, report = tune(members=2, epochs=1)
    members = report["views"]["encoder"]["members"]
    assert len(members) == 2
    answers_NC, truth_N = served(folder, rows)
    assert (answers_NC.argmax(1) == truth_N).mean() == pytest.approx(report["valid_accuracy"])
    assert -np.log(answers_NC[np.arange(len(truth_N)), truth_N]).mean() == pytest.approx(report["valid_loss"], abs=1e-3)


@pytest.mark.long
def test_with_8_bits_the_head_that_has_not_seen_the_validation_rows_is_measured(tune: Any, rows: list) -> None:
    folder, report = tune(refit=True, epochs=1, serve="int8")
    plain, exact = tune("plain", refit=True, epochs=1)
    assert report["figures"]["encoder/float32_accuracy"] == exact["valid_accuracy"]
    assert (folder / "encoder" / "states.onnx").stat().st_size < (plain / "encoder" / "states.onnx").stat().st_size
    np.testing.assert_allclose(served(folder, rows)[0], served(plain, rows)[0], atol=0.2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"contrastive": True}, "train frozen reads no contrastive; set train full, last:N or lora"),
        ({"train": "full", "pairs": 3}, "train full reads no pairs; set contrastive true"),
        ({"train": "full", "l2": 1.0}, "train full reads no l2; set train frozen, or contrastive true"),
        (
            {"train": "lora", "contrastive": True, "dropout": 0.2},
            "contrastive, train lora, reads no dropout; set contr",
        ),
        (
            {"train": "full", "contrastive": True, "batch_size": 5},
            "batch_size 5 with accumulate 1.*; make batch_size twice",
        ),
        ({"train": "full", "contrastive": True, "batch_size": 10, "accumulate": 2}, "batch_size 10 with accumulate 2 parts"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        EncoderSettings(**settings)


def test_a_tenth_of_the_rate_of_adapters_where_none_is_given() -> None:
    assert EncoderSettings(train="full", contrastive=True).peak_rate == 2e-5
    assert EncoderSettings(train="lora", contrastive=True).peak_rate == 2e-4
    assert EncoderSettings(train="full").peak_rate == 5e-5
