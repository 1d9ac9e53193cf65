"""A GPT-2 network as it is served: what each piece of texts costs, and which pieces may come next.

Shapes: N texts, T pieces, B windows of a batch, L pieces of a window, V pieces of the vocabulary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ...errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .pieces import Encoded

LOGITS = 1 << 25  # float32 numbers of a batch of windows: 128 MiB


def open_network(folder: Path) -> Any:
    """The network of config.json and model.safetensors, in evaluation mode; RequestError where a library is missing."""
    try:
        from transformers import GPT2LMHeadModel
    except ModuleNotFoundError as error:
        if error.name != "transformers":
            raise
        message = "language models need transformers, which is not installed; run pip install 'textmill[encoder]'"
        raise RequestError(message) from None
    from transformers.utils import logging as theirs

    bars = theirs.is_progress_bar_enabled()
    theirs.disable_progress_bar()
    try:
        network = GPT2LMHeadModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
        )
    finally:
        if bars:
            theirs.enable_progress_bar()
    return network.eval()


def piece_bits(network: Any, encoded: Encoded, end: int) -> np.ndarray:
    """Bits of each piece of the texts and of each text's end: float64 [T + N], a text's end after its pieces.

    A text is read from its beginning, behind an <eos>. One that is longer than the network reads is read in windows that
    overlap by half, so that each piece but the first ones is read behind half a window at least.
    """
    context = int(network.config.n_positions)
    bits = np.zeros(len(encoded.ids) + len(encoded.offsets) - 1)
    windows = list(_windows(encoded.offsets, context))
    order = sorted(range(len(windows)), key=lambda at: windows[at][1] - windows[at][0])
    ids = _between_ends(encoded, end)
    with torch.inference_mode():
        while order:
            longest = windows[order[-1]][1] - windows[order[-1]][0]
            size = max(1, LOGITS // (longest * int(network.config.vocab_size)))
            batch, order = order[-size:], order[:-size]
            read_BL = np.full((len(batch), longest), end, np.int64)
            for row, at in enumerate(batch):
                start, stop, _, _ = windows[at]
                read_BL[row, : stop - start] = ids[start:stop]
            # What follows a piece is not seen by it, so the rows' ends need no mask.
            log_BLV = torch.log_softmax(network(input_ids=torch.from_numpy(read_BL), use_cache=False).logits, dim=-1)
            for row, at in enumerate(batch):
                start, stop, first, text = windows[at]
                targets = torch.from_numpy(ids[first + 1 : stop + 1])
                found = log_BLV[row, first - start : stop - start].gather(1, targets[:, None])[:, 0]
                bits[first - text : stop - text] = -found.double().numpy() / np.log(2)
    return bits


def text_bits(bits: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The sums of each text's pieces and its end: float64 [N], of what `piece_bits` gives."""
    lengths = np.diff(offsets) + 1
    return np.bincount(np.repeat(np.arange(len(lengths)), lengths), weights=bits, minlength=len(lengths))


def _between_ends(encoded: Encoded, end: int) -> np.ndarray:
    """The texts, each between two <eos> of its own: int64 [T + 2 N]."""
    lengths = np.diff(encoded.offsets)
    ids = np.full(len(encoded.ids) + 2 * len(lengths), end, np.int64)
    ids[np.arange(len(encoded.ids)) + 2 * np.repeat(np.arange(len(lengths)), lengths) + 1] = encoded.ids
    return ids


def _windows(offsets: np.ndarray, context: int) -> Iterator[tuple[int, int, int, int]]:
    """(first piece that is read, last one + 1, first one whose successor is judged, number of the text) in `_between_ends`.

    Places minus the number of the text are those of `piece_bits`: of two ends of a text one is judged.
    """
    stride = max(context // 2, 1)
    for text, (begin, stop) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        first = start = begin + 2 * text
        last = stop + 2 * text + 1
        while first < last:
            until = min(start + context, last)
            yield start, until, first, text
            first, start = until, until + stride - context if until < last else until
