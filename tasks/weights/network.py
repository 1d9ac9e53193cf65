"""Open pretrained weights as a network of transformers, and write it as ONNX. In goes a folder of verified files.

Out come the states of one text's pieces, those of each layer. One text is read at a time, without padding, so a text's states
do not depend on its companions, and no mask is needed.

Shapes: L pieces of a text, D dimensions.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tasks.errors import RequestError
from tasks.model.pretrained import INPUT, layer_output, open_session, output_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tasks.model.views.encoder import Reading

OPSET = 17
TOLERANCE = 1e-4  # of the largest state: float32 sums in another order differ by about a hundredth of it
LENGTHS = (1, 2, 3, 7, 16, 61, 128, 384)  # of the random texts on which torch and ONNX Runtime have to agree
SEED = 13


class States(torch.nn.Module):
    """The network as it is exported: ids int64 [1, L] in, states float32 [1, L, D] of each layer out, the last one first."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, ids_1L: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The states of all layers."""
        return layer_states(self.network, input_ids=ids_1L)


def layer_states(network: Any, **given: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The states [B, L, D] of all layers of a network, the last one first; what it reads before its first layer is left out."""
    made = network(output_hidden_states=True, **given)
    return (made.last_hidden_state, *made.hidden_states[-2:0:-1])


def vector(network: Any, ids_1L: torch.Tensor, reading: Reading) -> torch.Tensor:
    """The vector of one text's pieces as the network of transformers gives it, float32 [D]."""
    states = layer_states(network, input_ids=ids_1L)[: reading.num_outputs]
    return torch.from_numpy(reading.pooled([each[0].numpy() for each in states]))


def load(folder: Path, kind: str, refusal: Callable[[str], str], **options: Any) -> tuple[Any, dict[str, Any]]:
    """The network that the class `kind` of transformers opens, float32, and what transformers says of the weights.

    Nothing is fetched or unpickled, and no code of a model is run. RequestError if it cannot be opened: what `refusal` makes of
    the reason.
    """
    with quiet():
        import transformers

        try:
            network, loaded = getattr(transformers, kind).from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                attn_implementation="eager",
                dtype=torch.float32,
                output_loading_info=True,
                **options,
            )
        except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise RequestError(refusal(reason[:200])) from None
    return network, loaded


def open_network(folder: Path, title: str, kind: str = "AutoModel") -> Any:
    """The pretrained network, float32, in evaluation mode; RequestError if the weights are not those of the settings.

    `kind` is the class of transformers that opens it: with or without a head that predicts the next piece.
    """
    network, loaded = load(
        folder,
        kind,
        lambda reason: f"{title}: transformers cannot open it ({reason}); give another folder",
        ignore_mismatched_sizes=True,
    )
    # The pooler is a layer of BERT's training that is not used here.
    lacking = [name for name in sorted(loaded["missing_keys"]) if "pooler" not in name.split(".")]
    lacking += [str(each[0]) for each in loaded.get("mismatched_keys") or ()]
    if lacking:
        raise RequestError(f"{title}: the weights do not fit config.json, {lacking[0]} among them; fetch both from one place")
    return network.eval()


def most_positions(network: Any) -> int | None:
    """The longest text that the network reads, in pieces with the special ones; None if it has no bound."""
    most = getattr(network.config, "max_position_embeddings", None)
    if not isinstance(most, int) or most < 1:
        return None
    piece = 3 if network.config.pad_token_id == 2 else 2  # not that of padding, which RoBERTa gives no position
    with torch.inference_mode():
        for length in (most, most - 2, most - 4):  # RoBERTa counts from the number after its padding's
            with contextlib.suppress(IndexError, RuntimeError):
                network(input_ids=torch.full((1, length), piece))
                return length
    return most


def export(network: Any, path: Path, title: str, most: int | None) -> tuple[float, int]:
    """Write the network as ONNX and compare both; the largest difference of a state, as a share of the largest, and the layers.

    RequestError if it cannot be written so, or answers otherwise than torch.
    """
    module, example_1L = (
        States(network).eval(),
        torch.ones(1, 5, dtype=torch.long),
    )  # the exporter puts back the mode of all of it
    with torch.inference_mode():
        outputs = [layer_output(below) for below in range(len(module(example_1L)))]
    axes = {name: {1: "length"} for name in (INPUT, *outputs)}
    named: dict[str, Any] = {"input_names": [INPUT], "output_names": outputs, "dynamic_axes": axes}
    try:
        with quiet():
            # The exporter that traces: the newer one needs two more packages and ten times as long. When torch takes it out,
            # this call fails and says so.
            torch.onnx.export(module, (example_1L,), path, dynamo=False, opset_version=OPSET, **named)
        session = open_session(path)
    except Exception as error:  # torch, onnx and ONNX Runtime each have their own
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise RequestError(f"{title}: it cannot be written as ONNX ({reason[:200]}); give other weights") from error
    worst = disagreement(module, session, network.config.vocab_size, most)
    if not worst <= TOLERANCE:
        raise RequestError(
            f"{title}: ONNX Runtime answers otherwise than torch (by {worst:.1e} of a state); give other weights"
        )
    return worst, len(outputs)


def disagreement(module: States, session: Any, pieces: int, most: int | None) -> float:
    """How much torch and ONNX Runtime differ on random texts at most: of a state, as a share of the largest of its layer.

    A network that was written before has the last layer's states alone.
    """
    worst, random = 0.0, np.random.default_rng(SEED)
    written = output_names(session)
    with torch.inference_mode():
        for length in {min(length, most or length) for length in (*LENGTHS, most or 512)}:
            ids_1L = random.integers(0, pieces, (1, length))
            expected = module(torch.from_numpy(ids_1L))[: len(written)]
            for found_1LD, made_1LD in zip(session.run(written, {INPUT: ids_1L}), expected, strict=True):
                expected_1LD = made_1LD.numpy()
                worst = max(worst, float(np.abs(found_1LD - expected_1LD).max() / np.abs(expected_1LD).max()))
    return worst


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Neither bars nor advice: what matters is checked here."""
    from transformers.utils import logging as theirs

    before, bars = theirs.get_verbosity(), theirs.is_progress_bar_enabled()
    theirs.set_verbosity(logging.ERROR)
    theirs.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        theirs.set_verbosity(before)
        if bars:
            theirs.enable_progress_bar()
