"""Labels of a forgotten text go from their imports, and neither an import nor a review takes the text again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import RequestError
from tasks.forget import where
from tasks.forget.forget import carry_out, make_plan
from tasks.forget.forgotten import remember
from tasks.forget.forms import Wanted
from tasks.forget.labels import forget_labels
from tasks.forget.where import Roots
from tasks.labels.content import content_key
from tasks.labels.import_file import import_labels
from tasks.labels.imports import importing, imports_folder, in_use
from tasks.review.candidates import candidates
from tasks.store.artifact import Store
from tests.forget.planted import OTHER, TEXT

if TYPE_CHECKING:
    from pathlib import Path


def imported(root: Path, source: Path) -> None:
    rows = [{"text": OTHER, "label": "good"}, {"text": f"A longer one: {TEXT}", "label": "bad"}]
    rows += [{"text": "", "key": content_key(TEXT), "label": "bad"}]
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    import_labels(source, root, "news")


def test_labels_of_a_forgotten_text_go_and_the_others_stay(tmp_path: Path) -> None:
    imported(root := tmp_path / "root", tmp_path / "labels.jsonl")
    plan = make_plan(Roots(root, root / "mlflow", root / "prefect"), [TEXT])
    (path,) = plan.units(where.GIVEN)
    assert (forget_labels(path, Wanted([TEXT])), forget_labels(path, Wanted([TEXT]))) == (2, 0)
    (made,) = in_use(imports_folder(root, "news"))
    assert [label.text for label in made.rows()] == [OTHER]


def test_a_forgotten_text_is_neither_imported_nor_handed_out(tmp_path: Path) -> None:
    forgotten = remember(root := tmp_path / "root", [TEXT, OTHER])
    (tmp_path / "labels.jsonl").write_text(
        "".join(f"{json.dumps({'text': text, 'label': 'bad'})}\n" for text in (f"  {TEXT}", "Something else")), encoding="utf-8"
    )
    made = import_labels(tmp_path / "labels.jsonl", root, "news")
    assert (made["labels"], made["without_label"]) == (1, {"forgotten": 1})
    (tmp_path / "one.csv").write_text(f'text,label\n"{OTHER}",good\n', encoding="utf-8")
    with pytest.raises(RequestError, match=r"no label in it \(1 forgotten\)"):
        import_labels(tmp_path / "one.csv", root, "news")
    found = candidates([(TEXT, "1", None), ("Something else", "2", None)], (), 1, forgotten)
    assert [each.row for each in found.texts] == ["2"]


def test_labels_are_not_imported_while_texts_are_forgotten(tmp_path: Path) -> None:
    with importing(root := tmp_path / "root"), pytest.raises(RequestError, match="a run is using"), Store(root).exclusive():
        pass


def test_documents_of_a_monitor_whose_database_is_gone_are_deleted(tmp_path: Path) -> None:
    roots = Roots(root := tmp_path / "root", root / "mlflow", root / "prefect")
    (path := root / "monitor/news/documents/2024-01-01/a.parquet").parent.mkdir(parents=True)
    pq.write_table(pa.table({"text": [TEXT]}), path)
    assert carry_out(make_plan(roots, [TEXT]), {})["left"] == []
    assert not path.exists()
