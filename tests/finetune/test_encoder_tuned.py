"""The kind `encoder` with a network that is trained itself: it learns, resumes to the same bits, is served by ONNX Runtime."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.errors import RequestError
from tasks.finetune.kinds.encoder.settings import EncoderSettings
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.model.classifier import Classifier
from tests.encoders import change_config
from tests.writers import write_texts

if TYPE_CHECKING:
    from collections.abc import Callable

TUNED = {"model": Path("weights"), "train": "full", "max_len": 16, "lr": 3e-3, "epochs": 4, "batch_size": 8}


@pytest.fixture
def tune(dataset: Path, aligned: Path, read: dict[str, Path], tmp_path: Path) -> Callable[..., tuple[Path, dict[str, Any]]]:
    given: Any = {"texts": read["texts"], "weights": read["weights"]}

    def run(
        name: str = "model", scratch: Path | None = None, weights: Path | None = None, **encoder: Any
    ) -> tuple[Path, dict[str, Any]]:
        kept = scratch or tmp_path / f"{name}-scratch"
        for folder in (made := tmp_path / name, kept):
            folder.mkdir(exist_ok=True)
        config = {key: encoder.pop(key) for key in ("model", "refit") if key in encoder}
        values = FinetuneConfig(**{"model": "encoder", "encoder": TUNED | encoder, "threads": 1} | config)
        return made, write_model(values, dataset, aligned, made, kept, **given | ({"weights": weights} if weights else {}))

    return run


def served(folder: Path, rows: list, split: str = "valid") -> np.ndarray:
    chosen = [row for row in rows if row[1] == split]
    return Classifier.load(folder).probabilities([row[3] for row in chosen], [" ".join(row[3]) for row in chosen])


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_it_learns_and_is_served_as_it_was_measured(tune: Any, rows: list, pooling: str) -> None:
    folder, report = tune(pooling=pooling, epochs=12)
    labels = [row[2] for row in rows if row[1] == "valid"]
    probabilities_NC = served(folder, rows)
    classes = Classifier.load(folder).labels
    right = np.mean([classes[number] == label for number, label in zip(probabilities_NC.argmax(1), labels, strict=True)])
    assert right == pytest.approx(report["valid_accuracy"])
    truth = np.array([classes.index(label) for label in labels])
    assert -np.log(probabilities_NC[np.arange(len(labels)), truth]).mean() == pytest.approx(report["valid_loss"], abs=1e-3)
    assert report["valid_accuracy"] > 0.8
    assert report["epochs"] <= 12


@pytest.mark.parametrize(
    ("how", "after"),
    [
        ({"train": "full"}, 2),
        ({"train": "lora"}, 2),
        ({"train": "lora", "precision": "bfloat16"}, 2),
        ({"members": 2, "epochs": 2}, 3),  # the second member's first epoch
    ],
)
def test_a_killed_training_ends_with_the_same_bits(
    tune: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any], after: int
) -> None:
    whole, _ = tune("whole", **how)
    from tasks.finetune import epochs

    def killed(point: str) -> None:
        if point == f"finetune.epoch.{after}":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(epochs, "crash_point", killed)
        with pytest.raises(KeyboardInterrupt):
            tune("killed", tmp_path / "scratch", **how)
    again, report = tune("again", tmp_path / "scratch", **how)
    assert report["resumed_from_epoch"] == after
    for name in ("weights.safetensors", "encoder/states.onnx", "history.json"):
        assert (again / name).read_bytes() == (whole / name).read_bytes()


def test_the_last_layers_alone_move(tune: Any, read: dict[str, Path], tmp_path: Path) -> None:
    import onnx

    def matrices(path: Path) -> set[bytes]:
        return {each.raw_data for each in onnx.load(path).graph.initializer if len(each.dims) == 2}

    folder, report = tune(train="last:1", epochs=1)
    before, after = matrices(read["weights"] / "states.onnx"), matrices(folder / "encoder" / "states.onnx")
    assert len(before) == 3 + 2 * 6  # of the embeddings, and of each layer
    assert len(before - after) == 6
    assert report["trainable_parameters"] < (whole := tune("full", epochs=1))[1]["trainable_parameters"]
    assert len(before - matrices(whole[0] / "encoder" / "states.onnx")) >= 14  # one row of token types is read by no text


def test_a_step_in_parts_trains_the_same_network(tune: Any, read: dict[str, Path], rows: list, tmp_path: Path) -> None:
    weights = shutil.copytree(read["weights"], tmp_path / "without-dropout")
    change_config(weights, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    how: dict[str, Any] = {"weights": weights, "dropout": 0.0, "epochs": 2}
    (whole, one), (parts, other) = tune("whole", **how), tune("parts", accumulate=4, **how)
    assert other["valid_loss"] == pytest.approx(one["valid_loss"], abs=1e-3)
    np.testing.assert_allclose(served(parts, rows), served(whole, rows), atol=2e-3)


@pytest.mark.long
def test_in_bfloat16_it_multiplies_so_in_training_alone(tune: Any, rows: list, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    dtypes: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
    linear = torch.nn.functional.linear

    def watched(*given: Any, **named: Any) -> torch.Tensor:
        made = linear(*given, **named)
        if not torch.jit.is_tracing():  # as the export does
            dtypes[torch.is_grad_enabled()].add(made.dtype)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.functional, "linear", watched)
        folder, report = tune("half", precision="bfloat16", epochs=12)
    assert dtypes == {True: {torch.bfloat16}, False: {torch.float32}}
    assert report["bfloat16"] == 1
    assert report["valid_accuracy"] > 0.8
    assert np.isfinite(served(folder, rows)).all()
    _, exact = tune("exact", epochs=12)
    assert exact["bfloat16"] == 0
    assert 0 < abs(exact["valid_loss"] - report["valid_loss"]) < 0.2


def test_more_layers_than_there_are_is_one_line(tune: Any) -> None:
    with pytest.raises(RequestError, match=r"finetune.encoder.train last:3: these weights have 2 layers; lower it"):
        tune(train="last:3")


def test_refit_trains_once_more_on_both(tune: Any, rows: list) -> None:
    folder, report = tune(refit=True, epochs=2)
    assert report["views"]["encoder"]["members"][0]["refit"]["rows"] == 120
    assert np.isfinite(served(folder, rows)).all()


@pytest.mark.parametrize("refit", [False, True])
def test_int8_is_served_as_it_was_measured(tune: Any, rows: list, refit: bool) -> None:
    folder, report = tune(serve="int8", epochs=2, refit=refit)
    whole, exact = tune("exact", epochs=2, refit=refit)
    assert (folder / "encoder/states.onnx").stat().st_size < 0.9 * (whole / "encoder/states.onnx").stat().st_size
    assert report["figures"]["encoder/float32_accuracy"] == pytest.approx(exact["valid_accuracy"])
    assert 0 < report["figures"]["encoder/int8_largest_difference"] < 0.5
    np.testing.assert_allclose(served(folder, rows), served(whole, rows), atol=0.2)
    if not refit:
        labels, classes = [row[2] for row in rows if row[1] == "valid"], Classifier.load(folder).labels
        found = [classes[number] for number in served(folder, rows).argmax(1)]
        assert np.mean([one == two for one, two in zip(found, labels, strict=True)]) == pytest.approx(report["valid_accuracy"])


def test_a_sum_with_a_tuned_network(tune: Any, rows: list) -> None:
    folder, report = tune(model="tfidf+encoder", epochs=1)
    assert report["views"].keys() == {"tfidf", "encoder"}
    assert np.isfinite(served(folder, rows)).all()


def test_lower_layers_learn_more_slowly_and_norms_do_not_decay(weights: Path) -> None:
    from tasks.finetune.kinds.encoder.groups import dense_groups
    from tasks.finetune.kinds.encoder.tune import TunedNetwork
    from tasks.weights.network import open_network

    network = TunedNetwork(open_network(weights, "x"), 3, "mean", 0.1)
    groups = dense_groups(network, EncoderSettings(train="full", layer_decay=0.5, weight_decay=0.2))
    assert [(group.scale, group.weight_decay) for group in groups] == [
        (scale, decay) for scale in (0.125, 0.25, 0.5, 1.0) for decay in (0.0, 0.2)
    ]
    assert sum(len(group.parameters) for group in groups) == len(list(network.parameters())) - 2  # the pooler's


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lr": 0.1}, "train frozen reads no lr; set train full, last:N or lora, or leave lr out"),
        ({"train": "full", "l2": 0.1}, "train full reads no l2; set train frozen, or contrastive true, or leave l2 out"),
        ({"train": "full", "lora_rank": 4}, "train full reads no lora_rank; set train lora, or leave lora_rank out"),
        ({"lora_layers": "all-linear"}, "train frozen reads no lora_layers; set train lora, or leave lora_layers out"),
        ({"train": "lora", "l2": 0.1}, "train lora reads no l2; set train frozen, or contrastive true, or leave l2 out"),
        ({"accumulate": 2}, "train frozen reads no accumulate; set train full, last:N or lora, or leave accumulate out"),
        ({"precision": "bfloat16"}, "train frozen reads no precision; set train full, last:N or lora, or leave precision out"),
        ({"train": "full", "accumulate": 40}, "accumulate 40 is more than the 32 texts of batch_size; lower it"),
        ({"train": "last:0"}, "choose frozen, full, lora, zero-shot, or last:N such as last:2"),
    ],
)
def test_settings_that_are_not_read_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        EncoderSettings(**values)


def test_a_tuned_network_reads_no_vectors() -> None:
    config = FinetuneConfig(model="encoder", encoder=TUNED)
    assert config.embeds is None
    assert config.weights is not None


def test_without_validation_rows_a_line_says_what_to_do(
    rows: list, write_dataset: Any, read: dict[str, Path], tmp_path: Path
) -> None:
    alone = [row for row in rows if row[1] == "train"]
    dataset = write_dataset(alone, name="no-valid")
    read["texts"] = write_texts(tmp_path / "no-valid-texts", [(row[0], "train", " ".join(row[3])) for row in alone])
    (tmp_path / "scratch").mkdir()
    for train in ("full", "frozen"):
        (tmp_path / train).mkdir()
        config = FinetuneConfig(model="encoder", encoder={"model": Path("weights"), "train": train, "max_len": 16})
        given: Any = read if train == "frozen" else {name: read[name] for name in ("texts", "weights")}
        with pytest.raises(RequestError, match=r"no validation rows to choose a model on; raise prepare.valid_share"):
            write_model(config, dataset, None, tmp_path / train, tmp_path / "scratch", **given)


@pytest.mark.parametrize("how", [{}, {"train": "lora", "lr": 2e-2}, {"refit": True, "serve": "int8"}])
def test_members_are_served_as_one_network_with_their_mean(
    tune: Any, rows: list, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.finetune.kinds.encoder import tune as room

    parts: list[np.ndarray] = []
    measured = room.train_in_epochs

    def watched(*given: Any, **named: Any) -> Any:
        made = measured(*given, **named)
        parts.extend(each.logits for each in made)
        return made

    monkeypatch.setattr(room, "train_in_epochs", watched)
    folder, report = tune("two", members=2, epochs=2, **how)
    one, alone = tune("one", epochs=2, **how)
    first, second, single = parts
    np.testing.assert_array_equal(first, single)
    assert np.abs(first - second).max() > 0.01
    members = report["views"]["encoder"]["members"]
    assert [each["epochs"] for each in members] == [2, 2]
    assert report["trainable_parameters"] == 2 * alone["trainable_parameters"]
    assert (folder / "encoder/states.onnx").stat().st_size > 1.3 * (one / "encoder/states.onnx").stat().st_size
    if not how.get("refit"):
        model, chosen = Classifier.load(folder), [row for row in rows if row[1] == "valid"]
        logits_NC = model.logits([row[3] for row in chosen], [" ".join(row[3]) for row in chosen])
        view = json.loads((folder / "model.json").read_text())["views"]["encoder"]
        np.testing.assert_allclose(logits_NC, (first + second) / 2 * view["weight"] / view["deviation"], atol=2e-3)
    else:
        assert 0 < report["figures"]["encoder/int8_largest_difference"] < 0.5
        assert np.isfinite(served(folder, rows)).all()
