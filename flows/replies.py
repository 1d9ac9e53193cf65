"""From a label to an answer: what the package replies by, and what that comes to on the test rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.replies.answers_file import read_answers
from tasks.replies.settings import RepliesConfig
from tasks.replies.task import answered, replies

if TYPE_CHECKING:
    from collections.abc import Collection

    from prefect.states import State

    from flows.record import Record
    from tasks.config import PipelineConfig


def check_answers(config: PipelineConfig, labels: Collection[str]) -> None:
    """Raise RequestError for a file of answers that does not fit the labels, before anything is trained."""
    if config.register.answers is not None:
        read_answers(config.register.answers, labels)


def carried_replies(record: Record, config: PipelineConfig, promised: State | None, **given: State) -> dict[str, State]:
    """What the package replies by; `given` are the model, its dataset, texts and vectors."""
    asked = config.register
    if asked.answers is None:
        return {}
    how = RepliesConfig(answers=asked.answers, min_confidence=asked.min_confidence)
    read = {name: state for name, state in given.items() if name in ("model", "dataset", "texts", "embedded")}
    if promised is not None and asked.min_confidence == "auto":
        read["promised"] = promised
    return {"replies": record.note(replies(record.run, how, **read))}


def look_at_answers(record: Record, config: PipelineConfig, packaged: State, **held: State) -> None:
    """Say on the page what the answers come to on the test rows; `held` are these and their texts."""
    if config.register.answers is not None:
        record.note(answered(record.run, package=packaged, **held))
