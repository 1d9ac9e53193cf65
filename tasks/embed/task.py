"""The steps `embed` and `embed_holdout`: of the rows that finetune sees, and of those that it is never handed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tasks.embed.embed import write_vectors
from tasks.embed.says import SHOWN
from tasks.store.artifact import DamagedArtifact
from tasks.store.step import Run, step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tasks.embed.reading import EmbedConfig
    from tasks.store.artifact import Build, Store

LIBRARIES = ("onnxruntime", "tokenizers", "numpy", "pyarrow")
STEPS = ("embed", "embed_holdout")
MOST_EARLIER = 8  # artifacts in which vectors are looked for, the newest first


@step(libraries=LIBRARIES, shown=SHOWN)
def embed(build: Build, config: EmbedConfig, run: Run, weights: Path, texts: Path) -> dict[str, Any]:
    """Make vectors of the texts of the train and validation rows."""
    splits, earlier, progress = ("train", "valid"), earlier_vectors(run.store), run.progress_for("embed")
    places = (weights, texts, splits, build.folder, build.scratch)
    exchange = run.store.exchange(build, weights) if run.engine.elsewhere else None
    return write_vectors(config, *places, earlier=earlier, engine=run.engine, exchange=exchange, progress=progress)


@step(libraries=LIBRARIES, shown=SHOWN)
def embed_holdout(build: Build, config: EmbedConfig, run: Run, weights: Path, texts: Path) -> dict[str, Any]:
    """Make vectors of the texts of the test rows."""
    earlier, progress = earlier_vectors(run.store), run.progress_for("embed_holdout")
    places = (weights, texts, ("test",), build.folder, build.scratch)
    exchange = run.store.exchange(build, weights) if run.engine.elsewhere else None
    return write_vectors(config, *places, earlier=earlier, engine=run.engine, exchange=exchange, progress=progress)


def earlier_vectors(store: Store) -> Iterator[Path]:
    """The folders of the newest artifacts of these steps that are whole."""
    places = [(store.place(step, key), step, key) for step, key in store.stored() if step in STEPS]
    places.sort(key=lambda each: each[0].stat().st_mtime_ns, reverse=True)
    for folder, name, key in places[:MOST_EARLIER]:
        with contextlib.suppress(DamagedArtifact, OSError):  # whoever needs that artifact itself builds it anew
            store.verify(name, key)
            yield folder
