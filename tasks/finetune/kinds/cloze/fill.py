"""Open a masked language model and write what scores the labels' words in a prompt, as ONNX. In go weights, a template, words.

A word has to be one piece of the tokenizer: the model fills a mask with one. The scores are its logits at the mask.

Shapes: L pieces of a prompt, W words, V pieces of the vocabulary.
"""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tasks.embed.labels_file import MASK, TEXT
from tasks.errors import RequestError
from tasks.model.pretrained import open_session, open_tokenizer, special_pieces
from tasks.model.views import cloze as served
from tasks.weights.network import LENGTHS, OPSET, SEED, TOLERANCE, load, quiet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MASKS = ("[MASK]", "<mask>")  # of BERT's and of RoBERTa's families
PARTS = re.compile(r"(\{text\}|\{mask\})")


class WordScores(torch.nn.Module):
    """The network as it is exported: ids int64 [1, L] and the mask's place [1] in, logits of the words [1, W] out."""

    def __init__(self, network: torch.nn.Module, words: Sequence[int]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("words", torch.tensor(list(words)))

    def forward(self, ids_1L: torch.Tensor, at_1: torch.Tensor) -> torch.Tensor:
        """The logits of the words at the mask."""
        words_W: Any = self.words
        logits_1LV = self.network(input_ids=ids_1L).logits
        scores_1W: torch.Tensor = logits_1LV[0].index_select(0, at_1).index_select(1, words_W)
        return scores_1W


def open_masked(folder: Path, title: str) -> Any:
    """The pretrained network with its masked head, float32; RequestError for weights without one."""
    network, loaded = load(
        folder, "AutoModelForMaskedLM", lambda reason: f"{title}: no masked language model ({reason}); give another folder"
    )
    if lacking := sorted(loaded["missing_keys"]):
        raise RequestError(
            f"{title}: these weights have no masked head ({lacking[0]} is missing), as sentence encoders have none; give those "
            "of a masked language model, or use the kind encoder"
        )
    return network.eval()


def write_scorer(
    weights: Path, template: str, words: Sequence[Sequence[str]], max_len: int, folder: Path, title: str
) -> list[int]:
    """Write tokenizer, prompt and ONNX file of the words of all labels into `folder`; how many words each label has.

    RequestError for a word that is not one piece, a tokenizer without a mask, a prompt that leaves no room for a text.
    """
    shutil.copyfile(weights / served.TOKENIZER, folder / served.TOKENIZER)
    tokenizer = open_tokenizer(folder / served.TOKENIZER, title)
    mask = next((found for name in MASKS if (found := tokenizer.token_to_id(name)) is not None), None)
    if mask is None:
        raise RequestError(f"{title}: its tokenizer has no mask ({' or '.join(MASKS)}); give a masked language model")
    before, after = special_pieces(tokenizer)
    parts = [before, *_parts(tokenizer, template), after]
    own = sum(1 if part == served.MASK else len(part) for part in parts if part != served.TEXT)
    network = open_masked(weights, title)
    most = json.loads((weights / "weights.json").read_text(encoding="utf-8"))["most_pieces"]
    if most is not None and max_len > most:
        raise RequestError(f"finetune.cloze.max_len {max_len} is above the {most} pieces that these weights read; lower it")
    if own >= max_len:
        raise RequestError(f"finetune.cloze.max_len {max_len} leaves no room for a text beside the template; raise it")
    made = {"parts": parts, "mask": mask, "max_len": max_len}
    (folder / served.PROMPT).write_text(json.dumps(made), encoding="utf-8")
    pieces = [_piece(tokenizer, word) for each in words for word in each]
    _export(WordScores(network, pieces).eval(), folder / served.SCORES, title, max_len)
    return [len(each) for each in words]


def _parts(tokenizer: Any, template: str) -> list[Any]:
    """The template as lists of pieces, and the places of text and mask."""
    named: dict[str, Any] = {TEXT: served.TEXT, MASK: served.MASK}
    found = []
    for part in PARTS.split(template):
        if part in named:
            found.append(named[part])
        elif part.strip():
            # The blank before a word is part of it for byte-level tokenizers; the one before the mask is the mask's own.
            found.append(list(tokenizer.encode(part.rstrip(), add_special_tokens=False).ids))
    return found


def _piece(tokenizer: Any, word: str) -> int:
    """The one piece of a word, as it stands behind a blank; RequestError for a word of several."""
    for spelt in (f" {word.strip()}", word.strip()):
        pieces = list(tokenizer.encode(spelt, add_special_tokens=False).ids)
        if len(pieces) == 1:
            return int(pieces[0])
    raise RequestError(
        f"label word {word!r} is {len(pieces)} pieces of this tokenizer, and a mask takes one; choose another word"
    )


def _export(module: Any, path: Path, title: str, max_len: int) -> None:
    """Write the scorer as ONNX and compare both on random pieces; RequestError if it cannot be, or answers otherwise."""
    named: dict[str, Any] = {"input_names": [served.INPUT, served.AT], "output_names": [served.OUTPUT]}
    named["dynamic_axes"] = {served.INPUT: {1: "length"}}
    example: Any = (torch.ones(1, 5, dtype=torch.long), torch.tensor([2]))
    try:
        with quiet():
            torch.onnx.export(module, example, path, dynamo=False, opset_version=OPSET, **named)
        session = open_session(path)
    except Exception as error:  # torch, onnx and ONNX Runtime each have their own
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise RequestError(f"{title}: it cannot be written as ONNX ({reason[:200]}); give other weights") from error
    random, size = np.random.default_rng(SEED), module.network.config.vocab_size
    with torch.inference_mode():
        for length in {min(length, max_len) for length in LENGTHS}:
            ids_1L, at_1 = random.integers(0, size, (1, length)), random.integers(0, length, 1)
            expected_1W = module(torch.from_numpy(ids_1L), torch.from_numpy(at_1)).numpy()
            (found_1W,) = session.run([served.OUTPUT], {served.INPUT: ids_1L, served.AT: at_1})
            if not np.abs(found_1W - expected_1W).max() <= TOLERANCE * max(float(np.abs(expected_1W).max()), 1.0):
                raise RequestError(f"{title}: ONNX Runtime answers otherwise than torch; give other weights")
