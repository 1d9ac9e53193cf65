"""The steps `replies` and `answered`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.finetune.opened import OF_VIEWS
from tasks.replies.says import ANSWERED, CARRIED
from tasks.store.step import step

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.replies.settings import RepliesConfig
    from tasks.store.artifact import Build
    from tasks.store.step import Run


@step(libraries=("numpy", "pyarrow", "safetensors"), choices=(OF_VIEWS,), shown=CARRIED)
def replies(
    build: Build,
    config: RepliesConfig,
    run: Run,
    model: Path,
    dataset: Path,
    texts: Path,
    embedded: Path | None = None,
    promised: Path | None = None,
) -> dict[str, Any]:
    """Make what the package replies by: answers, when to give them, and the training questions."""
    from tasks.replies.carried import write_replies  # torch

    progress = run.progress_for("replies")
    return write_replies(config, model, dataset, texts, build.folder, embedded=embedded, promised=promised, progress=progress)


@step(libraries=("numpy", "pyarrow"), shown=ANSWERED)
def answered(build: Build, run: Run, package: Path, texts: Path, holdout: Path) -> dict[str, Any]:
    """Let the packaged model answer the test rows' texts."""
    from tasks.replies.measured import write_answered

    return write_answered(package, texts, holdout, build.folder, progress=run.progress_for("answered"))
