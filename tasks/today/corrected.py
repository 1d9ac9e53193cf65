"""What people's labels say of the latest documents: those that `textmill label` brought for texts of the stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.evaluate.compare import wilson_interval
from tasks.labels.content import content_key
from tasks.labels.imports import imports_folder, in_use
from tasks.labels.in_force import RANDOM, in_force

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.monitor.state import MonitorState


@dataclass(frozen=True)
class Corrected:
    """Labelled texts of the latest days, and how many of them the model had labelled so.

    `random` were drawn at random and tell of all documents; `chosen` were handed out because they are hard, and do not.
    """

    random: int = 0
    random_right: int = 0
    chosen: int = 0
    chosen_right: int = 0

    @property
    def interval(self) -> list[float] | None:
        """The 95% interval (Wilson) of the accuracy by the texts drawn at random; None without any."""
        return wilson_interval(self.random_right / self.random, self.random) if self.random else None


def find_corrected(state: MonitorState, days: Sequence[str], model: str, data_root: Path) -> Corrected:
    """Compare the labels given for the name of `model` (NAME/VERSION) with those that it gave on these days, each text once."""
    imports = in_use(imports_folder(data_root, model.rpartition("/")[0]))
    if not imports or not days:
        return Corrected()
    given = {key: label.label for key, label in in_force(imports).labels.items()}
    drawn = {label.key for each in imports for label in each.rows() if label.why == RANDOM}
    counts, seen = [0, 0, 0, 0], set[str]()
    for batch in state.documents(set(days), ["text", "label", "model"]):
        for row in batch.to_pylist():
            if row["model"] != model or (key := content_key(row["text"])) in seen or key not in given:
                continue
            seen.add(key)
            place = 0 if key in drawn else 2
            counts[place] += 1
            counts[place + 1] += row["label"] == given[key]
    return Corrected(*counts)
