"""The section `finetune`: what every kind of model shares, and one section for each kind that the model is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, PrivateAttr, create_model, field_validator, model_serializer, model_validator

from tasks.errors import RequestError
from tasks.finetune.class_prior import read_shares
from tasks.finetune.former import modern
from tasks.finetune.kinds import KINDS
from tasks.finetune.networks.settings import NetworkSettings
from tasks.section import Count, Positive, Section, Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tasks.embed.reading import EmbedConfig
    from tasks.finetune.kind import Kind
    from tasks.weights.place import WeightsConfig

AUTO, FRESH = "auto", "fresh"
Settings = TypeVar("Settings", bound=Section)
SECTIONS: Mapping[str, type[Section]] = {name: made for kind in KINDS.values() for name, made in kind.sections.items()}


class SharedSettings(Section):
    """The classifier and how it is trained."""

    model: str = Field(
        AUTO,
        description=f"{', '.join(KINDS)}, or a sum such as bag+cnn; auto: as the champion, else by the corpus, see "
        "docs/MODELS.md.",
    )
    epochs: Positive | Literal["auto"] = Field(
        "auto",
        description="Most passes over the train rows, for kinds that make several; auto: by the kind and the corpus' size.",
    )
    patience: Positive | Literal["auto"] = Field(
        "auto",
        description="Epochs without a better validation score before training stops; auto: 2, or more when the train rows "
        "are only a few hundred.",
    )
    refit: bool = Field(
        False, description="When the epoch is chosen, train anew for as many on the train and the validation rows together."
    )
    class_weights: Literal["none", "sqrt", "balanced", "prior", "auto"] = Field(
        "none",
        description="Weights of classes in the loss: balanced: inverse to their frequency; sqrt: to its root; prior: so that "
        "classes count as class_prior says; auto: all are tried, and the validation rows choose.",
    )
    class_prior: tuple[str, ...] = Field(
        (),
        description="The share of each class where the model is used, if it is another than in the corpus: "
        "positive=0.5,negative=0.5; probabilities are shifted to it, and figures are given for it too.",
    )
    lexicon: Path | None = Field(
        None,
        description="File of word<TAB>label or word<TAB>weight lines; phrases too. What is known of words beside what the rows "
        "tell, for tfidf and bag.",
    )
    ngrams: Annotated[int, Field(ge=1, le=5)] | Literal["auto"] = Field(
        "auto",
        description="Longest word n-gram, for kinds that read n-grams; auto: 3, for tfidf 1 where many classes have few rows.",
    )
    threads: Threads = Field(
        "auto", description="Torch and fastText threads; auto uses every core. Weights depend on the number."
    )
    seed: Count = Field(13, description="Seed of initial weights, order and dropout.")
    start: Literal["fresh", "champion"] = Field(
        "fresh",
        description="champion: train on from the name's champion, on the rows that are new to it and as many earlier ones; "
        "where that cannot be, the run says why and trains anew.",
    )
    fresh_every: Count = Field(
        0, description="start champion: every so many trainings one begins anew all the same; 0: none does."
    )
    _renamed: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="wrap")
    @classmethod
    def _sections_of_the_model(cls, values: Any, make: Callable[[Any], Self]) -> Self:
        """Take the spellings of version 0.1, and give each kind of the model its section."""
        renamed: list[str] = []
        if isinstance(values, dict):
            values, renamed = modern_finetune(values)
            for kind in _kinds(values.get("model", AUTO)):
                for name in kind.sections:
                    if values.get(name) is None:
                        values = {**values, name: {}}
        made = make(values)
        if renamed:
            made._renamed = tuple(renamed)
        return made

    @field_validator("model")
    @classmethod
    def _known_kinds(cls, value: str) -> str:
        names = [name.strip() for name in value.split("+")]
        if names == [AUTO]:
            return AUTO
        unknown = [name for name in names if name not in KINDS]
        if unknown:
            raise ValueError(f"unknown model {unknown[0]!r}; choose from auto, {', '.join(KINDS)}, or a sum such as bag+cnn")
        if len(set(names)) != len(names):
            raise ValueError(f"{value!r} names a model twice; name each once")
        alone = [name for name in names if KINDS[name].alone]
        if alone and len(names) > 1:
            raise ValueError(
                f"{alone[0]} is trained by its own library and cannot be part of a sum; use it alone, or bag in its place"
            )
        return "+".join(names)

    @field_validator("class_prior")
    @classmethod
    def _shares(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        read_shares(value)
        return value

    @model_validator(mode="after")
    def _prior_of_the_weights(self) -> Self:
        if self.class_weights == "prior" and not self.class_prior:
            raise ValueError("class_weights prior weighs classes as class_prior says; give that too, or other class_weights")
        return self

    @model_validator(mode="after")
    def _epochs_to_train_the_embedding_in(self) -> Self:
        frozen = self.settings(NetworkSettings).frozen_epochs
        if self.epochs != "auto" and frozen >= self.epochs:
            raise ValueError(
                f"network.frozen_epochs {frozen} leaves none of the {self.epochs} epochs to train the embedding in; "
                "lower it, raise epochs, or set network.embedding frozen"
            )
        return self

    @model_validator(mode="after")
    def _fresh_among_others(self) -> Self:
        if self.fresh_every and self.start == FRESH:
            raise ValueError("fresh_every is for start champion; set that too, or leave fresh_every out")
        return self

    @model_serializer(mode="wrap")
    def _without_absent_sections(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave out sections of other kinds, and what says nothing, such as a lexicon that is none: so it is in no key then."""
        unused = [name for name in ("class_prior", "lexicon", "fresh_every") if not getattr(self, name)]
        unused += ["start"] if self.start == FRESH else []
        return {
            name: value
            for name, value in dump(self).items()
            if name not in unused and (value is not None or name not in SECTIONS)
        }

    def __eq__(self, other: object) -> bool:
        """Whether the settings are the same, however they were spelt."""
        return isinstance(other, SharedSettings) and self.model_dump() == other.model_dump()

    def __hash__(self) -> int:
        return hash((self.model, self.seed))

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds whose logits are added, as named; none yet where the model is `auto`."""
        return _kinds(self.model)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the kinds."""
        return tuple(kind.name for kind in self.kinds)

    @property
    def needs_vectors(self) -> bool:
        """Whether any kind reads an embedding matrix."""
        return any(kind.reads_vectors(self) for kind in self.kinds)

    @property
    def reads_text(self) -> bool:
        """Whether any kind reads texts as they were ingested, and not their tokens alone."""
        return any(kind.reads == "text" for kind in self.kinds)

    @property
    def weights(self) -> WeightsConfig | None:
        """The pretrained weights that a kind of the model starts from, if one does."""
        return next((found for kind in self.kinds if (found := kind.weights(self)) is not None), None)

    @property
    def embeds(self) -> EmbedConfig | None:
        """How the vectors of texts are made that a kind of the model reads, if one does."""
        return next((found for kind in self.kinds if (found := kind.embeds(self)) is not None), None)

    @property
    def own_labels(self) -> list[str] | None:
        """The labels that the model knows without a labelled row; None if it learns them from rows."""
        known = [kind.own_labels(self) for kind in self.kinds]
        return known[0] if len(known) == 1 else None

    def check(self) -> None:
        """Raise RequestError for what the kinds of the model cannot be trained without."""
        for kind in self.kinds:
            kind.check(self)
        given = [found for kind in self.kinds if (found := kind.weights(self)) is not None]
        if other := next((each for each in given if each.place != given[0].place), None):
            raise RequestError(
                f"{given[0].flag} {given[0].place} and {other.flag} {other.place} are two sets of weights, and the kinds of a "
                "model start from one; give the same to both"
            )

    def anew(self) -> Self:
        """The same settings for a training that starts from no model."""
        return self.model_copy(update={"start": FRESH, "fresh_every": 0})

    def keyed(self) -> Self:
        """Without the settings that name what finetune is handed as artifacts, a model to start from among them."""
        sections = {name: section for name in SECTIONS if (section := getattr(self, name, None)) is not None}
        return self.anew().model_copy(update={name: section.keyed() for name, section in sections.items()})

    @property
    def serves_embedded(self) -> bool:
        """Whether the served model makes the vectors that `embeds` says."""
        return all(kind.serves_embedded(self) for kind in self.kinds)

    @property
    def reads_unlabelled(self) -> bool:
        """Whether rows without a label can change the model."""
        return any(kind.reads_unlabelled(self) for kind in self.kinds)

    @property
    def renamed(self) -> tuple[str, ...]:
        """Settings that were given as version 0.1 spelt them, each with its new name."""
        return self._renamed

    def settings(self, kind: type[Settings]) -> Settings:
        """The section of that type; its defaults where the model has no use for it."""
        given = (getattr(self, name, None) for name in SECTIONS)
        return next((section for section in given if isinstance(section, kind)), None) or kind()

    def with_model(self, model: str) -> Self:
        """The same settings for another model, which has the sections that it needs."""
        return type(self).model_validate(self.model_dump() | {"model": model})

    def only_read(self) -> Self:
        """Without the sections of kinds that the model does not have; for `auto`, with all that were given."""
        if self.model == AUTO:
            return self
        used = {name for kind in self.kinds for name in kind.sections}
        others = dict.fromkeys(SECTIONS.keys() - used)
        return self.model_copy(update=others)


