"""How the steps of this room are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.certainty.wrong_labels import ISSUES, read_page
from tasks.store.presentation import Presentation
from tasks.wording.sentence import joined, said

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.presentation import Report


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def says_promise(report: Report) -> str:
    """The first error that can be promised, and the share of texts that is then answered."""
    made = next((each for each in report["promises"] if each["answered"]), None)
    rows = {"rows": report["rows"], "rule": report["rule"]}
    if made is None:
        return said("{rows:,} rows ({rule}) are too few to promise anything", **rows)
    error, answered = _percent(made["max_error"]), _percent(made["answered"])
    return said("at most {error} wrong: {answered} answered, by {rows:,} rows ({rule})", error=error, answered=answered, **rows)


def figures_of_promise(report: Report) -> dict[str, float]:
    """The share that is answered at each error, for MLflow and TensorBoard."""
    return {f"promise/answered_at_{each['max_error']:g}": each["answered"] for each in report["promises"]}


def too_few(report: Report, folder: Path) -> list[str]:
    """Say where the rows are too few for what most will ask for."""
    if any(each["answered"] for each in report["promises"] if each["max_error"] <= 0.05):
        return []
    made = next((each for each in report["promises"] if each["answered"]), None)
    reach = (
        said(", nor at most {most:g}", most=report["promises"][-1]["max_error"])
        if made is None
        else said("; the least error of those tried that they can promise is {least:g}", least=made["max_error"])
    )
    more = said("raise prepare.valid_share or evaluate.held_share, or set evaluate.promise folds")
    remedy = more if report["rule"] == "held" else said("label more texts")
    return [
        said(
            "{rows:,} rows cannot promise that at most 0.05 of the answers are wrong{reach}; {remedy}",
            rows=report["rows"],
            reach=reach,
            remedy=remedy,
        )
    ]


def says_wrong(report: Report) -> str:
    """How many labels are doubted."""
    issues, rows = report["issues"], report["rows"]
    return said("{issues:,} of {rows:,} train rows may have a wrong label", issues=issues, rows=rows)


def where_wrong(report: Report, folder: Path) -> list[str]:
    """Where the file is that lists them."""
    if not report["issues"]:
        return []
    return [said("{doubted}; ranked in {file}", doubted=says_wrong(report), file=str(folder / ISSUES))]


def says_certainty(report: Report) -> str:
    """What was saved, if costs are known, and what came of the promise."""
    told = []
    if report["costs"]:
        usual, least = report["costs"]["usual_cost"], report["costs"]["least_cost"]
        told.append(said("cost of a test row {usual:.4g}, by least expected cost {least:.4g}", usual=usual, least=least))
    for each in report["promises"] or ():
        if each["together"] and each["together"]["answered"]:
            shares = (each["max_error"], each["together"]["error"], each["together"]["answered"] / report["test_rows"])
            promised, error, answered = map(_percent, shares)
            shown = {"promised": promised, "error": error, "answered": answered}
            told.append(said("promised {promised}: {error} wrong of {answered} test rows", **shown))
            break
    return joined("; ", told)


def figures_of_certainty(report: Report) -> dict[str, float]:
    """What came of promises and costs, for MLflow and TensorBoard."""
    found = {}
    for each in report["promises"] or ():
        if each["together"] and each["together"]["answered"]:
            found[f"test/error_at_{each['max_error']:g}"] = each["together"]["error"]
            found[f"test/answered_at_{each['max_error']:g}"] = each["together"]["answered"] / report["test_rows"]
    if report["costs"]:
        found |= {f"test/{name}": report["costs"][name] for name in ("usual_cost", "least_cost")}
    return found


def result_of_promise(report: Report, folder: Path) -> dict[str, Any]:
    """What can be promised."""
    return {"promise": dict(report)}


RESERVE = Presentation(
    says=lambda report: said(
        "{held:,} validation rows choose nothing, {choose:,} choose the model", held=report["held"], choose=report["choose"]
    )
)
PROMISE = Presentation(
    says=says_promise,
    metrics=lambda report: {"rows": float(report["rows"])},
    warnings=too_few,
    result=result_of_promise,
    figures=figures_of_promise,
    files=("abstention.json",),
)
WRONG_LABELS = Presentation(
    says=says_wrong,
    warnings=where_wrong,
    result=lambda report, folder: {"wrong_labels": {**report, "file": str(folder / ISSUES)}},
    page=lambda report, folder: {"wrong_labels": {**report, "file": str(folder / ISSUES), "examples": read_page(folder)}},
    files=(ISSUES,),
)
DECISION = Presentation(
    says=lambda report: said("costs of {labels} labels, for --by-cost", labels=len(report["labels"])),
    metrics=lambda report: {},
)
CERTAINTY = Presentation(
    says=says_certainty,
    metrics=lambda report: {},
    result=lambda report, folder: {"certainty": dict(report)},
    page=lambda report, folder: {"certainty": dict(report)},
    figures=figures_of_certainty,
    files=("certainty.json",),
)
