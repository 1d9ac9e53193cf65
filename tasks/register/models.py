"""Registered models by name: find, verify, load, list, promote, roll back.

`tracker` is an open store (see tasks/tracking/tracker.py); its registry holds versions and aliases. Who is champion is decided
in decisions.py. What only reads takes a `RegistryReader` too.
"""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError, UnavailableError
from tasks.names import normal
from tasks.register.decisions import CHALLENGER as CHALLENGER
from tasks.register.decisions import (
    CHAMPION,
    LedgerMoved,
    all_decisions,
    champion_ahead,
    champion_of,
    decided_again,
    deciding,
    decisions_about,
)
from tasks.register.decisions import PREVIOUS as PREVIOUS
from tasks.register.ledger import Entry, champions, last_moved
from tasks.register.load import DamagedPackage, open_package
from tasks.tracking.registry import EXAMPLE, RegistryOutage, TamperedModel

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.today.expected import Promised
    from tasks.tracking.registry import Version
    from tasks.tracking.tracker import RegistryReader, Tracker

log = logging.getLogger(__name__)

MODEL_TAG = "textmill.model"  # as finetune.model names it, decided where that says auto
ACCURACY_TAG, MACRO_F1_TAG = "textmill.test_accuracy", "textmill.macro_f1"
START_TAG = "textmill.start"  # version and package digest of the model that it was trained on from, with a blank between
LANGUAGE = "language"  # what MODEL_TAG says of language models
CLASSIFIER, LANGUAGE_MODEL = "TextClassifier", "LanguageModel"  # the classes that serve, in the packages' own code
PACKAGE = "package"  # its folder below `artifacts` of a logged model


@dataclass(frozen=True)
class LoadedModel:
    """A verified version, ready to label texts with `model`, or a language model, ready to write them.

    `promised` is what was measured of a classifier at its registration; None where nothing was, or before 0.2.
    """

    name: str
    version: int
    model: Any
    promised: Promised | None = None

    @property
    def title(self) -> str:
        """Name and version, as `NAME/3`."""
        return f"{self.name}/{self.version}"


@dataclass(frozen=True)
class ListedModel:
    """One line of `textmill models list`. `action` and `reason` are the last decision about the version.

    `start` is the version that it was trained on from, None for one that began anew.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    accuracy: float | None
    macro_f1: float | None
    created: float  # seconds since 1970
    action: str | None
    reason: str | None
    start: int | None = None


@dataclass(frozen=True)
class VerifiedModel:
    """One line of `textmill models verify`: `problem` names the first file that is not as it was registered.

    `start` is the version that it was trained on from, `start_digest` that one's package; None for one that began anew.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    whole: bool
    problem: str | None
    start: int | None = None
    start_digest: str | None = None


@dataclass(frozen=True)
class Registration:
    """The outcome for a version: `alias` is the one it has now.

    `decision` is first, promoted, refused, unchanged, rollback, or unmeasured for a version that nobody has judged.
    """

    name: str
    version: int
    alias: str | None
    decision: str
    reason: str
    figures: dict[str, Any]


def load_model(tracker: Tracker | RegistryReader, wanted: str | None = None) -> LoadedModel:
    """Verify and load `NAME@ALIAS`, `NAME/VERSION` or `NAME` (its champion); without a name the champion promoted last.

    RequestError: no such model. TamperedModel: a file is not as it was registered.
    """
    name, version = _parsed(tracker, wanted)
    return load_version(tracker, tracker.registry.version(name, version))


def load_language_model(tracker: Tracker | RegistryReader, wanted: str | None = None) -> LoadedModel:
    """The same for a language model; without a name the one whose champion was promoted last."""
    name, version = _parsed(tracker, wanted, language=True)
    return load_language_version(tracker, tracker.registry.version(name, version))


def load_version(tracker: Tracker | RegistryReader, version: Version) -> LoadedModel:
    """Verify every file of a classifier's version, then load it by its own code."""
    return _load(tracker, version, CLASSIFIER)


def load_language_version(tracker: Tracker | RegistryReader, version: Version) -> LoadedModel:
    """Verify every file of a language model's version, then load it by its own code."""
    return _load(tracker, version, LANGUAGE_MODEL)


