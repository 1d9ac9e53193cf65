"""The page of a run that trained a language model, in the style of the other reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.durable import replaced
from tasks.evaluate.report import Context, embedded, flattened, page_template
from tasks.language.evaluation import FIGURE, METRICS, SAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TEMPLATE = Path(__file__).parent / "language.html.j2"


def render_page(folder: Path, context: Mapping[str, Any], out_file: Path) -> Path:
    """Write the page of the measures in `folder` to `out_file`; returns it."""
    metrics, samples = (json.loads((folder / name).read_text(encoding="utf-8")) for name in (METRICS, SAMPLES))
    figure = folder / FIGURE
    figures = {"history": figure.read_bytes()} if figure.is_file() else {}
    page = page_of(metrics, samples, figures, Context.model_validate(context))
    out_file.parent.mkdir(parents=True, exist_ok=True)
    with replaced(out_file) as partial:
        partial.write_text(page, encoding="utf-8")
    return out_file


def page_of(
    metrics: Mapping[str, Any], samples: Sequence[Mapping[str, Any]], figures: Mapping[str, bytes], context: Context
) -> str:
    """The page as HTML, from the values of metrics.json and samples.json and a PNG figure."""
    titles = {"model": "GPT-2", "kneser_ney": "Kneser-Ney", "mixture": "mixture of both"}
    rows = [(title, metrics[name]) for name, title in titles.items() if name in metrics]
    if "kneser_ney" in metrics:
        rows[1] = (f"Kneser-Ney, n-grams up to {metrics['kneser_ney']['order']}", rows[1][1])
    return page_template(TEMPLATE, 1).render(
        m={"comparison": None, "mixture": None, **metrics},
        c=context,
        rows=rows,
        samples=samples,
        figures={"history": None, **{name: embedded(data) for name, data in figures.items()}},
        config=sorted(flattened(context.config)),
    )
