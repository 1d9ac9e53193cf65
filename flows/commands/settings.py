"""The one place that reads arguments, environment and TOML, and turns them into a configuration.

Precedence: command line > environment (`TEXTMILL_SECTION__FIELD`) > preset or file > defaults. Paths of the command line and
the environment are relative to the current folder, paths of a file to the folder of that file, paths of a preset
to the checkout; all of them are absolute from here on.
"""

from __future__ import annotations

import contextlib
import copy
import difflib
import functools
import json
import logging
import os
import re
import tomllib
import types
import typing
import warnings
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from pydantic import BaseModel, TypeAdapter, ValidationError, create_model
from pydantic_settings import (
    BaseSettings,
    CliApp,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from flows.commands.doors import Doors
from flows.commands.former_names import Given, kinds_given, with_todays_names
from flows.commands.named import (
    default_language_name,
    default_monitor,
    default_name,
    warn_of_earlier_monitor,
    warn_of_other_corpus,
)
from flows.commands.runtime import NOT_SETTINGS, PREFIX
from flows.commands.tutorial_words import WORDS, meant_value
from flows.settled import refuse_unlabelled
from tasks.checkout import CHECKOUT
from tasks.config import FoldsConfig, LanguageConfig, PipelineConfig, RefreshConfig, ServeConfig, TuneConfig
from tasks.documents.encoding import read_utf8
from tasks.errors import RequestError
from tasks.finetune.former import former_names
from tasks.finetune.settings import SECTIONS, modern_finetune
from tasks.in_use import WAIT, find_writer
from tasks.places import is_pattern
from tasks.shown import shortened
from tasks.toml_names import remedy_of
from tasks.tracking.home import TRACKING_REMEDY
from tasks.unread import refuse_unread, unread
from tasks.urls import holds_password, is_url
from tasks.weights.place import HubName, where_else

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

log = logging.getLogger(__name__)

Config = TypeVar("Config", bound=BaseModel)
Section = TypeVar("Section", bound=BaseModel)
LikeTrain = TypeVar("LikeTrain", bound=PipelineConfig)

PRESETS = Path(__file__).resolve().parents[1] / "presets"
DEFAULT_PRESET = "sample"
DEFAULT_LANGUAGE_PRESET = "language"
FLOWS = (PipelineConfig, FoldsConfig, TuneConfig, LanguageConfig, RefreshConfig, ServeConfig)
TOML = ".toml"
NEGATIVE = re.compile(r"-\.?\d")
UTF8_FILES = frozenset({"stop_words", "user_dictionary", "partial_words", "watch_list", "companies", "lexicon"})
MAX_SHOWN = 100  # characters of a value in an error
AS_JSON = 'write a list as ["a", "b"]'
TYPES = {"tuple_type": AS_JSON, "path_type": "write a path as text"}  # by pydantic's name of the error: it names Python's types
SELDOM = "--pretrain.adapt."  # of a step that few runs come to: named last where a word may mean several knobs
MOST_MEANT = 3  # knobs that an unknown word is answered with


def resolve(
    arguments: list[str], *, preset: str | None = None, file: Path | None = None, doors: Doors | None = None
) -> PipelineConfig:
    """Make the one configuration of a training run; RequestError says in one line what is wrong with it.

    `doors` learns who gave each setting, so that later errors can name that too.
    """
    return _resolve_like_train(PipelineConfig, arguments, preset, file, doors)


def _resolve_like_train(
    model: type[LikeTrain], arguments: list[str], preset: str | None, file: Path | None, doors: Doors | None
) -> LikeTrain:
    if not preset and not file and not _names_a_corpus(arguments):
        preset = DEFAULT_PRESET
    with doors or Doors() as doors:
        settings, config = _resolved(model, arguments, preset, file, doors)
    if "name" not in settings.model_fields_set:
        config = config.model_copy(update={"name": preset or default_name(config)})
        if not preset:
            warn_of_other_corpus(config)
    return config


def resolve_language(
    arguments: list[str], *, preset: str | None = None, file: Path | None = None, doors: Doors | None = None
) -> LanguageConfig:
    """Make the one configuration of a run that trains a language model, as `resolve` does for classifiers."""
    if not preset and not file and not _names_a_corpus(arguments):
        preset = DEFAULT_LANGUAGE_PRESET
    with doors or Doors() as doors:
        settings, config = _resolved(LanguageConfig, arguments, preset, file, doors)
    if "name" not in settings.model_fields_set:
        config = config.model_copy(update={"name": preset or default_language_name(config)})
    return config


def resolve_refresh(
    arguments: list[str], *, preset: str | None = None, file: Path | None = None, doors: Doors | None = None
) -> RefreshConfig:
    """Make the one configuration of a refresh, as `resolve` does for a training run."""
    with doors or Doors() as doors:
        settings, config = _resolved(RefreshConfig, arguments, preset, file, doors)
    if config.collect.source is not None:  # a worker runs in another folder
        source = _placed(config.collect.source, Path.cwd())
        config = config.model_copy(update={"collect": config.collect.model_copy(update={"source": source})})
    if "name" not in settings.collect.model_fields_set:
        name = preset or default_monitor(config.collect.source or "") or config.collect.name
        config = config.model_copy(update={"collect": config.collect.model_copy(update={"name": name})})
        if not preset and config.collect.source:
            warn_of_earlier_monitor(config)
    from tasks.monitor.sources import refuse_other_source
    from tasks.monitor.state import watch_name  # Arrow, which `train` needs later

    watch_name(config.name)
    if "name" not in settings.collect.model_fields_set:
        refuse_other_source(config.collect, config.runtime.data_root)
    return config


def resolve_serve(arguments: list[str], *, file: Path | None = None) -> ServeConfig:
    """Make the one configuration of a model server, as `resolve` does for a training run."""
    _, config = _resolved(ServeConfig, arguments, None, file, Doors())
    return config


def _resolved(
    model: type[Config], arguments: list[str], preset: str | None, file: Path | None, doors: Doors
) -> tuple[Any, Config]:
    """The settings as they were given, and the configuration that they make."""
    if preset and file:
        raise RequestError(f"--preset {preset} and --config {file} were both given; choose one")
    _refuse_unknown_environment()
    if preset:
        written, base = load_preset(preset, model), CHECKOUT
    elif file:
        written, base = _read_toml(file), file.resolve().parent
    else:
        written, base = {}, CHECKOUT
    kinds = kinds_given(arguments, os.environ, written)
    doors.note(arguments, os.environ, written, file=f"preset {preset}" if preset else str(file), kinds=kinds)
    collect = written.get("collect")  # its source is a text, since it may be a URL too
    if isinstance(collect, dict) and isinstance(collect.get("source"), str):
        written = {**written, "collect": {**collect, "source": _placed(collect["source"], base)}}
    written = _absolute(model, written, base)
    given = with_todays_names(arguments, os.environ, written)
    if issubclass(model, PipelineConfig) and isinstance(written.get("finetune"), dict):
        try:
            today, renamed = modern_finetune(written["finetune"])
        except ValueError as error:
            raise RequestError(f"finetune.{error}") from None
        written = {**written, "finetune": today}
        given.renamed += renamed
    settings = _settings(model, written, given)
    if issubclass(model, PipelineConfig):
        for line in given.renamed:
            log.warning("%s; the old name is taken until the next release", line)
        if (read := _still_read(model, written, given, settings)) is not written:
            settings = _settings(model, read, given)
    config = model.model_validate(settings.model_dump(include=set(model.model_fields)))
    if isinstance(config, PipelineConfig):
        refuse_unread(config)
    _refuse_passwords(config)
    config = model.model_validate(_absolute(model, config.model_dump(), Path.cwd()))
    if isinstance(config, PipelineConfig):
        config = config.model_copy(update={"finetune": config.finetune.only_read()})
    return settings, config


def _still_read(
    model: type[PipelineConfig], written: Mapping[str, Any], given: Given, settings: BaseModel
) -> Mapping[str, Any]:
    """The settings of a preset or a file, without those for a model, or for vectors, that another door has replaced.

    `--preset imdb --finetune.model tfidf` asks for another model, so the preset's settings of its own model are not a mistake.
    Settings that the file alone would not read stay, and are refused, like those of the command line and the environment.
    """
    unread_now = _unread(model, settings)
    if not written or not unread_now:
        return written
    try:
        mistakes = _unread(model, _settings(model, written, None))
    except RequestError:  # the file is whole only together with the other doors
        return written
    kept = copy.deepcopy(dict(written))
    for section, name in unread_now - mistakes:
        inside: Any = kept
        for part in section.split("."):
            inside = inside.get(part, {})
        if name in inside and not _asked(section, name, given):
            del inside[name]
    return kept


def _asked(section: str, name: str, given: Given) -> bool:
    """Whether the command line or the environment gives a setting, or its section as a whole."""
    flags = {f"--{section}", f"--{section}.{name.replace('_', '-')}"}
    path = section.replace(".", "__")
    variables = {f"{PREFIX}{path}".upper(), f"{PREFIX}{path}__{name}".upper()}
    by_flag = any(argument.split("=")[0] in flags for argument in given.arguments)
    return by_flag or any(variable.upper() in variables for variable in given.variables)


def _unread(model: type[PipelineConfig], settings: BaseModel) -> set[tuple[str, str]]:
    config = model.model_validate(settings.model_dump(include=set(model.model_fields)))
    return {(each.section, each.name) for each in unread(config)}


def _refuse_passwords(config: BaseModel, prefix: str = "--") -> None:
    """Raise RequestError for a URL with a password in it: Prefect and MLflow store every knob in clear."""
    for name in type(config).model_fields:
        value, flag = getattr(config, name), f"{prefix}{name.replace('_', '-')}"
        if isinstance(value, BaseModel):
            _refuse_passwords(value, f"{flag}.")
        elif isinstance(value, str | Path) and holds_password(str(value)):
            remedy = TRACKING_REMEDY if name == "tracking_uri" else "leave it out of the URL"
            raise RequestError(f"{flag} holds a password, which would be stored with every run; {remedy}")


def resolve_folds(
    arguments: list[str], *, preset: str | None = None, file: Path | None = None, doors: Doors | None = None
) -> FoldsConfig:
    """Make the one configuration of a cross-validation, as `resolve` does for a training run."""
    config = _resolve_like_train(FoldsConfig, arguments, preset, file, doors)
    if config.against is not None and config.against.endswith(TOML):
        config = config.model_copy(update={"against": str(_expanded(config.against, Path.cwd(), "against"))})
        read_sections(Path(config.against or ""))
    return config


def resolve_tune(
    arguments: list[str], *, preset: str | None = None, file: Path | None = None, doors: Doors | None = None
) -> TuneConfig:
    """Make the one configuration of a search, as `resolve` does for a training run."""
    return _resolve_like_train(TuneConfig, arguments, preset, file, doors)


def read_sections(file: Path) -> dict[str, Any]:
    """The settings that a TOML file of a training run holds, its paths absolute; RequestError for a file that is not one."""
    return _absolute(PipelineConfig, _read_toml(file), file.resolve().parent)


def check_train(config: PipelineConfig) -> None:
    """Raise RequestError for whatever is known to be wrong with a training run before it starts."""
    from flows.fetched import check_fetched
    from tasks.ingest.corpus import check_request

    if config.fetch.asks:
        check_fetched(config)
    else:
        check_request(config.ingest)
        refuse_unlabelled(config)
    check_paths(config)
    config.finetune.check()
    if config.evaluate.watch_list is not None:
        from tasks.score.watch import WatchList

        WatchList.load(config.evaluate.watch_list)
    if config.evaluate.exchange is not None:
        from tasks.evaluate.robustness.words import read_pairs

        read_pairs(config.evaluate.exchange)
    if config.runtime.tensorboard:
        from tasks.tracking.tensorboard import check_installed

        check_installed()


def check_language(config: LanguageConfig) -> None:
    """The same for a run that trains a language model; RequestError too where its libraries are not installed."""
    from tasks.ingest.texts import check_texts
    from tasks.language.installed import check_installed

    check_texts(config.ingest)
    check_paths(config)
    check_installed()


def check_paths(config: BaseModel, prefix: str = "--") -> None:
    """Raise RequestError for the first file or folder that a knob names and that is not there."""
    for name in type(config).model_fields:
        value, flag = getattr(config, name), f"{prefix}{name.replace('_', '-')}"
        if isinstance(value, BaseModel):
            check_paths(value, f"{flag}.")
        elif isinstance(value, Path) and is_pattern(value):
            continue  # whatever reads it matches it
        elif isinstance(value, Path) and name != "data_root" and not value.exists():
            of_hub = HubName in typing.get_args(type(config).model_fields[name].annotation)
            remedy = where_else(value, Path.cwd()) if of_hub else "correct the path"
            raise RequestError(f"{flag} {value}: no such file or folder; {remedy}")
        elif isinstance(value, Path) and name in UTF8_FILES and value.is_file():
            with contextlib.suppress(OSError):  # its reader says what is wrong with it
                read_utf8(value, what=flag)
        if isinstance(value, Path) and value.is_file() and (writer := find_writer(value)):
            log.warning("%s %s: %s has it open for writing; if it is not whole yet, %s", flag, value, writer, WAIT)


def preset_names(model: type[BaseModel] = PipelineConfig) -> list[str]:
    """The presets of a flow that ship with textmill."""
    return sorted(path.stem for path in _presets(model).glob("*.toml"))


def preset_path(name: str, model: type[BaseModel] = PipelineConfig) -> Path:
    """The file of a preset; RequestError if there is none of that name."""
    names = preset_names(model)
    if name not in names:
        raise RequestError(f"unknown preset {name!r}; choose from {', '.join(names)}{_did_you_mean(name, names)}")
    return _presets(model) / f"{name}.toml"


def load_preset(name: str, model: type[BaseModel] = PipelineConfig) -> dict[str, Any]:
    """Read a preset by name."""
    return _read_toml(preset_path(name, model))


def preset_config(name: str) -> PipelineConfig:
    """A preset as it is written, whatever arguments and environment say."""
    return PipelineConfig.model_validate(_absolute(PipelineConfig, load_preset(name), CHECKOUT))


def _placed(source: str, base: Path) -> str:
    """The source of a refresh made absolute if it is a path; a URL, and no source, as it is."""
    return str(_expanded(source, base, "collect.source")) if source and "://" not in source else source


def _expanded(path: str | Path, base: Path, place: str) -> Path:
    """A path made absolute; RequestError for one that Prefect and MLflow could not store, or of an unknown user's home."""
    told = f"{flag_of(place)} {str(path)[:MAX_SHOWN]!r}"
    try:
        place = os.path.normpath(base.absolute() / Path(path).expanduser())
        place.encode()
    except RuntimeError:
        raise RequestError(f"{told} starts with ~ but there is no such home folder; write the path out") from None
    except UnicodeEncodeError:
        raise RequestError(f"{told} is not UTF-8, so it cannot be stored with the run; rename it") from None
    return Path(place)


def knobs(model: type[BaseModel] = PipelineConfig, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Every knob as (flag, type, default, description), in the order of the sections."""
    for name, field in model.model_fields.items():
        flag = f"{prefix}{name.replace('_', '-')}"
        inner = _section_of(field.annotation)
        if inner is not None:
            yield from knobs(inner, f"{flag}.")
        else:
            yield f"--{flag}", _type_name(field.annotation), _shown(field.default), field.description or ""


class _Asked(NamedTuple):
    """What the doors give; without `given` it is the file alone."""

    written: Mapping[str, Any]
    given: Given | None


_asked_now: ContextVar[_Asked] = ContextVar("_asked_now")


class _Doors(BaseSettings):
    """Command line, environment and file."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        cli_kebab_case=True,
        cli_avoid_json=True,
        cli_exit_on_error=False,
        extra="forbid",
        frozen=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources in the order of their precedence, below the command line."""
        asked = _asked_now.get()
        file_settings = InitSettingsSource(settings_cls, dict(asked.written))
        if asked.given is None:
            return init_settings, file_settings
        variables: Any = env_settings
        variables.env_vars = {name.lower(): value for name, value in asked.given.variables.items()}
        return init_settings, variables, file_settings


@functools.cache
def _with_doors(model: type[BaseModel]) -> Any:
    """The configuration as settings of these doors; made once in a process, which takes longer than reading them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message='Field name "register"', category=UserWarning)  # as in tasks/config.py
        # The fields are named anew: ABCMeta.register would hide the section of that name.
        fields: dict[str, Any] = {name: (field.annotation, field) for name, field in model.model_fields.items()}
        return create_model("Settings", __base__=cast(Any, (_Doors, model)), **fields)


def _settings(model: type[BaseModel], written: Mapping[str, Any], given: Given | None) -> Any:
    """The settings that the doors give together; without `given` those of the file alone."""
    arguments, several = _several_paths(model, _joined(given.arguments if given else []))
    token = _asked_now.set(_Asked(written, given))
    try:
        return CliApp.run(_with_doors(model), cli_args=arguments, **several)
    except SettingsError as error:
        raise RequestError(_explain_arguments(model, str(error), given)) from None
    except ValidationError as error:
        raise RequestError(_explain_values(model, error)) from None
    finally:
        _asked_now.reset(token)


def section(kind: type[Section], **options: Any) -> Section:
    """Make one section of a configuration from the options of a verb; RequestError names the option that is wrong."""
    try:
        return kind(**options)
    except ValidationError as error:
        raise RequestError(_explain_values(kind, error)) from None


def _joined(arguments: list[str]) -> list[str]:
    """The arguments with each flag and a value that begins like a negative number as one: argparse would take it for a flag."""
    joined: list[str] = []
    for argument in arguments:
        if NEGATIVE.match(argument) and joined and joined[-1].startswith("--") and "=" not in joined[-1]:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _several_paths(model: type[BaseModel], arguments: list[str]) -> tuple[list[str], dict[str, Any]]:
    """The arguments without those of settings that take several paths, and the values of these by section.

    Each flag takes what follows it up to the next one, as a shell writes out a pattern without quotes; a flag may be repeated.
    They are taken out because a list of the command line is parted at commas, which paths may hold.
    """
    flags = {
        f"--{section}.{name.replace('_', '-')}": (section, name)
        for section, outer in model.model_fields.items()
        if (inner := _section_of(outer.annotation)) is not None
        for name, field in inner.model_fields.items()
        if _takes(field.annotation, tuple[Path, ...])
    }
    left: list[str] = []
    found: dict[str, dict[str, list[str]]] = {}
    waiting = list(arguments)
    while waiting:
        flag, equals, value = waiting.pop(0).partition("=")
        values = [value] if equals else []
        while flag in flags and not equals and waiting and not waiting[0].startswith("--"):
            values.append(waiting.pop(0))
        if flag in flags and values:
            section, name = flags[flag]
            found.setdefault(section, {}).setdefault(name, []).extend(each for one in values for each in _list_of(one))
        else:
            left.append(f"{flag}{equals}{value}")
    alone = {
        section: {name: paths[0] if len(paths) == 1 else paths for name, paths in its.items()} for section, its in found.items()
    }
    return left, alone


def _list_of(value: str) -> list[str]:
    """The paths of one value: of a JSON list those in it."""
    if value.startswith("["):
        with contextlib.suppress(ValueError):
            found = json.loads(value)
            if isinstance(found, list):
                return [str(each) for each in found]
    return [value]


def _explain_arguments(model: type[BaseModel], message: str, given: Given | None) -> str:
    every = f"{_command(model)} --help lists"
    message = " ".join(message.removeprefix("error parsing CLI: ").split())
    unknown = re.search(r"unrecognized arguments: (\S+)", message)
    if unknown:
        word = unknown[1].split("=")[0]
        return f"unknown option {word}{_did_you_mean_knob(word, model)}; {every} them all"
    unreadable = re.match(r'error parsing value for field "(\w+)"', message)
    if unreadable and given:
        return _explain_variables(model, unreadable[1], given.variables)
    return f"{message}; {every} every option"


def _explain_variables(model: type[BaseModel], name: str, variables: Mapping[str, str]) -> str:
    """Why the variables of a section, or of a setting that has none, cannot be read: one of them is to be JSON."""
    lists = {flag.removeprefix("--").replace("-", "_") for flag, kind, *_ in knobs(model) if "list" in kind.split("|")}
    remedies = dict.fromkeys(lists, AS_JSON) | {name: "correct it, or give one variable for each setting"}
    for variable, value in variables.items():
        place = variable.upper().removeprefix(PREFIX).lower().replace("__", ".")
        if place in remedies and f"{place}.".startswith(f"{name}.") and not _is_json(value):
            return f"{flag_of(place)} {shortened(repr(value), MAX_SHOWN)} is not JSON; {remedies[place]}"
    return f"{flag_of(name)}: a variable of it cannot be read; {_command(model)} --help lists every setting"


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def _explain_values(model: type[BaseModel], error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"] if isinstance(part, str) and part.isidentifier())
    flag = flag_of(place)
    if first["type"] == "extra_forbidden":
        near = _did_you_mean_knob(place, model, dashes=False)
        return f"{flag} is not a setting{near}; {_command(model)} --help lists them all"
    reason = TYPES.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    flags = [flag for flag, *_ in knobs(model)]
    inner = next((each for each in flags if place and each.startswith(f"{flag}.")), None)
    if inner is not None and first["type"] in ("model_type", "model_attributes_type", "dict_type"):
        reason = f"it is a section of settings; give one of them, such as {inner}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    about, _, rest = reason.partition(" ")
    about = flag_of(f"{place}.{about}" if place else about)
    if about.rstrip(":") in flags:  # a section says which of its settings is to blame
        return " ".join(f"{about} {rest}{more}".split())
    value = "" if isinstance(first["input"], dict) else f" {shortened(repr(first['input']), MAX_SHOWN)}"
    instead = meant_value(flag.removeprefix("--"), first["input"])
    if instead is not None:
        reason += f"; did you mean {instead}?"
    told = f"{flag}{value}: {reason}{more}" if place else f"{reason}{more}"  # a root's concerns several sections
    return " ".join(told.split())


def flag_of(place: str) -> str:
    """The flag of a setting by its place in the configuration."""
    return "--" + place.replace("_", "-")


def _command(model: type[BaseModel]) -> str:
    if issubclass(model, LanguageConfig):
        return "textmill language train"
    if issubclass(model, ServeConfig):
        return "textmill serve"
    if issubclass(model, FoldsConfig | TuneConfig):
        return f"textmill {model.verb[0]}"
    return "textmill refresh" if issubclass(model, RefreshConfig) else "textmill train"


def _presets(model: type[BaseModel]) -> Path:
    if issubclass(model, LanguageConfig):
        return PRESETS / "language"
    return PRESETS / "refresh" if issubclass(model, RefreshConfig) else PRESETS


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def _did_you_mean_knob(word: str, model: type[BaseModel], *, dashes: bool = True) -> str:
    """The knobs that a word may mean: as tutorials call them, of another section or of none, or spelt nearly so."""
    flags = sorted((flag for flag, *_ in knobs(model)), key=lambda flag: flag.startswith(SELDOM))
    spelt = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", word.lstrip("-")).replace("_", "-").lower()
    meant = _meant(spelt, [flag.removeprefix("--") for flag in flags])[:MOST_MEANT]
    shown = [_with_its_value(knob, dashes=dashes) for knob in meant]
    return f"; did you mean {' or '.join(shown)}?" if shown else ""


def _with_its_value(knob: str, *, dashes: bool) -> str:
    """A knob, and the value behind it, as the command line or as a file spells them."""
    name, _, value = knob.partition(" ")
    if dashes:
        return f"--{knob}"
    return name.replace("-", "_") + (f' = "{value}"' if value else "")


def _meant(spelt: str, known: list[str]) -> list[str]:
    section, _, last = spelt.rpartition(".")
    own = [knob for knob in known if knob.replace(".", "-") == spelt.replace(".", "-")]
    if own:
        return own
    if section and (near := difflib.get_close_matches(spelt, known, n=1, cutoff=0.95)):
        return near
    foreign = [knob for knob in WORDS.get(last, ()) if knob.partition(" ")[0] in known]
    if foreign:  # of its own section, if that has a knob of such a name
        alike = dict.fromkeys(f"{section}.{knob.rpartition('.')[2]}" for knob in foreign)
        return [knob for knob in foreign if knob.startswith(f"{section}.")] or [k for k in alike if k in known] or foreign
    if section:
        return difflib.get_close_matches(spelt, known, n=1, cutoff=0.5)
    names = [knob.rpartition(".")[2] for knob in known]
    near = difflib.get_close_matches(last, names, n=1, cutoff=0.6)
    return [knob for knob, name in zip(known, names, strict=True) if name in near]


def _names_a_corpus(arguments: list[str]) -> bool:
    given = any(argument.startswith(("--ingest.", "--fetch.")) for argument in arguments)
    return given or any(name.upper().startswith((f"{PREFIX}INGEST__", f"{PREFIX}FETCH__")) for name in os.environ)


def _refuse_unknown_environment() -> None:
    """RequestError for a variable that is a knob of no flow."""
    flags = [flag for model in FLOWS for flag, *_ in knobs(model)]
    known = {f"{PREFIX}{flag[2:].replace('-', '_').replace('.', '__')}".upper() for flag in flags}
    former = {f"{PREFIX}finetune__{name}".upper() for name in former_names(SECTIONS)}
    sections = {f"{PREFIX}{name}".upper() for model in FLOWS for name in model.model_fields}
    sections |= {f"{PREFIX}finetune__{name}".upper() for name in SECTIONS}
    for name in os.environ:
        if name.upper().startswith(PREFIX) and name.upper() not in known | former | sections | NOT_SETTINGS:
            shown = name if name.isprintable() else repr(name)
            raise RequestError(
                f"unknown environment variable {shown}{_did_you_mean_variable(name, known)}; unset or correct it"
            )


def _did_you_mean_variable(name: str, known: set[str]) -> str:
    section, _, last = name.upper().removeprefix(PREFIX).rpartition("__")
    for knob in WORDS.get(last.lower().replace("_", "-"), ()):
        flag, _, value = knob.partition(" ")
        variable = f"{PREFIX}{flag.replace('-', '_').replace('.', '__')}".upper()
        if variable in known and not (section and difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.95)):
            return f"; did you mean {variable}{value and '='}{value}?"
    return _did_you_mean(name.upper(), sorted(known))


def _read_toml(path: Path) -> dict[str, Any]:
    text = ""
    try:
        return tomllib.loads(text := read_utf8(path))
    except FileNotFoundError:
        raise RequestError(f"no configuration file {path}; give one that exists, or --preset NAME") from None
    except OSError as error:
        raise RequestError(f"{path} cannot be read ({error.strerror}); give a readable TOML file") from None
    except (ValueError, RecursionError) as error:  # also numbers that are too long, and lists in lists
        raise RequestError(f"{path} is not TOML ({error}); {remedy_of(text)}") from None


def _absolute(model: type[BaseModel], values: Mapping[str, Any], base: Path, section: str = "") -> dict[str, Any]:
    """The same values with every path made absolute; words that a field also takes (`english`) stay words."""
    out = dict(values)
    for name, field in model.model_fields.items():
        value = out.get(name)
        inner = _section_of(field.annotation)
        if isinstance(value, dict) and inner is not None:
            out[name] = _absolute(inner, value, base, f"{section}{name}.")
        elif isinstance(value, str | Path | list | tuple) and _takes(field.annotation, tuple[Path, ...]):
            paths = [value] if isinstance(value, str | Path) else value
            if all(isinstance(path, str | Path) for path in paths):
                placed = [
                    path if is_url(str(path)) else _expanded(path, base, f"{section}{name}")
                    for each in paths
                    for path in _parted(each, base)
                ]
                out[name] = placed[0] if len(placed) == 1 else placed
        elif isinstance(value, str) and ("://" in value or _is_name(field.annotation, value)):  # no path
            continue
        elif isinstance(value, str | Path) and _takes(field.annotation, Path) and value not in _literals(field.annotation):
            out[name] = _expanded(value, base, f"{section}{name}")
    return out


def _parted(value: str | Path, base: Path) -> list[str | Path]:
    """The paths of a text such as `a.csv,b.csv`, where that is not itself the name of a file."""
    if "," not in str(value) or os.path.lexists(base / Path(value)):
        return [value]
    parts = [part.strip() for part in str(value).split(",")]
    return list(parts) if all(part and (os.path.lexists(base / part) or is_pattern(Path(part))) for part in parts) else [value]


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """The section that a field takes, which may be absent."""
    return next((part for part in _parts(annotation) if isinstance(part, type) and issubclass(part, BaseModel)), None)


def _parts(annotation: Any) -> list[Any]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [part for inner in typing.get_args(annotation) for part in _parts(inner)]
    return [annotation]


def _takes(annotation: Any, kind: type) -> bool:
    return kind in _parts(annotation)


def _is_name(annotation: Any, value: str) -> bool:
    """Whether a field that takes paths also takes words of a form that this value has."""
    for part in _parts(annotation):
        if typing.get_origin(part) is typing.Annotated and typing.get_args(part)[0] is str:
            with contextlib.suppress(ValidationError):
                TypeAdapter(part).validate_python(value)
                return True
    return False


def _literals(annotation: Any) -> set[Any]:
    return {word for part in _parts(annotation) if typing.get_origin(part) is typing.Literal for word in typing.get_args(part)}


def _type_name(annotation: Any) -> str:
    names: list[str] = []
    for part in _parts(annotation):
        if typing.get_origin(part) is typing.Annotated:
            part = typing.get_args(part)[0]
        if typing.get_origin(part) is typing.Literal:
            names.extend(str(word) for word in typing.get_args(part))
        elif typing.get_origin(part) is tuple:
            names.append("list")
        elif part is not types.NoneType:
            names.append(
                {"Path": "path", "str": "text", "int": "integer", "float": "number", "bool": "true|false"}.get(
                    part.__name__, part.__name__
                )
            )
    return "|".join(names)


def _shown(default: Any) -> str:
    if default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return ",".join(str(item) for item in default)
    if isinstance(default, Path):
        return str(default.relative_to(CHECKOUT)) if default.is_relative_to(CHECKOUT) else str(default)
    return str(default)
