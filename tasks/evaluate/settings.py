"""The section `evaluate`: measures on the test rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from tasks.certainty.settings import CertaintySettings
from tasks.evaluate.robustness.settings import RobustnessConfig
from tasks.evaluate.robustness.table import BY_NAME, EXCHANGE
from tasks.evaluate.slices.settings import SliceConfig
from tasks.finetune.settings import FinetuneConfig
from tasks.section import Count, Positive, Section
from tasks.wording.wording import ENGLISH, Language


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
    beside_time: str | None = Field(
        None,
        description="Column of dates, which ingest.keep names: train the same recipe on a split by time too (on a random one "
        "where the run is split by time), and show both accuracies.",
    )
    beside_fresh: bool = Field(
        False,
        description="finetune.start champion: where the run trains on from the champion, train the same recipe anew on all "
        "rows too, and show accuracy and seconds of both.",
    )
    slices: bool = Field(True, description="Accuracy by length, script, source, kept columns (ingest.keep) and names.")
    robustness: tuple[str, ...] = Field(
        (), description=f"true, or some of {', '.join(BY_NAME)}: change the test texts so and label them again."
    )
    exchange: Path | None = Field(
        None, description="File of word<TAB>word lines: exchange these words in the test texts and see which labels change."
    )
    robustness_rows: Count = Field(2000, description="robustness: most test rows that are changed; 0: all.")
    seed: Count = Field(13, description="Seed of the bootstrap, of draws, permutations and changes.")
    language: Language = Field(ENGLISH, description="Language of the HTML report: en, zh; no figure depends on it.")

    @field_validator("robustness", mode="before")
    @classmethod
    def _all_or_some(cls, value: object) -> object:
        given = [value] if isinstance(value, bool | str) else list(value) if isinstance(value, list | tuple) else value
        if given in ([True], ["true"], ["on"], ["all"]):
            return BY_NAME
        return () if given in ([False], ["false"], ["off"]) else given

    @field_validator("robustness")
    @classmethod
    def _known_changes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in BY_NAME]
        if unknown:
            raise ValueError(f"unknown change {unknown[0]!r}; choose from {', '.join(BY_NAME)}, or true for all")
        return tuple(name for name in BY_NAME if name in value)

    @model_validator(mode="after")
    def _settings_of_the_curve(self) -> Self:
        for name in ("curve_draws", "curve_most"):
            if not self.learning_curve and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is for learning_curve true; set that too, or leave {name} out")
        return self

    @model_validator(mode="after")
    def _settings_of_the_slices(self) -> Self:
        for name in ("slice_rows", "slice_draws", "watch_list"):
            read = self.slices or (name == "watch_list" and "names" in self.robustness)
            if not read and getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} is for slices true; set that too, or leave {name} out")
        if self.robust is None and self.robustness_rows != type(self).model_fields["robustness_rows"].default:
            raise ValueError("robustness_rows is for robustness and exchange; set one of them too, or leave it out")
        return self

    @property
    def measures(self) -> Measures:
        """What the steps `evaluate` and `yardstick` read: the curve is no part of their keys."""
        return Measures(**{name: getattr(self, name) for name in Measures.model_fields})

    @property
    def slicing(self) -> SliceConfig:
        """What the step `slices` reads."""
        return SliceConfig(**{name: getattr(self, name) for name in SliceConfig.model_fields})

    @property
    def robust(self) -> RobustnessConfig | None:
        """What the step `robustness` reads; None if it is not asked for."""
        changes = (*self.robustness, *([EXCHANGE] if self.exchange is not None else []))
        watch_list = self.watch_list if "names" in changes else None
        read = {"exchange": self.exchange, "watch_list": watch_list, "rows": self.robustness_rows, "seed": self.seed}
        return RobustnessConfig(changes=changes, **read) if changes else None


class DrawConfig(Section):
    """One draw of a learning curve: a recipe, and which rows it is trained on."""

    finetune: FinetuneConfig
    per_class: Positive
    draw: Count
    seed: Count


class BesideConfig(Section):
    """A recipe on the other split than the run's `of_run`; `cut` is the first day of the test rows by time."""

    finetune: FinetuneConfig
    by: Literal["hash", "time"]
    of_run: Literal["hash", "time"]
    column: str
    cut: str
    bootstrap: Positive
    seed: Count


class CurveConfig(Section):
    """What is said beside a learning curve: the labelled rows that the run's own model was made of."""

    rows: Count
