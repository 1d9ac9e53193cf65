"""What the registry and the ledger say of the model `films`, and kills while it moves."""

import pytest

from tasks.register import decisions, shared_decisions
from tasks.register.ledger import Ledger
from tasks.tracking.tracker import Tracker


def aliases(tracker: Tracker) -> dict[str, int]:
    return tracker.registry.aliases("films")


def ledger(tracker: Tracker) -> list[tuple[str, int | None, int | None]]:
    return [(entry.action, entry.from_version, entry.to_version) for entry in Ledger(tracker.home.ledger).entries("films")]


def killed_at(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """Let the named point end what is under way, as a kill would: nothing after it happens."""

    def reached(name: str) -> None:
        if name == point:
            raise KeyboardInterrupt

    for module in (decisions, shared_decisions):
        monkeypatch.setattr(module, "crash_point", reached)
