from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from tasks.config import PipelineConfig
from tasks.errors import RequestError
from tasks.evaluate.slices.settings import SliceConfig
from tasks.ingest.corpus import write_corpus
from tasks.ingest.settings import IngestConfig
from tasks.register.gate import GateDecision, Rival, Rule, decide
from tasks.register.slices import NamedSlices, find_slices
from tests.writers import write_texts

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 2000
ACME = np.arange(ROWS) < 200


def judged(
    challenger: np.ndarray, champion: np.ndarray, *, seen: np.ndarray | None = None, evidence: str = "test"
) -> GateDecision:
    rival = Rival("champion version 1", ("n", "p"), champion, np.zeros(ROWS, bool) if seen is None else seen)
    rule = Rule("not_worse", 0.01, evidence)  # type: ignore[arg-type]
    return decide(challenger, ("n", "p"), rival, None, rule, promote="promote 2", slices={"company=ACME": ACME})


def wrong(*rows: range) -> np.ndarray:
    correct = np.ones(ROWS, bool)
    for each in rows:
        correct[each.start : each.stop] = False
    return correct


def test_a_challenger_that_is_better_in_all_but_loses_on_a_slice_is_refused() -> None:
    champion, challenger = wrong(range(1000, 1200)), wrong(range(30))
    decision = judged(challenger, champion)
    assert decision.verdict == "refused"
    assert decision.reason.startswith("loses on company=ACME: 0.8500 against 1.0000 of champion version 1 on its 200 test rows")
    assert decision.reason.endswith("; or: promote 2")
    found = decision.figures["slices"]["company=ACME"]
    assert (found["rows"], found["difference"]) == (200, -0.15)
    assert found["mid_p"] < 1e-6
    assert decision.figures["champion_difference"] > 0
    # It is refused before anything is trained on folds.
    assert not judged(challenger, champion, evidence="folds").open


def test_a_slice_that_is_held_is_named_and_no_folds_are_needed_for_it() -> None:
    decision = judged(wrong(range(1000, 1010)), wrong(range(1000, 1200)))
    assert decision.verdict == "promoted"
    assert decision.reason.endswith("; no loss on company=ACME")
    # Two rows more wrong of 200 may be chance, and the slice is too small to show more.
    assert judged(wrong(range(2)), wrong(range(1000, 1200))).verdict == "promoted"


def test_a_large_slice_must_be_not_worse_by_the_margin() -> None:
    rule = Rule("not_worse", 0.01)
    rival = Rival("champion version 1", ("n", "p"), wrong(range(12)), np.zeros(ROWS, bool))
    half = np.arange(ROWS) < 1000
    decision = decide(wrong(range(20)), ("n", "p"), rival, None, rule, promote="x", slices={"site=a": half})
    assert decision.verdict == "refused"
    assert decide(wrong(range(12)), ("n", "p"), rival, None, rule, promote="x", slices={"site=a": half}).verdict == "promoted"


def test_rows_that_the_champion_trained_on_say_nothing() -> None:
    decision = judged(wrong(range(1000, 1010)), wrong(range(1000, 1200)), seen=ACME)
    assert decision.verdict == "refused"
    assert "champion version 1 trained on all of its 200 test rows" in decision.reason


def test_without_slices_decisions_are_as_they_were() -> None:
    champion, challenger = wrong(range(1000, 1200)), wrong(range(30))
    rival = Rival("champion version 1", ("n", "p"), champion, np.zeros(ROWS, bool))
    decision = decide(challenger, ("n", "p"), rival, None, Rule(), promote="x")
    assert decision.verdict == "promoted"
    assert "slices" not in decision.figures
    assert decide(challenger, ("n", "p"), None, None, Rule(), promote="x", slices={"a=b": ACME}).verdict == "first"


def test_slices_are_found_by_id_and_one_without_rows_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "a.jsonl"
    rows = [{"text": f"t{n}", "label": "pn"[n % 2], "company": "ACME" if n < 3 else "B"} for n in range(8)]
    table.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (corpus := tmp_path / "corpus").mkdir()
    write_corpus(IngestConfig(path=table, keep=("company",)), corpus)
    texts = write_texts(tmp_path / "texts", [(f"a.jsonl:{n + 1}", "test", f"t{n}") for n in (0, 2, 5)])
    found = find_slices(["company=ACME"], SliceConfig(), texts, corpus, corpus / "kept")
    assert found.of(pa.array(["a.jsonl:6", "a.jsonl:3", "other"]))["company=ACME"].tolist() == [False, True, False]
    assert found.digest == NamedSlices(found.ids, found.masks).digest
    assert found.digest != NamedSlices(found.ids, {"company=ACME": np.zeros(3, bool)}).digest
    with pytest.raises(RequestError, match=r"--register.must-not-lose company=C: none of the 3 test rows") as caught:
        find_slices(["company=ACME", "company=C"], SliceConfig(), texts, corpus, corpus / "kept")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["ACME"], "'ACME' is not a slice; write a column and a value"),
        (["company="], "is not a slice"),
        (["firm=ACME"], "no column 'firm' to slice by; use length, script, source, name, or keep it with ingest.keep"),
        (["name=Tesco"], "names come from evaluate.watch_list"),
    ],
)
def test_names_that_cannot_be_slices_are_refused_before_the_run(names: list[str], message: str) -> None:
    sections = {"ingest": {"path": "a.csv", "keep": ["company"]}, "register": {"must_not_lose": names}}
    with pytest.raises(ValueError, match=message):
        PipelineConfig.model_validate(sections)


def test_a_kept_column_and_those_of_every_corpus_can_be_named() -> None:
    names = ["company=ACME", "script=latin", "company=ACME"]
    sections = {"ingest": {"path": "a.csv", "keep": ["company"]}, "register": {"must_not_lose": names}}
    assert PipelineConfig.model_validate(sections).register.must_not_lose == ("company=ACME", "script=latin")


def test_a_kept_column_called_name_and_names_of_a_watch_list_would_be_mixed_up(tmp_path: Path) -> None:
    kept = {"ingest": {"path": "a.csv", "keep": ["name"]}}
    assert PipelineConfig.model_validate(kept | {"register": {"must_not_lose": ["name=ACME"]}})
    with pytest.raises(ValueError, match="both make slices called name"):
        PipelineConfig.model_validate(kept | {"evaluate": {"watch_list": tmp_path / "w.toml"}})
