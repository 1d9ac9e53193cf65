"""The kind `encoder` with low-rank adapters: they and the head alone move and are kept, and are merged in the end."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tasks.errors import RequestError
from tasks.finetune.kinds.encoder.settings import EncoderSettings
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.finetune.uses import libraries_of
from tasks.model.classifier import Classifier

pytestmark = pytest.mark.skipif(find_spec("peft") is None, reason="the extra `encoder` is not installed")

LORA = {"model": Path("weights"), "train": "lora", "lora_rank": 2, "max_len": 16, "lr": 2e-2, "batch_size": 8}
TINY = {  # the sizes of a network of two layers, as each architecture names them
    "bert": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    "roberta": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
    "mpnet": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
}
IDS_BL = torch.tensor([[2, 5, 7, 9, 3], [2, 8, 3, 0, 0]])


@pytest.fixture
def trained(dataset: Path, aligned: Path, read: dict[str, Path], tmp_path: Path) -> Any:
    def run(name: str = "model", **encoder: Any) -> tuple[Path, Path, dict[str, Any]]:
        for folder in (made := tmp_path / name, kept := tmp_path / f"{name}-scratch"):
            folder.mkdir()
        values = FinetuneConfig(model="encoder", encoder=LORA | encoder, threads=1)
        given: Any = {"texts": read["texts"], "weights": read["weights"]}
        return made, kept, write_model(values, dataset, aligned, made, kept, **given)

    return run


def tiny(architecture: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import AutoConfig, AutoModel

        return AutoModel.from_config(AutoConfig.for_model(architecture, vocab_size=30, **TINY[architecture])).eval()


def adapted(architecture: str, **settings: Any) -> tuple[Any, Any]:
    """A tiny network with adapters that change its states, and its classifier."""
    from tasks.finetune.kinds.encoder.lora import add_adapters
    from tasks.finetune.kinds.encoder.tune import TunedNetwork

    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = add_adapters(tiny(architecture), EncoderSettings(train="lora", lora_rank=2, **settings))
        for name, parameter in network.named_parameters():
            if ".lora_B." in name:
                torch.nn.init.normal_(parameter)
        return network, TunedNetwork(network, 3, "mean", 0.1).eval()


def test_it_learns_and_is_served_as_it_was_measured(trained: Any, rows: list) -> None:
    folder, _, report = trained(epochs=12, lora_rank=8, lora_layers="all-linear", lr=1e-2)
    valid = [row for row in rows if row[1] == "valid"]
    model = Classifier.load(folder)
    answers_NC = model.probabilities([row[3] for row in valid], [" ".join(row[3]) for row in valid])
    truth = np.array([model.labels.index(row[2]) for row in valid])
    assert -np.log(answers_NC[np.arange(len(truth)), truth]).mean() == pytest.approx(report["valid_loss"], abs=1e-3)
    assert report["valid_accuracy"] > 0.8


def test_adapters_and_head_alone_are_trained_and_kept(trained: Any, read: dict[str, Path]) -> None:
    import onnx

    def matrices(path: Path) -> set[bytes]:
        return {each.raw_data for each in onnx.load(path).graph.initializer if len(each.dims) == 2}

    folder, scratch, report = trained(epochs=1)
    adapters = 2 * 2 * 2 * (32 * 2)  # layers, queries and values, A and B
    assert report["trainable_parameters"] == adapters + 3 * 32 + 3
    with safe_open(next(scratch.glob("encoder-*.safetensors")), "np") as file:
        names = [name for name in file.keys() if not name.startswith("optimizer.")]  # noqa: SIM118 it is no mapping
        sizes = {name: file.get_tensor(name).size for name in file.keys()}  # noqa: SIM118
    assert all(".lora_" in name or ".head." in name for name in names)
    assert sum(sizes.values()) < 4.1 * report["trainable_parameters"]
    before, after = matrices(read["weights"] / "states.onnx"), matrices(folder / "encoder" / "states.onnx")
    assert len(before - after) == 2 * 2  # queries and values of each layer; the graph is that of the frozen network
    assert len(before) == len(after)


@pytest.mark.parametrize(
    ("architecture", "layers"),
    [
        *(("bert", "attention"), ("roberta", "attention"), ("gpt2", "attention")),
        *(("bert", "all-linear"), ("distilbert", "all-linear"), ("mpnet", "all-linear")),
    ],
)
def test_merged_weights_answer_as_the_adapters_did(architecture: str, layers: str) -> None:
    from tasks.finetune.kinds.encoder.lora import merged

    plain = tiny(architecture)
    network, model = adapted(architecture, lora_layers=layers)
    mask_BL = (IDS_BL > 0).long()
    with torch.inference_mode():
        beside_BC = model(IDS_BL, mask_BL)
        states_BLD = network(input_ids=IDS_BL, attention_mask=mask_BL).last_hidden_state
        model.network = merged(network)
        merged_BC = model(IDS_BL, mask_BL)
        after_BLD = model.network(input_ids=IDS_BL, attention_mask=mask_BL).last_hidden_state
    torch.testing.assert_close(merged_BC, beside_BC, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after_BLD, states_BLD, rtol=1e-4, atol=1e-5)
    assert type(model.network) is type(plain)
    assert model.network.state_dict().keys() == plain.state_dict().keys()


def test_adapters_start_as_nothing(weights: Path) -> None:
    from tasks.finetune.kinds.encoder.lora import add_adapters
    from tasks.weights.network import open_network

    network = open_network(weights, "x")
    with torch.inference_mode():
        before_BLD = network(input_ids=IDS_BL).last_hidden_state
        after_BLD = add_adapters(network, EncoderSettings(train="lora")).eval()(input_ids=IDS_BL).last_hidden_state
    assert torch.equal(before_BLD, after_BLD)


def test_lower_adapters_learn_more_slowly() -> None:
    from tasks.finetune.kinds.encoder.groups import dense_groups

    _, model = adapted("bert", lora_layers="all-linear")
    groups = dense_groups(model, EncoderSettings(train="lora", layer_decay=0.5, weight_decay=0.2))
    assert [(group.scale, group.weight_decay) for group in groups] == [(0.25, 0.2), (0.5, 0.2), (1.0, 0.0), (1.0, 0.2)]


@pytest.mark.parametrize(
    ("architecture", "settings", "words"),
    [
        (
            "distilbert",
            {},
            "peft knows no attention layers of the architecture distilbert; set .*lora_layers all-linear, or train full",
        ),
        ("bert", {"lora_rank": 16}, "lora_rank 16 is not below the 16 dimensions of these weights; lower it, or set"),
    ],
)
def test_what_cannot_be_adapted_is_one_line(architecture: str, settings: dict[str, Any], words: str) -> None:
    from tasks.finetune.kinds.encoder.lora import add_adapters

    with pytest.raises(RequestError, match=words):
        add_adapters(tiny(architecture), EncoderSettings(train="lora", **settings))


def test_a_network_without_linear_layers_is_one_line() -> None:
    from types import SimpleNamespace

    from tasks.finetune.kinds.encoder.lora import add_adapters

    class Waves(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix = torch.nn.Bilinear(16, 16, 16)
            self.config: Any = SimpleNamespace(hidden_size=16, model_type="waves", to_dict=lambda: {"model_type": "waves"})

    with pytest.raises(
        RequestError, match=r"peft knows no linear layers of the architecture waves; set .*train full or last:N"
    ):
        add_adapters(Waves(), EncoderSettings(train="lora", lora_layers="all-linear"))


def test_the_version_of_peft_is_in_the_key_of_adapters_alone() -> None:
    def libraries(train: str) -> set[str]:
        return libraries_of(FinetuneConfig(model="encoder", encoder={"model": Path("weights"), "train": train}))

    assert libraries("lora") - libraries("full") == {"peft"}
    assert libraries("full") == libraries("frozen")


def test_adapters_learn_ten_times_as_fast_where_no_rate_is_given() -> None:
    rates = [EncoderSettings(train=train, lr=lr).peak_rate for train, lr in (("full", None), ("lora", None), ("lora", 1e-3))]
    assert rates == [5e-5, 5e-4, 1e-3]
