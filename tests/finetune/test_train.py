from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file

from tasks.align.export import export_vectors
from tasks.errors import RequestError
from tasks.finetune.loop import member_seed
from tasks.finetune.networks import network
from tasks.finetune.networks.trained_rows import trained_rows
from tasks.finetune.train import write_model
from tasks.model.classifier import Classifier
from tasks.model.vocabulary import Vocabulary
from tasks.model.words import same_length
from tasks.prepare.read import read_split

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.finetune.settings import FinetuneConfig

CUES = ["awful", "dull", "sinking", "great", "superb", "rising"]
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def train(dataset: Path, aligned: Path, tmp_path: Path) -> Callable[..., tuple[dict, Path]]:
    """Call write_model into a folder of its own; return the report and the folder."""

    def call(config: FinetuneConfig, name: str = "model", data: Path = dataset, scratch: str = "") -> tuple[dict, Path]:
        folder, kept = tmp_path / name, tmp_path / (scratch or f"scratch-{name}")
        folder.mkdir()
        kept.mkdir(exist_ok=True)
        return write_model(config, data, aligned, folder, kept), folder

    return call


@pytest.mark.parametrize("model", ["mean", "cnn", "bilstm", "bag", "tfidf", "fasttext", "tfidf+cnn", "bag+ca+mean"])
def test_every_model_learns_a_tiny_corpus_and_is_read_back_the_same(
    model: str, train: Callable, small: Callable[..., FinetuneConfig], dataset: Path
) -> None:
    config = small(model=model, epochs=25, patience=25, lr=0.05, fasttext_epoch=50, ngrams=2)
    report, folder = train(config)
    assert report["valid_accuracy"] > 0.9
    assert json.dumps(report, allow_nan=False)
    classifier = Classifier.load(folder)
    assert classifier.labels == ["bad", "fine", "good"]
    for split, least in (("train", 0.95), ("valid", 0.9)):
        rows = read_split(dataset, split)
        probabilities_NC = classifier.probabilities(rows.tokens)
        assert probabilities_NC.dtype == np.float32
        assert probabilities_NC.sum(1) == pytest.approx(np.ones(rows.num_rows), abs=1e-5)
        right_N = probabilities_NC.argmax(1) == rows.labels_ids(classifier.labels)
        assert right_N.mean() > least
        if split == "valid":
            assert right_N.mean() == pytest.approx(report["valid_accuracy"])
        from_lists_NC = classifier.probabilities(rows.tokens.to_pylist())
        np.testing.assert_allclose(from_lists_NC, probabilities_NC, rtol=1e-4, atol=1e-5)
        alone_C = classifier.probabilities([rows.tokens[3].as_py()])[0]
        np.testing.assert_allclose(alone_C, probabilities_NC[3], rtol=1e-4, atol=1e-5)
    assert np.isfinite(classifier.probabilities([[], ["never", "seen"]])).all()
    assert classifier.probabilities([]).shape == (0, 3)


def test_a_sum_reports_its_parts_and_keeps_the_history_of_each(train: Callable, small: Callable[..., FinetuneConfig]) -> None:
    report, folder = train(small(model="bag+mean", epochs=3))
    assert list(report["views"]) == ["bag", "mean"]
    assert report["views"]["bag"]["weight"] == 1.0
    assert all(0 <= part["valid_accuracy"] <= 1 for part in report["views"].values())
    history = json.loads((folder / "history.json").read_text())
    assert [len(history[view]) for view in ("bag", "mean")] == [3, 3]
    assert set(history["mean"][0]) >= {
        "number",
        "train_loss",
        "valid_loss",
        "valid_accuracy",
        "valid_macro_f1",
        "learning_rate",
    }
    assert json.loads((folder / "side" / "seconds.json").read_text()).keys() == {"bag", "mean"}


