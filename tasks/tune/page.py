"""The page of a cross-validation, in the style of the other reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.durable import replaced
from tasks.evaluate.contents import with_contents
from tasks.evaluate.report import Context, flattened, page_template
from tasks.tune.gather import RESULT

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDS_PAGE = Path(__file__).parent / "folds.html.j2"


def render_folds(folder: Path, context: Mapping[str, Any], out_file: Path) -> Path:
    """Write the page of folds.json in `folder` to `out_file`; returns it."""
    report = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return write_page(FOLDS_PAGE, {"m": report}, context, out_file)


def write_page(template: Path, parts: Mapping[str, Any], context: Mapping[str, Any], out_file: Path) -> Path:
    """Write a page of `parts` and what the run says of itself; returns it."""
    c = Context.model_validate(context)
    page = with_contents(page_template(template, 2).render(c=c, config=sorted(flattened(c.config)), **parts))
    out_file.parent.mkdir(parents=True, exist_ok=True)
    with replaced(out_file) as partial:
        partial.write_text(page, encoding="utf-8")
    return out_file
