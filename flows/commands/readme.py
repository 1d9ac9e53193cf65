"""Write the generated pages and parts of pages, English and Chinese: python -m flows.commands.readme (tests compare).

docs/KNOBS.md is generated whole; the README has a table of presets. In a translation the last cell of a row and the line below
a heading are kept as they are, the rest follows the English page; what is new appears there in English, to be translated.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from flows.commands.settings import knobs, load_preset, preset_names, preset_path
from tasks.checkout import CHECKOUT
from tasks.config import FoldsConfig, LanguageConfig, PipelineConfig, RefreshConfig, ServeConfig, TuneConfig
from tasks.finetune.settings import AUTO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

README = CHECKOUT / "README.md"
CHINESE = CHECKOUT / "README.zh-CN.md"
KNOBS = CHECKOUT / "docs/KNOBS.md"
CHINESE_KNOBS = CHECKOUT / "docs/KNOBS.zh-CN.md"

FLOWS: dict[str, type[BaseModel]] = {"train": PipelineConfig, "refresh": RefreshConfig, "serve": ServeConfig}
BESIDE: dict[str, type[BaseModel]] = {
    "folds": FoldsConfig,
    "tune": TuneConfig,
}  # verbs that take all of `train` too; each has a section of its own
LANGUAGE = "language/"  # begins the headings of `textmill language train`, whose sections are called as those of `train`
SAME = "runtime"  # the section that it shares with them
NO_SECTION = "name"  # the heading of what is in no section
KNOBS_HEAD = """\
# Every knob

[简体中文](KNOBS.zh-CN.md)

A knob is given in one of four places; the first that names it decides:

1. on the command line, as in the tables: `--finetune.epochs 3`;
2. in the environment: `TEXTMILL_FINETUNE__EPOCHS=3` (a section, two underscores, a name; a name that is unknown is an error);
3. in a TOML file (`--config run.toml`) or a preset (`--preset imdb`): `epochs = 3` below the line `[finetune]`;
4. else it has its default.

`textmill train --help`, `textmill folds --help`, `textmill tune --help`, `textmill language train --help`,
`textmill refresh --help` and `textmill serve --help` print the same lists. The sections of `textmill language train` are the
last ones. This page is written from the config models by `python -m flows.commands.readme`.

