"""Training: resumed it ends the same, only pieces count in the loss, and pretrained rows find their words."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tasks.errors import RequestError
from tasks.language.blocks import NOTHING, Blocks, blocks_of
from tasks.language.settings import NetworkConfig
from tasks.language.start import first_network
from tasks.language.train import _loss, valid_loss, write_language_model
from tasks.model.language.network import open_network
from tasks.model.language.pieces import Pieces
from tasks.progress import SILENT
from tasks.store.digests import sha256_file
from tests.language.conftest import TINY, made_tokenizer, sentences, trained_model, write_texts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


CPU = torch.device("cpu")


class Killed(Exception):
    """In place of a signal."""


class Kills:
    """Progress that ends the training after an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def advance(self, done: float, total: float | None, unit: str, note: str = "") -> None:
        """Nothing."""

    def log(self, metrics: Mapping[str, float], at: int) -> None:
        """End it."""
        if at == self.epoch:
            raise Killed


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in folder.iterdir()}


def test_a_training_that_is_taken_up_again_ends_with_the_same_weights(
    tmp_path: Path, texts: Path, words: Path, model: Path
) -> None:
    with pytest.raises(Killed):
        trained_model(tmp_path, words, texts, progress=Kills(1))
    assert not list((tmp_path / "model").iterdir())
    config = NetworkConfig(**TINY)
    report = write_language_model(config, words, texts, tmp_path / "model", tmp_path / "scratch", progress=SILENT)
    assert (report["resumed_from_epoch"], report["epochs"]) == (1, 3)
    assert digests(tmp_path / "model") == digests(model)


def test_it_learns_and_another_seed_gives_another_model(tmp_path: Path, texts: Path, words: Path, model: Path) -> None:
    (epochs,) = json.loads((model / "history.json").read_text()).values()
    assert epochs[-1]["valid_perplexity"] < epochs[0]["valid_perplexity"] < Pieces(words).num
    other = trained_model(tmp_path, words, texts, seed=2, epochs=1)
    assert sha256_file(other / "model.safetensors") != sha256_file(model / "model.safetensors")


