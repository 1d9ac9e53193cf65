"""What in the store was made from files that hold a text: no later run would use it, since it is made from other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.store.artifact import DamagedArtifact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tasks.store.artifact import Artifact, Store

Name = tuple[str, str]  # step and key
TWINS = {"texts": "dataset", "holdout_texts": "holdout"}  # parts of prepare that have the same rows, as texts and as tokens


def made_from(store: Store, holding: Mapping[Name, set[str]]) -> list[Name]:
    """The artifacts made, through however many steps, from those that hold a text, without these; what was made last first.

    `holding` maps these to their files that hold it, as paths relative to the artifact. A step that was handed a part without
    such a file, as training is without the test rows, did not read the text.
    """
    recorded = {}
    for name in store.stored():
        try:
            recorded[name] = store.recorded(*name)
        except DamagedArtifact:  # nothing can be made from it again; the search reads its files
            continue
    touched: set[str] = set()
    for name, files in holding.items():
        if name in recorded:
            touched |= _digests_with(recorded[name][0], files)
    found: list[Name] = []
    while True:
        more = [
            name
            for name, (_, inputs) in recorded.items()
            if name not in holding and name not in found and touched & set(inputs["upstream"].values())
        ]
        if not more:
            return found[::-1]  # so that a deletion that is cut short leaves what leads to the rest
        found += more
        for name in more:
            artifact = recorded[name][0]
            touched |= {artifact.digest, *artifact.part_digests.values(), *artifact.rest_digests.values()}


def _digests_with(artifact: Artifact, files: set[str]) -> set[str]:
    """The digests by which other steps were handed any of these files of an artifact."""
    within = {name.partition("/")[0] for name in files}
    within |= {one for pair in TWINS.items() if within & set(pair) for one in pair if one in artifact.part_digests}
    parts = {digest for part, digest in artifact.part_digests.items() if part in within}
    rests = {digest for part, digest in artifact.rest_digests.items() if within - {part}}
    return {artifact.digest} | parts | rests


def name_of(store: Store, unit: Path) -> Name:
    """Step and key of an artifact's folder."""
    step, key = unit.relative_to(store.root).parts
    return step, key
