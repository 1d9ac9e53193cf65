"""Which registered models were trained on a text: each carries hashes of its training rows, and the code that makes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.errors import RequestError, UnavailableError
from tasks.register.load import DamagedPackage, open_package
from tasks.register.models import verify_version

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.tracking.registry import Version
    from tasks.tracking.tracker import RegistryReader


@dataclass(frozen=True)
class Trained:
    """A version that was trained on some of the texts, or of which it cannot be told and why."""

    name: str
    version: int
    aliases: tuple[str, ...]
    texts: int
    problem: str | None = None


def trained_on(tracker: RegistryReader, texts: Sequence[str]) -> list[Trained]:
    """The registered versions that were trained or selected on a text, and those that cannot be asked."""
    found = []
    for name in tracker.registry.names():
        for version in tracker.registry.versions(name):
            try:
                number, problem = _number(tracker, version, texts), None
            except (RequestError, UnavailableError, DamagedPackage, OSError, ValueError, AttributeError) as error:
                number, problem = 0, str(error)
            if number or problem:
                found.append(Trained(name, version.version, version.aliases, number, problem))
    return found


def _number(tracker: RegistryReader, version: Version, texts: Sequence[str]) -> int:
    """How many of the texts a version knows, by the code of its own package; its weights are not loaded."""
    package = verify_version(tracker, version)
    serving = open_package(package, version.package_digest)
    hashes = np.load(package / serving.HASHES, allow_pickle=False)
    return int(np.isin(_hashes(serving, package, texts), hashes).sum())


def _hashes(serving: Any, package: Path, texts: Sequence[str]) -> np.ndarray:
    if not hasattr(serving, "TextToTokens"):  # a language model reads texts as they are
        return np.asarray(serving.text_hashes(texts))
    settings = json.loads((package / serving.TEXT).read_text(encoding="utf-8"))
    return np.asarray(serving.training_hashes(serving.TextToTokens(settings).batch(texts)))
