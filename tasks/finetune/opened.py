"""What a step depends on that opens a trained model: the code and the libraries of the views that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.uses import TABLE, view_libraries, views_of
from tasks.store.step import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.store.artifact import Artifact


def _modules(config: object, artifacts: Mapping[str, Artifact]) -> list[str]:
    return views_of(artifacts["model"].report["views"])


def _libraries(config: object, artifacts: Mapping[str, Artifact]) -> set[str]:
    return view_libraries(artifacts["model"].report["views"])


OF_VIEWS = Choice(TABLE, _modules, _libraries)
