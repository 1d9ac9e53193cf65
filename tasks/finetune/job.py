"""What training one view is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch

    from tasks.finetune.class_weights import How
    from tasks.finetune.former_model import FormerModel
    from tasks.finetune.lexicon import Lexicon
    from tasks.finetune.ngram_rows import NgramRows
    from tasks.finetune.settings import FinetuneConfig
    from tasks.progress import Progress


@dataclass(frozen=True)
class Job:
    """One call of `write_model`: its inputs, where it writes, and what it runs on.

    `texts` is the folder with the texts of the dataset's rows, given if a kind of the model reads them. `ngram_rows` has the
    rows as sets of n-grams; its kinds share it. `spare`: in how many threads at most, each with `threads` of torch's, a kind
    may do what gives the same bits in any number: cores that another kind leaves idle, and those that it does not.
    `weights` is the folder of the pretrained weights that a kind starts from, and `embedded` that of the texts' vectors, for
    kinds that read those. `prior` has the share of each class where the model is used, if that is another than in the rows.
    `lexicon` has words that count beside what the rows say of them.
    `former` is the model to start from, if the training does not begin anew; the dataset then has but some of the rows.
    """

    config: FinetuneConfig
    labels: list[str]
    dataset: Path
    aligned: Path | None
    folder: Path
    scratch: Path
    threads: int
    progress: Progress
    texts: Path | None = None
    weights: Path | None = None
    embedded: Path | None = None
    ngram_rows: NgramRows = field(kw_only=True)
    spare: int = 1
    prior: tuple[float, ...] | None = None
    lexicon: Lexicon | None = None
    former: FormerModel | None = None

    @property
    def class_weights(self) -> How:
        """How classes are weighed in a loss; see `tasks.finetune.class_weights`."""
        if self.config.class_weights == "prior" and self.prior is not None:
            return self.prior
        return self.config.class_weights

    @property
    def device(self) -> torch.device:
        """The first CUDA device, else the processor."""
        import torch  # two seconds that a kind without a network need not spend

        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


@dataclass(frozen=True)
class Trained:
    """One member of a view when its training is over.

    `logits` [N, C] and `labels` [N] are of the validation rows, by the model that did not train on them. Where the member was
    trained again on all rows, `tensors` are of that second model and `refit` says what it read. The view is opened with `shape`
    and `tensors`. `trainable`: how many numbers an optimizer was given to move; None where none was.
    `bfloat16`: whether its network multiplied in bfloat16 while it was trained, on `device`. `first_tensors` are those of the
    first training where there was a second and the kind asked for them. `figures` and `note` are what the kind reports besides.
    """

    logits: np.ndarray
    labels: np.ndarray
    shape: dict[str, Any]
    tensors: dict[str, np.ndarray] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    resumed: int = 0
    refit: dict[str, Any] | None = None
    trainable: int | None = None
    bfloat16: bool = False
    device: str = "cpu"
    first_tensors: dict[str, np.ndarray] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def epochs(self) -> int:
        """Passes over the train rows."""
        return len(self.history) or self.best_epoch

    @property
    def trainable_parameters(self) -> int:
        """How many numbers were trained, or fitted in one go."""
        return sum(value.size for value in self.tensors.values()) if self.trainable is None else self.trainable
