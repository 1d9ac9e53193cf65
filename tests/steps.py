"""The steps of `textmill train`, for whatever is tested of each of them, and what one does without Prefect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOMS = {  # room -> its steps, in the order in which a run comes to them
    "ingest": ["ingest"],
    "prepare": ["prepare"],
    "pretrain": ["pretrain"],
    "align": ["align"],
    "finetune": ["finetune"],
    "evaluate": ["yardstick", "evaluate"],
    "register": ["package"],
}
STEPS = tuple(step for steps in ROOMS.values() for step in steps)


def alone(step: Any) -> Callable[..., Any]:
    """What a step or a flow does, without Prefect's engine around it."""
    function: Callable[..., Any] = step.fn
    return function
