"""Which rule and salt a run splits by: what its name's models had, or what is chosen for a new name."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.split import RULE_TAG, SALT_TAG, Recorded, change_of_split, recorded_in, recorded_split, resolved_split, split_tags
from tasks.checkout import CHECKOUT
from tasks.config import PipelineConfig
from tasks.errors import RequestError
from tasks.prepare.settings import PrepareConfig
from tasks.register.models import CHAMPION
from tasks.tracking.registry import Version
from tasks.tracking.tracker import Tracker
from tests.pages import words_of_page


def version(number: int, tags: dict[str, str], *, champion: bool = False) -> Version:
    return Version("news", number, (CHAMPION,) if champion else (), tags, None, 0.0)


def tagged(salt: int) -> dict[str, str]:
    return {RULE_TAG: "2", SALT_TAG: str(salt)}


@pytest.mark.parametrize(
    ("versions", "rule", "salt"),
    [
        ((), None, None),
        ((version(1, {}),), 1, None),  # a version of before, no champion
        ((version(1, {}, champion=True), version(2, tagged(4))), 1, 4),  # rule 2 was tried and refused
        ((version(1, {}), version(2, tagged(4)), version(3, tagged(9), champion=True)), 2, 9),
        ((version(1, tagged(4), champion=True), version(2, tagged(9))), 2, 4),
        ((version(1, tagged(4)), version(2, {RULE_TAG: "1"}, champion=True)), 1, 4),
    ],
)
def test_the_champion_says_how_its_name_is_split(versions: tuple[Version, ...], rule: int | None, salt: int | None) -> None:
    found = recorded_in(versions)
    assert (found.rule, found.salt) == (rule, salt)


@pytest.mark.parametrize(
    ("asked", "recorded", "rule", "salt"),
    [
        ({}, Recorded(1), 1, "auto"),
        ({}, Recorded(2, 7), 2, 7),
        ({}, Recorded(1, 7), 1, "auto"),
        ({"split_rule": 2}, Recorded(1, 7), 2, 7),
        ({"split_rule": 2, "salt": 3}, Recorded(1, 7), 2, 3),
        ({"salt": 3}, Recorded(2, 7), 2, 3),
        ({"salt": 3}, Recorded(), 2, 3),
        ({"split_rule": 1}, Recorded(2, 7), 1, "auto"),
    ],
)
def test_what_is_asked_for_beats_what_is_recorded(
    asked: dict[str, int], recorded: Recorded, rule: int, salt: int | str, tmp_path: Path
) -> None:
    resolved = resolved_split(PrepareConfig.model_validate(asked), recorded, {}, tmp_path)
    assert (resolved.split_rule, resolved.salt) == (rule, salt)
    assert split_tags(resolved) == ({RULE_TAG: "1"} if rule == 1 else tagged(int(salt)))


def test_a_salt_for_a_champion_of_rule_1_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"--prepare\.salt 3: news version 1 was split by rule 1.*--prepare\.split-rule 2"):
        resolved_split(PrepareConfig(salt=3), Recorded(1, None, "news version 1"), {}, tmp_path)


def test_another_split_than_the_champions_is_said() -> None:
    champion = Recorded(1, None, "news version 1, the champion,")
    assert change_of_split(PrepareConfig(split_rule=1), champion) is None
    assert change_of_split(PrepareConfig(split_rule=2, salt=3), Recorded()) is None
    said = change_of_split(PrepareConfig(split_rule=2, salt=3), champion)
    assert said is not None
    assert said.startswith("news version 1, the champion, was split by rule 1 and this run is split by rule 2 with salt 3")


@pytest.fixture
def growing(corpus: Path, tmp_path: Path) -> Path:
    """Part of the sample, to which documents can be added."""
    folder = tmp_path / "news"
    shutil.copytree(corpus, folder)
    for path in sorted((folder / "neutral").glob("*.txt"))[8:]:  # a rare class, which is mended
        path.unlink()
    return folder


def train(corpus: Path, data_root: Path, **prepare: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The result of a run, and the side of each of its rows."""
    from flows.train import train as flow

    config = {
        "name": "news",
        "ingest": {"path": corpus},
        "prepare": prepare,
        "finetune": {"model": "tfidf"},
        "evaluate": {"yardstick": False, "bootstrap": 100},
        "register": {"evidence": "test"},
        "runtime": {"data_root": data_root, "workers": 1},
    }
    result = flow(PipelineConfig.model_validate(config))
    folder = data_root / "store" / "prepare" / result["stages"]["prepare"]["key"]
    tables = [pq.read_table(folder / name / f"{name}.parquet", columns=["id", "split"]) for name in ("dataset", "holdout")]
    return result, {row["id"]: row["split"] for table in tables for row in table.to_pylist()}


