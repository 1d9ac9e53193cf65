from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tasks.register.champion import read_champion
from tasks.tracking.registry import RegistryOutage

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tasks.tracking.tracker import Tracker


def test_the_champion_says_what_it_was_made_with(tracker: Tracker, enrol: Callable[..., Any], trained: Any) -> None:
    assert read_champion(tracker, "films") is None
    enrol(trained)
    found = read_champion(tracker, "films")
    assert found is not None
    views = json.loads((trained.package / "model" / "model.json").read_text())["views"]
    assert (found.version, found.model) == (1, "+".join(views))


def test_a_champion_that_was_changed_or_whose_server_is_away_is_as_none_and_that_is_logged(
    tracker: Tracker,
    enrol: Callable[..., Any],
    trained: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    enrol(trained)
    folder = tracker.registry.verify(tracker.registry.version("films", 1))
    (folder / "artifacts" / "package" / "labels.json").write_text("{}")
    assert read_champion(tracker, "films") is None
    assert "films: the kind of its champion cannot be read, so this run chooses anew" in caplog.text

    def away(name: str) -> dict[str, int]:
        raise RegistryOutage("no answer")

    monkeypatch.setattr(tracker.registry, "aliases", away)
    assert read_champion(tracker, "films") is None