"""


def knob_sections() -> dict[str, list[tuple[str, str, str, str]]]:
    """Every knob as (flag, type, default, description) by its section, such as `finetune` or `finetune.bag`."""
    sections: dict[str, list[tuple[str, str, str, str]]] = {}
    for knob in dict.fromkeys(knob for model in FLOWS.values() for knob in knobs(model)):
        section = knob[0].removeprefix("--").rpartition(".")[0] or NO_SECTION
        sections.setdefault(section, []).append(knob)
    for verb, model in BESIDE.items():
        sections[verb] = [knob for knob in knobs(model) if knob not in set(knobs(PipelineConfig))]
    for knob in knobs(LanguageConfig):
        section = knob[0].removeprefix("--").rpartition(".")[0] or NO_SECTION
        if section != SAME:
            sections.setdefault(f"{LANGUAGE}{section}", []).append(knob)
    return sections


def knob_tables() -> str:
    """The sections of all knobs: a heading each, which command reads it and what it is for, and a table."""
    parts = []
    for section, rows in knob_sections().items():
        about = f"{_commands(section, rows)}. {_docstring(section)}".strip()
        table = "\n".join(f"| {' | '.join(_cells(row))} |" for row in rows)
        heading = f"{'#' * (2 + section.count('.'))} `{section}`"
        parts.append(f"{heading}\n\n{about}\n\n| knob | takes | default | meaning |\n|---|---|---|---|\n{table}\n")
    return "\n".join(parts)


def _commands(section: str, rows: list[tuple[str, str, str, str]]) -> str:
    if section in BESIDE:
        return f"`textmill {section}`, beside all of `textmill train`"
    flows = {"language train": LanguageConfig} if section.startswith(LANGUAGE) else FLOWS
    return _listed([f"`textmill {flow}`" for flow, model in flows.items() if _reads(model, rows)])


def preset_table() -> str:
    """Every preset with the first line of its file and the model it trains or, for a refresh, scores with."""
    rows = ["| preset | model | meant for |", "|---|---|---|"]
    for flow, section in ((PipelineConfig, "finetune"), (RefreshConfig, "score")):
        for name in preset_names(flow):
            first_line = preset_path(name, flow).read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
            rows.append(f"| `{name}` | `{load_preset(name, flow).get(section, {}).get('model', AUTO)}` | {first_line} |")
    for name in preset_names(LanguageConfig):
        first_line = preset_path(name, LanguageConfig).read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        kind = load_preset(name, LanguageConfig).get("tokenizer", {}).get("kind", AUTO)
        rows.append(f"| `{name}` | `GPT-2, {kind}` | {first_line} |")
    return "\n".join(rows) + "\n"


def knob_page() -> str:
    """docs/KNOBS.md as a whole."""
    return f"{KNOBS_HEAD}<!-- knobs -->\n{knob_tables()}<!-- /knobs -->\n"


def fill(text: str, *, translated: bool = False) -> str:
    """The text with everything between `<!-- name -->` and `<!-- /name -->` made anew."""
    for name, make in (("knobs", knob_tables), ("presets", preset_table)):
        parts = re.search(f"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", text, re.DOTALL)
        if parts:
            made = _with_translations(make(), parts[2]) if translated else make()
            text = f"{text[: parts.start()]}{parts[1]}{made}{parts[3]}{text[parts.end() :]}"
    return text


def _with_translations(made: str, before: str) -> str:
    """The English lines with the last cell of each row, heads of tables and lines below headings as they were `before`."""
    known: dict[str, str] = {}
    for line, at in _placed(before):
        if line.startswith("|"):
            known[_key(line, at)] = line
    about = dict(re.findall(r"(?m)^#+ (`\S+`)\n\n(.+)$", before))
    heads = re.findall(r"(?m)^(\|.*)\n\|---", before)
    lines: list[str] = []
    for line, heading in _placed(made):
        if line.startswith("| `"):
            cells, last, _ = line.rsplit("|", 2)
            line = f"{cells}|{known.get(_key(line, heading), f'|{last}|').rsplit('|', 2)[1]}|"
        elif line.startswith("|") and not line.startswith("|---"):
            line = heads[0] if heads else line
        elif line and heading and not line.startswith(("|", "#")):
            line = about.get(heading, line)
        lines.append(line)
    return "\n".join(lines) + "\n"


def _placed(text: str) -> Iterator[tuple[str, str]]:
    """Each line with the name in the heading above it."""
    heading = ""
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.split(" ")[1]
        yield line, heading


def _key(row: str, heading: str) -> str:
    """What a row is about; a knob that moved into a section of its own, as `bag-lr` to `bag.lr`, is the same one."""
    place = LANGUAGE * heading.startswith(f"`{LANGUAGE}") or heading.strip("`") * (heading.strip("`") in BESIDE)
    return place + row.split("|")[1].replace(".", "-")


def _cells(row: tuple[str, str, str, str]) -> tuple[str, ...]:
    flag, kind, default, description = row
    return f"`{flag}`", kind.replace("|", " \\| "), f"`{default}`" if default else "", description.replace("|", "\\|")


def _reads(model: type[BaseModel], rows: list[tuple[str, str, str, str]]) -> bool:
    return rows[0] in knobs(model)


def _listed(words: list[str]) -> str:
    """Words as a sentence lists them: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _docstring(section: str) -> str:
    """What the section's class says it is for; nothing for what is in no section."""
    if section in BESIDE:
        return (inspect.getdoc(BESIDE[section]) or "").splitlines()[0]
    models = [LanguageConfig] if section.startswith(LANGUAGE) else list(FLOWS.values())
    section = section.removeprefix(LANGUAGE)
    for model in models:
        found: type[BaseModel] | None = model
        for name in section.split("."):
            field = found.model_fields.get(name) if found else None
            found = _model(field.annotation) if field else None
        if found:
            return (inspect.getdoc(found) or "").splitlines()[0]
    return ""


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model that a field holds, if it holds one, also where it may be absent."""
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def write(path: Path, *, translated: bool = False) -> None:
    """Fill a page in place."""
    path.write_text(fill(path.read_text(encoding="utf-8"), translated=translated), encoding="utf-8")


if __name__ == "__main__":
    KNOBS.write_text(knob_page(), encoding="utf-8")
    write(README)
    write(CHINESE, translated=True)
    write(CHINESE_KNOBS, translated=True)