def test_only_what_is_a_piece_counts_in_the_loss(model: Path) -> None:
    network = open_network(model)
    whole = blocks_of(np.array([2, 5, 6, 7, 8], np.int32), 4, "train")
    filled = Blocks(np.pad(whole.ids, ((0, 0), (0, 3))), np.pad(whole.targets, ((0, 0), (0, 3)), constant_values=NOTHING))
    rows = np.array([0])
    losses = [float(_loss(network, blocks, rows, CPU, reduction="mean").detach()) for blocks in (whole, filled)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    # By the network's own loss, which moves the labels one place by itself.
    ids = torch.tensor([[2, 5, 6, 7, 8]])
    assert losses[0] == pytest.approx(float(network(input_ids=ids, labels=ids).loss.detach()), abs=1e-5)


def test_a_piece_counts_the_same_in_a_short_block(model: Path) -> None:
    network = open_network(model)
    stream = np.array([2, *range(5, 15)], np.int32)
    parts = blocks_of(stream, 8, "validation")  # of 8 pieces and of 2
    logits = [network(input_ids=torch.from_numpy(row.astype(np.int64))[None]).logits[0] for row in parts.ids]
    nats = [
        -torch.log_softmax(logits[row], -1)[at, parts.targets[row, at]]
        for row, at in np.argwhere(parts.targets != NOTHING).tolist()
    ]
    assert valid_loss(network, parts) == pytest.approx(float(torch.stack(nats).mean().detach()), abs=1e-5)
    assert len(nats) == 10


def test_the_artifact_is_a_gpt_2_of_transformers_and_names_no_place(model: Path) -> None:
    assert {path.name for path in model.iterdir()} == {
        *("config.json", "model.safetensors", "tokenizer.json", "language.json", "spelling.safetensors", "history.json")
    }
    config = json.loads((model / "config.json").read_text())
    assert config["model_type"] == "gpt2"
    assert str(model.parent) not in json.dumps(config)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose pieces are parts of words of other texts."""
    folder = tmp_path_factory.mktemp("pretrained")
    texts = write_texts(folder / "texts", train=sentences(60, 7), valid=sentences(10, 8))
    tokenizer = made_tokenizer(folder / "tokenizer", texts, kind="bpe", size=320)
    return trained_model(folder, tokenizer, texts, epochs=1)


def test_a_words_row_is_the_mean_of_the_rows_of_its_old_pieces(pretrained: Path, words: Path) -> None:
    old, new = Pieces(pretrained), Pieces(words)
    rows = load_file(pretrained / "model.safetensors")["transformer.wte.weight"]
    network = first_network(NetworkConfig(weights=pretrained, context=8), new, pretrained)
    found = network.get_input_embeddings().weight.detach()
    assert len(found) == new.num == network.config.vocab_size
    for word in (" company", " dividend", "."):
        spelled = old.tokenizer.encode(word).ids
        assert torch.allclose(found[new.tokenizer.token_to_id(word)], rows[spelled].mean(0))
    assert len(old.tokenizer.encode(".").ids) == 1  # both know it, so it keeps its row
    assert torch.equal(found[new.end], rows[old.end])
    assert torch.allclose(found[new.unknown], rows.mean(0), atol=1e-6)
    assert network.lm_head.weight is network.get_input_embeddings().weight


def test_the_weights_own_pieces_keep_their_rows(tmp_path: Path, texts: Path, pretrained: Path) -> None:
    own = made_tokenizer(tmp_path / "own", texts, kind="weights", weights=pretrained)
    network = first_network(NetworkConfig(weights=pretrained, context=8), Pieces(own), pretrained)
    rows = load_file(pretrained / "model.safetensors")["transformer.wte.weight"]
    assert torch.equal(network.get_input_embeddings().weight.detach(), rows)


def test_frozen_layers_stay_and_the_others_move(tmp_path: Path, texts: Path, words: Path) -> None:
    base = trained_model(tmp_path / "base", words, texts, layers=2, epochs=1)
    tuned = trained_model(tmp_path / "tuned", words, texts, start=base, freeze=1, epochs=1)
    before, after = (load_file(folder / "model.safetensors") for folder in (base, tuned))
    stayed = {name for name, value in before.items() if torch.equal(value, after[name])}
    assert {name.split(".")[1] for name in stayed} == {"wte", "wpe", "h"}
    assert {name.split(".")[2] for name in stayed if ".h." in name} == {"0"}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"context": 64}, r"train\.context 64 is above the 16 pieces that these weights read; lower it"),
        ({"freeze": 3, "context": 8}, r"train\.freeze 3: these weights have 1 layers; lower it"),
    ],
)
def test_what_the_weights_do_not_fit_is_refused(pretrained: Path, words: Path, values: Any, told: str) -> None:
    with pytest.raises(RequestError, match=told):
        first_network(NetworkConfig(weights=pretrained, **values), Pieces(words), pretrained)


def test_weights_of_another_network_are_refused(tmp_path: Path, words: Path) -> None:
    from tests.encoders import write_encoder

    bert = write_encoder(tmp_path / "bert")
    with pytest.raises(RequestError, match=r"these weights are of bert, and a language model here is a GPT-2"):
        first_network(NetworkConfig(weights=bert), Pieces(words), bert)


def test_damaged_weights_are_refused_in_one_line(tmp_path: Path, pretrained: Path) -> None:
    from tasks.weights.place import WeightsConfig
    from tasks.weights.weights import write_weights

    cut = shutil.copytree(pretrained, tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:1000])
    (tmp_path / "made").mkdir()
    with pytest.raises(RequestError, match=r"--train\.weights .*model\.safetensors is damaged .*; fetch it again") as told:
        write_weights(WeightsConfig(place=cut, flag="--train.weights"), tmp_path / "made", tmp_path / "scratch", SILENT)
    assert "\n" not in str(told.value)


def test_a_classifier_may_start_from_it(tmp_path: Path, model: Path) -> None:
    """Its last state has read the whole text: another first word gives another vector, and the first state never does."""
    from tasks.model.views.encoder import Reading, TextEncoder
    from tasks.weights.place import WeightsConfig
    from tasks.weights.weights import write_weights

    config = WeightsConfig(place=model, flag="--finetune.encoder.model")
    assert write_weights(config, tmp_path, tmp_path / "scratch", SILENT)["network"] == "gpt2"
    last, first = (TextEncoder(tmp_path, Reading(pooling, 16, "head")) for pooling in ("last", "cls"))
    one, other = "The group cut its outlook.", "The group cut the dividend."
    assert np.array_equal(first.vector(one), first.vector(other))
    assert np.abs(last.vector(one) - last.vector("A bank cut its outlook.")).max() > 1e-3


def test_it_may_be_trained_on_with_the_texts_of_a_labelled_corpus(tmp_path: Path, model: Path) -> None:
    from tasks.adapt.settings import AdaptConfig
    from tasks.adapt.train import train_on
    from tasks.model.views.encoder import Reading, TextEncoder
    from tasks.weights.place import WeightsConfig
    from tasks.weights.weights import write_weights

    for place in (weights := tmp_path / "weights", made := tmp_path / "made", scratch := tmp_path / "scratch"):
        place.mkdir()
    write_weights(WeightsConfig(place=model, flag="--finetune.encoder.model"), weights, scratch, SILENT)
    texts = write_texts(tmp_path / "texts", train=["Zyx agreed. Qua agreed."] * 2 + sentences(40, 9), valid=sentences(9, 8))
    given = {
        "kind": "causal",
        "epochs": 6,
        "max_len": 16,
        "batch_size": 8,
        "lr": 5e-3,
        "unlabelled": False,
        "threads": 1,
        "seed": 1,
    }
    report = train_on(AdaptConfig(**given), weights, texts, made, scratch, progress=SILENT)
    assert report["valid_loss_after"] < report["valid_loss_before"]
    assert not report["new_head"]
    assert TextEncoder(made, Reading("last", 16, "head")).vector("The group cut its outlook.").shape == (16,)


def test_settings_that_nothing_reads_are_refused() -> None:
    for values, told in (
        ({"weights": "a@b", "layers": 6}, "layers 6 is of random weights"),
        ({"freeze": 1}, "freeze 1 would keep random layers"),
        ({"dim": 30, "heads": 4}, "dim 30 is not a multiple of 4 heads"),
    ):
        with pytest.raises(ValueError, match=told):
            NetworkConfig(**values)
