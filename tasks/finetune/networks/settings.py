"""The settings that all networks share: `finetune.network`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from tasks.section import Count, Dropout, Positive, Rate, Section, Share

if TYPE_CHECKING:
    from tasks.finetune.settings import SharedSettings

NETWORK = "network"


class NetworkSettings(Section):
    """How a network that reads words is trained, and what becomes of its embedding."""

    FORMER: ClassVar[Literal["same"]] = "same"  # before version 0.2 they were settings of finetune itself

    members: Positive = Field(1, description="Networks trained with different random numbers; the mean of their logits counts.")
    batch_size: Positive = Field(64, description="Documents a step.")
    optimizer: Literal["sgd", "adam", "adamw", "adagrad"] = Field(
        "adam", description="Update rule; embedding rows are updated sparsely."
    )
    lr: Rate | None = Field(None, description="Learning rate at its peak; default: by the kind, 0.001 or for mean 0.005.")
    embedding_lr: Rate | None = Field(None, description="Learning rate of the embedding; default: 4 * lr.")
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(0.0, description="Weight decay (L2 for sgd, adam and adagrad).")
    warmup_share: Share = Field(0.05, description="Share of the steps in which the learning rate rises.")
    decay: Literal["none", "linear", "cosine"] = Field("linear", description="How the learning rate falls after that.")
    clip: Annotated[float, Field(ge=0.0)] = Field(1.0, description="Largest gradient norm; 0: no clipping.")
    dropout: Dropout = Field(0.5, description="Dropout before the last layer.")
    embedding_dropout: Dropout = Field(0.0, description="Dropout of whole tokens on input.")
    embedding: Literal["full", "frozen", "partial", "low_rank"] = Field(
        "full",
        description="Which embedding rows are trained; low_rank: rows stay fixed, a low-rank correction is trained.",
    )
    partial_rows: Literal["without_vector", "rarest", "random", "words"] = Field(
        "without_vector", description="partial: which rows are trained; words: those of partial_words."
    )
    partial_share: Share = Field(0.5, description="partial, rarest and random: the share of rows trained.")
    partial_start: Literal["vectors", "random"] = Field(
        "vectors", description="partial: the trained rows start at their vectors, or anew at random ones."
    )
    partial_words: Path | None = Field(
        None, description="partial, words: file of the words whose rows are trained, one a line as prepare leaves them."
    )
    embedding_rank: Annotated[int, Field(ge=1, le=2000)] = Field(
        8, description="low_rank: rank of the correction; below the vectors' dimensions."
    )
    frozen_epochs: Count = Field(0, description="Epochs at the start in which the embedding is not trained yet.")
    embedding_pull: Share = Field(
        0.0, description="Share of the way back to its start that a row goes at each update, at the learning rate's peak."
    )
    adversarial: Literal["none", "fgm", "virtual"] = Field(
        "none",
        description="Also train on perturbed word vectors: moved up the loss' gradient, or to where the answer changes most.",
    )
    adversarial_norm: Annotated[float, Field(gt=0.0, le=100.0)] = Field(
        1.0, description="fgm and virtual: L2 norm of a document's move; words start at a length of 3."
    )
    adversarial_unlabelled: Annotated[float, Field(ge=0.0, le=16.0)] = Field(
        0.0, description="virtual: unlabelled documents that are moved too for each labelled one of a step."
    )
    max_len: Positive = Field(400, description="Most tokens of a document that are read.")
    truncate: Literal["head", "tail"] = Field("tail", description="Side that is kept of a longer document.")
    compile: bool = Field(False, description="Compile the network with torch.compile (needs a C++ compiler).")
    mixed_precision: bool = Field(
        True, description="Use bfloat16 where it is faster: on a CUDA device; for some kinds on a processor with AMX too."
    )

    @model_validator(mode="after")
    def _embedding_settings(self) -> Self:
        partial, words = self.embedding == "partial", self.partial_rows == "words"
        if self.partial_rows != "without_vector" and not partial:
            raise ValueError(f"embedding {self.embedding} reads no partial_rows {self.partial_rows}; set embedding partial")
        if self.partial_start != "vectors" and not partial:
            raise ValueError(f"embedding {self.embedding} reads no partial_start {self.partial_start}; set embedding partial")
        if words != (self.partial_words is not None):
            raise ValueError("partial_rows words and the file partial_words go together; give both, or neither")
        if self.frozen_epochs and self.embedding == "frozen":
            raise ValueError("embedding frozen already freezes every epoch; leave frozen_epochs out, or set embedding full")
        if self.embedding_pull and self.embedding in ("frozen", "low_rank"):
            raise ValueError(f"embedding {self.embedding} moves no row that embedding_pull could pull back; leave that out")
        if self.embedding_lr is not None and self.embedding == "frozen":
            raise ValueError(f"embedding frozen trains no row at embedding_lr {self.embedding_lr:g}; leave that out")
        if self.adversarial_unlabelled and self.adversarial != "virtual":
            raise ValueError(
                f"adversarial {self.adversarial} reads no unlabelled documents; set adversarial virtual, "
                "or leave adversarial_unlabelled out"
            )
        return self


def reads_unlabelled(config: SharedSettings) -> bool:
    """Whether documents without a label are read while a network is trained."""
    return config.settings(NetworkSettings).adversarial_unlabelled > 0


def no_start(config: SharedSettings) -> str:
    """Why a network cannot start from a champion, in words that follow its name; empty: it can."""
    settings = config.settings(NetworkSettings)
    if settings.embedding == "partial":
        return "trains a part of its words' rows, and which is not kept in a model"
    if settings.adversarial_unlabelled:
        return "reads unlabelled documents beside the labelled ones"
    return ""
