"""Weights trained on with the corpus' texts: pieces are masked as published, the loss falls, a kill changes nothing."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from flows.record import command
from tasks.adapt import train as training
from tasks.adapt.parts import following, masked, read_parts, special_of
from tasks.adapt.says import SHOWN
from tasks.adapt.settings import AdaptConfig, AdaptSettings
from tasks.adapt.train import train_on
from tasks.config import PipelineConfig
from tasks.errors import RequestError
from tasks.model.views.encoder import Pieces, Reading, TextEncoder
from tasks.pretrain.settings import PretrainConfig
from tasks.progress import SILENT
from tasks.unread import unread
from tasks.weights.place import WeightsConfig
from tasks.weights.weights import write_weights
from tests.encoders import WORDS, write_encoder
from tests.writers import write_texts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SENTENCES = [
    "the market was very strong",
    "the plot of the film was dull",
    "sales growth was steady",
    "profit rose in the market",
]
SMALL: dict[str, Any] = {
    "epochs": 2,
    "max_len": 12,
    "batch_size": 4,
    "lr": 3e-3,
    "unlabelled": True,
    "threads": 1,
    "seed": 3,
    "kind": "masked",
}


def weights_of(folder: Path, *, head: bool = True, words: tuple[str, ...] = ("[MASK]", *WORDS)) -> Path:
    """What the step `weights` writes of a tiny network, which has a head for masked pieces or none."""
    pretrained = write_encoder(folder / "pretrained", words=words)
    if head:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from transformers import AutoModelForMaskedLM

            AutoModelForMaskedLM.from_pretrained(pretrained).save_pretrained(pretrained)
    for place in (made := folder / "weights", scratch := folder / "scratch"):
        place.mkdir()
    write_weights(WeightsConfig(place=pretrained, flag="--x"), made, scratch, SILENT)
    return made


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_of(tmp_path_factory.mktemp("masked"))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        (f"{at}", ("train", "train", "unlabelled", "valid")[at % 4], f"{SENTENCES[at % 3]} {WORDS[at % 28]}")
        for at in range(80)
    ]
    return write_texts(tmp_path_factory.mktemp("texts"), sorted(rows, key=lambda row: row[1]))


@pytest.fixture
def train(started: Path, texts: Path, tmp_path: Path) -> Callable[..., tuple[Path, dict[str, Any]]]:
    def run(
        name: str = "made", scratch: str | None = None, weights: Path = started, **given: Any
    ) -> tuple[Path, dict[str, Any]]:
        for place in (folder := tmp_path / name, kept := tmp_path / (scratch or f"{name}-scratch")):
            place.mkdir(exist_ok=True)
        return folder, train_on(AdaptConfig(**SMALL | given), weights, texts, folder, kept, progress=SILENT)

    return run


def test_a_long_text_is_read_in_parts_between_the_special_pieces_and_each_text_once(started: Path, tmp_path: Path) -> None:
    pieces = Pieces(started, Reading("mean", 6, "head"))
    given = write_texts(
        tmp_path, [("a", "train", "the market was very strong"), ("b", "train", " the market was very strong ")]
    )
    rows = read_parts(given, ("train",), pieces)
    (before,), (after,) = pieces.ends
    own = pieces.own("the market was very strong")
    assert np.diff(rows.offsets).tolist() == [6, 3]
    assert rows.ids.tolist() == [before, *own[:4], after, before, own[4], after]


def test_pieces_are_chosen_and_masked_as_published(started: Path, texts: Path) -> None:
    pieces = Pieces(started, Reading("mean", 12, "head"))
    special = special_of(pieces, 0)
    rows = read_parts(texts, ("train", "unlabelled"), pieces)
    random = np.random.default_rng(1)
    chosen = free = is_mask = same = 0
    for _ in range(200):
        filling = masked(rows, np.arange(len(rows)), 0.15, special, random)
        read = filling.ids_BL.reshape(-1)[filling.at_M]
        chosen, free = chosen + len(read), free + int(np.diff(rows.offsets).sum()) - 2 * len(rows)
        is_mask, same = is_mask + int((read == special.mask).sum()), same + int((read == filling.was_M).sum())
        assert not np.isin(filling.was_M, list(special.never)).any()
        assert set(np.unique(filling.at_M // filling.ids_BL.shape[1])) == set(range(len(rows)))  # one of each part at least
    assert 0.79 < is_mask / chosen < 0.82  # of another piece one in 79 is the mask
    assert 0.09 < same / chosen < 0.12
    assert 0.15 < chosen / free < 0.3  # parts are short, and each has one


def test_what_is_masked_follows_from_the_random_numbers_alone(started: Path, texts: Path) -> None:
    pieces = Pieces(started, Reading("mean", 12, "head"))
    rows = read_parts(texts, ("train",), pieces)
    one, two = (masked(rows, np.arange(9), 0.15, special_of(pieces, 0), np.random.default_rng(5)) for _ in range(2))
    assert (one.ids_BL == two.ids_BL).all()
    assert (one.at_M == two.at_M).all()


def test_the_loss_falls_and_what_comes_out_is_used_as_weights_are(train: Any, started: Path) -> None:
    folder, report = train(epochs=20)
    assert report["valid_loss_after"] < 0.7 * report["valid_loss_before"]
    assert not report["new_head"]
    assert {path.name for path in folder.iterdir()} == {path.name for path in started.iterdir()}
    from tasks.weights.network import open_network

    open_network(folder, "x")
    how = Reading("mean", 12, "head")
    ours, theirs = (TextEncoder(place, how).vector("the market was strong") for place in (folder, started))
    assert np.abs(ours - theirs).max() > 0.01
    assert list(SHOWN.warnings(report, folder)) == []
    assert SHOWN.says(report).startswith("masked: loss of a piece ")


def test_a_killed_training_ends_with_the_same_bits(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "ROUND", 7)
    whole, report = train("whole")
    assert report["steps"] == 30

    def killed(point: str) -> None:
        if point == "adapt.round.2":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "crash_point", killed)
        with pytest.raises(KeyboardInterrupt):
            train("killed", "kept")
    again, resumed = train("again", "kept")
    assert resumed["resumed_from_step"] == 14
    for name in ("model.safetensors", "config.json", "states.onnx"):
        assert (again / name).read_bytes() == (whole / name).read_bytes()
    assert {**resumed, "resumed_from_step": 0} == report


def test_weights_without_a_head_are_told_of(train: Any, tmp_path: Path) -> None:
    (place := tmp_path / "bare").mkdir()
    folder, report = train(weights=weights_of(place, head=False), epochs=1)
    assert report["new_head"]
    (line,) = SHOWN.warnings(report, folder)
    assert "brought no head that tells pieces" in line


def test_training_in_vain_is_told_of(tmp_path: Path) -> None:
    (line,) = SHOWN.warnings({"kind": "masked", "new_head": False, "valid_loss_before": 1.0, "valid_loss_after": 1.0}, tmp_path)
    assert "did not fall on the validation rows; lower pretrain.adapt.lr" in line


def test_weights_without_a_mask_are_refused(train: Any, tmp_path: Path) -> None:
    (place := tmp_path / "bare").mkdir()
    with pytest.raises(
        RequestError, match=r"tokenizer.json has no piece \[MASK\] or <mask>, so these weights were not trained"
    ):
        train(weights=weights_of(place, head=False, words=WORDS))


def test_word_vectors_have_the_section_that_they_had() -> None:
    assert not {"kind", "adapt"} & PretrainConfig().model_dump().keys()
    given = PretrainConfig(kind="masked", adapt=AdaptSettings(epochs=2))
    assert PretrainConfig.model_validate(json.loads(given.model_dump_json())) == given
    assert given.adapted().epochs == 2


@pytest.mark.parametrize(
    ("pretrain", "model", "words"),
    [
        (
            {"kind": "masked"},
            "bag",
            "pretrain.kind masked is for encoder, cloze, not bag; set finetune.model to encoder, cloze or a sum",
        ),
        ({"kind": "masked"}, "cnn+encoder", "pretrain.kind masked trains no word vectors, and cnn+encoder reads some"),
        (
            {"kind": "masked", "dim": 9},
            "encoder",
            "pretrain.dim 9 is for pretrain.kind fasttext, not masked; remove this setting",
        ),
        (
            {"adapt": {"lr": 0.1}},
            "cnn",
            "pretrain.adapt.lr 0.1 is for pretrain.kind masked or causal; set one of them too, or remove",
        ),
    ],
)
def test_what_is_not_read_is_one_line(pretrain: dict[str, Any], model: str, words: str) -> None:
    (found,) = unread(PipelineConfig.model_validate({"pretrain": pretrain, "finetune": {"model": model}}))
    assert str(found).startswith(words)


def test_a_network_that_is_trained_on_reads_what_it_is_given() -> None:
    given = {"pretrain": {"kind": "masked", "unlabelled": False, "seed": 4, "adapt": {"epochs": 1}}}
    assert unread(PipelineConfig.model_validate({**given, "finetune": {"model": "tfidf+encoder"}})) == []


def test_of_a_part_each_piece_tells_the_next_one(started: Path, texts: Path) -> None:
    pieces = Pieces(started, Reading("mean", 6, "head"))
    rows = read_parts(texts, ("train",), pieces)
    found = following(rows, np.array([0, 1]), special_of(pieces, 0))
    expected = [rows.ids[start:stop].tolist() for start, stop in zip(rows.offsets[:2], rows.offsets[1:3], strict=True)]
    assert found.was_M.tolist() == [piece for part in expected for piece in part[1:]]
    assert found.ids_BL.reshape(-1)[found.at_M].tolist() == [piece for part in expected for piece in part[:-1]]


def test_a_network_that_reads_forwards_is_trained_to_tell_the_next_piece(train: Any, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    pretrained = write_encoder(tmp_path / "gpt")
    rows = len(json.loads((pretrained / "tokenizer.json").read_text())["model"]["vocab"])
    sizes = {
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 32,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 3,
    }
    AutoModelForCausalLM.from_config(AutoConfig.for_model("gpt2", vocab_size=rows, **sizes)).save_pretrained(pretrained)
    for place in (given := tmp_path / "given", scratch := tmp_path / "fetching"):
        place.mkdir()
    write_weights(WeightsConfig(place=pretrained, flag="--x"), given, scratch, SILENT)
    folder, report = train(weights=given, kind="causal", epochs=20)
    assert report["valid_loss_after"] < 0.7 * report["valid_loss_before"]
    assert not report["new_head"]
    assert TextEncoder(folder, Reading("last", 12, "head")).vector("the market was strong").shape == (32,)
    with pytest.raises(RequestError, match=r"pretrain.kind masked: transformers cannot train these weights so"):
        train("other", weights=given)


def test_a_network_that_reads_both_ways_is_no_causal_one(train: Any) -> None:
    with pytest.raises(
        RequestError, match=r"pretrain.kind causal: these weights read a text in both directions; set pretrain.kind"
    ):
        train(kind="causal")


def test_parts_that_are_too_long_for_the_weights_are_one_line(train: Any) -> None:
    with pytest.raises(RequestError, match=r"^pretrain.adapt.max_len 60 is above the 48 pieces that these weights"):
        train(max_len=60)


def test_the_command_of_a_run_names_only_what_differs() -> None:
    given = {"kind": "masked", "adapt": {"epochs": 1}}
    config = PipelineConfig.model_validate({"pretrain": given, "finetune": {"model": "encoder"}})
    shown = command(config)
    assert "--pretrain.kind masked --pretrain.adapt.epochs 1" in shown
    assert "adapt.lr" not in shown
    assert "pretrain" not in command(PipelineConfig())