@pytest.mark.parametrize("model", ["bag+cnn", "bilstm"])
def test_equal_calls_write_equal_bytes(model: str, train: Callable, small: Callable[..., FinetuneConfig]) -> None:
    config = small(model=model, epochs=2)
    folders = [train(config, name)[1] for name in ("one", "two")]
    files = sorted(path.name for path in folders[0].iterdir() if path.is_file())
    assert {"weights.safetensors", "model.json", "history.json"} <= set(files)
    for name in files:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name
    other = train(small(model=model, epochs=2, seed=14), "three")[1]
    assert (other / "weights.safetensors").read_bytes() != (folders[0] / "weights.safetensors").read_bytes()


@pytest.mark.parametrize("optimizer", ["adamw", "adagrad"])
@pytest.mark.parametrize("mode", ["full", "frozen", "without_vector", "rarest", "random", "words", "rarest, pulled"])
def test_only_the_rows_asked_for_move(
    mode: str, optimizer: str, train: Callable, small: Callable[..., FinetuneConfig], aligned: Path, tmp_path: Path
) -> None:
    kind, _, pulled = mode.partition(", ")
    values: dict[str, Any] = (
        {"embedding": kind} if kind in ("full", "frozen") else {"embedding": "partial", "partial_rows": kind}
    )
    if kind == "words":
        values["partial_words"] = tmp_path / "words.txt"
        values["partial_words"].write_text("\n".join([*CUES, "unheard"]))
    if pulled:
        values["embedding_pull"] = 0.1
    config = small(model="mean", epochs=2, optimizer=optimizer, weight_decay=0.1, partial_share=0.25, seed=5, **values)
    before_VD = torch.from_numpy(same_length(np.load(aligned / "matrix.npy")))
    report, folder = train(config)
    after_VD = load_file(folder / "weights.safetensors")["mean.embedding.weight"]
    moved_V = (before_VD != after_VD).any(1).numpy()
    num_rows = len(before_VD)
    vocabulary = Vocabulary.load(aligned)
    allowed_V = {
        "full": np.arange(num_rows) > 0,
        "frozen": np.zeros(num_rows, bool),
        "without_vector": ~np.load(aligned / "has_vector.npy"),
        "rarest": np.arange(num_rows) >= num_rows - round(0.25 * (num_rows - 2)),
        "random": trained_rows(config, vocabulary, np.zeros(num_rows, bool)),
        "words": np.isin(vocabulary.tokens, CUES),
    }[kind]
    assert not moved_V[~allowed_V].any()
    assert moved_V[allowed_V & (np.arange(num_rows) > 1)].all()
    assert report["trainable_parameters"] == allowed_V.sum() * before_VD.shape[1] + 3 * before_VD.shape[1] + 3


@pytest.mark.parametrize("mode", ["frozen", "without_vector", "rarest"])
@pytest.mark.parametrize("view", ["mean", "cnn", "bilstm"])
def test_rows_at_rest_keep_every_bit_and_are_exported_so(
    view: str, mode: str, train: Callable, small: Callable[..., FinetuneConfig], aligned: Path, tmp_path: Path
) -> None:
    """They are align's at one common length."""
    values = {"embedding": "frozen"} if mode == "frozen" else {"embedding": "partial", "partial_rows": mode}
    config = small(model=view, epochs=2, weight_decay=0.1, refit=True, **values)
    before_VD = same_length(np.load(aligned / "matrix.npy"))
    trained_V = trained_rows(config, Vocabulary.load(aligned), np.load(aligned / "has_vector.npy"))
    _, folder = train(config)
    export_vectors(folder, tmp_path / "out.npy")
    after_VD = np.load(tmp_path / "out.npy")
    assert after_VD[~trained_V].tobytes() == before_VD[~trained_V].tobytes()
    assert trained_V.any() == (mode != "frozen")
    assert (after_VD != before_VD).any(1)[trained_V & (np.arange(len(trained_V)) > 1)].all()


