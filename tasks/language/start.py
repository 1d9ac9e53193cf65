"""The network before its first step: random, or from pretrained weights with rows for another vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tasks.errors import RequestError
from tasks.finetune.loop import reproducible
from tasks.model.language.pieces import ENDS, TOKENIZER, Pieces, open_tokenizer
from tasks.weights.files import read_config
from tasks.weights.network import open_network, quiet

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.language.settings import NetworkConfig

FLAG = "train.weights"


def first_network(config: NetworkConfig, pieces: Pieces, weights: Path | None) -> Any:
    """A GPT-2 of transformers with a row for each piece; RequestError for weights that cannot be one."""
    cpu = torch.device("cpu")
    if weights is None:
        with quiet(), reproducible(config.seed, 0, cpu):
            from transformers import GPT2Config, GPT2LMHeadModel

            return GPT2LMHeadModel(GPT2Config(**_sizes(config), **_numbers(pieces), **_dropout(config)))
    kind = read_config(weights, FLAG).get("model_type")
    if kind != "gpt2":
        raise RequestError(f"{FLAG}: these weights are of {kind}, and a language model here is a GPT-2; give weights of one")
    network = open_network(weights, FLAG, "AutoModelForCausalLM")
    most = int(network.config.n_positions)
    if config.context > most:
        raise RequestError(f"train.context {config.context} is above the {most} pieces that these weights read; lower it")
    layers = int(network.config.n_layer)
    if config.freeze > layers:
        raise RequestError(f"train.freeze {config.freeze}: these weights have {layers} layers; lower it")
    _give_rows(network, pieces, weights)
    for name, value in {**_numbers(pieces), **_dropout(config)}.items():
        setattr(network.config, name, value)
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = config.dropout
    network.set_attn_implementation("sdpa")
    return network


def _give_rows(network: Any, pieces: Pieces, weights: Path) -> None:
    """Give each piece of the vocabulary a row: the mean of the rows of those old pieces that spell it.

    After `resize_token_embeddings` alone, number 17 of a new vocabulary would have the row of whatever piece was number 17 of
    the old one. A piece that both vocabularies know is spelled by itself, so it keeps its row. What spells nothing, and what
    has no old pieces, starts from the mean of all rows.
    """
    old, before = open_tokenizer(weights / TOKENIZER), network.get_input_embeddings().weight.detach().clone()
    with quiet(), reproducible(0, 0, torch.device("cpu")):
        network.resize_token_embeddings(pieces.num, mean_resizing=False)
    numbers = _old_pieces(old, pieces)
    lengths = np.array([len(each) for each in numbers])
    flat = torch.tensor([number for each in numbers for number in each], dtype=torch.long)
    offsets = torch.from_numpy(np.concatenate([[0], lengths.cumsum()[:-1]]))
    rows_VD = network.get_input_embeddings().weight
    with torch.no_grad():
        rows_VD.copy_(torch.nn.functional.embedding_bag(flat, before, offsets, mode="mean"))
        rows_VD[torch.from_numpy(lengths == 0)] = before.mean(0)


def _old_pieces(old: Any, pieces: Pieces) -> list[list[int]]:
    """The numbers of the old pieces that spell each new one; a piece that both know is its own spelling."""
    known, tokenizer = old.get_vocab(), pieces.tokenizer
    spelled = [pieces.spelled(number) for number in range(pieces.num)]
    numbers: list[list[int]] = [each.ids for each in old.encode_batch(spelled, add_special_tokens=False)]
    for number, text in enumerate(spelled):
        same = known.get(tokenizer.id_to_token(number))
        # A part of a character, which spells nothing alone, and <unk> and its like are known by their names.
        if same is not None and (number in pieces.banned or old.decode([same], skip_special_tokens=False) == text):
            numbers[number] = [same]
    ends = [number for name in ENDS if (number := old.token_to_id(name)) is not None]
    numbers[pieces.end] = ends[:1]
    return numbers


def _sizes(config: NetworkConfig) -> dict[str, int]:
    return {"n_layer": config.layers, "n_head": config.heads, "n_embd": config.dim, "n_positions": config.context}


def _numbers(pieces: Pieces) -> dict[str, Any]:
    return {"vocab_size": pieces.num, "bos_token_id": pieces.end, "eos_token_id": pieces.end}


def _dropout(config: NetworkConfig) -> dict[str, float]:
    return dict.fromkeys(("embd_pdrop", "attn_pdrop", "resid_pdrop"), config.dropout)
