"""The arithmetic of a model as an ONNX file. In goes the content of an export, out comes the file's bytes.

Inputs are the ids that the folder's reader makes, one for each view; the output is the calibrated probability of each label.

Shapes: N documents, L ids of the longest, K n-grams, C classes.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import RequestError
from tasks.export.onnx_networks import NETWORKS, network
from tasks.export.served.onnx_model import OUTPUT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.export.content import Content

PACKAGES = ("onnx", "onnxruntime")
OPSET, IR_VERSION = 17, 8  # ONNX Runtime 1.12 and later, and what browsers and phones have of it


def check_packages() -> None:
    """RequestError if a package that writes and runs ONNX files is missing."""
    for name in PACKAGES:
        if find_spec(name) is None:
            raise RequestError(f"--format onnx needs the package {name}; run pip install {name}")


def onnx_bytes(content: Content) -> bytes:
    """The file."""
    import onnx

    graph = Graph(content)
    logits = [graph.view(name, part) for name, part in content.settings["views"].items()]
    summed = graph.node("Sum", *logits) if len(logits) > 1 else logits[0]
    if "shift" in content.settings:
        summed = graph.node("Add", summed, graph.constant(np.array(content.settings["shift"], np.float32)))
    calm = graph.node("Div", summed, graph.constant(np.float32(content.settings["temperature"])))
    graph.nodes.append(onnx.helper.make_node("Softmax", [calm], [OUTPUT], axis=1))
    shape = ["rows", len(content.settings["labels"])]
    output = onnx.helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, shape)
    made = onnx.helper.make_graph(graph.nodes, "textmill", graph.inputs, [output], graph.constants)
    model = onnx.helper.make_model(
        made, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="textmill"
    )
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


class Graph:
    """Nodes, constants and inputs of an ONNX graph while it is put together; each value has a number for a name."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self._made = 0

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; the name of its one output."""
        import onnx

        self.nodes.append(onnx.helper.make_node(operator, list(inputs), [name := self._name()], **attributes))
        return name

    def constant(self, value: Any) -> str:
        """Append an array; its name."""
        import onnx

        self.constants.append(onnx.numpy_helper.from_array(np.ascontiguousarray(value), name := self._name()))
        return name

    def input(self, name: str, shape: list[str | int], kind: str = "INT64") -> str:
        """Append an input."""
        import onnx

        self.inputs.append(onnx.helper.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), shape))
        return name

    def view(self, name: str, part: dict[str, Any]) -> str:
        """The logits of a view, in units of its deviation and times its weight: [N, C]."""
        logits = VIEWS[part["reads"]](self, name)
        return self.node("Mul", logits, self.constant(np.float32(part["weight"] / part["deviation"])))

    def _name(self) -> str:
        self._made += 1
        return f"v{self._made}"


def _ngram_sum(graph: Graph, name: str) -> str:
    """Weights of the ids are added up, over the root of their number; the id K, which fills rows up, has none."""
    arrays = graph.content.arrays
    weights_KC, bias_C = arrays[f"{name}.weights"], np.asarray(arrays[f"{name}.bias"])
    ids_NL = graph.input(f"{name}_ids", ["rows", f"{name}_most"])
    none = np.zeros((1, weights_KC.shape[1]), weights_KC.dtype)
    rows_NLC = graph.node("Gather", graph.constant(np.concatenate([weights_KC, none])), ids_NL)
    if weights_KC.dtype != np.float32:
        rows_NLC = graph.node("Cast", rows_NLC, to=1)
    second = graph.constant(np.array([1], np.int64))
    sums_NC = graph.node("ReduceSum", rows_NLC, second, keepdims=0)
    if f"{name}.steps" in arrays:  # 8 bits: all classes but the first, in steps
        steps = arrays[f"{name}.steps"]
        first = np.zeros((len(steps), 1), np.float32)
        sums_NC = graph.node("MatMul", sums_NC, graph.constant(np.concatenate([first, np.diag(steps)], axis=1)))
    real_NL = graph.node("Cast", graph.node("Less", ids_NL, graph.constant(np.int64(len(weights_KC)))), to=1)
    number_N1 = graph.node("ReduceSum", real_NL, second, keepdims=1)
    root_N1 = graph.node("Sqrt", graph.node("Max", number_N1, graph.constant(np.float32(1))))
    return graph.node("Add", graph.node("Div", sums_NC, root_N1), graph.constant(bias_C))


VIEWS: dict[str, Callable[[Graph, str], str]] = {"ngrams": _ngram_sum, **dict.fromkeys(NETWORKS, network)}
