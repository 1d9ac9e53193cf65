"""An encoder is exported as a folder that transformers loads by itself, with the labels and probabilities of the package."""

from __future__ import annotations

import importlib.util
import json
import shutil
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from tasks.errors import RequestError
from tasks.finetune.exported import export_model
from tasks.model.classifier import FORMAT, Classifier
from tasks.progress import SILENT
from tasks.weights.int8 import write_int8
from tasks.weights.place import WeightsConfig
from tasks.weights.weights import write_weights
from tests.encoders import WORDS, write_encoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LABELS = ["bad", "fine", "good"]
SIZES = {
    "bert": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    "roberta": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    "electra": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "embedding_size": 8,
    },
    "mpnet": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
}
TEXTS = [" ".join(WORDS[(number * 5 + at) % len(WORDS)] for at in range(1 + number)) for number in range(40)]


@pytest.fixture
def model(tmp_path: Path) -> Callable[..., Path]:
    """The model's folder of a package: a network of that architecture, with a head of random numbers."""

    def make(architecture: str = "bert", pooling: str = "cls", truncate: str = "head", layers: int = 0, **config: Any) -> Path:
        pretrained = write_encoder(tmp_path / "pretrained")
        rows = len(json.loads((pretrained / "tokenizer.json").read_text())["model"]["vocab"])
        with warnings.catch_warnings(), torch.random.fork_rng():
            warnings.simplefilter("ignore")
            from transformers import AutoConfig, AutoModel

            torch.manual_seed(7)
            sizes = {"vocab_size": rows, "pad_token_id": 0, "max_position_embeddings": 48} | SIZES[architecture]
            network = AutoModel.from_config(AutoConfig.for_model(architecture, **sizes | config)).eval()
            with torch.no_grad():
                for name, value in network.named_parameters():
                    if value.dim() > 1:
                        value.normal_(std=0.3)
                    elif "norm" not in name.lower():
                        value.normal_(std=0.1)
            network.save_pretrained(pretrained)
        for folder in (weights := tmp_path / "weights", scratch := tmp_path / "scratch"):
            folder.mkdir()
        write_weights(WeightsConfig(place=pretrained, flag="--x"), weights, scratch, SILENT)
        made = tmp_path / "model"
        (made / "encoder").mkdir(parents=True)
        for name in ("tokenizer.json", "states.onnx", "weights.json", "config.json"):
            shutil.copyfile(weights / name, made / "encoder" / name)
        random = np.random.default_rng(3)
        head = {"encoder.weights": random.normal(0, 0.3, (16 * (2 * layers or 1), 3)), "encoder.bias": random.normal(0, 0.3, 3)}
        save_file({name: value.astype(np.float32) for name, value in head.items()}, made / "weights.safetensors")
        reading = {"weights": "x", "pooling": pooling, "max_len": 24, "truncate": truncate} | (
            {"layers": layers} if layers else {}
        )
        view = {"made": reading, "members": 1, "deviation": 1.3, "weight": 0.9}
        settings = {"format": FORMAT, "labels": LABELS, "views": {"encoder": view}, "temperature": 0.8}
        (made / "model.json").write_text(json.dumps(settings))
        return made

    return make


def served(model: Path) -> np.ndarray:
    classifier = Classifier.load(model)
    probabilities_NC = classifier.probabilities([text.split() for text in TEXTS], TEXTS)
    assert np.ptp(probabilities_NC, axis=0).min() > 0.05
    return probabilities_NC