def _load(tracker: Tracker | RegistryReader, version: Version, kind: str) -> LoadedModel:
    """Load a version of a kind, or of any if `kind` is empty; RequestError for one of the other."""
    package = verify_version(tracker, version)
    try:
        serving: Any = open_package(package, version.package_digest)
    except DamagedPackage as error:
        raise RequestError(f"{version.name} version {version.version}: {error}; it will not be loaded") from error
    own = next(name for name in (CLASSIFIER, LANGUAGE_MODEL) if hasattr(serving, name))
    if kind not in ("", own):
        what = (
            "a language model: textmill generate reads it"
            if own == LANGUAGE_MODEL
            else "a classifier: textmill predict reads it"
        )
        raise RequestError(f"{version.name} version {version.version} is {what}; name another model")
    try:
        model = getattr(serving, own)(package)
    except serving.RequestError as error:  # the package's own class of that name: a library that it reads texts with is missing
        raise RequestError(f"{version.name} version {version.version}: {error}") from error
    from tasks.register.promised import read_promised  # NumPy, which a list of models does without

    return LoadedModel(version.name, version.version, model, read_promised(version.tags))


def find_version(tracker: Tracker | RegistryReader, wanted: str) -> Version:
    """The version of a classifier that `NAME@ALIAS`, `NAME/VERSION` or `NAME` names; RequestError if there is none."""
    name, version = _parsed(tracker, wanted)
    return tracker.registry.version(name, version)


def verify_version(tracker: Tracker | RegistryReader, version: Version) -> Path:
    """Compare a version's files with the digests in its tags; return its package's folder."""
    return tracker.registry.verify(version) / "artifacts" / PACKAGE


def list_models(tracker: Tracker | RegistryReader, name: str | None = None) -> list[ListedModel]:
    """All versions of one model or of every model, oldest first. RequestError if the name is unknown."""
    if name is not None:
        tracker.registry.must_have(name)
    decisions = all_decisions(tracker) if name is None else decisions_about(tracker, name)
    entries = {(entry.name, entry.version): entry for entry in decisions}
    listed = []
    for each in [name] if name is not None else tracker.registry.names():
        _tell_if_behind(tracker, each)
        for version in tracker.registry.versions(each):
            entry = entries.get((each, version.version))
            accuracy, macro_f1 = (_number(version, tag) for tag in (ACCURACY_TAG, MACRO_F1_TAG))
            action, reason = (entry.action, entry.reason) if entry else (None, None)
            listed.append(
                ListedModel(
                    each,
                    version.version,
                    version.aliases,
                    accuracy,
                    macro_f1,
                    version.created,
                    action,
                    reason,
                    start_of(version)[0],
                )
            )
    return listed


def verify_models(
    tracker: Tracker | RegistryReader, name: str | None = None, version: int | str | None = None
) -> list[VerifiedModel]:
    """Compare every file of one version, of all of a model or of all models with its digest; nothing is loaded.

    The files of a server are those that it hands out now, so that a copy of before hides nothing. RequestError: no such model
    or version. RegistryOutage: a server does not answer.
    """
    registry = tracker.registry
    if name is None:
        chosen = [each for own in registry.names() for each in registry.versions(own)]
    else:
        chosen = registry.must_have(name) if version is None else [registry.version(name, version)]
    for own in dict.fromkeys(version.name for version in chosen):
        _tell_if_behind(tracker, own)
    found = []
    for each in chosen:
        problem = _problem(tracker, each)
        found.append(VerifiedModel(each.name, each.version, each.aliases, problem is None, problem, *start_of(each)))
    return found


def _tell_if_behind(tracker: Tracker | RegistryReader, name: str) -> None:
    """Warn of a model whose champion is another by the ledger of several hosts than by its alias."""
    model = tracker.registry.model(name)
    ahead = None if model is None else champion_ahead(tracker, model)
    if ahead is not None:
        told = "%s: version %d is champion by the ledger; the host that decided so ended before it had set the alias, "
        log.warning(told + "which the next textmill train, models promote or models rollback does", name, ahead)


def load_champions(tracker: Tracker | RegistryReader) -> dict[str, str | None]:
    """Load every champion and let it label or continue one text; by NAME/VERSION its fault, or None."""
    found: dict[str, str | None] = {}
    for name in tracker.registry.names():
        number = tracker.registry.aliases(name).get(CHAMPION)
        if number is None:
            continue
        found[f"{name}/{number}"] = None
        try:
            model = _load(tracker, tracker.registry.version(name, number), "").model
            if hasattr(model, "predict"):
                model.predict([EXAMPLE])
            else:
                model.bits([EXAMPLE])
        except RegistryOutage:
            raise
        except (RequestError, UnavailableError) as error:
            found[f"{name}/{number}"] = str(error)
        except Exception as error:  # noqa: BLE001 a model's own code may raise whatever it likes
            found[f"{name}/{number}"] = f"{name} version {number}: {type(error).__name__}: {error}"
    return found


