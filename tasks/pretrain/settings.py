"""The section `pretrain`: what is trained on the corpus' own text without its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PrivateAttr, model_serializer, model_validator

from tasks.adapt.settings import AdaptConfig, AdaptSettings
from tasks.section import Count, Positive, Section, Threads

if TYPE_CHECKING:
    from collections.abc import Callable

FASTTEXT = "fasttext"


class PretrainConfig(Section):
    """fastText's unsupervised training, each option by its own name; or that of the weights that an encoder starts from."""

    kind: Literal["fasttext", "masked", "causal"] = Field(
        "fasttext",
        description="What is trained on the corpus' own text: fastText's word vectors, or the pretrained weights that a "
        "model starts from, to fill in masked pieces or, causal, to tell the next piece.",
    )
    enabled: bool = Field(True, description="Train word vectors; off: embeddings start at random or from align.vectors.")
    model: Literal["skipgram", "cbow"] = Field("skipgram", description="Predict the context from the word, or the reverse.")
    dim: Annotated[int, Field(ge=1, le=2000)] = Field(100, description="Dimensions of a vector.")
    ws: Positive = Field(5, description="Largest distance of a context word.")
    epoch: Positive = Field(5, description="Passes over the text.")
    neg: Positive = Field(5, description="Negative samples a word.")
    loss: Literal["ns", "hs", "softmax"] = Field("ns", description="Negative sampling, hierarchical softmax, or softmax.")
    min_count: Positive = Field(5, description="Rarest word that gets a row of its own.")
    minn: Count = Field(3, description="Shortest subword in characters.")
    maxn: Count = Field(6, description="Longest subword in characters; 0: no subwords.")
    bucket: Annotated[int, Field(ge=0)] | Literal["auto"] = Field(
        "auto", description="Hash buckets of subwords; auto: by corpus."
    )
    lr: Annotated[float, Field(gt=0.0, le=10.0)] = Field(0.05, description="Learning rate at the start.")
    t: Annotated[float, Field(gt=0.0)] = Field(1e-4, description="Frequency from which words are subsampled.")
    threads: Threads = Field("auto", description="Threads; 1 is reproducible byte for byte, auto uses every core.")
    seed: Count = Field(13, description="Seed of fastText's random numbers.")
    unlabelled: bool = Field(True, description="Train on the unlabelled texts too.")
    max_model_mb: Positive = Field(2000, description="Largest estimated model in MB; a larger one stops before training.")

    adapt: AdaptSettings = AdaptSettings()

    _whole: bool = PrivateAttr(False)

    OF_BOTH: ClassVar = ("kind", "threads", "seed", "unlabelled")

    @model_serializer(mode="wrap")
    def _as_before_where_fasttext_is_trained(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Without what came later where it says nothing, so that the keys of word vectors stay as they were."""
        values = dump(self)
        if self.kind == FASTTEXT and not self._whole:
            values.pop("kind", None)  # not there where only what was set is dumped
            if self.adapt == AdaptSettings():
                values.pop("adapt", None)
        return values

    def whole(self) -> Self:
        """The same section, of which everything is dumped."""
        made = self.model_copy()
        made._whole = True
        return made

    @property
    def adapts(self) -> bool:
        """Whether the weights that an encoder starts from are trained on."""
        return self.kind != FASTTEXT

    def adapted(self) -> AdaptConfig:
        """What the step `adapt` is told."""
        own = {"kind": self.kind, "unlabelled": self.unlabelled, "threads": self.threads, "seed": self.seed}
        return AdaptConfig(**self.adapt.model_dump(), **own)

    @model_validator(mode="after")
    def _subword_range(self) -> Self:
        if self.maxn and self.minn > self.maxn:
            raise ValueError(f"minn {self.minn} is larger than maxn {self.maxn}; set minn <= maxn, or maxn 0 for no subwords")
        if self.maxn and self.bucket == 0:
            raise ValueError(f"bucket 0 leaves no rows for subwords up to maxn {self.maxn}; set maxn 0 too, or bucket auto")
        return self
