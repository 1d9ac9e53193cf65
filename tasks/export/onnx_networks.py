"""The networks that read words as nodes of an ONNX graph.

Shapes: N documents, L words, V rows, D dimensions, F filters of one width W, H units of one direction, C classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tasks.export.onnx_file import Graph

    Member = Mapping[str, np.ndarray]

FLOAT, INT32 = 1, 6  # ONNX's numbers of types


def network(graph: Graph, name: str) -> str:
    """The mean of the members' logits [N, C]."""
    part = graph.content.settings["views"][name]
    layers = NETWORKS[part["reads"]]
    ids_NL = graph.input(f"{name}_ids", ["rows", f"{name}_most"])
    arrays = graph.content.arrays
    dim = arrays[f"{name}.0.embedding.weight"].shape[1]
    unseen_UD = graph.input(f"{name}_unseen", [f"{name}_beyond", dim], "FLOAT")
    real_NL = graph.node("Greater", ids_NL, graph.constant(np.int64(0)))
    lengths_N1 = graph.node("ReduceSum", graph.node("Cast", real_NL, to=7), graph.constant(np.array([1])), keepdims=1)
    made = []
    for number in range(part["members"]):
        prefix = f"{name}.{number}."
        member = {each.removeprefix(prefix): value for each, value in arrays.items() if each.startswith(prefix)}
        embedded_NLD = _embedded(graph, member["embedding.weight"], ids_NL, unseen_UD)
        features = layers(graph, part, member, embedded_NLD, lengths_N1)
        weights, bias = graph.constant(np.asarray(member["last.weight"]).T), graph.constant(np.asarray(member["last.bias"]))
        made.append(graph.node("Gemm", features, weights, bias))
    return graph.node("Mean", *made) if len(made) > 1 else made[0]


def _embedded(graph: Graph, matrix_VD: np.ndarray, ids_NL: str, unseen_UD: str) -> str:
    """Vectors [N, L, D]: of the matrix, or for ids from V on of the other array, whose first row is zeros as row 0 is."""
    rows, zero = graph.constant(np.int64(len(matrix_VD))), graph.constant(np.int64(0))
    before = graph.constant(np.int64(len(matrix_VD) - 1))
    known_NL = graph.node("Less", ids_NL, rows)
    own_NL = graph.node("Where", known_NL, ids_NL, zero)
    other_NL = graph.node("Where", known_NL, zero, graph.node("Sub", ids_NL, before))
    own = graph.node("Gather", graph.constant(np.asarray(matrix_VD)), own_NL)
    return graph.node("Add", own, graph.node("Gather", unseen_UD, other_NL))


def _average(graph: Graph, part: Mapping[str, Any], member: Member, embedded_NLD: str, lengths_N1: str) -> str:
    sums_ND = graph.node("ReduceSum", embedded_NLD, graph.constant(np.array([1])), keepdims=0)
    return graph.node("Div", sums_ND, _number(graph, lengths_N1))


def _windows(graph: Graph, part: Mapping[str, Any], member: Member, embedded_NLD: str, lengths_N1: str) -> str:
    embedded_NDL = graph.node("Transpose", embedded_NLD, perm=[0, 2, 1])
    one, none = graph.constant(np.int64(1)), graph.constant(np.int64(0))
    found = []
    for number, width in enumerate(part["widths"]):
        weight_FE, bias_F = np.asarray(member[f"filters.{number}.weight"]), np.asarray(member[f"filters.{number}.bias"])
        weight_FDW = weight_FE.reshape(len(weight_FE), width, -1).transpose(0, 2, 1)
        response_NFP = graph.node("Conv", embedded_NDL, graph.constant(weight_FDW), graph.constant(bias_F))
        places = graph.node("Gather", graph.node("Shape", response_NFP), graph.constant(np.int64(2)))
        at_P = graph.node("Range", none, places, one)
        last_N1 = graph.node("Max", graph.node("Sub", lengths_N1, graph.constant(np.int64(width))), none)
        beyond_N1P = graph.node("Unsqueeze", graph.node("Greater", at_P, last_N1), graph.constant(np.array([1])))
        kept_NFP = graph.node("Where", beyond_N1P, graph.constant(np.float32(-np.inf)), response_NFP)
        found.append(graph.node("ReduceMax", kept_NFP, axes=[2], keepdims=0))
    return graph.node("Relu", graph.node("Concat", *found, axis=1))


def _states(graph: Graph, part: Mapping[str, Any], member: Member, embedded_NLD: str, lengths_N1: str) -> str:
    read_N1 = graph.node("Max", lengths_N1, graph.constant(np.int64(1)))
    lengths_N = graph.node("Cast", graph.node("Squeeze", read_N1, graph.constant(np.array([1]))), to=INT32)
    both = [[_reordered(member[f"lstm.{name}_l0{end}"]) for end in ("", "_reverse")] for name in ("weight_ih", "weight_hh")]
    biases = [
        np.concatenate([_reordered(member[f"lstm.{name}_l0{end}"]) for name in ("bias_ih", "bias_hh")])
        for end in ("", "_reverse")
    ]
    constants = [graph.constant(np.stack(value)) for value in (*both, biases)]
    embedded_LND = graph.node("Transpose", embedded_NLD, perm=[1, 0, 2])
    hidden = both[1][0].shape[1]
    # [L, 2, N, H] -> [N, L, 2H]
    states = graph.node("LSTM", embedded_LND, *constants, lengths_N, direction="bidirectional", hidden_size=hidden)
    states_NLH = graph.node(
        "Reshape", graph.node("Transpose", states, perm=[2, 0, 1, 3]), graph.constant(np.array([0, 0, 2 * hidden]))
    )
    most = graph.node("Gather", graph.node("Shape", embedded_NLD), graph.constant(np.int64(1)))
    at_L = graph.node("Range", graph.constant(np.int64(0)), most, graph.constant(np.int64(1)))
    inside_NL1 = graph.node("Unsqueeze", graph.node("Less", at_L, read_N1), graph.constant(np.array([2])))
    least, zero = graph.constant(np.float32(-np.inf)), graph.constant(np.float32(0))
    largest = graph.node("ReduceMax", graph.node("Where", inside_NL1, states_NLH, least), axes=[1], keepdims=0)
    kept = graph.node("Where", inside_NL1, states_NLH, zero)
    total = graph.node("ReduceSum", kept, graph.constant(np.array([1])), keepdims=0)
    return graph.node("Concat", largest, graph.node("Div", total, _number(graph, lengths_N1)), axis=1)


def _number(graph: Graph, lengths_N1: str) -> str:
    """The number of words as a float, 1 for none."""
    return graph.node("Cast", graph.node("Max", lengths_N1, graph.constant(np.int64(1))), to=FLOAT)


def _reordered(gates: np.ndarray) -> np.ndarray:
    """From torch's order of gates (input, forget, cell, output) to ONNX's (input, output, forget, cell)."""
    enters, forgets, new, leaves = np.split(np.asarray(gates), 4)
    return np.concatenate([enters, leaves, forgets, new])


NETWORKS: dict[str, Callable[[Graph, Mapping[str, Any], Member, str, str], str]] = {
    "average": _average,
    "windows": _windows,
    "states": _states,
}
