"""The trials of a search, kept in a SQLite file by Optuna, so that a killed search goes on.

Candidates come from Optuna's tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for Hyper-Parameter
Optimization", NeurIPS), losers end by its Wilcoxon pruner: after each fold a trial is compared in pairs with the best one on
the same folds. The default recipe is trial 0; each model first has a trial with its own defaults.
"""

from __future__ import annotations

import contextlib
import json
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.errors import RequestError
from tasks.finetune.search import Among

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import optuna

    from tasks.tune.candidates import Candidates

LOSES = 0.3  # p of the Wilcoxon test below which a trial ends: three folds of five all worse give 0.125, two 0.25
PLAIN, REASON, SPENT, SECONDS = "plain", "reason", "spent", "seconds"  # attributes
DONE, CONFIRMED = "done", "confirmed"  # the minutes that the search, and its confirmation, have ended with
COMPLETE, LOST, FAILED, OUT_OF_TIME, STOPPED = "complete", "lost", "failed", "out of time", "stopped"


class Asked(NamedTuple):
    """A trial to run: its number, the model, and the values of places; none for a model's own defaults.

    `default`: whether it is the recipe that the run would use without a search.
    """

    number: int
    model: str
    values: dict[str, Any]
    default: bool = False


@dataclass(frozen=True)
class Trial:
    """A trial as it ended: the score of each fold that was measured, in order, and their mean if all were."""

    number: int
    model: str
    values: dict[str, Any]
    state: str
    folds: tuple[float, ...]
    score: float | None
    seconds: float
    reason: str
    default: bool = False


def check_installed() -> None:
    """RequestError where Optuna is not installed."""
    if find_spec("optuna") is None:
        raise RequestError("textmill tune needs the package optuna, which is not installed; run pip install 'textmill[tune]'")