@pytest.mark.parametrize("architecture", ["bert", "roberta", "mpnet", "distilbert"])
@pytest.mark.parametrize("truncate", ["head", "tail"])
def test_transformers_own_class_gives_the_same_probabilities(
    model: Any, tmp_path: Path, architecture: str, truncate: str
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    made = model(architecture, truncate=truncate)
    report = export_model(made, tmp_path / "out", "transformers", "m/1")
    assert report["loads"] == "AutoModelForSequenceClassification"
    network, loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not loaded["missing_keys"]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    given = tokenizer(TEXTS, truncation=True, padding=True, return_tensors="pt")
    with torch.inference_mode():
        found_NC = network.eval()(**given).logits.softmax(1).numpy()
    np.testing.assert_allclose(found_NC, served(made), atol=1e-3)
    assert [network.config.id2label[number] for number in range(3)] == LABELS


@pytest.mark.parametrize(
    ("architecture", "pooling", "layers"),
    [("bert", "mean", 0), ("bert", "last", 0), ("electra", "cls", 0), ("bert", "mean", 2), ("distilbert", "cls", 1)],
)
def test_what_its_class_cannot_hold_comes_with_a_program(
    model: Any, tmp_path: Path, architecture: str, pooling: str, layers: int
) -> None:
    made = model(architecture, pooling, layers=layers)
    report = export_model(made, tmp_path / "out", "transformers", "m/1")
    assert report["loads"] == "AutoModel, and classify.py puts the head on it"
    assert report["note"].startswith("transformers' own class for classification with")
    assert ("several layers; trained with" in report["note"]) == bool(layers)
    assert ("finetune.encoder.frozen_layers 0" in report["note"]) == bool(layers)
    given = importlib.util.spec_from_file_location("classify", tmp_path / "out" / "classify.py")
    assert given is not None
    assert given.loader is not None
    program = importlib.util.module_from_spec(given)
    given.loader.exec_module(program)
    np.testing.assert_allclose(program.probabilities(TEXTS).numpy(), served(made), atol=1e-3)


def test_a_step_of_training_goes_on_from_the_exported_folder(model: Any, tmp_path: Path) -> None:
    """As a tutorial on fine-tuning BERT writes it: load, a batch, AdamW, a schedule with warm-up, one step."""
    export_model(model(), tmp_path / "out", "transformers", "m/1")
    from transformers import AutoTokenizer, BertForSequenceClassification, get_linear_schedule_with_warmup

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    network = BertForSequenceClassification.from_pretrained(tmp_path / "out")
    batch = tokenizer(TEXTS[:8], padding=True, truncation=True, return_tensors="pt")
    labels = torch.tensor([network.config.label2id[LABELS[number % 3]] for number in range(8)])
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-5)
    scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=0, num_training_steps=4)
    network.train()
    before = [value.detach().clone() for value in network.parameters()]
    loss = network(**batch, labels=labels).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    assert torch.isfinite(loss)
    assert any(not torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))


def test_one_line_says_what_cannot_be_exported(model: Any, tmp_path: Path) -> None:
    made = model()

    def refused(words: str, target: Path = tmp_path / "out", form: str = "transformers") -> None:
        with pytest.raises(RequestError, match=words):
            export_model(made, target, form, "m/1")
        assert not (tmp_path / "out").exists()

    refused("--format onnx: choose from transformers", form="onnx")
    refused("there is something already; give a new folder", target=made)
    config = (made / "encoder" / "config.json").read_bytes()
    (made / "encoder" / "config.json").unlink()
    refused("m/1: it was made before config.json was kept with a model; train it again")
    (made / "encoder" / "config.json").write_bytes(config)
    facts = json.loads((made / "encoder" / "weights.json").read_text())
    (made / "encoder" / "weights.json").write_text(json.dumps(facts | {"members": 2}))
    refused("m/1: it is 2 networks side by side; export a version with finetune.encoder.members 1")
    (made / "encoder" / "weights.json").write_text(json.dumps(facts))
    write_int8(made / "encoder" / "states.onnx", made / "encoder" / "states.onnx")
    refused("m/1: it is served with 8 bits; export a version with finetune.encoder.serve float32")
    settings = json.loads((made / "model.json").read_text())
    (made / "model.json").write_text(json.dumps(settings | {"views": {"tfidf": {}, **settings["views"]}}))
    refused(r"m/1 is tfidf\+encoder, and the format transformers can hold encoder alone; train one with finetune.model encoder")
    (made / "model.json").write_text(json.dumps(settings | {"views": {"bag": {}}}))
    refused("m/1 is bag, and the format transformers can hold encoder alone")