def add(corpus: Path) -> None:
    for label in ("positive", "negative", "neutral"):
        for path in sorted((CHECKOUT / "data/sample" / label).glob("*.txt"))[80:100]:
            if label != "neutral":
                shutil.copy(path, corpus / label / path.name)


@pytest.mark.long
@pytest.mark.usefixtures("prefect_server")
def test_a_champion_of_before_keeps_the_side_of_every_row(growing: Path, tmp_path: Path) -> None:
    before, sides = train(growing, tmp_path / "root", split_rule=1)
    assert before["split"] == {"rule": 1, "salt": None, "seed": 13}
    tracker = Tracker.open(None, tmp_path / "root", CHECKOUT, None)
    tracker._client.delete_model_version_tag("news", "1", RULE_TAG)  # version 0.1 wrote none
    again, same = train(growing, tmp_path / "root")
    assert (again["split"], same, again["decision"]) == (before["split"], sides, "unchanged")
    add(growing)
    night, grown = train(growing, tmp_path / "root")
    assert night["split"] == before["split"]
    assert len(grown) == len(sides) + 40
    assert {row: grown[row] for row in sides} == sides
    assert not any("rows change sides" in line for line in night["warnings"])
    moved, other = train(growing, tmp_path / "root", split_rule=2)
    assert moved["split"]["rule"] == 2
    assert other != grown
    said = f"was split by rule 1 and this run is split by rule 2 with salt {moved['split']['salt']}"
    assert any(said in line for line in moved["warnings"])
    assert "left out that it trained on" in moved["reason"]


@pytest.mark.long
@pytest.mark.usefixtures("prefect_server")
def test_a_new_name_keeps_its_salt_as_the_corpus_grows(growing: Path, tmp_path: Path) -> None:
    first, sides = train(growing, tmp_path / "root")
    assert first["split"]["rule"] == 2
    add(growing)
    second, grown = train(growing, tmp_path / "root")
    assert second["split"] == first["split"]
    assert {row: grown[row] for row in sides} == sides
    tracker = Tracker.open(None, tmp_path / "root", CHECKOUT, None)
    recorded = recorded_split(tracker, "news")
    assert (recorded.rule, recorded.salt) == (2, first["split"]["salt"])
    version = tracker.registry.version("news", 1)
    package = tracker.registry.verify(version) / "artifacts" / "package"
    assert json.loads((package / "split.json").read_text()) == first["split"]
    run = tracker._client.get_run(first["mlflow_run_id"])
    assert run.data.params["prepare.salt"] == str(first["split"]["salt"])
    assert run.data.params["prepare.split_rule"] == "2"
    assert run.data.metrics["prepare/contradictions/texts"] == 0
    assert f"--prepare.salt {first['split']['salt']}" in words_of_page(first["report"])
    record = json.loads((tmp_path / "root" / "runs" / f"{first['flow_run_id']}.json").read_text())
    assert record["config"]["prepare"]["salt"] == first["split"]["salt"]
    assert not any("rows change sides" in line for line in second["warnings"])
