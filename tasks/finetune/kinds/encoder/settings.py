"""The settings of `encoder`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from tasks.embed.reading import Pooling, Truncate
from tasks.section import Count, Dropout, Positive, Rate, Section
from tasks.weights.place import Place

RATE, LORA_RATE = 5e-5, 5e-4  # of BERT (Devlin et al. 2019) and of RoBERTa's adapters (Hu et al. 2021, table 9)
# Devlin et al. 2019 (table 7) read the last four of twelve layers; on PhraseBank four were no better than three.
FROZEN_LAYERS = 3
PAIRS_RATE, LORA_PAIRS_RATE = 2e-5, 2e-4  # of SetFit (Tunstall et al. 2022), and as many times that for adapters


class EncoderSettings(Section):
    """A pretrained language model."""

    model: Place | None = Field(
        None,
        description="Its weights: a folder with config.json, tokenizer.json and safetensors, or NAME@COMMIT of the Hugging "
        "Face hub.",
    )
    train: str = Field(
        "frozen",
        description="What is trained: frozen, a head on the vectors of texts; full, the whole network too; last:N, its last N "
        "layers; lora, low-rank adapters of it; zero-shot, nothing: the head is what labels says.",
    )
    labels: Path | None = Field(
        None,
        description="A TOML file with a description or examples of each label: all that zero-shot has, and what the others "
        "start from.",
    )
    pooling: Pooling = Field(
        "mean", description="Which states of a text's pieces are its vector: their mean, the first's, the last's."
    )
    frozen_layers: Count | None = Field(
        None,
        description="frozen: of how many of the last layers the head reads the pooled state and the largest value of each "
        "dimension; 0, the last layer's pooled state alone. Without it 3.",
    )
    max_len: Positive = Field(256, description="Most pieces of a text that are read, the special ones among them.")
    truncate: Truncate = Field("head", description="What is kept of a longer text.")
    contrastive: bool = Field(
        False,
        description="Not frozen: tune the network on pairs of texts, of one label and of two, and then fit the head that "
        "frozen has; for few labels.",
    )
    pairs: Positive = Field(
        5,
        description="contrastive: pairs of each of the two sorts that a text begins in an epoch.",
    )
    l2: Annotated[float, Field(ge=0.0)] = Field(
        0.02,
        description="frozen or contrastive: weight of the squared weights in the loss of the head on scaled vectors.",
    )
    serve: Literal["float32", "int8"] = Field(
        "float32",
        description="What is served: float32, or int8, a quarter of the bytes; its loss on the validation rows is reported.",
    )
    members: Positive = Field(
        1,
        description="Not frozen: networks that are tuned with different random numbers; the mean of their logits counts.",
    )
    epochs: Positive = Field(4, description="Not frozen: most passes over the train rows; the best is kept.")
    lr: Rate | None = Field(
        None,
        description="Not frozen: learning rate of the top at its peak; without it 0.00005, contrastive 0.00002, and ten times "
        "that with lora.",
    )
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = Field(
        0.95, description="Not frozen: a layer's learning rate as a share of that of the layer above it."
    )
    weight_decay: Annotated[float, Field(ge=0.0)] = Field(0.01, description="Not frozen: weight decay (AdamW).")
    batch_size: Positive = Field(32, description="Not frozen: texts a step; contrastive: half as many pairs.")
    accumulate: Positive = Field(
        1, description="Not frozen: parts in which a step reads its texts; less memory, the same step up to dropout."
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32",
        description="Not frozen: what the network multiplies in while it is trained; it is measured and served in float32.",
    )
    dropout: Dropout = Field(0.1, description="Neither frozen nor contrastive: dropout before the head.")
    lora_rank: Positive = Field(8, description="lora: rank of the adapters; what they add is scaled by 2.")
    lora_dropout: Dropout = Field(0.1, description="lora: dropout before the adapters.")
    lora_layers: Literal["attention", "all-linear"] = Field(
        "attention",
        description="lora: what gets an adapter: of attention what peft chooses for the architecture (BERT: queries and "
        "values), or every linear layer.",
    )

    OF_TUNING: ClassVar = (
        *(
            "members",
            "epochs",
            "lr",
            "layer_decay",
            "weight_decay",
            "batch_size",
            "accumulate",
            "precision",
            "dropout",
            "contrastive",
        ),
        "pairs",
    )
    OF_LORA: ClassVar = ("lora_rank", "lora_dropout", "lora_layers")

    @field_validator("train")
    @classmethod
    def _known_training(cls, value: str) -> str:
        if not re.fullmatch(r"frozen|full|lora|zero-shot|last:[1-9][0-9]*", value):
            raise ValueError("choose frozen, full, lora, zero-shot, or last:N such as last:2")
        return value

    @model_validator(mode="after")
    def _settings_of_what_is_trained(self) -> Self:
        fields = type(self).model_fields
        readers = {
            "train frozen, or contrastive true": (self.train == "frozen" or self.contrastive, ("l2",)),
            "train frozen": (self.train == "frozen", ("frozen_layers",)),
            "train full, last:N or lora": (not self.frozen, self.OF_TUNING),
            "train lora": (self.train == "lora", self.OF_LORA),
            "contrastive true": (self.contrastive, ("pairs",)),
            "contrastive false": (not self.contrastive, ("dropout",)),
        }
        for needed, (reads, names) in readers.items():
            for name in () if reads else names:
                if getattr(self, name) != fields[name].default:
                    way = f"contrastive, train {self.train}," if self.contrastive and not self.frozen else f"train {self.train}"
                    raise ValueError(f"{way} reads no {name}; set {needed}, or leave {name} out")
        if self.zero_shot and self.labels is None:
            raise ValueError(
                "train zero-shot has nothing but what the labels mean; give labels, a TOML file that describes each"
            )
        if self.accumulate > self.batch_size:
            raise ValueError(f"accumulate {self.accumulate} is more than the {self.batch_size} texts of batch_size; lower it")
        if self.contrastive and (self.batch_size % 2 or -(-self.batch_size // self.accumulate) % 2):
            raise ValueError(
                f"contrastive reads texts two by two, and batch_size {self.batch_size} with accumulate {self.accumulate} "
                "parts a pair; make batch_size twice a multiple of accumulate"
            )
        return self

    @property
    def frozen(self) -> bool:
        """Whether the network stays as it is."""
        return self.train in ("frozen", "zero-shot")

    @property
    def zero_shot(self) -> bool:
        """Whether nothing is trained."""
        return self.train == "zero-shot"

    @property
    def layers_read(self) -> int:
        """Of how many layers a head on the network as it is reads the states beside the plain vector; 0: of none."""
        if self.train != "frozen":
            return 0
        return FROZEN_LAYERS if self.frozen_layers is None else self.frozen_layers

    @classmethod
    def as_then(cls, written: dict[str, Any]) -> dict[str, Any]:
        """What a model that is trained already was trained with; before there was `frozen_layers` it read one state."""
        return {"frozen_layers": 0, **written} if written.get("train", "frozen") == "frozen" else written

    @property
    def bfloat16(self) -> bool:
        """Whether the network multiplies in bfloat16 while it is trained."""
        return self.precision == "bfloat16"

    @property
    def peak_rate(self) -> float:
        """The head's learning rate at its peak."""
        plain, adapters = (PAIRS_RATE, LORA_PAIRS_RATE) if self.contrastive else (RATE, LORA_RATE)
        return self.lr or (adapters if self.train == "lora" else plain)

    def keyed(self) -> Self:
        """Without the name of the weights: their digest is in the key."""
        return self.model_copy(update={"model": None})
