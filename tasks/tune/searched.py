"""What a search came to, as tune.json, as a page and in a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.durable import replaced
from tasks.shown import json_text
from tasks.tune.study import COMPLETE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.config import TuneConfig
    from tasks.tune.study import Trial

TUNED, PAGE = "tune.json", "report.html"
TUNE_PAGE = Path(__file__).parent / "tune.html.j2"
FOUND, DEFAULT, UNCONFIRMED = "found", "default", "unconfirmed"


def describe(
    asked: TuneConfig,
    trials: Sequence[Trial],
    best: Trial | None,
    confirmation: Mapping[str, Any] | None,
    *,
    spent: float,
    interrupted: bool,
) -> dict[str, Any]:
    """The result of a search: its answer, every trial, and the confirmation; `spent` are seconds of all calls.

    The scores of trials were chosen on, those of the confirmation were not.
    """
    answer = UNCONFIRMED if interrupted and best is not None and not best.default else DEFAULT
    if confirmation is not None and confirmation["better"] and not interrupted:
        answer = FOUND
    over = max(0.0, spent - 60 * asked.minutes)
    result: dict[str, Any] = {
        "answer": answer,
        "measure": asked.measure,
        "minutes": asked.minutes,
        "spent_seconds": round(spent, 1),
        "overran_seconds": round(over, 1),
        "interrupted": interrupted,
        "folds": asked.folds,
        "significance": asked.significance,
        "trials": [
            {
                "number": each.number,
                "model": each.model,
                "settings": each.values,
                "state": each.state,
                "score": each.score,
                "folds": list(each.folds),
                "seconds": round(each.seconds, 2),
                "reason": each.reason,
                "default": each.default,
            }
            for each in trials
            if each.folds or each.default
        ],
        "best": None
        if best is None
        else {"number": best.number, "model": best.model, "settings": best.values, "default": best.default},
        "confirmation": confirmation,
    }
    return result | {"answer_line": _line(result)}


def settings_line(settings: Mapping[str, Any]) -> str:
    """The values of places in a line."""
    return ", ".join(f"{place} {value}" for place, value in settings.items()) or "its defaults"


def write_result(result: Mapping[str, Any], context: Mapping[str, Any], folder: Path) -> None:
    """Write tune.json and the page into the run's folder."""
    from tasks.tune.page import write_page  # jinja2

    with replaced(folder / TUNED) as partial:
        partial.write_text(json_text(dict(result), indent=1), encoding="utf-8")
    shown = sorted((each for each in result["trials"] if each["state"] == COMPLETE), key=lambda each: -each["score"])
    rest = [each for each in result["trials"] if each["state"] != COMPLETE]
    parts = {"m": json.loads(json.dumps(dict(result))), "shown": [*shown, *rest], "line": settings_line}
    write_page(TUNE_PAGE, parts, context, folder / PAGE)


def _line(result: Mapping[str, Any]) -> str:
    measured = sum(each["state"] == COMPLETE for each in result["trials"])
    number = len(result["trials"])
    tried = f"{number} trial{'' if number == 1 else 's'}, {measured} on all folds"
    best, confirmed = result["best"], result["confirmation"]
    if best is None:
        return f"{tried}; nothing is measured yet"
    found = f"{best['model']} with {settings_line(best['settings'])}"
    if result["answer"] == UNCONFIRMED:
        return f"{tried}; best so far {found}, not confirmed"
    if confirmed is None and not best["default"]:
        return f"{tried}; the default stays: {found} could not be trained to confirm it"
    if confirmed is None:
        return (
            f"{tried}; stopped, none beats the default so far" if result["interrupted"] else f"{tried}; none beat the default"
        )
    difference = confirmed["difference"][result["measure"]]
    lower, upper = difference["interval"]
    how = f"{difference['mean']:+.4f} [{lower:+.4f}, {upper:+.4f}], p {difference['p']:.2g} on fresh folds"
    return f"{tried}; {found}: {how}" if result["answer"] == FOUND else f"{tried}; the default stays: best {how}"
