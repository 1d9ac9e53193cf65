"""Write a model as a folder that transformers loads by itself. In goes a package's model, whose one view is an encoder.

Where the architecture's own class for classification can hold the head, `AutoModelForSequenceClassification` loads the folder.
Such classes read the first piece through a layer of their own (dense, then tanh or relu), which is written as one that changes
nothing that matters: tanh(x / 1000) * 1000 is x but for a hundred-thousandth. No class of this family takes the mean of the
pieces, or the last one; then the folder has the network, which `AutoModel` loads, the head, and a program of a page that puts
them together.

Either way the temperature and the scale are in the head, so that a softmax gives the calibrated probabilities of the package,
and what was written is tried on random texts before it is handed out.

Shapes: N texts, L pieces of a text, D dimensions, C classes.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.numpy import save_file

from tasks.errors import RequestError
from tasks.model.classifier import ModelFolder
from tasks.model.pretrained import output_names
from tasks.model.views.encoder import BIAS, INPUT, TOKENIZER, WEIGHTS, Reading, open_session, open_tokenizer
from tasks.weights.network import most_positions, quiet, vector
from tasks.weights.recover import recovered_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VIEW = "encoder"
PACKAGES = ("transformers", "onnx", "onnxruntime", "tokenizers")
HEAD, PROGRAM = "head.safetensors", "classify.py"
SMALL = 1e-3  # what a layer before tanh multiplies by: tanh is linear there
RAISED = 32.0  # what a layer before relu adds, so that nothing is below zero
TOLERANCE = 1e-3  # of a probability
LENGTHS, SEED, TEXTS = (3, 4, 9, 24, 60), 29, 8
SPECIAL = {  # token -> what tokenizers of this family call it
    "pad_token": ("[PAD]", "<pad>", "<|endoftext|>"),
    "unk_token": ("[UNK]", "<unk>"),
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>"),
    "mask_token": ("[MASK]", "<mask>"),
}


@dataclass(frozen=True)
class Head:
    """A linear layer of pooled states [D, C] and [C], and how texts are read."""

    weights_DC: np.ndarray  # noqa: N815
    bias_C: np.ndarray  # noqa: N815
    labels: list[str]
    reading: Reading

    @classmethod
    def read(cls, source: ModelFolder) -> Head:
        """That of a model which is an encoder alone."""
        view, tensors = source.views[VIEW], source.tensors(VIEW)
        degrees = source.settings["temperature"]
        scale = view["weight"] / view["deviation"] / degrees
        shift_C = np.array(source.settings.get("shift", [0.0] * source.num_classes), np.float32) / np.float32(degrees)
        reading = Reading.of(view["made"])
        return cls(scale * tensors[WEIGHTS], scale * tensors[BIAS] + shift_C, list(source.settings["labels"]), reading)


def transformers(model: Path, target: Path, title: str) -> dict[str, Any]:
    """Write `model`, the folder of a package's model, into the new folder `target`; what was written.

    RequestError for a model that is served with 8 bits, or was made before config.json was kept, and for a folder that has
    something in it.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise RequestError(f"--format transformers needs the package {missing[0]}; run pip install 'textmill[encoder]'")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RequestError(f"{target}: there is something already; give a new folder")
    head, folder = Head.read(ModelFolder(model)), model / VIEW
    network = recovered_network(folder, title)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as name, quiet():
        made = Path(name) / "made"
        made.mkdir()
        tokenizer = _write_tokenizer(folder, head, made)
        whole = _classifier(network, head, tokenizer)
        if whole is not None and not _agrees(lambda ids_1L: whole(input_ids=ids_1L).logits, network, head, folder):
            whole = None
        written = whole or network
        if whole is None:
            if not _agrees(lambda ids_1L: _pooled(network, head, ids_1L), network, head, folder):
                raise RequestError(f"{title}: what would be written answers otherwise than the model")
            save_file({"weight": np.ascontiguousarray(head.weights_DC.T), "bias": head.bias_C}, made / HEAD)
            settings = {"labels": head.labels, **asdict(head.reading)}
            (made / "head.json").write_text(json.dumps(settings, ensure_ascii=False, indent=1), encoding="utf-8")
            shutil.copyfile(Path(__file__).with_name(f"{PROGRAM}.txt"), made / PROGRAM)
        written.save_pretrained(made)
        target.mkdir(exist_ok=True)
        for path in made.iterdir():
            path.rename(target / path.name)
    loads = "AutoModelForSequenceClassification" if whole is not None else f"AutoModel, and {PROGRAM} puts the head on it"
    return {
        "folder": str(target),
        "class": type(written).__name__,
        "loads": loads,
        "parameters": sum(value.numel() for value in written.parameters()),
        "note": "" if whole is not None else _why(written, head),
        "labels": head.labels,
    }


