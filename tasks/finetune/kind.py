"""What a kind of model is: the one object that the rest of the program knows it by.

A kind has a folder in `kinds/` (how it is trained), a module of its name in `tasks/model/views` (how it is served), and a line
in the table of `kinds/__init__.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from tasks.embed.reading import EmbedConfig
    from tasks.finetune.counted import Counted
    from tasks.finetune.job import Job, Trained
    from tasks.finetune.settings import SharedSettings
    from tasks.section import Section
    from tasks.weights.place import WeightsConfig

Reads = Literal["ngrams", "words", "text"]


class Size(NamedTuple):
    """The train rows of a corpus, in numbers."""

    num_rows: int
    num_tokens: int
    num_classes: int


def _no_weights(config: SharedSettings) -> WeightsConfig | None:
    return None


def no_lexicon(config: SharedSettings) -> str:
    """Why a kind that counts a lexicon beside the rows cannot start from a champion; empty if there is no lexicon."""
    return "counts a lexicon, whose weights cannot be told from those of the rows" if config.lexicon else ""


class ZeroShot(NamedTuple):
    """How a kind labels texts by what labels mean, without a labelled row.

    `settings` of its section ask for it, beside `model` and `labels`, which names a file. `answer(texts, config, weights)`
    gives the labels and their probabilities [N, C]; `weights` is the folder that the step of that name wrote.
    """

    settings: Mapping[str, Any]
    answer: Callable[[Sequence[str], SharedSettings, Path], tuple[list[str], np.ndarray]]


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of model, alone or as a summand of one.

    `reads`: `ngrams` and `text` need nothing of pretrain and align, `words` reads align's matrix.
    `train(job, epochs_before)` trains it and gives its members back; `epochs_before` epochs of other kinds were logged.
    `sections` are its settings: one of its own name, and what it shares with kinds like it under another.
    `shared` names the settings of finetune itself that it reads, beside those that every kind reads.
    `trained_with` are the libraries that shape its weights, `libraries` what its view needs when it is served; both beside
    NumPy, Arrow and safetensors. `also_trained_with(config)` names those that shape them with some settings only.
    `alone`: it cannot be part of a sum.
    `beside`: it is fitted in one go, with no random numbers and no settings of torch's that others share, and logs no figures,
    so it may be trained while another kind is.
    `counts(config)`: the n-grams that it counts, if it asks `Job.ngram_rows` for them, which all kinds of a model share.
    `needs_vectors(config)`: whether it reads what align makes; None: as `reads` says.
    `weights(config)`: the pretrained weights that it starts from; None: from none. `embeds(config)`: how the vectors of texts
    are made that it reads; None: it reads no such vectors. `serves_embedded(config)`: whether the served model makes the same
    vectors, so that those of other texts are of use to it.
    `check(config)` raises RequestError for what it cannot be trained without, such as a package of an extra.
    `own_labels(config)`: the labels that it knows without a labelled row; None: it learns them from rows.
    `zero_shot`: how it labels texts by what the labels mean, if it does.
    `reads_unlabelled(config)`: whether rows without a label can change it.
    `exports`: formats for other programs; the module `export` of its folder has a function for each.
    `no_start(config)`: why its training cannot start from a champion of the kind, in words that follow its name; empty: it can.
    `automatic`: `finetune.model auto` may choose it, for train rows of up to `most_tokens(num_classes)` tokens.
    `like_yardstick`: it is made as the yardstick is, so it is what to try where that was better.
    `instead` gives the setting of its own for one that it does not read, such as `finetune.lr`.
    `called`: what tutorials call it; `words`: what they call settings of its own section, each with the setting (kebab case).
    """

    name: str
    reads: Reads
    train: Callable[[Job, int], list[Trained]]
    sections: Mapping[str, type[Section]]
    shared: frozenset[str] = frozenset()
    trained_with: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    also_trained_with: Callable[[SharedSettings], tuple[str, ...]] = field(default=lambda config: ())
    alone: bool = False
    beside: bool = False
    counts: Callable[[SharedSettings], Counted] | None = None
    needs_vectors: Callable[[SharedSettings], bool] | None = None
    weights: Callable[[SharedSettings], WeightsConfig | None] = _no_weights
    embeds: Callable[[SharedSettings], EmbedConfig | None] = field(default=lambda config: None)
    serves_embedded: Callable[[SharedSettings], bool] = field(default=lambda config: True)
    check: Callable[[SharedSettings], None] = field(default=lambda config: None)
    own_labels: Callable[[SharedSettings], list[str] | None] = field(default=lambda config: None)
    zero_shot: ZeroShot | None = None
    reads_unlabelled: Callable[[SharedSettings], bool] = field(default=lambda config: False)
    exports: tuple[str, ...] = ()
    no_start: Callable[[SharedSettings], str] = field(default=lambda config: "is always trained anew")
    automatic: bool = False
    like_yardstick: bool = False
    most_tokens: Callable[[int], float] = field(default=lambda num_classes: float("inf"))
    instead: Mapping[str, str] = field(default_factory=dict)
    called: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)

    def reads_vectors(self, config: SharedSettings) -> bool:
        """Whether it reads the vocabulary and the matrix that align makes."""
        return self.reads == "words" if self.needs_vectors is None else self.needs_vectors(config)

    @property
    def starts_from_weights(self) -> bool:
        """Whether pretrained weights can be given to it."""
        return self.weights is not _no_weights

    @property
    def without_labels(self) -> str:
        """The options of `textmill train` with which it needs no labelled row; empty where it needs some."""
        if self.zero_shot is None:
            return ""
        flag, asked = f"--finetune.{self.name}", self.zero_shot.settings.items()
        return " ".join(
            [f"--finetune.model {self.name}", *(f"{flag}.{name} {value}" for name, value in asked), f"{flag}.labels FILE"]
        )

    @property
    def modules(self) -> tuple[str, str]:
        """Where the code of its training and of its serving begins."""
        return f"tasks.finetune.kinds.{self.name}", f"tasks.model.views.{self.name}"