def test_a_pulled_embedding_stays_nearer_to_its_start(
    train: Callable, small: Callable[..., FinetuneConfig], aligned: Path
) -> None:
    before_VD = torch.from_numpy(same_length(np.load(aligned / "matrix.npy")))
    distances = []
    for pull in (0.0, 0.02, 0.2):
        _, folder = train(small(model="mean", epochs=6, embedding_pull=pull), f"pull-{pull}")
        distances.append((load_file(folder / "weights.safetensors")["mean.embedding.weight"] - before_VD).norm().item())
    assert distances[0] > 1.2 * distances[1] > 2 * distances[2] > 0


@pytest.mark.long
@pytest.mark.parametrize("view", ["mean", "cnn", "bilstm"])
def test_a_low_rank_update_is_saved_as_a_plain_matrix_and_measured_as_saved(
    view: str, train: Callable, small: Callable[..., FinetuneConfig], aligned: Path, dataset: Path
) -> None:
    values: Any = {"model": view, "epochs": 8, "lr": 0.02, "members": 2, "refit": True}
    _, plain = train(small(**values), "plain")
    report, folder = train(small(embedding="low_rank", embedding_rank=2, **values), "low-rank")
    tensors = load_file(folder / "weights.safetensors")
    assert {name: value.shape for name, value in tensors.items()} == {
        name: value.shape for name, value in load_file(plain / "weights.safetensors").items()
    }
    before_VD = torch.from_numpy(same_length(np.load(aligned / "matrix.npy")))
    updates = [tensors[f"{name}.embedding.weight"] - before_VD for name in (view, f"{view}#2")]
    assert [torch.linalg.matrix_rank(update_VD, atol=1e-4).item() for update_VD in updates] == [2, 2]
    assert not torch.equal(*updates)
    assert not any(update_VD[0].any() for update_VD in updates)
    others = sum(value.numel() for name, value in tensors.items() if "embedding" not in name)
    num_rows, dim = before_VD.shape
    assert report["trainable_parameters"] == others + 2 * ((num_rows - 1) * 2 + 2 * dim)
    _, once = train(small(embedding="low_rank", embedding_rank=2, **(values | {"refit": False})), "once")
    valid = read_split(dataset, "valid")
    classifier = Classifier.load(once)
    right_N = classifier.probabilities(valid.tokens).argmax(1) == valid.labels_ids(classifier.labels)
    assert right_N.mean() == pytest.approx(report["valid_accuracy"])


def test_members_differ_and_the_mean_of_their_logits_counts(
    train: Callable, small: Callable[..., FinetuneConfig], dataset: Path
) -> None:
    values = {"model": "tfidf+mean", "epochs": 3, "patience": 3}
    one, three = (train(small(**values, members=members), f"of-{members}") for members in (1, 3))
    assert [len(one[0]["views"][view]["members"]) for view in ("tfidf", "mean")] == [1, 1]
    assert [len(three[0]["views"][view]["members"]) for view in ("tfidf", "mean")] == [1, 3]
    assert (one[0]["epochs"], three[0]["epochs"]) == (3, 9)
    first, tensors = (load_file(folder / "weights.safetensors") for _, folder in (one, three))
    for name, value in first.items():
        assert torch.equal(tensors[name], value), name  # the first member is the only one's twin
    assert set(tensors) - set(first) == {
        name.replace("mean.", f"mean#{number}.") for name in first if name.startswith("mean.") for number in (2, 3)
    }
    assert not torch.equal(tensors["mean.last.weight"], tensors["mean#2.last.weight"])
    assert not torch.equal(tensors["mean#2.last.weight"], tensors["mean#3.last.weight"])
    history = json.loads((three[1] / "history.json").read_text())
    assert {name: len(epochs) for name, epochs in history.items()} == {"tfidf": 0, "mean": 3, "mean#2": 3, "mean#3": 3}
    assert three[0]["parameters"] - one[0]["parameters"] == 2 * sum(
        value.numel() for name, value in first.items() if name.startswith("mean.")
    )

    view = cast("Any", Classifier.load(three[1]).views["mean"]).view
    tokens_BL = torch.tensor([[2, 3, 4], [5, 0, 0]])
    with torch.no_grad():
        each = [member(tokens_BL) for member in view.model.members]
        torch.testing.assert_close(view.model(tokens_BL), (each[0] + each[1] + each[2]) / 3)
    valid = read_split(dataset, "valid")
    classifier = Classifier.load(three[1])
    right_N = classifier.probabilities(valid.tokens).argmax(1) == valid.labels_ids(classifier.labels)
    assert right_N.mean() == pytest.approx(three[0]["valid_accuracy"])


