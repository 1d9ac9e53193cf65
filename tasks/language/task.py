"""The steps of a language model: tokenizer, train_language, evaluate_language, package_language, and the registration."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed, State

from tasks.language.says import MEASURES, TOKENIZER, TRAIN
from tasks.store.step import step

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.language.contest import LanguageCandidate
    from tasks.language.settings import GateConfig, MeasureConfig, NetworkConfig, TokenizerConfig
    from tasks.store.artifact import Build
    from tasks.store.step import Run
    from tasks.tracking.tracker import Tracker


@step(libraries=("tokenizers", "rjieba", "numpy", "pyarrow", "safetensors"), shown=TOKENIZER)
def tokenizer(build: Build, config: TokenizerConfig, run: Run, texts: Path, weights: Path | None = None) -> dict[str, Any]:
    """Fit or take over a vocabulary."""
    from tasks.language.vocabulary import write_tokenizer

    return write_tokenizer(config, texts, build.folder, weights=weights, progress=run.progress_for("tokenizer"))


@step(libraries=("torch", "transformers", "tokenizers", "rjieba", "safetensors", "numpy", "pyarrow"), shown=TRAIN)
def train_language(
    build: Build, config: NetworkConfig, run: Run, tokenizer: Path, texts: Path, weights: Path | None = None
) -> dict[str, Any]:
    """Train the network on blocks of the train texts."""
    from tasks.language.train import write_language_model  # torch and transformers: many seconds

    given: dict[str, Any] = {"weights": weights, "progress": run.progress_for("train_language")}
    return write_language_model(config, tokenizer, texts, build.folder, build.scratch, **given)


@step(libraries=("torch", "transformers", "tokenizers", "rjieba", "safetensors", "numpy", "pyarrow", "scipy"), shown=MEASURES)
def evaluate_language(build: Build, config: MeasureConfig, run: Run, model: Path, texts: Path, holdout: Path) -> dict[str, Any]:
    """Measure the network on the test documents, beside n-grams."""
    from tasks.language.evaluation import write_measures

    return write_measures(config, model, texts, holdout, build.folder, progress=run.progress_for("evaluate_language"))


@step(libraries=("torch", "transformers", "tokenizers", "rjieba", "safetensors", "numpy", "pandas"))
def package_language(build: Build, run: Run, model: Path, texts: Path) -> dict[str, Any]:
    """Make the model a folder that needs nothing of this project."""
    from tasks.language.package import write_language_package

    return write_language_package(model, texts, build.folder)


# Not a step, as the registration of classifiers is not.
@task(name="register", task_run_name="register", cache_policy=NO_CACHE, persist_result=False, retries=0)
def register_language(run: Run, config: GateConfig, candidate: LanguageCandidate, tracker: Tracker, *, ready: float) -> State:
    """Register a candidate and decide about the champion; a Registration as Completed, or Cached if nothing was to do."""
    from tasks.language.contest import LanguageRegistrar

    tracker.flush()  # a version must name its run, which may wait in the spool after an outage
    if candidate.run_id is not None:
        candidate = replace(candidate, run_id=tracker.server_run_id(candidate.run_id))
    registrar = LanguageRegistrar(tracker, config, progress=run.progress_for("register"), ready=ready)
    made = registrar.register(candidate, started=lambda: run.started("register"))
    message = f"{made.name} version {made.version}: {made.decision} ({made.reason})"
    return Completed(name="Cached" if made.decision == "unchanged" else "Completed", message=message, data=made)
