"""The layouts that a request names: those of the corpus, of its test split and validation rows, of text without labels."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.documents.encoding import advice, decode
from tasks.documents.inputs import input_of
from tasks.documents.layout import Asked, Layout
from tasks.documents.layouts import LAYOUTS
from tasks.documents.layouts.folder import FolderLayout
from tasks.documents.spelling import spelled
from tasks.errors import RequestError
from tasks.places import matched, names_of
from tasks.shown import file_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.ingest.settings import IngestConfig

UNLABELLED_IDS, TEST_IDS, VALID_IDS = "unlabelled:", "test:", "valid:"  # so ids of their records begin
_DOWNLOADED = " or ".join(f"--ingest.source {name}" for name, layout in LAYOUTS.items() if layout.remote is not None)
_NOTHING = f"nothing to read: give --ingest.path FILE_OR_FOLDER, --ingest.archive FILE or {_DOWNLOADED}"


def plan(config: IngestConfig) -> list[Layout]:
    """List the layouts of a request in reading order; RequestError if a path or a pair of options is wrong."""
    asked = Asked(
        None,
        config.reading,
        "--ingest.path" if config.archive is None else "--ingest.archive",
        is_archive=config.archive is not None,
        dataset=config.dataset,
        labels=frozenset(map(spelled, config.labels)),
        labels_are_numbers=config.label_names is not None,
        with_unlabelled=config.with_unlabelled,
    )
    if config.only_unlabelled and config.test_path is None and config.valid_path is None:
        return [_unlabelled(config)]
    layouts, beside = _corpus(config, asked), []
    if config.test_path is not None:
        beside += _beside(layouts, replace(asked, path=config.test_path, is_archive=False), "test", TEST_IDS)
        layouts = [type(layout)(replace(layout.asked, split="train")) for layout in layouts]
    if config.valid_path is not None:
        beside += _beside(layouts, replace(asked, path=config.valid_path, is_archive=False), "valid", VALID_IDS)
    unlabelled = [] if config.unlabelled is None else [_unlabelled(config)]
    return [*layouts, *beside, *unlabelled]


def is_beside(layout: Layout) -> bool:
    """Whether a layout is beside the corpus: its test or validation rows, or text without labels."""
    return layout.asked.prefix in (UNLABELLED_IDS, TEST_IDS, VALID_IDS)


def _unlabelled(config: IngestConfig) -> Layout:
    return input_of(Asked(config.unlabelled, config.unlabelled_reading, "--ingest.unlabelled", "unlabelled", UNLABELLED_IDS))


def _corpus(config: IngestConfig, asked: Asked) -> list[Layout]:
    """The corpus: one place, or several that are read in the order of their names."""
    if config.archive is not None and config.path is not None:
        raise RequestError("--ingest.archive and --ingest.path are both given; keep the one to read")
    places = matched(config.places, asked.option)
    if len(places) < 2:
        return [_of_place(config, replace(asked, path=places[0] if places else None))]
    layouts = []
    for path, name in zip(places, names_of(places), strict=True):
        layout = _of_place(config, replace(asked, path=path, name=file_name(os.fsencode(name))))
        if not layout.joins:
            raise RequestError(f"{asked.option} {path}: {layout.name} is read alone; leave the other paths out")
        layouts.append(layout)
    return layouts


def _of_place(config: IngestConfig, asked: Asked) -> Layout:
    kind = _first_that_fits(asked) if config.source == "auto" else LAYOUTS[config.source]
    if kind is None:
        raise RequestError(_NOTHING)
    if asked.is_archive and not kind.takes_archive:
        takes = " and ".join(layout.name for layout in LAYOUTS.values() if layout.takes_archive)
        raise RequestError(f"--ingest.archive is for {takes}; for {kind.name} give --ingest.path")
    return kind(asked)


def _beside(corpus: list[Layout], asked: Asked, split: str, prefix: str) -> list[Layout]:
    """The test or validation rows beside a corpus: in the same layout if that fits, else in the first that does."""
    asked = replace(asked, option=f"--ingest.{split}-path", split=split, prefix=prefix)
    for layout in corpus:
        if own := layout.own_test_split() if split == "test" else layout.own_valid_split():
            raise RequestError(f"{asked.option}: {own}; leave the option out")
    kind = type(corpus[0]) if corpus[0].fits(asked) else _first_that_fits(asked)
    assert kind is not None  # a path is given
    found = kind(asked)
    if own := found.own_test_split() or found.own_valid_split():
        raise RequestError(f"{asked.option}: {own}; give the folder of {'the labels' if kind is FolderLayout else 'one split'}")
    return [found]


def _first_that_fits(asked: Asked) -> type[Layout] | None:
    return next((layout for layout in LAYOUTS.values() if layout.fits(asked)), None)


@contextlib.contextmanager
def sharing_options(layout: Layout) -> Iterator[None]:
    """Say, in an error about what is beside a corpus, that an option is not its own."""
    try:
        yield
    except RequestError as error:
        flags = layout.reading.flags
        shared = [flags.encoding, flags.text, flags.label, flags.header.split()[0], flags.delimiter]
        shared += [flags.quoting, flags.sheet, flags.keep]
        shared = [flags.sheet] if layout.asked.prefix == UNLABELLED_IDS else shared
        named = re.search(rf"(?:{'|'.join(map(re.escape, shared))})(?![\w-])", str(error))
        if layout.asked.prefix in (TEST_IDS, VALID_IDS, UNLABELLED_IDS) and named:
            raise RequestError(f"{error}; but {named[0]} holds for --ingest.path too, so write both files alike") from error
        raise


def label_names(config: IngestConfig) -> dict[str, str] | None:
    """Read the file that names label numbers: its line 0 names label 0, unless it is empty. None if no file is asked for.

    Empty lines at the start leave their numbers without a name, since many sets count from 1; those at the end say nothing.
    """
    path = config.label_names
    if path is None:
        return None
    if not path.is_file():
        raise RequestError(f"--ingest.label-names {path}: no such file")
    try:
        names = [name.strip() for name in decode(path.read_bytes(), config.encoding).rstrip().split("\n")]
    except UnicodeDecodeError as error:
        told = advice(path.read_bytes(), "--ingest.encoding")
        raise RequestError(
            f"--ingest.label-names {path}: byte {error.start} is not {config.encoding}; {told}, as the corpus"
        ) from error
    first = next((number for number, name in enumerate(names) if name), len(names))
    named = {str(number): name for number, name in enumerate(names) if number >= first}
    if not named or not all(named.values()) or len(set(named.values())) < len(named):
        raise RequestError(
            f"{path}: a name is empty or repeated; write one name a line, the first for number 0, "
            "after an empty line where labels count from 1"
        )
    return named
