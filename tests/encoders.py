"""A tiny pretrained network of random weights, as Hugging Face's libraries write one: no test fetches a real one."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np

WORDS = (
    *("profit", "loss", "rose", "fell", "strong", "weak", "the", "of", "was", "in", "good", "bad", "growth", "sales", "plot"),
    *(
        "great",
        "awful",
        "dull",
        "sinking",
        "average",
        "usual",
        "steady",
        "superb",
        "rising",
        "film",
        "shares",
        "market",
        "very",
    ),
)
POSITIONS = 48


def write_encoder(
    folder: Path, *, words: Iterable[str] = WORDS, dim: int = 32, seed: int = 5, masked: bool = False, **config: Any
) -> Path:
    """Write config.json, model.safetensors and tokenizer.json of a BERT of two layers; whole words and letters are pieces.

    `masked`: with the head of a masked language model, and a piece for the mask.
    """
    for name in ("transformers", "onnx", "onnxruntime", "tokenizers"):
        pytest.importorskip(name, reason="the extra `encoder` is not installed")
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing

    letters = [mark + letter for letter in "abcdefghijklmnopqrstuvwxyz0123456789.,%!?" for mark in ("", "##")]
    pieces = {
        piece: number
        for number, piece in enumerate(
            dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(["[MASK]"] if masked else []), *letters, *words])
        )
    }
    tokenizer: Any = Tokenizer(WordPiece(pieces, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    ends = [(name, pieces[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends)
    tokenizer.enable_truncation(9)  # as files of the hub have it: it must not count here
    tokenizer.enable_padding(length=9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import BertConfig, BertForMaskedLM, BertModel

        sizes = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 2 * dim}
        settings = BertConfig(
            **{"vocab_size": len(pieces), "hidden_size": dim, "max_position_embeddings": POSITIONS} | sizes | config
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = BertForMaskedLM(settings) if masked else BertModel(settings, add_pooling_layer=False)
        network.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def change_config(folder: Path, **values: Any) -> None:
    """Other values in config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def fetched_weights(folder: Path, **how: Any) -> Path:
    """What the step `weights` writes of the tiny network, in a folder below `folder`; `how` is as `write_encoder` takes it."""
    pretrained = write_encoder(folder / "pretrained", **how)
    from tasks.progress import SILENT
    from tasks.weights.place import WeightsConfig
    from tasks.weights.weights import write_weights

    for place in (made := folder / "weights", scratch := folder / "scratch"):
        place.mkdir()
    write_weights(WeightsConfig(place=pretrained, flag="--finetune.encoder.model"), made, scratch, SILENT)
    return made


def watched_encoder(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that gets each text as it is encoded from now on."""
    from tasks.model.views.encoder import TextEncoder

    encoded: list[str] = []
    plain = TextEncoder.vector

    def watched(self: TextEncoder, text: str) -> np.ndarray:
        encoded.append(text)
        return plain(self, text)

    monkeypatch.setattr(TextEncoder, "vector", watched)
    return encoded
