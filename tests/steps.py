"""The steps of `textmill train`, for whatever is tested of each of them, and what one does without Prefect."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from tasks.checkout import CHECKOUT
from tasks.store.source import code_digest, code_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ROOMS = {  # room -> its steps, in the order in which a run comes to them
    "ingest": ["ingest"],
    "prepare": ["prepare"],
    "pretrain": ["pretrain"],
    "align": ["align"],
    "finetune": ["finetune"],
    "evaluate": ["yardstick", "evaluate", "slices"],
    "register": ["package"],
}
OF_ENCODERS = {
    "weights": ["weights"],
    "adapt": ["adapt"],
    "embed": ["embed", "embed_holdout"],
}  # steps that a run without one does not come to
STEPS = tuple(step for steps in ROOMS.values() for step in steps)


def alone(step: Any) -> Callable[..., Any]:
    """What a step or a flow does, without Prefect's engine around it."""
    function: Callable[..., Any] = step.fn
    return function


def decorated(step: Any, tree: Path = CHECKOUT) -> FunctionType:
    """What the decorator was given, below Prefect's task and the wrapper, as if its file were the one in `tree`."""
    function: FunctionType = step.function
    file = tree / function.__code__.co_filename.removeprefix(f"{CHECKOUT}/")
    return FunctionType(function.__code__.replace(co_filename=str(file)), {}, function.__name__)


def chosen_files(step: Any, config: Any = None, artifacts: Mapping[str, Any] | None = None) -> set[str]:
    """The files whose code is in a step's key, as paths in the checkout."""
    tables, modules = _chosen(step, config, artifacts)
    found = code_files(decorated(step), tables=tables, chosen=modules)
    return {path.relative_to(CHECKOUT).as_posix() for path in found}


def chosen_digest(step: Any, tree: Path, config: Any = None, artifacts: Mapping[str, Any] | None = None) -> str:
    """The digest in a step's key of the code in `tree`, a copy of the checkout."""
    tables, modules = _chosen(step, config, artifacts)
    return code_digest(decorated(step, tree), tree, tables=tables, chosen=modules)


def chosen_libraries(step: Any, config: Any = None, artifacts: Mapping[str, Any] | None = None) -> set[str]:
    """The libraries in a step's key that it does not always have there."""
    return {name for choice in step.choices for name in choice.libraries(config, artifacts or {})}


def _chosen(step: Any, config: Any, artifacts: Mapping[str, Any] | None) -> tuple[list[str], list[str]]:
    modules = [name for choice in step.choices for name in choice.modules(config, artifacts or {})]
    return [choice.table for choice in step.choices], modules