def test_members_of_neighbouring_seeds_have_nothing_in_common() -> None:
    seeds = [member_seed(seed, member) for seed in range(20) for member in range(5)]
    assert len(set(seeds)) == len(seeds)
    assert [member_seed(seed, 0) for seed in (0, 13)] == [0, 13]


KILLED = """
import sys
from pathlib import Path
from tasks.config import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.model.words import same_length
config = FinetuneConfig.model_validate_json(sys.argv[1])
write_model(config, *map(Path, sys.argv[2:6]))
"""


class Interrupted(Exception):
    """Stands for a kill, which the tests below try with a process of its own."""


@pytest.fixture
def with_unlabelled(rows: list, write_dataset: Callable[..., Path]) -> Path:
    """The dataset with 50 unlabelled documents beside it."""
    unlabelled = [(f"unlabelled/{name}", "unlabelled", None, tokens[::-1]) for name, _, _, tokens in rows[:50]]
    return write_dataset([*rows, *unlabelled], name="with-unlabelled")


@pytest.mark.long
@pytest.mark.parametrize("how", ["low_rank", "gradual", "pulled", "fgm", "virtual", "unlabelled"])
def test_each_way_of_training_ends_with_the_same_bits_when_interrupted(
    how: str,
    train: Callable,
    small: Callable[..., FinetuneConfig],
    monkeypatch: pytest.MonkeyPatch,
    dataset: Path,
    with_unlabelled: Path,
) -> None:
    """In the first training of the second member, and in its refit."""
    data = with_unlabelled if how == "unlabelled" else dataset
    values: Any = {
        "low_rank": {"embedding": "low_rank", "embedding_rank": 2, "frozen_epochs": 1},
        "gradual": {"frozen_epochs": 2},
        "pulled": {"embedding_pull": 0.1},
        "fgm": {"adversarial": "fgm"},
        "virtual": {"adversarial": "virtual"},
        "unlabelled": {"adversarial": "virtual", "adversarial_unlabelled": 1.5},
    }[how]
    common: dict = {"model": "cnn", "epochs": 4, "patience": 4, "dropout": 0.3, "members": 2, "refit": True, "lr": 0.01}
    config = small(**common, **values)
    for point in ("finetune.epoch.7", "finetune.refit.5"):

        def stop(name: str, point: str = point) -> None:
            if name == point:
                raise Interrupted

        with monkeypatch.context() as patched:
            patched.setattr("tasks.finetune.epochs.crash_point", stop)
            with pytest.raises(Interrupted):
                train(config, point, data, "scratch")
    report, resumed = train(config, "resumed", data, "scratch")
    second = report["views"]["cnn"]["members"][1]
    assert (second["resumed_from_epoch"], second["refit"]["resumed_from_epoch"]) == (4, 1)
    _, straight = train(config, "straight", data)
    for name in ("weights.safetensors", "model.json", "history.json"):
        assert (resumed / name).read_bytes() == (straight / name).read_bytes(), name
    without = {"adversarial": "virtual"} if how == "unlabelled" else {}
    _, plain = train(small(**common, **without), "plain")
    assert (plain / "weights.safetensors").read_bytes() != (straight / "weights.safetensors").read_bytes()


