"""The passes of prepare on a worker that shares no disk with the command: the corpus and what is made go by the bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.prepare.partitions import tokenize_piece, write_partition

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np

    from tasks.prepare.partitions import Partition, TokenizedPiece
    from tasks.store.shared.exchange import Route, Sent


def tokenize_elsewhere(
    piece: Partition, scratch: str, settings: Mapping[str, Any], min_tokens: int, with_signatures: bool, route: Route
) -> TokenizedPiece:
    """`tokenize_piece`, its files sent; `scratch` is a folder of the command's."""
    with route.working() as here:
        made = tokenize_piece(_here(piece, here.folder), str(here.scratch), settings, min_tokens, with_signatures)
        return made._replace(paths=[route.send(here.scratch / str(path)) for path in made.paths])


def write_elsewhere(
    partition: Partition,
    pieces: Sequence[tuple[Partition, Sequence[Sent]]],
    fate: np.ndarray,
    label: np.ndarray,
    labels: Sequence[str],
    scratch: str,
    route: Route,
) -> list[Sent]:
    """`write_partition` from files that were sent, its own sent; `scratch` is a folder of the command's."""
    with route.working() as here:
        brought = [
            (_here(piece, here.folder), [str(route.receive(each, here.scratch)) for each in sent]) for piece, sent in pieces
        ]
        targets = write_partition(_here(partition, here.folder), brought, fate, label, labels, str(here.scratch))
        return [route.send(here.scratch / target, whole=True) for target in targets]


def _here(partition: Partition, folder: Path) -> Partition:
    """The same rows of the corpus as this worker has it."""
    return partition._replace(corpus=folder / partition.corpus.name)
