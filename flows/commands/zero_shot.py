"""`textmill predict --zero-shot`: the weights of the store, or brought there, and what labels mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def predict_zero_shot(
    texts: list[str], options: Mapping[str, Any], labels: Path, data_root: Path | None
) -> list[dict[str, Any]]:
    """One prediction a text, by the kind that the options are settings of; RequestError says what is wrong with them."""
    from flows.commands.runtime import runtime_of
    from flows.commands.settings import section
    from flows.display import Display
    from tasks.errors import RequestError
    from tasks.finetune.kinds import KINDS
    from tasks.finetune.settings import FinetuneConfig
    from tasks.store.opened import open_store
    from tasks.store.step import Run
    from tasks.weights.task import weights
    from tasks.writable import make_data_root

    names = {flag.split(".")[1] for flag in options}
    if len(names) > 1:
        raise RequestError(f"{' and '.join(sorted(options))} are settings of several kinds of model; give those of one")
    kind = KINDS[names.pop()]
    way = kind.zero_shot
    if way is None:
        raise ValueError(f"{kind.name} labels nothing by its meaning")
    values = {flag.rpartition(".")[2].replace("-", "_"): value for flag, value in options.items()}
    made = section(FinetuneConfig, model=kind.name, **{kind.name: {**values, **way.settings, "labels": labels}})
    made.check()
    runtime = runtime_of(data_root)
    make_data_root(runtime.data_root)
    store = open_store(runtime)
    with store.reading(), Display(interval_seconds=runtime.log_interval) as display:
        # Not as a task: a few texts need no Prefect server.
        state = weights.fn(Run(store, progress_for=lambda step: display.progress(step)), made.weights)
        folder = store.folder(state.result())
        from tasks.score.described import predict_by_meaning

        return predict_by_meaning(texts, way, made, folder)
