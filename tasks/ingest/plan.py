"""The layouts that a request names: one for the corpus, one for its test split, one for text without labels."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.documents.encoding import advice, decode
from tasks.documents.inputs import input_of
from tasks.documents.layout import Asked, Layout
from tasks.documents.layouts import LAYOUTS
from tasks.documents.spelling import spelled
from tasks.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks.ingest.settings import IngestConfig

UNLABELLED_IDS, TEST_IDS = "unlabelled:", "test:"  # so ids of their records begin
_DOWNLOADED = " or ".join(f"--ingest.source {name}" for name, layout in LAYOUTS.items() if layout.remote is not None)
_NOTHING = f"nothing to read: give --ingest.path FILE_OR_FOLDER, --ingest.archive FILE or {_DOWNLOADED}"


def plan(config: IngestConfig) -> list[Layout]:
    """List the layouts of a request in reading order; RequestError if a path or a pair of options is wrong."""
    asked = Asked(
        config.place,
        config.reading,
        "--ingest.path" if config.archive is None else "--ingest.archive",
        is_archive=config.archive is not None,
        dataset=config.dataset,
        labels=frozenset(map(spelled, config.labels)),
        labels_are_numbers=config.label_names is not None,
        with_unlabelled=config.with_unlabelled,
    )
    if config.only_unlabelled and config.test_path is None:
        return [_unlabelled(config)]
    layouts = [_corpus(config, asked)]
    if config.test_path is not None:
        layouts = _with_test_split(layouts[0], replace(asked, path=config.test_path, is_archive=False))
    if config.unlabelled is not None:
        layouts.append(_unlabelled(config))
    return layouts


def _unlabelled(config: IngestConfig) -> Layout:
    return input_of(Asked(config.unlabelled, config.unlabelled_reading, "--ingest.unlabelled", "unlabelled", UNLABELLED_IDS))


def _corpus(config: IngestConfig, asked: Asked) -> Layout:
    if config.archive is not None and config.path is not None:
        raise RequestError("--ingest.archive and --ingest.path are both given; keep the one to read")
    kind = _first_that_fits(asked) if config.source == "auto" else LAYOUTS[config.source]
    if kind is None:
        raise RequestError(_NOTHING)
    if asked.is_archive and not kind.takes_archive:
        takes = " and ".join(layout.name for layout in LAYOUTS.values() if layout.takes_archive)
        raise RequestError(f"--ingest.archive is for {takes}; for {kind.name} give --ingest.path")
    return kind(asked)


def _with_test_split(corpus: Layout, asked: Asked) -> list[Layout]:
    """The corpus as train rows, and the test rows beside it: in the same layout if that fits, else in the first that does."""
    if own := corpus.own_test_split():
        raise RequestError(f"--ingest.test-path: {own}; leave the option out")
    asked = replace(asked, option="--ingest.test-path", split="test", prefix=TEST_IDS)
    kind = type(corpus) if corpus.fits(asked) else _first_that_fits(asked)
    assert kind is not None  # a path is given
    test = kind(asked)
    if own := test.own_test_split():
        raise RequestError(f"--ingest.test-path: {own}; give the folder of the labels")
    return [type(corpus)(replace(corpus.asked, split="train")), test]


def _first_that_fits(asked: Asked) -> type[Layout] | None:
    return next((layout for layout in LAYOUTS.values() if layout.fits(asked)), None)


@contextlib.contextmanager
def sharing_options(layout: Layout) -> Iterator[None]:
    """Say, in an error about the test split, that it has no options of its own."""
    try:
        yield
    except RequestError as error:
        flags = layout.reading.flags
        shared = (flags.encoding, flags.text, flags.label, flags.header.split()[0], flags.delimiter, flags.quoting, flags.keep)
        named = re.search(rf"(?:{'|'.join(map(re.escape, shared))})(?![\w-])", str(error))
        if layout.asked.prefix == TEST_IDS and named:
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
