"""The help of verbs that take knobs: every option with its type, its default and what it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.commands.printing import cells, result_table, results
from flows.commands.settings import knobs, preset_names

if TYPE_CHECKING:
    from tasks.config import LanguageConfig, PipelineConfig, RefreshConfig, ServeConfig


def print_knobs(model: type[PipelineConfig | LanguageConfig | RefreshConfig | ServeConfig], verb: str, what: str) -> None:
    """Print how a verb is called and all its knobs."""
    console = results()
    presets = preset_names(model)
    usage = ("[--preset NAME] ", " [--json]") if presets else ("", "")  # a server has no result
    console.print(
        f"Usage: textmill {verb} {usage[0]}[--config FILE.toml] [--section.field VALUE ...]{usage[1]}\n",
        highlight=False,
        markup=False,
    )
    console.print(f"{what} Presets: {', '.join(presets)}." if presets else what)
    console.print("Every knob can be in a TOML file too, and in the environment as TEXTMILL_SECTION__FIELD.\n", markup=False)
    table = result_table("option", "takes", "default", "what it is")
    for flag, kind, default, description in knobs(model):
        table.add_row(*cells(flag, kind, default, description))
    console.print(table, highlight=False)
