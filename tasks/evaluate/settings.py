"""The section `evaluate`: measures on the test rows."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from tasks.certainty.settings import CertaintySettings
from tasks.evaluate.slices.settings import SliceConfig
from tasks.finetune.settings import FinetuneConfig
from tasks.section import Count, Positive, Section


class Measures(Section):
    """What is measured on the test rows."""

    yardstick: bool = Field(True, description="Train TF-IDF + logistic regression on the same rows, for comparison.")
    bootstrap: Annotated[int, Field(ge=100, le=100_000)] = Field(1000, description="Resamples behind each 95% interval.")
    bins: Annotated[int, Field(ge=2, le=100)] = Field(15, description="Bins of the reliability diagram and of ECE.")
    num_errors: Count = Field(20, description="Most confident errors shown in the report.")
    seed: Count = Field(13, description="Seed of the bootstrap.")


class EvaluateConfig(SliceConfig, CertaintySettings, Measures):
    """How the model is measured on the test rows."""

    learning_curve: bool = Field(
        False,
        description="Train the same recipe on draws of 8, 16, 32 ... labelled rows a class too, and say what twice as many may "
        "bring.",
    )
    curve_draws: Annotated[int, Field(ge=1, le=100)] = Field(5, description="learning_curve: draws of each size.")
    curve_most: Positive = Field(1024, description="learning_curve: most rows a class.")
    slices: bool = Field(True, description="Accuracy by length, script, source, kept columns (ingest.keep) and names.")
    seed: Count = Field(13, description="Seed of the bootstrap, of draws and of permutations.")

    @model_validator(mode="after")
    def _settings_of_the_curve(self) -> Self:
        for name in ("curve_draws", "curve_most"):
            if not self.learning_curve and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is for learning_curve true; set that too, or leave {name} out")
        return self

    @model_validator(mode="after")
    def _settings_of_the_slices(self) -> Self:
        for name in ("slice_rows", "slice_draws", "watch_list"):
            if not self.slices and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is for slices true; set that too, or leave {name} out")
        return self

    @property
    def measures(self) -> Measures:
        """What the steps `evaluate` and `yardstick` read: the curve is no part of their keys."""
        return Measures(**{name: getattr(self, name) for name in Measures.model_fields})

    @property
    def slicing(self) -> SliceConfig:
        """What the step `slices` reads."""
        return SliceConfig(**{name: getattr(self, name) for name in SliceConfig.model_fields})


class DrawConfig(Section):
    """One draw of a learning curve: a recipe, and which rows it is trained on."""

    finetune: FinetuneConfig
    per_class: Positive
    draw: Count
    seed: Count


class CurveConfig(Section):
    """What is said beside a learning curve: the labelled rows that the run's own model was made of."""

    rows: Count
