"""The finetune step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.finetune.says import SHOWN
from tasks.finetune.uses import TABLE, libraries_of, modules_of
from tasks.store.step import Choice, Run, step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.finetune.settings import FinetuneConfig
    from tasks.store.artifact import Artifact, Build


def _modules(config: FinetuneConfig, artifacts: Mapping[str, Artifact]) -> set[str]:
    return modules_of(config)


def _libraries(config: FinetuneConfig, artifacts: Mapping[str, Artifact]) -> set[str]:
    return libraries_of(config)


OF_KINDS = Choice(TABLE, _modules, _libraries)


@step(libraries=("numpy", "pyarrow", "safetensors"), choices=(OF_KINDS,), shown=SHOWN)
def finetune(
    build: Build,
    config: FinetuneConfig,
    run: Run,
    dataset: Path,
    aligned: Path | None = None,
    texts: Path | None = None,
    weights: Path | None = None,
    embedded: Path | None = None,
    former: Path | None = None,
) -> dict[str, Any]:
    """Train the classifier; `texts` are those of the dataset's rows, for kinds that read them, `embedded` their vectors.

    `former` is the model that it starts from, with a dataset of the rows that it then needs.
    """
    from tasks.finetune.train import write_model  # torch: two seconds that a run with a stored model need not spend

    progress = run.progress_for("finetune")
    given = {"texts": texts, "weights": weights, "embedded": embedded, "former": former}
    return write_model(config, dataset, aligned, build.folder, build.scratch, **given, progress=progress)
