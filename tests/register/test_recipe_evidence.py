"""Which models the gate asks folds about, and what it does with the answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.align.settings import AlignConfig
from tasks.finetune.settings import FinetuneConfig
from tasks.prepare.settings import PrepareConfig
from tasks.pretrain.settings import PretrainConfig
from tasks.register.evidence import Folds
from tasks.register.ledger import Ledger
from tasks.register.models import list_models, promote
from tasks.register.recipe import Recipe
from tasks.register.registration import AskedRival, Registrar
from tasks.register.settings import RegisterConfig
from tasks.register.shortfall import Shortfall
from tasks.tracking.tracker import Tracker

RECIPE = Recipe(prepare=PrepareConfig(), pretrain=PretrainConfig(), align=AlignConfig(), finetune=FinetuneConfig(model="tfidf"))
BETTER = Folds(np.tile([0.01, 0.03], 15), np.zeros(30), 180, 20, 200)
Make = Callable[..., Any]


@pytest.fixture
def ask(tracker: Tracker, candidacy: Make, tmp_path: Path) -> Make:
    """Ask whether folds are wanted about a trained model."""

    def asked(model: Any, *, accuracy: float | None = None, **options: Any) -> list[AskedRival]:
        registrar = Registrar(tracker, RegisterConfig(**options))
        return registrar.ask_for_folds(candidacy(model, accuracy=accuracy), tmp_path / "runs")

    return asked


def test_folds_are_asked_for_where_the_test_rows_are_too_few(
    tracker: Tracker, enrol: Make, ask: Make, trained: Any, retrained: Any
) -> None:
    assert ask(trained) == []  # no champion yet
    enrol(trained, recipe=RECIPE)
    assert ask(trained) == []  # it is the champion
    # The champion knows all of these 200 rows.
    (asked,) = ask(retrained, accuracy=0.99)
    assert (asked.role, asked.version, asked.recipe) == ("champion", 1, RECIPE)
    assert (asked.package / "package.json").is_file()
    assert ask(retrained, accuracy=0.5) == []  # worse for sure
    assert ask(retrained, accuracy=0.99, evidence="test") == []
    assert ask(retrained, accuracy=0.99, margin=0.5) == []  # of that the test rows are sure


def test_recipe_evidence_promotes_and_is_called_so_in_the_ledger(
    tracker: Tracker, enrol: Make, ask: Make, trained: Any, retrained: Any
) -> None:
    enrol(trained, recipe=RECIPE)
    made = enrol(retrained, accuracy=0.99, folds={1: BETTER})
    assert made.decision == "promoted"
    assert "recipe evidence" in made.reason
    entry = Ledger(tracker.home.ledger).entries("films")[-1]
    assert entry.figures["champion_evidence"] == "recipe"
    assert entry.figures["champion_folds"] == 30
    assert entry.basis["evidence"] == "auto"
    assert ask(retrained, accuracy=0.99) == []


def test_recipe_evidence_about_another_champion_is_not_used(
    tracker: Tracker, enrol: Make, trained: Any, retrained: Any
) -> None:
    enrol(trained)
    made = enrol(retrained, accuracy=0.99, folds={5: BETTER})
    assert made.decision == "refused"
    assert "no recipe evidence: the champion changed meanwhile" in made.reason


def test_a_version_of_before_without_its_settings_is_asked_about_with_the_reason(
    enrol: Make, ask: Make, trained: Any, retrained: Any
) -> None:
    enrol(trained)
    (asked,) = ask(retrained, accuracy=0.99)
    assert asked.recipe == "its settings were not kept"
    made = enrol(retrained, accuracy=0.99, folds={1: asked.recipe})
    assert made.decision == "refused"
    assert "no recipe evidence: its settings were not kept; needed: about" in made.reason
    assert made.reason.endswith("or: textmill models promote 2")


def test_a_decision_of_before_stays_until_folds_are_asked_for(
    tracker: Tracker, enrol: Make, ask: Make, trained: Any, retrained: Any
) -> None:
    enrol(trained, recipe=RECIPE)
    enrol(retrained, accuracy=0.99, evidence="test")
    lines = [json.loads(line) for line in tracker.home.ledger.read_text().splitlines()]
    for line in lines:
        line["basis"].pop("evidence", None)  # as it was written before there was any
    tracker.home.ledger.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert ask(retrained, accuracy=0.99) == []
    assert enrol(retrained, accuracy=0.99).decision == "unchanged"
    (asked,) = ask(retrained, accuracy=0.99, evidence="folds")
    assert asked.version == 1
    assert enrol(retrained, accuracy=0.99, evidence="folds", folds={1: BETTER}).decision == "promoted"


def test_the_best_champion_of_before_is_asked_about_too(
    enrol: Make, ask: Make, trained: Any, retrained: Any, thirdly_trained: Any
) -> None:
    enrol(trained, accuracy=1.0, recipe=RECIPE)
    enrol(retrained, accuracy=0.5, margin=0.99, recipe=RECIPE)
    assert [(asked.role, asked.version) for asked in ask(thirdly_trained, accuracy=0.99)] == [("champion", 2), ("best", 1)]
    assert enrol(thirdly_trained, accuracy=0.99, folds={2: BETTER, 1: BETTER}).decision == "promoted"


def test_a_first_model_below_the_yardstick_is_champion_and_says_so_everywhere(
    tracker: Tracker, enrol: Make, trained: Any, retrained: Any
) -> None:
    clause = "worse than TF-IDF by 3.7 points; try --finetune.model tfidf"
    low = Shortfall(clause, {"yardstick_difference": -0.037, "yardstick_mid_p": 0.01})
    first = enrol(trained, shortfall=low)
    assert (first.decision, first.reason) == ("first", f"no champion yet; {clause}")
    entry = Ledger(tracker.home.ledger).entries("films")[-1]
    assert entry.reason == first.reason
    assert entry.figures["yardstick_difference"] == -0.037
    assert list_models(tracker, "films")[0].reason == first.reason
    again = enrol(trained, shortfall=low)
    assert (again.decision, again.reason.count(clause)) == ("unchanged", 1)
    # A later one too, once.
    later = enrol(retrained, accuracy=0.5, shortfall=low)
    assert (later.decision, later.reason.count(clause)) == ("refused", 1)
    assert enrol(retrained, accuracy=0.5, shortfall=low).reason.count(clause) == 1


def test_where_there_are_several_models_the_command_names_the_one(
    tracker: Tracker, enrol: Make, trained: Any, retrained: Any
) -> None:
    enrol(trained)
    tracker._client.create_registered_model("other")
    made = enrol(retrained, accuracy=0.5)
    assert made.reason.endswith("or: textmill models promote 2 --name films")
    assert promote(tracker, "films", 2).decision == "promoted"