class Study:
    """The trials of one search. One process at a time may use a file."""

    def __init__(self, file: Path, candidates: Candidates, *, seed: int) -> None:
        """Open the study in `file`, or begin one; trials that a killed process left behind fail and are asked for anew."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.candidates = candidates
        file.parent.mkdir(parents=True, exist_ok=True)
        with _quiet():
            self._storage = optuna.storages.RDBStorage(f"sqlite:///{file}", engine_kwargs={"connect_args": {"timeout": 60}})
            self._study: optuna.Study = optuna.create_study(
                storage=self._storage,
                study_name="tune",
                direction="maximize",
                load_if_exists=True,
                sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True),
                pruner=optuna.pruners.WilcoxonPruner(p_threshold=LOSES, n_startup_steps=2),
            )
        found = self._study.get_trials(deepcopy=False)
        self._study.sampler = self._sampler(seed + len(found))
        self._open: dict[int, optuna.Trial] = {}
        for trial in found:
            if trial.state == optuna.trial.TrialState.RUNNING:
                self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
                if not trial.user_attrs.get(PLAIN):
                    self._study.enqueue_trial(trial.params)
        for model in self._without_a_plain_trial(found):
            self._study.enqueue_trial({"model": model}, user_attrs={PLAIN: True})

    def _without_a_plain_trial(self, found: Sequence[Any]) -> list[str]:
        """The models whose own defaults have yet to be tried, the run's first; one that was killed or never begun is none."""
        from optuna.trial import TrialState

        had = set()
        for trial in found:
            if trial.user_attrs.get(PLAIN):
                waiting = trial.system_attrs.get("fixed_params", {}) if trial.state == TrialState.WAITING else {}
                ended = trial.params if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) else {}
                had.add(waiting.get("model") or ended.get("model"))
        first = self.candidates.default.model
        return [name for name in sorted(self.candidates.sections, key=lambda name: name != first) if name not in had]

    def close(self) -> None:
        """Let go of the file."""
        self._storage.remove_session()

    @property
    def spent(self) -> float:
        """Seconds that earlier calls had spent, as far as they said so."""
        return float(self._study.user_attrs.get(SPENT, 0.0))

    def spend(self, seconds: float) -> None:
        """Keep what was spent so far."""
        self._study.set_user_attr(SPENT, round(seconds, 3))

    @property
    def searched(self) -> float:
        """The minutes that a search has ended with, of itself; with no more than these nothing new is begun."""
        return float(self._study.user_attrs.get(DONE, 0.0))

    def ended(self, budget: float) -> None:
        """Keep that the search has ended by itself with so many minutes."""
        self._study.set_user_attr(DONE, budget)

    @property
    def confirmed(self) -> float:
        """The budget of the search whose best was confirmed; 0 before."""
        return float(self._study.user_attrs.get(CONFIRMED, 0.0))

    def confirm(self, budget: float) -> None:
        """Keep that the best of a search with this budget is confirmed, or that there was nothing to confirm."""
        self._study.set_user_attr(CONFIRMED, budget)

    def ask(self) -> Asked:
        """The next candidate."""
        with _quiet():
            trial = self._study.ask()
            self._open[trial.number] = trial
            model = trial.suggest_categorical("model", list(self.candidates.sections))
            if trial.user_attrs.get(PLAIN):
                return Asked(trial.number, model, {}, default=model == self.candidates.default.model)
            values = {place: _suggested(trial, model, place, span) for place, span in self.candidates.spaces[model].items()}
        return Asked(trial.number, model, values)

    def report(self, number: int, fold: int, score: float, seconds: float) -> bool:
        """Note the score of a fold; whether the trial has lost against the best one."""
        trial = self._open[number]
        trial.report(score, fold)
        trial.set_user_attr(SECONDS, round(float(trial.user_attrs.get(SECONDS, 0.0)) + seconds, 3))
        with _quiet():
            return trial.should_prune()

    def tell(self, number: int, state: str, reason: str = "") -> None:
        """End a trial, complete with the mean of its folds, or for a reason."""
        from optuna.trial import TrialState

        trial = self._open.pop(number)
        if reason or state != COMPLETE:
            trial.set_user_attr(REASON, reason or state)
        if state == COMPLETE:
            values = self._study.get_trials(deepcopy=False)[number].intermediate_values
            self._study.tell(trial, sum(values.values()) / len(values))
        else:
            known = self._study.get_trials(deepcopy=False)[number].intermediate_values
            self._study.tell(trial, state=TrialState.PRUNED if known and state != FAILED else TrialState.FAIL)

    def trials(self) -> list[Trial]:
        """All trials that have ended or are running, in their order."""
        return [self._ended(each) for each in self._study.get_trials(deepcopy=False) if each.params]

    @property
    def default_is_open(self) -> bool:
        """Whether the default has yet to be tried, or was killed and has to be tried again."""
        closed = [each.score is not None or each.reason or each.state == LOST for each in self.trials() if each.default]
        return not any(closed)

    def seen(self, asked: Asked) -> bool:
        """Whether another trial had the same model and values."""
        same = [each for each in self.trials() if (each.model, each.values) == (asked.model, asked.values)]
        return any(each.number != asked.number and each.state in (COMPLETE, LOST) for each in same)

    def _ended(self, trial: Any) -> Trial:
        from optuna.trial import TrialState

        model = trial.params["model"]
        values = {
            place: _decoded(trial.params[f"{model}:{place}"], span)
            for place, span in self.candidates.spaces.get(model, {}).items()
            if f"{model}:{place}" in trial.params
        }
        folds = tuple(score for _, score in sorted(trial.intermediate_values.items()))
        reason = str(trial.user_attrs.get(REASON, ""))
        if trial.state == TrialState.COMPLETE:
            state, score = COMPLETE, float(trial.value)
        elif trial.state == TrialState.RUNNING:
            state, score = STOPPED, None
        else:  # Optuna gives a pruned trial the score of its last fold
            state, score = reason if reason in (LOST, OUT_OF_TIME) else FAILED, None
        seconds = float(trial.user_attrs.get(SECONDS, 0.0))
        default = bool(trial.user_attrs.get(PLAIN)) and model == self.candidates.default.model
        return Trial(trial.number, model, values, state, folds, score, seconds, "" if reason == state else reason, default)

    def _sampler(self, seed: int) -> Any:
        import optuna

        with _quiet():
            return optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True)


def best_of(trials: list[Trial]) -> Trial:
    """The complete trial with the highest score; of equals the earliest."""
    return max((each for each in trials if each.score is not None), key=lambda each: (each.score, -each.number))


def _suggested(trial: Any, model: str, place: str, span: Any) -> Any:
    name = f"{model}:{place}"  # Optuna wants one distribution for each name
    if isinstance(span, Among):
        return _decoded(trial.suggest_categorical(name, [json.dumps(value) for value in span.values]), span)
    if span.whole:
        return trial.suggest_int(name, int(span.low), int(span.high), log=span.log)
    return float(f"{trial.suggest_float(name, span.low, span.high, log=span.log):.4g}")


def _decoded(value: Any, span: Any) -> Any:
    if isinstance(span, Among):
        return json.loads(value)
    return value if span.whole else float(f"{value:.4g}")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's warnings that what is used here is experimental."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"optuna\..*")
        warnings.filterwarnings("ignore", message=".*experimental.*")
        warnings.filterwarnings("ignore", message=".*(multivariate|group).*")
        yield
