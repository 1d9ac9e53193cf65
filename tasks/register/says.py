"""How folds and the registration are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.store.presentation import Presentation
from tasks.wording.sentence import as_known, joined, said

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.presentation import Report


ROLES = {"champion": said("champion"), "best": said("best")}  # of rivals


def says_folds(report: Report) -> str:
    """How much better or worse the challenger's recipe was than each rival's."""
    found = [
        said("{points:+.1f} points to {role}", points=100 * sum(each["accuracy"]) / len(each["accuracy"]), role=ROLES[role])
        for role, each in report["differences"].items()
    ]
    missing = [said("not {role}: {reason}", role=ROLES[role], reason=reason) for role, reason in report["reasons"].items()]
    rows = said("{splits} folds of {rows:,} rows", splits=report["splits"], rows=report["rows"])
    return joined("; ", [rows, *found, *missing])


def says_registration(report: Report) -> str:
    """The version and the gate's decision about it."""
    named = {"name": report["name"], "version": report["version"], "reason": report["reason"]}
    return said("{name} version {version}: {decision}, {reason}", decision=as_known(report["decision"]), **named)


def result(report: Report, folder: Path) -> dict[str, Any]:
    """The version and the decision."""
    return {
        "model": {name: report[name] for name in ("name", "version", "alias")},
        "decision": report["decision"],
        "reason": report["reason"],
    }


def page(report: Report, folder: Path) -> dict[str, Any]:
    """The same, as the page takes it."""
    texts = {"version": str(report["version"]), "alias": report["alias"] or ""}
    return {"model": {name: report[name] for name in ("name", "decision", "reason")} | texts}


def tags(report: Report) -> dict[str, str]:
    """The decision, for the registration's own run."""
    return {"textmill.decision": report["decision"], "textmill.reason": str(report["reason"])}


def run_tags(report: Report) -> dict[str, str]:
    """The decision and the version, for the whole run."""
    return {"textmill.decision": str(report["decision"]), "textmill.version": str(report["version"])}


FOLDS = Presentation(says=says_folds)
REGISTRATION = Presentation(
    says=says_registration, metrics=lambda report: {}, result=result, page=page, tags=tags, run_tags=run_tags
)