def _problem(tracker: Tracker | RegistryReader, version: Version) -> str | None:
    try:
        tracker.registry.verify_at_source(version)
    except RegistryOutage:
        raise
    except TamperedModel as error:
        return str(error)
    except UnavailableError as error:  # its files are gone
        return f"{version.name} version {version.version}: {error}"
    return None


def promote(tracker: Tracker, name: str | None, version: int | str, reason: str = "") -> Registration:
    """Make a version the champion by a person's decision, once its files are verified.

    Without a name: of the model whose champion changed last. The promotion that a kill cut short is made once when it is
    repeated. RequestError if there is no such version.
    """
    name = name or _last_promoted(tracker)
    return decided_again(lambda: _promote(tracker, name, version, reason))


def _promote(tracker: Tracker, name: str, version: int | str, reason: str) -> Registration:
    chosen = tracker.registry.version(name, version)
    with deciding(tracker, name) as decisions:
        champion, completed = decisions.champion, decisions.completed
        if chosen.version == champion:
            if completed is not None and completed.action == "promote":
                return Registration(name, champion, CHAMPION, "promoted", completed.reason, {})
            return Registration(name, champion, CHAMPION, "unchanged", f"version {champion} is the champion already", {})
        verify_version(tracker, chosen)
        reason = reason or "promoted by hand"
        decisions.change(Entry(name, chosen.version, "promote", champion, chosen.version, reason))
        return Registration(name, chosen.version, CHAMPION, "promoted", reason, {})


def promote_command(tracker: Tracker, name: str, version: int) -> str:
    """The command that makes a version the champion."""
    several = len(tracker.registry.names()) > 1
    return f"textmill models promote {version}" + (f" --name {name}" if several else "")


def rollback(tracker: Tracker, name: str | None = None, reason: str = "") -> Registration:
    """Bring back the champion before today's, once its files are verified; again: the one before that.

    If a rollback was cut short after the champion's alias had moved, that one is completed and no second one made: a user who
    repeats it wants the version that it brought back. RequestError if there is no champion before today's, or if another host
    changed the champion meanwhile.
    """
    name = name or _last_promoted(tracker)
    with contextlib.suppress(LedgerMoved):
        return _roll_back(tracker, name, reason)
    now = champion_of(tracker, name)
    raise RequestError(f"the champion of {name} was changed meanwhile, to version {now}; see: textmill models list")


def _roll_back(tracker: Tracker, name: str, reason: str) -> Registration:
    with deciding(tracker, name) as decisions:
        champion, completed = decisions.champion, decisions.completed
        if completed is not None and completed.action == "rollback":
            return Registration(name, completed.version, CHAMPION, "rollback", completed.reason, {})
        line = champions(decisions.entries())
        if champion is None or len(line) < 2:
            raise RequestError(f"model {name} has no earlier champion to go back to; see: textmill models list")
        chosen = tracker.registry.version(name, line[-2])
        verify_version(tracker, chosen)
        reason = reason or f"rolled back from version {champion}"
        decisions.change(Entry(name, chosen.version, "rollback", champion, chosen.version, reason))
        return Registration(name, chosen.version, CHAMPION, "rollback", reason, {})


def _parsed(tracker: Tracker | RegistryReader, wanted: str | None, *, language: bool = False) -> tuple[str, str]:
    name, at, alias = normal(wanted or "").partition("@")
    if at:
        return name, alias
    name, slash, version = name.partition("/")
    return name or _last_promoted(tracker, language=language), version if slash else CHAMPION


def _last_promoted(tracker: Tracker | RegistryReader, *, language: bool | None = None) -> str:
    """The model whose champion changed last: of language models, of classifiers, or (None) of all."""
    entries = all_decisions(tracker)
    of_language = {entry.name for entry in entries if entry.figures.get("model") == LANGUAGE}
    name = last_moved(entries, lambda name: language is None or (name in of_language) == language)
    if name is None and language:
        raise RequestError("no language model has a champion yet; run textmill language train first")
    if name is None:
        raise RequestError("no model has a champion yet; run textmill train first")
    return name


def start_of(version: Version) -> tuple[int | None, str | None]:
    """Version and package digest of the model that a version was trained on from; None for one that began anew."""
    number, _, digest = version.tags.get(START_TAG, "").partition(" ")
    return (int(number), digest) if number.isdecimal() else (None, None)


def _number(version: Version, tag: str) -> float | None:
    try:
        return float(version.tags[tag])
    except (KeyError, ValueError):
        return None