def finetune_as_then(written: Mapping[str, Any]) -> dict[str, Any]:
    """The section as it was written with a model, with settings that came later as they were in effect then."""
    return {
        name: SECTIONS[name].as_then(value) if name in SECTIONS and isinstance(value, dict) else value
        for name, value in written.items()
    }


def modern_finetune(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A section as version 0.1 spelt it by today's names, and a sentence for each setting that has another one now."""
    return modern(values, SECTIONS, kinds_of(values.get("model", AUTO)))


def kinds_of(model: object) -> tuple[Kind, ...]:
    """The kinds of a model, those that may be chosen for `auto`."""
    return _kinds(model) or tuple(kind for kind in KINDS.values() if kind.automatic)


def _kinds(model: object) -> tuple[Kind, ...]:
    names = [name.strip() for name in model.split("+")] if isinstance(model, str) else []
    return tuple(KINDS[name] for name in names if name in KINDS)


if TYPE_CHECKING:

    class FinetuneConfig(SharedSettings):
        """`SharedSettings` with a section for each kind, by its name."""

        def __init__(self, **values: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...

else:
    FinetuneConfig = create_model(
        "FinetuneConfig",
        __base__=SharedSettings,
        __module__=__name__,
        __doc__=SharedSettings.__doc__,
        **{name: (made | None, Field(None, description=made.__doc__)) for name, made in SECTIONS.items()},
    )
