"""Read a network back from the ONNX file that was written of it. In goes a folder with config.json and states.onnx.

Out comes the network of transformers. A package has its weights once, in the form that is served; the exporter names each
operation by the module that it came from, so that each tensor is found by it. What was found is tried: the network has to
answer as ONNX Runtime does.

Shapes: L pieces of a text, D dimensions.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch

from tasks.errors import RequestError
from tasks.model.views.encoder import FACTS, STATES, open_session
from tasks.weights.files import CONFIG
from tasks.weights.network import States, disagreement, most_positions, quiet

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

ROOT = "network."  # of the module that was exported
TOLERANCE = 1e-4  # of the largest state, as where it was written


def recovered_network(folder: Path, title: str) -> Any:
    """The network, float32, in evaluation mode; RequestError where it cannot be read back."""
    if not (folder / CONFIG).is_file():
        raise RequestError(f"{title}: it was made before {CONFIG} was kept with a model; train it again")
    members = json.loads((folder / FACTS).read_text(encoding="utf-8")).get("members", 1)
    if members > 1:
        raise RequestError(f"{title}: it is {members} networks side by side; export a version with finetune.encoder.members 1")
    tensors = _tensors(folder / STATES, title)
    with quiet():
        from transformers import AutoConfig, AutoModel

        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        network = AutoModel.from_config(config, attn_implementation="eager", dtype=torch.float32, trust_remote_code=False)
    own = network.state_dict()
    fitting = {name: value for name, value in tensors.items() if name in own and own[name].shape == value.shape}
    lacking, _ = network.load_state_dict(fitting, strict=False)
    lacking = [name for name in lacking if "pooler" not in name.split(".")]
    network.eval()
    if lacking:
        raise RequestError(
            f"{title}: the network {config.model_type} cannot be read back from its ONNX file ({lacking[0]} is not found in it)"
        )
    worst = disagreement(States(network).eval(), open_session(folder / STATES), config.vocab_size, most_positions(network))
    if not worst <= TOLERANCE:
        raise RequestError(f"{title}: read back from its ONNX file it answers otherwise (by {worst:.1e} of a state)")
    return network


def _tensors(path: Path, title: str) -> dict[str, torch.Tensor]:
    """The parameters of the network by their names in it; RequestError for weights of 8 bits."""
    import onnx

    graph = onnx.load(path).graph
    values = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    if any(node.op_type in ("DynamicQuantizeLinear", "MatMulInteger") for node in graph.node):
        raise RequestError(f"{title}: it is served with 8 bits; export a version with finetune.encoder.serve float32")
    # Equal tensors, such as the norms of a new network, are written once.
    values |= {
        node.output[0]: values[node.input[0]] for node in graph.node if node.op_type == "Identity" and node.input[0] in values
    }
    found: dict[str, np.ndarray] = {}
    for node in graph.node:
        *module, _ = node.name.strip("/").split("/")
        for name, value in _of_node(node, values).items():
            found[".".join([*module, name])] = value
    found |= {name: value for name, value in values.items() if name.startswith(ROOT)}
    return {name.removeprefix(ROOT): torch.from_numpy(value.copy()) for name, value in found.items() if name.startswith(ROOT)}


def _of_node(node: Any, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weight and the bias among the inputs of an operation."""
    given = [values.get(name) for name in node.input]
    if node.op_type in ("Gather", "LayerNormalization"):
        at = {"weight": 0} if node.op_type == "Gather" else {"weight": 1, "bias": 2}
        return {name: value for name, place in at.items() if place < len(given) and (value := given[place]) is not None}
    if node.op_type == "MatMul" and given[1] is not None:
        return {"weight": given[1].T}
    if node.op_type == "Add":
        biases = [value for value in given if value is not None and value.ndim == 1]
        return {"bias": biases[0]} if biases else {}
    return {}