def test_unlabelled_documents_asked_for_must_be_there(
    train: Callable, small: Callable[..., FinetuneConfig], with_unlabelled: Path
) -> None:
    config = small(model="mean", epochs=2, adversarial="virtual", adversarial_unlabelled=1)
    with pytest.raises(
        RequestError, match=r"adversarial_unlabelled 1 reads unlabelled documents, and the corpus has none; give"
    ):
        train(config, "without")
    _, folder = train(config, "with", with_unlabelled)
    assert all(epoch["adversarial_loss"] > 0 for epoch in json.loads((folder / "history.json").read_text())["mean"])
    with pytest.raises(ValueError, match="adversarial fgm reads no unlabelled documents; set adversarial virtual"):
        small(model="mean", adversarial="fgm", adversarial_unlabelled=1)


def test_a_checkpoint_of_other_unlabelled_documents_is_not_used(
    train: Callable, small: Callable[..., FinetuneConfig], rows: list, write_dataset: Callable[..., Path]
) -> None:
    config = small(model="mean", epochs=2, adversarial="virtual", adversarial_unlabelled=1)
    for number in range(2):
        other = ("unlabelled/0", "unlabelled", None, ["film", ("plot", "market")[number]])
        report, _ = train(config, f"model{number}", write_dataset([*rows, other], name=f"data{number}"), "kept")
        assert report["resumed_from_epoch"] == 0


