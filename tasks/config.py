"""Every knob of the flows: one frozen section per step, one model around those of a flow.

`PipelineConfig` (train), `LanguageConfig` (language train) and `RefreshConfig` are the parameter of a Prefect flow, the shape
of a preset file and the command line at once. A section is all that its step sees, and all of it enters the step's cache key;
`Runtime` alone never does, so nothing that could change a byte of any output may live there.
"""

from __future__ import annotations

import warnings
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from tasks.align.settings import AlignConfig
from tasks.collect.settings import CollectConfig
from tasks.dashboard.settings import DashboardConfig
from tasks.detect.settings import DetectConfig
from tasks.evaluate.settings import EvaluateConfig
from tasks.evaluate.slices.settings import NAME, OWN_COLUMNS
from tasks.expect.settings import ExpectConfig
from tasks.fetch.settings import FetchConfig, with_url_fetched
from tasks.finetune.networks.settings import NetworkSettings
from tasks.finetune.settings import AUTO, FRESH, FinetuneConfig
from tasks.ingest.settings import IngestConfig, TextsConfig
from tasks.language.settings import GateConfig, MeasureConfig, NetworkConfig, SplitConfig, TokenizerConfig
from tasks.monitor.settings import RetrainConfig, WatchConfig
from tasks.names import checked_name
from tasks.notify.settings import NotifyConfig
from tasks.prepare.settings import PrepareConfig
from tasks.pretrain.settings import PretrainConfig
from tasks.register.settings import RegisterConfig
from tasks.runtime import Runtime
from tasks.score.settings import ScoreConfig
from tasks.section import Count, Positive, Section
from tasks.serve.settings import ServeSettings
from tasks.today.settings import TodayConfig
from tasks.tune.settings import NumFolds
from tasks.unread import KINDS_OF_WORDS, OR_REMOVE, models_with