def _why(network: Any, head: Head) -> str:
    pooled = {"mean": "the mean of all pieces", "last": "the last piece", "cls": "the first piece as it is"}[
        head.reading.pooling
    ]
    settings = [] if head.reading.pooling == "cls" else ["finetune.encoder.pooling cls"]
    if head.reading.layers:
        pooled = "several layers"
        settings.append("finetune.encoder.frozen_layers 0")
    instead = f"; trained with {' and '.join(settings)} BERT's and its like can" if settings else ""
    return (
        f"transformers' own class for classification with {network.config.model_type} cannot read {pooled}{instead}; "
        f"{PROGRAM} in the folder does"
    )


def _write_tokenizer(folder: Path, head: Head, made: Path) -> Any:
    """The tokenizer as AutoTokenizer loads it, which cuts texts as the package does; what it calls its special pieces."""
    from transformers import PreTrainedTokenizerFast

    own = open_tokenizer(folder / TOKENIZER, str(folder))
    names = {role: name for role, known in SPECIAL.items() for name in known if own.token_to_id(name) is not None}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=own,
        model_max_length=head.reading.max_len,
        truncation_side="left" if head.reading.truncate == "tail" else "right",
        model_input_names=["input_ids", "attention_mask"],
        **names,
    )
    tokenizer.save_pretrained(made)
    return tokenizer


def _classifier(network: Any, head: Head, tokenizer: Any) -> Any:
    """The architecture's own class with the network and the head in it; None where it cannot hold them."""
    from transformers import AutoModelForSequenceClassification

    if head.reading.pooling != "cls" or head.reading.layers:
        return None
    config = type(network.config).from_dict(network.config.to_dict())
    config.id2label = dict(enumerate(head.labels))
    config.label2id = {label: number for number, label in enumerate(head.labels)}
    config.problem_type = "single_label_classification"
    config.pad_token_id = tokenizer.pad_token_id if config.pad_token_id is None else config.pad_token_id
    try:
        whole = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager", dtype=torch.float32)
    except ValueError:  # the architecture has none
        return None
    base = getattr(whole, whole.base_model_prefix, None)
    layers = next((layers for layers in _layers(whole, base) if layers is not None), None)
    if base is None or layers is None:
        return None
    before, after, relu = layers
    own = {name: value for name, value in network.state_dict().items() if "pooler" not in name.split(".")}
    base.load_state_dict({**base.state_dict(), **own})
    weights_CD, bias_C = torch.from_numpy(head.weights_DC.T.copy()), torch.from_numpy(head.bias_C.copy())
    with torch.no_grad():
        torch.nn.init.eye_(before.weight).mul_(1.0 if relu else SMALL)
        torch.nn.init.constant_(before.bias, RAISED if relu else 0.0)
        after.weight.copy_(weights_CD if relu else weights_CD / SMALL)
        after.bias.copy_(bias_C - RAISED * weights_CD.sum(1) if relu else bias_C)
    return whole.eval()


def _layers(whole: Any, base: Any) -> Iterator[tuple[Any, Any, bool] | None]:
    """The layer before the activation, the one after it, and whether that is relu, as the families have them."""
    classifier: Any = getattr(whole, "classifier", None)
    pooler: Any = getattr(base, "pooler", None)
    if hasattr(whole, "pre_classifier"):  # DistilBERT
        yield whole.pre_classifier, classifier, True
    if hasattr(classifier, "dense") and hasattr(classifier, "out_proj"):  # RoBERTa, MPNet
        yield classifier.dense, classifier.out_proj, False
    if isinstance(classifier, torch.nn.Linear) and hasattr(pooler, "dense"):  # BERT
        yield pooler.dense, classifier, False


def _pooled(network: Any, head: Head, ids_1L: torch.Tensor) -> torch.Tensor:
    return vector(network, ids_1L, head.reading)[None] @ torch.from_numpy(head.weights_DC) + torch.from_numpy(head.bias_C)


def _agrees(logits: Callable[[torch.Tensor], torch.Tensor], network: Any, head: Head, folder: Path) -> bool:
    """Whether the probabilities of random texts are those of the package."""
    from tasks.model.views.encoder import STATES

    session, random, most = open_session(folder / STATES), np.random.default_rng(SEED), most_positions(network)
    outputs = output_names(session)[: head.reading.num_outputs]
    for length in sorted({min(length, most or length, head.reading.max_len) for length in LENGTHS}):
        for _ in range(TEXTS):
            ids_1L = random.integers(0, network.config.vocab_size, (1, length))
            pooled_D = head.reading.pooled([states_1LD[0] for states_1LD in session.run(outputs, {INPUT: ids_1L})])
            expected_C = torch.from_numpy(pooled_D @ head.weights_DC + head.bias_C).softmax(0)
            with torch.inference_mode():
                found_C = logits(torch.from_numpy(ids_1L))[0].softmax(0)
            if not float((found_C - expected_C).abs().max()) <= TOLERANCE:
                return False
    return True
