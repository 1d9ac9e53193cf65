"""A text is forgotten in the bucket too, whichever host built what holds it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tasks.forget.forget import carry_out, make_plan
from tasks.forget.shared import Copies, bring_all, look_there
from tasks.progress import SILENT
from tasks.register.ledger import Entry
from tasks.register.shared_ledger import SharedLedger
from tasks.runtime import Runtime
from tasks.store.shared.collect import stored
from tests.forget import root as roots
from tests.forget.planted import OTHER, TEXT
from tests.store.hosts import Memory

if TYPE_CHECKING:
    from pathlib import Path


def test_what_holds_a_text_is_deleted_in_the_bucket_by_a_host_that_never_built_it(tmp_path: Path) -> None:
    memory = Memory()
    builder, asked = memory.host(tmp_path / "builder"), tmp_path / "asked"
    builder.data_root.mkdir()
    asked.mkdir()
    roots.build(builder.data_root, roots.write_table(tmp_path / "news.jsonl"))
    for name in builder.stored():
        with builder.locked(*name):
            assert builder.find(*name)
    memory.put("data/ingest/killed/attempt/corpus.parquet", b"half of it")
    weights = ("weights", "0weights")
    broken = next(name for name in stored(memory.bucket) if name[0] == "package")
    memory.put(f"manifests/{broken[0]}/{broken[1]}", b"damaged by somebody" * 10)

    copies = Copies(memory.bucket)
    bring_all(Runtime(data_root=asked), [copies], SILENT)
    assert copies.damaged == [broken]
    plan = make_plan(roots.roots_of(asked), [TEXT])
    assert {folder.parent.name for folder in plan.units("artifacts")} == {"ingest", "prepare"}
    done = carry_out(plan, {}, shared=[copies])
    assert done["left"] == []
    assert copies.deleted == 4  # ingest, prepare, finetune, which was made from that, and what was damaged
    assert stored(memory.bucket) == [weights]
    assert {place.split("/")[1] for place in memory.places("data")} == {"weights"}

    step, key = next(name for name in builder.stored() if name[0] == "ingest")
    with builder.locked(step, key):
        assert builder.find(step, key) is None
    assert not builder.place(step, key).exists()


def test_records_of_runs_and_decisions_in_the_bucket_lose_the_values_that_hold_a_text(tmp_path: Path) -> None:
    memory, root = Memory(), tmp_path / "root"
    root.mkdir()
    ledger = SharedLedger(memory.bucket, "news", 7, root / "mlflow" / "decisions" / "news-7.json")
    told = [
        Entry("news", 1, "first", None, 1, f"told of {TEXT}", time="then"),
        Entry("news", 2, "refused", 1, 1, OTHER, {TEXT: 1}),
    ]
    for number, entry in enumerate(told):
        ledger.append([entry], after=number)
    ledger.append([told[1]], after=2)
    places = memory.places("ledger")
    memory.put(places[2], memory.get(places[2])[:-1])  # damaged, and nobody can tell what of it is what
    ledger.read()
    memory.host(root).begin_run("1", f"{TEXT}", "train")
    memory.put("runs/2", json.dumps({"name": "news", "keys": [[TEXT, "key"]]}).encode())
    memory.put("runs/3", json.dumps({TEXT: 1}).encode())
    memory.put("runs/4", TEXT.encode())
    memory.put("runs/5", OTHER.encode())

    copies = Copies(memory.bucket)
    plan = make_plan(roots.roots_of(root), [TEXT])
    look_there([copies], plan.wanted)
    assert copies.records == [*(f"runs/{number}" for number in range(1, 5)), *places]
    assert carry_out(plan, {}, shared=[copies])["left"] == []
    assert memory.places("runs") == ["runs/1", "runs/2", "runs/5"]
    assert json.loads(memory.get("runs/1"))["name"] == json.loads(memory.get("runs/2"))["keys"][0][0] == "(forgotten)"
    history = ledger.read()
    assert [(entry.name, entry.version, entry.reason) for entry in history.entries] == [
        ("news", 1, "(forgotten)"),
        ("news", 2, "(forgotten)"),
    ]
    assert history.last == 3
    assert not (root / "mlflow" / "decisions" / "news-7.json").read_text().count("Müller")


def test_a_killed_deletion_goes_on_where_the_bucket_has_more_than_this_host(tmp_path: Path) -> None:
    memory, root = Memory(), tmp_path / "root"
    root.mkdir()
    host = memory.host(root)
    roots.build(root, roots.write_table(tmp_path / "news.jsonl"))
    for name in host.stored():
        with host.locked(*name):
            host.find(*name)
    carry_out(make_plan(roots.roots_of(root), [TEXT]), {})  # as if it had come to the store here and not to the bucket
    assert len(stored(memory.bucket)) == 5
    copies = Copies(memory.bucket)
    bring_all(Runtime(data_root=root), [copies], SILENT)
    assert carry_out(make_plan(roots.roots_of(root), [TEXT]), {}, shared=[copies])["left"] == []
    assert stored(memory.bucket) == [("weights", "0weights")]
