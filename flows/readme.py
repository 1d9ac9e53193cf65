"""Write the generated parts of the README: python -m flows.readme (a test compares)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.settings import knobs, load_preset, preset_names, preset_path
from tasks.config import CHECKOUT, PipelineConfig, RefreshConfig

if TYPE_CHECKING:
    from pathlib import Path

README = CHECKOUT / "README.md"


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
            rows.append(f"| `{name}` | `{load_preset(name, flow).get(section, {}).get('model', 'bag')}` | {first_line} |")
    return "\n".join(rows)


def fill(text: str) -> str:
    """The text with everything between `<!-- name -->` and `<!-- /name -->` made anew."""
    for name, made in (("knobs", knob_table()), ("presets", preset_table())):
        pattern = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        parts = pattern.search(text)
        if not parts:
            raise ValueError(f"the README has no place for {name}")
        text = f"{text[: parts.start()]}{parts[1]}{made}\n{parts[2]}{text[parts.end() :]}"
    return text


def write(path: Path = README) -> None:
    """Fill the README in place."""
    path.write_text(fill(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write()
