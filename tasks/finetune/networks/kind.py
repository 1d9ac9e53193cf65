"""What all kinds that are networks have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.finetune.kind import Kind
from tasks.finetune.networks.settings import NETWORK, NetworkSettings, no_start, reads_unlabelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tasks.finetune.job import Job, Trained
    from tasks.section import Section


def network_kind(
    name: str,
    train: Callable[[Job, int], list[Trained]],
    own: type[Section] | None = None,
    *,
    called: tuple[str, ...] = (),
    words: Mapping[str, str] | None = None,
) -> Kind:
    """A kind that reads words; `own` are its settings beside those that all networks share. See `Kind` for the rest."""
    return Kind(
        name,
        reads="words",
        train=train,
        sections={**({} if own is None else {name: own}), NETWORK: NetworkSettings},
        trained_with=("torch",),
        shared=frozenset({"epochs", "patience", "class_weights"}),
        libraries=("torch",),
        reads_unlabelled=reads_unlabelled,
        called=called,
        words=words or {},
        no_start=no_start,
    )