def test_a_checkpoint_of_other_trained_rows_is_not_used(
    train: Callable, small: Callable[..., FinetuneConfig], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The configuration names the same file, in which other words stand."""
    caplog.set_level("INFO")
    path = tmp_path / "words.txt"
    config = small(model="mean", epochs=2, embedding="partial", partial_rows="words", partial_words=path)
    for number, words in enumerate((CUES[:3], CUES[3:])):
        path.write_text("\n".join(words))
        report, _ = train(config, f"model{number}", scratch="kept")
        assert report["resumed_from_epoch"] == 0
    assert "another configuration" in caplog.text


@pytest.mark.long
def test_killed_and_run_again_ends_with_the_same_bits(
    train: Callable, small: Callable[..., FinetuneConfig], dataset: Path, aligned: Path, tmp_path: Path
) -> None:
    """Killed after the first epoch of the bag; then again, in the middle of a later view's second member; then left alone."""
    config = small(model="bag+cnn", epochs=3, dropout=0.3, members=2)
    scratch = tmp_path / "scratch"
    for number, point in enumerate(("finetune.epoch.1", "finetune.epoch.8")):
        folder = tmp_path / f"killed{number}"
        folder.mkdir()
        scratch.mkdir(exist_ok=True)
        child = subprocess.run(
            [sys.executable, "-c", KILLED, config.model_dump_json(), dataset, aligned, folder, scratch],
            cwd=CHECKOUT,
            env=os.environ | {"TEXTMILL_CRASH_AT": point},
            check=False,
        )
        assert child.returncode == -signal.SIGKILL
        assert not (folder / "model.json").exists()
    report, resumed = train(config, "resumed", scratch="scratch")
    assert [[part["resumed_from_epoch"] for part in view["members"]] for view in report["views"].values()] == [[3], [3, 2]]
    _, straight = train(config, "straight")
    for name in ("weights.safetensors", "model.json", "history.json"):
        assert (resumed / name).read_bytes() == (straight / name).read_bytes(), name


@pytest.mark.parametrize("model", ["bag+mean", "cnn", "fasttext", "tfidf"])
def test_a_refit_learns_from_the_valid_rows_and_measures_nothing_on_them(
    model: str, train: Callable, small: Callable[..., FinetuneConfig], rows: list, write_dataset: Callable[..., Path]
) -> None:
    """In the valid rows "market" thrice means good; in the train rows it means nothing."""
    marked = [
        (name, split, label, [*tokens, "market", "market", "market"] if split == "valid" and label == "good" else tokens)
        for name, split, label, tokens in rows
    ]
    data = write_dataset(marked, name="marked")
    values = {"model": model, "members": 2, "epochs": 6, "patience": 2, "fasttext_epoch": 20, "lr": 0.05, "ngrams": 2}
    once, first = train(small(**values), "once", data)
    twice, second = train(small(**values, refit=True), "twice", data)
    assert (once.pop("refit"), twice.pop("refit")) == (False, True)
    before, after = (json.loads((folder / "model.json").read_text()) for folder in (first, second))
    for name in ("temperature", "labels"):
        assert before[name] == after[name]
    for view, part in once["views"].items():
        assert {name: before["views"][view][name] for name in ("weight", "deviation")} == {
            name: after["views"][view][name] for name in ("weight", "deviation")
        }
        again = twice["views"][view]
        for member, anew in zip(part["members"], again["members"], strict=True):
            assert member.pop("refit") is None
            refit = anew.pop("refit")
            assert anew.pop("trainable_parameters") >= member.pop("trainable_parameters")  # n-grams of the valid rows too
            assert refit["epochs"] == member["best_epoch"]
            assert refit.get("rows", len(rows)) == len(rows)
        for report in (part, again):
            report.pop("seconds")
        assert part == again
    for name in ("valid_accuracy", "valid_macro_f1", "valid_loss", "valid_rows", "best_epoch"):
        assert once[name] == twice[name]
    good = [Classifier.load(folder).probabilities([["market", "market", "market"]])[0, 2] for folder in (first, second)]
    assert good[1] > good[0]


@pytest.mark.parametrize("view", ["bag", "tfidf"])
def test_a_refit_of_a_view_of_n_grams_finds_those_of_the_valid_rows(
    view: str, train: Callable, small: Callable[..., FinetuneConfig], rows: list, write_dataset: Callable[..., Path]
) -> None:
    extra = [(f"valid/x{number}", "valid", "good", ["only", "here"]) for number in range(2)]
    data = write_dataset([*rows, *extra], name="extra")
    for refit in (False, True):
        _, folder = train(small(model=view, ngrams=2, refit=refit), f"refit-{refit}", data)
        vocabulary = cast("Any", Classifier.load(folder).views[view]).vocabulary
        assert ("only" in vocabulary.words) == refit
        assert len(vocabulary.encode([["only", "here"]])[0]) == (3 if refit else 0)


@pytest.mark.long
def test_killed_in_the_refit_and_run_again_ends_with_the_same_bits(
    train: Callable, small: Callable[..., FinetuneConfig], dataset: Path, aligned: Path, tmp_path: Path
) -> None:
    config = small(model="bag+mean", epochs=4, patience=4, refit=True, members=2)
    _, straight = train(config, "straight")
    best = json.loads((straight / "history.json").read_text())["bag"]
    assert len(best) == 4
    scratch, folder = tmp_path / "scratch", tmp_path / "killed"
    folder.mkdir()
    scratch.mkdir()
    child = subprocess.run(
        [sys.executable, "-c", KILLED, config.model_dump_json(), dataset, aligned, folder, scratch],
        cwd=CHECKOUT,
        env=os.environ | {"TEXTMILL_CRASH_AT": "finetune.refit.1"},
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    report, resumed = train(config, "resumed", scratch="scratch")
    (member,) = report["views"]["bag"]["members"]
    assert (member["resumed_from_epoch"], member["refit"]["resumed_from_epoch"]) == (4, 1)
    assert member["refit"]["epochs"] > 1
    for name in ("weights.safetensors", "model.json", "history.json", "ngrams.json", "ngrams.safetensors"):
        assert (resumed / name).read_bytes() == (straight / name).read_bytes(), name


@pytest.mark.parametrize("what", ["damaged", "other"])
def test_a_checkpoint_that_is_damaged_or_of_another_run_is_not_used(
    what: str, train: Callable, small: Callable[..., FinetuneConfig], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    config = small(model="mean", epochs=2)
    _, first = train(config, "first", scratch="kept")
    (checkpoint,) = (tmp_path / "kept").glob("mean-*.safetensors")
    if what == "damaged":
        content = bytearray(checkpoint.read_bytes())
        content[-1] ^= 1
        checkpoint.write_bytes(content)
    report, again = train(config if what == "damaged" else small(model="mean", epochs=2, lr=0.01), "again", scratch="kept")
    assert report["resumed_from_epoch"] == 0
    assert ("damaged" if what == "damaged" else "another configuration") in caplog.text
    same = (again / "weights.safetensors").read_bytes() == (first / "weights.safetensors").read_bytes()
    assert same == (what == "damaged")


def test_bfloat16_is_reported_and_its_checkpoint_is_not_gone_on_with_in_float32(
    train: Callable, small: Callable[..., FinetuneConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, weights = small(model="bag+cnn", epochs=2), []
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for number, has_units in enumerate((False, True)):
        monkeypatch.setattr(network, "has_bfloat16_units", lambda has_units=has_units: has_units)
        report, folder = train(config, f"model{number}", scratch="kept")
        assert (report["bfloat16"], report["views"]["cnn"]["bfloat16"]) == (int(has_units), has_units)
        assert not report["views"]["bag"]["bfloat16"]
        resumed = {view: part["members"][0]["resumed_from_epoch"] for view, part in report["views"].items()}
        assert resumed == {"bag": 2 * number, "cnn": 0}  # the bag is the same on both
        weights.append((folder / "weights.safetensors").read_bytes())
    assert weights[0] != weights[1]
    report, _ = train(small(model="cnn", epochs=1, mixed_precision=False), "exact")
    assert not report["bfloat16"]


@pytest.mark.parametrize("model", ["bag", "fasttext"])
def test_a_refit_passes_over_valid_rows_whose_label_no_train_row_has(
    model: str, train: Callable, small: Callable[..., FinetuneConfig], rows: list, write_dataset: Callable[..., Path]
) -> None:
    data = write_dataset([*rows, ("valid/rare", "valid", "rare", ["the"])], name="rare")
    report, folder = train(small(model=model, epochs=2, fasttext_epoch=2, ngrams=1, refit=True), data=data)
    assert report["valid_rows"] == sum(row[1] == "valid" for row in rows)
    assert Classifier.load(folder).labels == ["bad", "fine", "good"]


def test_unseen_inflections_are_read_through_their_subwords(train: Callable, small: Callable[..., FinetuneConfig]) -> None:
    _, folder = train(small(model="mean"))
    classifier = Classifier.load(folder)
    assert classifier.views["mean"].reads_unseen_words
    first, second, empty = classifier.probabilities([["superbly"], ["dullness"], []])
    assert not np.allclose(first, second, atol=1e-3)
    assert not np.allclose(first, empty, atol=1e-3)
    # As if the word had that row in the matrix.
    logits_C = classifier.logits([["superbly"]])[0]
    view = cast("Any", classifier.views["mean"])
    (model,) = view.view.model.members
    with torch.no_grad():
        expected_C = model.last(torch.from_numpy(same_length(view.source.subwords.vectors(["superbly"]))[0]))
    part = classifier.settings["views"]["mean"]
    np.testing.assert_allclose(logits_C, expected_C.numpy() * part["weight"] / part["deviation"], rtol=1e-4, atol=1e-5)
    (folder / "subwords.npy").unlink()
    same = Classifier.load(folder).probabilities([["superbly"], ["dullness"]])
    np.testing.assert_array_equal(same[0], same[1])


def test_fasttext_reads_labels_and_tokens_that_look_like_its_own_marks(
    train: Callable, small: Callable[..., FinetuneConfig], write_dataset: Callable[..., Path]
) -> None:
    labels = ["__label__x y", "no\nrise"]
    cues = {labels[0]: "__label__1", labels[1]: "</s>"}
    rows = [
        (str(n), "valid" if n % 5 == 0 else "train", labels[n % 2], ["the", "a b", cues[labels[n % 2]], "\x00"])
        for n in range(60)
    ]
    report, folder = train(small(model="fasttext", fasttext_epoch=60, ngrams=1), data=write_dataset(rows, labels, "odd"))
    assert report["valid_accuracy"] == 1.0
    classifier = Classifier.load(folder)
    assert classifier.labels == labels
    probabilities_NC = classifier.probabilities(pa.array([["__label__1"], ["</s>"], []]))
    assert probabilities_NC[:2].argmax(1).tolist() == [0, 1]
    assert np.isfinite(probabilities_NC).all()


def test_what_cannot_be_trained_on_is_a_request_error(
    train: Callable, small: Callable[..., FinetuneConfig], write_dataset: Callable[..., Path], rows: list
) -> None:
    one_label = write_dataset([row for row in rows if row[2] == "bad"], ["bad"], "one")
    with pytest.raises(RequestError, match=r"1 label\(s\) \(bad\)"):
        train(small(), "a", data=one_label)
    for model in ("bag", "mean", "fasttext"):
        no_valid = write_dataset([row for row in rows if row[1] != "valid"], name=f"no-valid-{model}")
        with pytest.raises(RequestError, match=r"no validation rows.*prepare\.valid_share"):
            train(small(model=model), f"b-{model}", data=no_valid)


def test_a_corpus_without_any_repeated_word_still_gives_a_model(
    train: Callable, small: Callable[..., FinetuneConfig], write_dataset: Callable[..., Path]
) -> None:
    rows = [(str(n), "valid" if n % 4 == 0 else "train", ["x", "y"][n % 3 == 0], [f"word{n}"]) for n in range(24)]
    report, folder = train(small(), data=write_dataset(rows, ["x", "y"], "singletons"))
    assert report["views"]["bag"]["members"][0]["epochs"] == 12
    assert Classifier.load(folder).probabilities([["word1"], []]).shape == (2, 2)


@pytest.mark.parametrize(
    "options", [{"loss": "hs"}, {"loss": "ova"}, {"minn": 2, "maxn": 4}, {"min_count": 2}, {"vectors": True}]
)
def test_fasttext_takes_the_options_of_its_library(
    options: dict[str, Any], train: Callable, small: Callable[..., FinetuneConfig]
) -> None:
    report, folder = train(small(model="fasttext", ngrams=1, fasttext={"epoch": 40, **options}))
    assert report["valid_accuracy"] > 0.8
    probabilities_NC = Classifier.load(folder).probabilities([["great"], ["awful"]])
    np.testing.assert_allclose(probabilities_NC.sum(1), 1, rtol=1e-5)
    shape = json.loads((folder / "model.json").read_text())["views"]["fasttext"]
    assert shape["dim"] == (8 if options.get("vectors") else 10)
    assert "pretrainedVectors" not in shape


def test_fasttext_refuses_other_dimensions_than_those_of_the_vectors_it_starts_from(
    train: Callable, small: Callable[..., FinetuneConfig]
) -> None:
    with pytest.raises(RequestError, match=r"finetune\.fasttext\.dim 5 is not the 8 dimensions of the vectors"):
        train(small(model="fasttext", fasttext={"dim": 5, "vectors": True}))


def test_partial_rows_may_start_anew_and_the_others_stay(
    train: Callable, small: Callable[..., FinetuneConfig], aligned: Path
) -> None:
    slow = {"lr": 1e-9, "embedding_lr": 1e-9}
    _, folder = train(small(model="mean", epochs=1, embedding="partial", partial_start="random", **slow))
    tensors = load_file(folder / "weights.safetensors")
    before_VD = same_length(np.load(aligned / "matrix.npy"))
    has_vector_V = np.load(aligned / "has_vector.npy")
    after_VD = tensors["mean.embedding.weight"].numpy()
    np.testing.assert_array_equal(after_VD[has_vector_V], before_VD[has_vector_V])
    fresh_V = ~has_vector_V
    assert not np.isclose(after_VD[fresh_V][1:], before_VD[fresh_V][1:], atol=1e-3).all(1).any()
    np.testing.assert_allclose(np.linalg.norm(after_VD[fresh_V][1:], axis=1), 3.0, rtol=1e-4)