with warnings.catch_warnings():
    # Every pydantic class has ABCMeta.register; the section is named for the step, and nobody registers virtual subclasses.
    warnings.filterwarnings("ignore", message='Field name "register"', category=UserWarning)

    class PipelineConfig(Section):
        """A whole run: what to train on, how, and under which name."""

        verb: ClassVar[tuple[str, ...]] = ("train",)  # of `textmill`

        name: str = Field(
            "textmill", description="Experiment and registered model; default: the preset's name or the corpus' stem."
        )
        fetch: FetchConfig = FetchConfig()
        ingest: IngestConfig = IngestConfig()
        expect: ExpectConfig = ExpectConfig()
        prepare: PrepareConfig = PrepareConfig()
        pretrain: PretrainConfig = PretrainConfig()
        align: AlignConfig = AlignConfig()
        finetune: FinetuneConfig = FinetuneConfig()
        evaluate: EvaluateConfig = EvaluateConfig()
        register: RegisterConfig = RegisterConfig()
        runtime: Runtime = Runtime()

        @field_validator("name")
        @classmethod
        def _plain_name(cls, value: str) -> str:
            return checked_name(value)

        @model_validator(mode="before")
        @classmethod
        def _a_url_is_fetched(cls, given: Any) -> Any:
            return with_url_fetched(given)

        @model_validator(mode="after")
        def _columns_are_kept(self) -> Self:
            beside = self.evaluate.beside_time
            asked = {
                "expect.date": self.expect.date,
                "prepare.split_column": self.prepare.split_column,
                "evaluate.beside_time": beside,
            }
            for setting, column in asked.items():
                if column is not None and column not in self.ingest.keep:
                    raise ValueError(f"{setting} is {column!r}, which ingest.keep does not name; add it there")
            if beside is not None and self.prepare.split not in ("hash", "time"):
                raise ValueError(
                    "evaluate.beside_time compares a split by time with a random one, and prepare.split is "
                    f"{self.prepare.split}; leave one of them out"
                )
            if beside is not None and self.prepare.split == "time" and beside != self.prepare.split_column:
                raise ValueError(
                    f"evaluate.beside_time is {beside!r}, and the split is by {self.prepare.split_column!r}; name that"
                )
            if self.fetch.asks and self.expect.max_age_days is not None and self.expect.date is None:
                raise ValueError("expect.max_age_days of what is fetched goes by a column; name it as expect.date")
            return self

        @model_validator(mode="after")
        def _vectors_for_the_model(self) -> Self:
            align, finetune = self.align, self.finetune
            for name in ("vectors", "second"):
                if getattr(align, name) is not None and not finetune.needs_vectors:
                    raise ValueError(
                        f"align.{name} is for models that read word vectors, not {finetune.model}; "
                        f"set finetune.model to {models_with(KINDS_OF_WORDS)}, {OR_REMOVE}"
                    )
            if align.second is not None and align.vectors is None and not self.pretrain.enabled:
                raise ValueError(
                    "align.second joins other vectors, and there are none; give these as align.vectors, "
                    "or set pretrain.enabled true"
                )
            network, dim = finetune.settings(NetworkSettings), self._known_dim()
            if network.embedding == "low_rank" and dim is not None and network.embedding_rank >= dim:
                raise ValueError(
                    f"finetune.network.embedding_rank {network.embedding_rank} is not below the {dim} dimensions of the "
                    "vectors; lower it, or set finetune.network.embedding full"
                )
            return self

        @model_validator(mode="after")
        def _slices_that_there_may_be(self) -> Self:
            if NAME in self.ingest.keep and self.evaluate.watch_list is not None:
                raise ValueError(
                    f"ingest.keep {NAME} and evaluate.watch_list both make slices called {NAME}; leave one of them out, or "
                    "rename the column"
                )
            for name in self.register.must_not_lose:
                column = name.partition("=")[0]
                if column not in (*OWN_COLUMNS, *self.ingest.keep):
                    raise ValueError(
                        f"register.must_not_lose {name}: there is no column {column!r} to slice by; use "
                        f"{', '.join(OWN_COLUMNS)}, or keep it with ingest.keep"
                    )
                if column == NAME and NAME not in self.ingest.keep and self.evaluate.watch_list is None:
                    raise ValueError(f"register.must_not_lose {name}: names come from evaluate.watch_list; give it too")
            return self

        @model_validator(mode="after")
        def _promise_for_answers(self) -> Self:
            if self.register.min_confidence == "auto" and self.evaluate.promise == "off":
                raise ValueError(
                    "register.min_confidence auto goes by a promise, and none is made; set evaluate.promise held or folds, "
                    "or give a number"
                )
            return self

        @model_validator(mode="after")
        def _fresh_beside_a_start(self) -> Self:
            if self.evaluate.beside_fresh and self.finetune.start == FRESH:
                raise ValueError(
                    "evaluate.beside_fresh compares training on from the champion with training anew; "
                    "set finetune.start champion too, or leave it out"
                )
            return self

        def defaults(self) -> Self:
            """The defaults of a run, with the sections that this run's model has."""
            plain = type(self)()
            sections = plain.finetune.with_model(self.finetune.model).model_copy(update={"model": plain.finetune.model})
            return plain.model_copy(update={"finetune": sections, "pretrain": plain.pretrain.whole()})

        def _known_dim(self) -> int | None:
            """Dimensions of the vectors; None where a file has yet to tell them."""
            if self.align.vectors is not None or (self.align.second is not None and self.align.join == "concatenate"):
                return None
            return self.pretrain.dim if self.pretrain.enabled else self.align.dim


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message='Field name "register"', category=UserWarning)  # as above

    class LanguageConfig(Section):
        """A whole run that trains a language model."""

        verb: ClassVar[tuple[str, ...]] = ("language", "train")

        name: str = Field(
            "language",
            description="Experiment and registered model; default: the preset's name or the corpus' stem with -language.",
        )
        ingest: TextsConfig = TextsConfig()
        prepare: SplitConfig = SplitConfig()
        tokenizer: TokenizerConfig = TokenizerConfig()
        train: NetworkConfig = NetworkConfig()
        evaluate: MeasureConfig = MeasureConfig()
        register: GateConfig = GateConfig()
        runtime: Runtime = Runtime()

        @field_validator("name")
        @classmethod
        def _plain_name(cls, value: str) -> str:
            return checked_name(value)

        @model_validator(mode="after")
        def _pieces_of_the_weights(self) -> Self:
            if self.tokenizer.kind == "weights" and self.train.weights is None:
                raise ValueError(
                    "tokenizer.kind weights takes the pieces of train.weights, and there are none; give them, or another kind"
                )
            return self

        def defaults(self) -> Self:
            """The defaults of a run."""
            return type(self)()


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message='Field name "register"', category=UserWarning)  # as above

    class FoldsConfig(PipelineConfig):
        """A training run's recipe on folds of its rows."""

        verb: ClassVar[tuple[str, ...]] = ("folds",)

        register: RegisterConfig = RegisterConfig()  # named anew: else ABCMeta.register would be its default
        folds: NumFolds = Field(10, description="Folds of the train and validation rows; the recipe is trained once for each.")
        repeats: Positive = Field(1, description="How often the rows are dealt anew; each time all folds are trained.")
        fold_seed: Count = Field(13, description="Seed of the dealing.")
        against: str | None = Field(
            None,
            description="Another recipe on the same folds: that of a version, NAME@ALIAS or NAME/VERSION, or a TOML file with "
            "other settings of pretrain, align and finetune.",
        )

    class TuneConfig(PipelineConfig):
        """A search of settings on folds of the rows, and the training of what it finds."""

        verb: ClassVar[tuple[str, ...]] = ("tune",)

        register: RegisterConfig = RegisterConfig()  # as above
        minutes: Annotated[float, Field(gt=0.0)] = Field(
            10.0, description="Time of the search and of the confirmation; the training of the answer comes on top."
        )
        models: tuple[str, ...] = Field(
            (),
            description="Models to try; default: finetune.model if it is given, else each kind that needs no more, and sums.",
        )
        measure: Literal["accuracy", "macro_f1"] = Field("accuracy", description="What is compared.")
        folds: NumFolds = Field(5, description="Folds of the train and validation rows that candidates are compared on.")
        fold_seed: Count = Field(13, description="Seed of the dealing; the confirmation deals with the next number.")
        search_seed: Count = Field(13, description="Seed of the candidates that are drawn.")
        trials: Positive | None = Field(None, description="Most candidates; default: as many as the time allows.")
        significance: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
            0.1, description="Largest one-sided p of the confirmation at which the best is taken instead of the default."
        )

        @field_validator("models")
        @classmethod
        def _known_models(cls, value: tuple[str, ...]) -> tuple[str, ...]:
            for name in value:
                if name == AUTO:
                    raise ValueError("auto is what the corpus decides; name models, or leave this out")
                FinetuneConfig(model=name)
            return value


class RefreshConfig(Section):
    """One refresh of a monitor: where to read, how to judge, and where alerts go."""

    collect: CollectConfig = CollectConfig()
    score: ScoreConfig = ScoreConfig()
    detect: DetectConfig = DetectConfig()
    today: TodayConfig = TodayConfig()
    notify: NotifyConfig = NotifyConfig()
    dashboard: DashboardConfig = DashboardConfig()
    retrain: RetrainConfig = RetrainConfig()
    watch: WatchConfig = WatchConfig()
    runtime: Runtime = Runtime()

    @property
    def name(self) -> str:
        """The monitor's name."""
        return self.collect.name


class ServeConfig(Section):
    """A server of one model: where it answers, and where its versions are."""

    verb: ClassVar[tuple[str, ...]] = ("serve",)

    serve: ServeSettings = ServeSettings()
    runtime: Runtime = Runtime()
