"""How folds and the registration are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.store.presentation import Presentation

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.store.presentation import Report


def says_folds(report: Report) -> str:
    """How much better or worse the challenger's recipe was than each rival's."""
    found = [
        f"{100 * sum(each['accuracy']) / len(each['accuracy']):+.1f} points to {role}"
        for role, each in report["differences"].items()
    ]
    missing = [f"not {role}: {reason}" for role, reason in report["reasons"].items()]
    return "; ".join([f"{report['splits']} folds of {report['rows']:,} rows", *found, *missing])


def says_registration(report: Report) -> str:
    """The version and the gate's decision about it."""
    return f"{report['name']} version {report['version']}: {report['decision']}, {report['reason']}"


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
    return {"textmill.decision": report["decision"], "textmill.reason": report["reason"]}


def run_tags(report: Report) -> dict[str, str]:
    """The decision and the version, for the whole run."""
    return {"textmill.decision": str(report["decision"]), "textmill.version": str(report["version"])}


FOLDS = Presentation(says=says_folds)
REGISTRATION = Presentation(
    says=says_registration, metrics=lambda report: {}, result=result, page=page, tags=tags, run_tags=run_tags
)
