"""The sections of `textmill language train` that no other flow has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tasks.prepare.settings import TextsPrepareConfig
from tasks.section import Count, Dropout, Positive, Rate, Section, Share, Threads
from tasks.weights.place import Place, WeightsConfig, weights_config

KINDS = Literal["auto", "word", "char", "jieba", "bpe", "file", "weights"]
SIZES = {"layers": 4, "heads": 4, "dim": 128}  # of a network that starts at random


class SplitConfig(Section):
    """How documents are parted into train, validation and test."""

    near_duplicates: bool = Field(True, description="Look for near-duplicates, not only exact ones.")
    near_duplicate_similarity: Annotated[float, Field(gt=0.5, le=1.0)] = Field(
        0.8, description="Documents are near-duplicates from this estimated Jaccard similarity of their token 5-shingles on."
    )
    valid_share: Annotated[float, Field(gt=0.0, lt=0.5)] = Field(
        0.1, description="Share of the train documents held for validation."
    )
    test_share: Annotated[float, Field(gt=0.0, lt=0.9)] = Field(
        0.1, description="Share of documents held for test if the corpus has no test split."
    )
    seed: Count = Field(13, description="Seed of the split.")

    @property
    def step(self) -> TextsPrepareConfig:
        """The section of the step `prepare`; its tokens serve to find duplicates alone."""
        own = {name: getattr(self, name) for name in type(self).model_fields}
        return TextsPrepareConfig(punctuation="keep", split_rule=2, salt=0, **own)


class TokenizerConfig(Section):
    """How text is cut into the pieces that a model predicts."""

    kind: KINDS = Field(
        "auto",
        description="word: words and marks; char: characters; jieba: Chinese words; bpe: parts of words, learned from the "
        "train texts (byte-level BPE); file: as a tokenizer.json says; weights: as the pretrained weights have it; auto: char "
        "if most of the text is Chinese, Japanese or Thai, jieba if some is, else word.",
    )
    file: Path | None = Field(None, description="file: a tokenizer.json, as the library tokenizers writes it.")
    size: Annotated[int, Field(ge=300, le=1_000_000)] = Field(
        20_000, description="word, char, jieba, bpe: most pieces of the vocabulary, the most frequent ones."
    )
    min_count: Positive = Field(2, description="word, char, jieba, bpe: rarest piece, in occurrences.")

    @model_validator(mode="after")
    def _file_of_the_kind(self) -> Self:
        if self.kind == "file" and self.file is None:
            raise ValueError("file is missing; kind file reads a tokenizer.json, so name one, or set another kind")
        if self.kind in ("file", "weights"):
            for name, default in {"size": 20_000, "min_count": 2}.items():
                if (value := getattr(self, name)) != default:
                    raise ValueError(
                        f"{name} {value} is of a vocabulary that is fitted here, not of kind {self.kind}; leave it out"
                    )
        if self.kind != "file" and self.file is not None:
            raise ValueError(
                f"file {self.file} is read by kind file alone, not by {self.kind}; set kind file, or leave file out"
            )
        return self


class NetworkConfig(Section):
    """The GPT-2 network and how it is trained."""

    weights: Place | None = Field(
        None,
        description="Pretrained GPT-2 weights to start from: a folder with config.json, tokenizer.json and safetensors, or "
        "NAME@COMMIT of the Hugging Face hub; default: random ones.",
    )
    layers: Positive = Field(SIZES["layers"], description="Layers; of random weights.")
    heads: Positive = Field(SIZES["heads"], description="Heads of attention; of random weights.")
    dim: Positive = Field(SIZES["dim"], description="Dimensions; of random weights.")
    context: Annotated[int, Field(ge=2, le=8192)] = Field(128, description="Pieces of a block: most that are read at once.")
    freeze: Count = Field(0, description="With weights: so many of the lowest layers, and the embeddings, stay as they are.")
    epochs: Positive = Field(10, description="Most passes over the train texts; the best is kept.")
    patience: Positive = Field(2, description="Epochs without a better validation loss before training stops.")
    batch_size: Positive = Field(8, description="Blocks a step; of few texts many small steps learn more.")
    lr: Rate = Field(0.001, description="Learning rate at its peak.")
    warmup_share: Share = Field(0.05, description="Share of the steps in which the learning rate rises; then it falls to 0.")
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(0.01, description="Weight decay of matrices (AdamW).")
    clip: Annotated[float, Field(ge=0.0)] = Field(1.0, description="Largest norm of the gradients; 0: any.")
    dropout: Dropout = Field(0.1, description="Dropout of embeddings, attention and layers.")
    seed: Count = Field(13, description="Seed of weights, order and dropout.")
    threads: Threads = Field("auto", description="Threads of torch; another number gives other weights. auto: every core.")

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        if self.weights is not None:
            for name, value in SIZES.items():
                if getattr(self, name) != value:
                    raise ValueError(
                        f"{name} {getattr(self, name)} is of random weights, and weights bring theirs; leave it out"
                    )
        elif self.freeze:
            raise ValueError(f"freeze {self.freeze} would keep random layers as they are; leave it out, or give weights")
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not a multiple of {self.heads} heads; change one of them")
        return self

    @property
    def step_weights(self) -> WeightsConfig | None:
        """The section of the step `weights`, if there are any."""
        return weights_config(self.weights, "--train.weights")

    def keyed(self) -> Self:
        """The section for the step that is handed the weights as an artifact."""
        return self if self.weights is None else self.model_copy(update={"weights": None})


class MeasureConfig(Section):
    """What is measured of the trained model on the test documents."""

    kneser_ney: Annotated[int, Field(ge=0, le=6)] = Field(
        3, description="Longest n-gram of the Kneser-Ney model that is the yardstick; 0: no yardstick."
    )
    samples: Annotated[int, Field(ge=0, le=50)] = Field(5, description="Texts to generate for the report.")
    sample_tokens: Annotated[int, Field(ge=1, le=2000)] = Field(60, description="Most pieces of each of them.")
    temperature: Annotated[float, Field(ge=0.0, le=100.0)] = Field(
        0.8, description="Of these texts; 0: always the likeliest piece."
    )
    seed: Count = Field(13, description="Seed of these texts.")


class GateConfig(Section):
    """When a new language model replaces the champion."""

    evidence: ClassVar[Literal["test"]] = "test"

    gate: Literal["better", "not_worse"] = Field(
        "not_worse",
        description="The challenger must be better than, or not worse than, the champion on the same test documents.",
    )
    margin: Annotated[float, Field(ge=0.0, lt=8.0)] = Field(
        0.02, description="not_worse: largest loss allowed, in bits per byte of the test text."
    )
