"""The search of `textmill tune`: candidates on the same folds, losers ended early, until the time is spent; a confirmation."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.tune.interval import FIGURES, difference_of_folds, mean_of_folds
from tasks.tune.study import COMPLETE, FAILED, LOST, OUT_OF_TIME, best_of

if TYPE_CHECKING:
    from prefect.states import State

    from flows.on_folds import OnFolds
    from tasks.config import PipelineConfig, TuneConfig
    from tasks.finetune.settings import FinetuneConfig
    from tasks.progress import Progress
    from tasks.tune.candidates import Candidates
    from tasks.tune.clock import Clock
    from tasks.tune.study import Asked, Study

log = logging.getLogger(__name__)

REPEATED = 20  # candidates in a row that are not begun, after which nothing new is left to try


@dataclass
class Search:
    """A search in progress: what it asks, what it has, and the time. `config` is the run's, its model decided."""

    asked: TuneConfig
    config: PipelineConfig
    work: OnFolds
    candidates: Candidates
    clock: Clock
    dealt: State
    progress: Progress
    interrupted: bool = False

    def until_spent(self, study: Study) -> None:
        """Try candidates until the time is spent, all trials are made or nothing new is left; Ctrl-C ends it too."""
        passed_over = 0
        try:
            while passed_over < REPEATED and not self._enough(study):
                asked = study.ask()
                state, reason = self._tried(study, asked)
                study.tell(asked.number, state, reason)
                passed_over = passed_over + 1 if reason and not self._measured(study, asked) else 0
                study.spend(self.clock.spent)
                self._show(study, asked)
            if not self._has_all(study):
                study.ended(self.asked.minutes)
        except KeyboardInterrupt:
            self.interrupted = True

    def score(self, section: FinetuneConfig, dealt: State, fold: int) -> dict[str, Any]:
        """What a recipe came to on a fold: its report, with the `seconds` that its training took."""
        config = self.config.model_copy(update={"finetune": section})
        artifact = self.work.score(config, dealt, fold).result()
        return {**artifact.report, "seconds": artifact.seconds}

    def _enough(self, study: Study) -> bool:
        if study.default_is_open:
            return False  # however little time there is
        return self._has_all(study) or self.clock.left <= 0

    def _has_all(self, study: Study) -> bool:
        """Whether as many trials are made as were asked for; a later call may ask for more."""
        return self.asked.trials is not None and len(study.trials()) >= self.asked.trials

    def _tried(self, study: Study, asked: Asked) -> tuple[str, str]:
        """Run a trial; the state that it ends in, and the reason where it did not end by its scores."""
        folds, first = self.asked.folds, asked.default
        try:
            section = self.candidates.made(asked.model, asked.values)
        except ValueError as error:
            return FAILED, str(error).splitlines()[0]
        if study.seen(asked):
            return FAILED, "tried before"
        best_seconds = self._best_seconds(study)
        if not first and not self.clock.allows(folds, self.clock.fold_seconds(asked.model), best_seconds):
            return OUT_OF_TIME, OUT_OF_TIME
        taken = []
        for fold in range(folds):
            self._say_where(study, asked, fold)
            found = self.score(section, self.dealt, fold)
            if reason := found.get("reason"):
                return FAILED, reason
            taken.append(found["seconds"])
            self.clock.note(asked.model, found["seconds"])
            lost = study.report(asked.number, fold, found[self.asked.measure], found["seconds"])
            study.spend(self.clock.spent)
            if lost and not first:
                return LOST, ""
            more = folds - fold - 1
            if not first and more and not self.clock.allows(more, sum(taken) / len(taken), best_seconds):
                return OUT_OF_TIME, OUT_OF_TIME
        return COMPLETE, ""

    def _best_seconds(self, study: Study) -> float:
        """What a fold of the best trial so far has taken, which has to be confirmed; 0 where that is the default."""
        complete = [each for each in study.trials() if each.score is not None]
        best = best_of(complete) if complete else None
        return 0.0 if best is None or best.default else best.seconds / len(best.folds)

    def _measured(self, study: Study, asked: Asked) -> bool:
        return any(each.folds for each in study.trials() if each.number == asked.number)

    def _say_where(self, study: Study, asked: Asked, fold: int) -> None:
        complete = [each for each in study.trials() if each.score is not None]
        best = f"; best so far {best_of(complete).score:.4f} {best_of(complete).model}" if complete else ""
        note = f"trial {asked.number} {asked.model}, fold {fold + 1} of {self.asked.folds}{best}"
        self.progress.advance(min(self.clock.spent, self.clock.budget), self.clock.budget, "s", note)

    def _show(self, study: Study, asked: Asked) -> None:
        """A line for a trial that has ended: on a terminal for a person to see, else in the log alone."""
        ended = next(each for each in study.trials() if each.number == asked.number)
        if not ended.folds:
            return
        outcome = f"{ended.score:.4f}" if ended.score is not None else f"{ended.state} after {len(ended.folds)} folds"
        values = "  ".join(f"{place} {value}" for place, value in ended.values.items())
        line = f"trial {ended.number:<4} {ended.model:<10} {outcome}  {values or 'its defaults'}"
        log.info("%s", line)
        if self.work.record.display.console.is_terminal:
            self.work.record.display.say(line)


def confirm(search: Search, best: FinetuneConfig, dealt: State) -> dict[str, Any] | None:
    """Train the default and the best anew on folds that chose nothing, and say by how much the best is better, in pairs.

    None if the best cannot be trained there, with a warning; RequestError if the default cannot.
    """
    asked, scores = search.asked, dict[str, list[dict[str, Any]]](default=[], best=[])
    for fold in range(asked.folds):
        note = f"confirming, fold {fold + 1} of {asked.folds}"
        search.progress.advance(min(search.clock.spent, search.clock.budget), search.clock.budget, "s", note)
        for whose, section in (("default", search.candidates.default), ("best", best)):
            found = search.score(section, dealt, fold)
            if reason := found.get("reason"):
                told = f"{section.model} cannot be trained without fold {fold + 1} of the confirmation: {reason}"
                if whose == "default":
                    raise RequestError(told)
                search.work.record.warn(f"the best of the search, {told}; the default stays")
                return None
            scores[whose].append(found)
    by_figure = {
        name: difference_of_folds(
            [each[name] for each in scores["best"]], [each[name] for each in scores["default"]], asked.folds
        )
        for name in FIGURES
    }
    decisive = by_figure[asked.measure]
    return {
        "seed": asked.fold_seed + 1,
        "better": decisive["mean"] > 0 and decisive["p"] <= asked.significance,
        "difference": by_figure,
        **{
            whose: {name: mean_of_folds([each[name] for each in found], asked.folds) for name in FIGURES}
            for whose, found in scores.items()
        },
    }
