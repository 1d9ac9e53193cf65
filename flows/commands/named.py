"""The names that models and monitors get from their sources if none is given, and which others have such a name already."""

from __future__ import annotations

import json
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tasks.errors import RequestError
from tasks.names import name_of
from tasks.places import is_pattern
from tasks.urls import is_url, without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.config import LanguageConfig, PipelineConfig, RefreshConfig

log = logging.getLogger(__name__)

WATCHDOG_CHARS = 6  # of the name of a monitor's watchdog, beside the monitor's own; see tasks/monitor/state.py


def default_name(config: PipelineConfig) -> str:
    """A model name from the corpus: the stem of its path, with what a name cannot hold replaced by dashes, or its source."""
    if config.fetch.url is not None:
        return name_of(_stem(config.fetch.url), "textmill") or "textmill"
    if config.fetch.query is not None:
        raise RequestError("--fetch.query names no model; give it a name with --name")
    if config.ingest.places:
        return name_of(_of_places(config.ingest.places), "textmill") or "textmill"
    corpus = config.ingest.unlabelled if config.ingest.only_unlabelled else None
    return name_of(_without_suffix(corpus.name) if corpus else config.ingest.corpus, "textmill") or "textmill"


def _of_places(places: Sequence[Path]) -> str:
    """The name of a file or folder without its suffix; of a pattern and of several files that of the folder above all."""
    if len(places) == 1 and not is_pattern(places[0]):
        return _without_suffix(places[0].name)
    above = Path(os.path.commonpath([_above(place) for place in places]))
    return _without_suffix(above.name)


def _above(place: Path) -> Path:
    """The folder above a place, and above the first folder of a pattern that is one itself."""
    above = place.parent
    while is_pattern(above):
        above = above.parent
    return above


def default_language_name(config: LanguageConfig) -> str:
    """A language model's name: that of a classifier of the same corpus, which it is not to be taken for, and `-language`."""
    corpus, end = config.ingest.path, "-language"
    name = name_of(_without_suffix(corpus.name), "textmill", room=len(end)) if corpus else None
    return f"{name or 'textmill'}{end}"


def default_monitor(source: str) -> str | None:
    """A monitor's name from its source, as `default_name`; None for a source without one."""
    return name_of(_stem(source), "monitor", room=WATCHDOG_CHARS)


def warn_of_other_corpus(config: PipelineConfig) -> None:
    """Say that a name that was not asked for is that of another corpus' model, or that this corpus had another name before.

    Versions before 0.2 knew letters of ASCII alone: every corpus with a Chinese name was `textmill`.
    """
    if len(config.ingest.places) != 1:
        return
    corpus = config.ingest.places[0]
    earlier = _ascii_name(corpus.name.split(".")[0]) or "textmill"
    trained = _trained(config.runtime.data_root, {config.name, earlier})
    before = trained.get(config.name)
    if before and before != str(corpus) and Path(before).exists():
        log.warning(
            "model %s was trained on %s so far, and is on %s now: one replaces the other as champion; "
            "for a model of its own give --name",
            *(config.name, before, corpus),
        )
    elif not before and earlier != config.name and trained.get(earlier) == str(corpus):
        log.warning(
            "the model of %s is called %s from now on; earlier versions called it %s: to go on with that one give --name %s",
            *(corpus, config.name, earlier, earlier),
        )


def warn_of_earlier_monitor(config: RefreshConfig) -> None:
    """Say that an earlier version may have kept this source under another name, as `warn_of_other_corpus`."""
    earlier = _ascii_name(_earlier_stem(config.collect.source or "")) or "monitor"
    monitors = config.runtime.data_root / "monitor"
    if earlier != config.name and (monitors / earlier / "state.db").exists() and not (monitors / config.name).exists():
        log.warning(
            "the monitor of %s is called %s from now on; earlier versions called it %s, and there is a monitor %s: "
            "to go on with that one give --collect.name %s",
            *(without_secrets(config.collect.source or ""), config.name, earlier, earlier, earlier),
        )


def _trained(data_root: Path, names: set[str]) -> dict[str, str]:
    """The corpus that each of these models was last trained on, by the records of runs."""
    found: dict[str, tuple[str, str]] = {}
    for path in (data_root / "runs").glob("*.json"):
        try:
            record = json.loads(path.read_bytes())
            if record["name"] in names and record["status"] == "finished":
                ingest = record["config"]["ingest"]
                corpus = str(ingest["path"] or ingest["archive"])
                found[record["name"]] = max(found.get(record["name"], ("", "")), (record["started"], corpus))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # the reader of the record says so
    return {name: corpus for name, (_, corpus) in found.items()}


def _ascii_name(name: str) -> str | None:
    """A name as versions before 0.2 made it."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:100]
    return name if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) else None


def _stem(source: str) -> str:
    """The last part of a path or URL that is not a pattern, without its suffix and what may hold a password or a token."""
    if not is_url(source) and Path(source).exists():
        return _without_suffix(Path(source).name)
    place = without_secrets(source) if is_url(source) else source
    parts = [part for part in place.rstrip("/").split("/") if not set(part) & set("*[@" if is_url(source) else "*[")]
    last = parts[-1] if parts else ""
    return _without_suffix(unquote(last) if is_url(source) else last)


def _without_suffix(name: str) -> str:
    return name.lstrip(".").split(".")[0] or name


def _earlier_stem(source: str) -> str:
    parts = [part for part in re.split(r"[?#]", source)[0].rstrip("/").split("/") if not set(part) & set("*[@")]
    return parts[-1].split(".")[0] if parts else ""
