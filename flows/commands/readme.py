"""Write the generated parts of the README and of its translation: python -m flows.commands.readme (tests compare)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.commands.settings import knobs, load_preset, preset_names, preset_path
from tasks.config import AUTO, CHECKOUT, PipelineConfig, RefreshConfig

if TYPE_CHECKING:
    from pathlib import Path

README = CHECKOUT / "README.md"
CHINESE = CHECKOUT / "README.zh-CN.md"


def knob_table() -> str:
    """Every knob, section by section; what both flows have stands there once."""
    rows = ["| knob | takes | default | what it is |", "|---|---|---|---|"]
    for flag, kind, default, description in dict.fromkeys([*knobs(PipelineConfig), *knobs(RefreshConfig)]):
        cells = (f"`{flag}`", kind.replace("|", " \\| "), f"`{default}`" if default else "", description)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def preset_table() -> str:
    """Every preset with the first line of its file and the model it trains or, for a refresh, scores with."""
    rows = ["| preset | model | what it is |", "|---|---|---|"]
    for flow, section in ((PipelineConfig, "finetune"), (RefreshConfig, "score")):
        for name in preset_names(flow):
            first_line = preset_path(name, flow).read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
            rows.append(f"| `{name}` | `{load_preset(name, flow).get(section, {}).get('model', AUTO)}` | {first_line} |")
    return "\n".join(rows)


def fill(text: str, *, translated: bool = False) -> str:
    """The text with everything between `<!-- name -->` and `<!-- /name -->` made anew.

    In a `translated` text each row keeps its last cell, and the table its head; the last cell of a new row is in English.
    """
    for name, made in (("knobs", knob_table()), ("presets", preset_table())):
        pattern = re.compile(f"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)
        parts = pattern.search(text)
        if not parts:
            raise ValueError(f"the README has no place for {name}")
        if translated:
            made = _with_translations(made, parts[2])
        text = f"{text[: parts.start()]}{parts[1]}{made}\n{parts[3]}{text[parts.end() :]}"
    return text


def _with_translations(made: str, before: str) -> str:
    head, *rows = before.splitlines() or [""]
    known = {row.split("|")[1]: row.rsplit("|", 2)[1] for row in rows}
    old_head, *lines = made.splitlines()
    new = []
    for line in lines:
        cells, description, _ = line.rsplit("|", 2)
        new.append(f"{cells}|{known.get(line.split('|')[1], description)}|")
    return "\n".join([head or old_head, *new])


def write(path: Path = README, *, translated: bool = False) -> None:
    """Fill a README in place."""
    path.write_text(fill(path.read_text(encoding="utf-8"), translated=translated), encoding="utf-8")


if __name__ == "__main__":
    write()
    write(CHINESE, translated=True)
