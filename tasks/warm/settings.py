"""The sections of the steps that a training needs which starts from a champion."""

from __future__ import annotations

from pathlib import Path

from tasks.section import Count, Section


class BatchesConfig(Section):
    """The package that tells which test rows were there before; None: no row was."""

    champion: Path | None = None


class BeginConfig(Section):
    """The package of the model to start from. `forgot`: a text was forgotten since it was registered.

    `refit`: it was trained on its validation rows too.
    """

    champion: Path
    seed: Count
    refit: bool = False
    forgot: bool = False


class LineageConfig(Section):
    """The model that a training has started from: its package and version; none for one that began anew."""

    champion: Path | None = None
    version: int | None = None


class EarlierConfig(Section):
    """The champion to compare with, if there is one: its package and version."""

    champion: Path | None = None
    version: int | None = None
