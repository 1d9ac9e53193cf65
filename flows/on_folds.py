"""Recipes on folds of the rows of one run: what they share is made once, and each fold is an artifact of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flows.prepared import part
from flows.train import align_vectors, read_texts
from tasks.store.digests import canonical
from tasks.tune.settings import DealConfig, HeldFold
from tasks.tune.task import deal, fold_score

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefect.states import State

    from flows.prepared import Prepared
    from flows.record import Record
    from tasks.config import PipelineConfig


@dataclass
class OnFolds:
    """The rows of a run, and what recipes on their folds were handed so far. `shown` is the step that the work counts for."""

    record: Record
    prepared: Prepared
    shown: str
    _vectors: dict[str, State | None] = field(default_factory=dict)
    _texts: dict[str, Mapping[str, State]] = field(default_factory=dict)

    @property
    def dataset(self) -> State:
        """The train and validation rows; the test rows are not in it."""
        return part(self.prepared.rows, "dataset")

    def deal(self, folds: int, seed: int) -> State:
        """Deal the rows: near-duplicates stay together, and with split group the rows of a group too."""
        prepare = self.prepared.config.prepare
        column = prepare.split_column if prepare.split == "group" else None
        similarity = prepare.near_duplicate_similarity if prepare.near_duplicates else None
        how = DealConfig(folds=folds, seed=seed, similarity=similarity, column=column)
        corpus = None if column is None else self.prepared.ingested
        return self.record.note(self.record.kept(deal(self.record.run, how, dataset=self.dataset, corpus=corpus)))

    def given(self, config: PipelineConfig) -> dict[str, State | None]:
        """What a recipe reads beside the rows: vectors, weights, texts. Made once for all recipes that read the same."""
        finetune = config.finetune
        sections = [each.model_dump(mode="json") for each in (config.pretrain, config.align)]
        vectors = canonical([finetune.needs_vectors, *sections])
        if vectors not in self._vectors:
            made = align_vectors(self.record, config, self.dataset) if finetune.needs_vectors else None
            self._vectors[vectors] = made if made is None else self.record.kept(made)
        embeds, weights = finetune.embeds, finetune.weights
        read = canonical([finetune.reads_text, *(each and each.model_dump(mode="json") for each in (embeds, weights))])
        if read not in self._texts:
            found, _ = read_texts(self.record, config, part(self.prepared.rows, "texts"), None)
            self._texts[read] = {name: state if name == "texts" else self.record.kept(state) for name, state in found.items()}
        return {"aligned": self._vectors[vectors], **self._texts[read]}

    def score(self, config: PipelineConfig, dealt: State, fold: int) -> State:
        """Train the recipe of this configuration without a fold and score it there."""
        quiet = replace(self.record.run, started=lambda step: self.record.run.started(self.shown))  # one run in MLflow for all
        how = HeldFold(finetune=config.finetune.keyed(), fold=fold)
        given: dict[str, Any] = self.given(config)
        return self.record.kept(fold_score(quiet, how, dataset=self.dataset, deal=dealt, **given))
