"""`textmill models export` finds the model and its rows, and says in one line what is missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from flows.commands.exporting import export_model, told
from flows.commands.models import export
from tasks.errors import RequestError
from tasks.ingest.settings import IngestConfig
from tests.export.conftest import KEY, RUN

if TYPE_CHECKING:
    from pathlib import Path


def test_a_champion_is_certified_on_the_test_rows_of_its_run(root: Path, tmp_path: Path) -> None:
    written = export_model("films@champion", tmp_path / "made", "numpy", rows=None, data_root=root)
    certificate = json.loads((tmp_path / "made" / "certificate.json").read_text())
    assert certificate["test"]["source"] == "the test rows of its run"
    assert certificate["test"]["labelled_rows"] == certificate["test"]["same_label"] > 100
    assert certificate["model"] == "films/1"
    assert written["folder"] == str(tmp_path / "made")


def test_validation_rows_that_it_was_trained_on_are_said_to_be_so(root: Path, tmp_path: Path) -> None:
    written = export_model("films", tmp_path / "made", "numpy", small=("1MB", 1.0), data_root=root)
    assert written["validation"]["source"] == "the validation rows of its run, on which it was trained in the end"
    assert f"of {written['made_small']['ngrams_before']:,} n-grams" in told(written)["kept"]


def test_without_the_rows_of_the_run_texts_of_a_file_certify_it(root: Path, tmp_path: Path) -> None:
    record = root / "runs" / f"{RUN}.json"
    kept = record.read_text()
    record.write_text("{}")
    try:
        with pytest.raises(RequestError, match=r"the test rows of films/1 are gone; .* --rows FILE"):
            export_model("films", tmp_path / "made", "numpy", rows=None, data_root=root)
        (tmp_path / "rows.txt").write_text("profit rose\nloss fell\n")
        written = export_model("films", tmp_path / "made", "numpy", rows=tmp_path / "rows.txt", data_root=root)
    finally:
        record.write_text(kept)
    assert written["test"]["rows"] == 2
    assert "accuracy_of_export" not in written["test"]


def test_damaged_rows_and_damaged_packages_are_refused(root: Path, tmp_path: Path) -> None:
    for path in (
        root / "store" / "prepare" / KEY / "holdout" / "holdout.parquet",
        next(root.glob("mlflow/artifacts/**/package/model/weights.safetensors")),
    ):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + b"\xff")
        try:
            with pytest.raises(RequestError, match=r"damaged|changed|other bytes"):
                export_model("films", tmp_path / "made", "numpy", rows=None, data_root=root)
        finally:
            path.write_bytes(whole)
    assert not (tmp_path / "made").exists()


def test_an_unknown_format_is_named_with_those_there_are(root: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"--format pickle: choose from .*numpy, onnx"):
        export_model("films", tmp_path / "made", "pickle", rows=None, data_root=root)


def test_texts_may_be_a_column_of_a_table(root: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("headline,day\nprofit rose,1\nloss fell,2\n")
    with pytest.raises(RequestError, match=r"no column 'text' .* Choose one with --text"):
        export_model("films", tmp_path / "made", "numpy", rows=tmp_path / "rows.csv", data_root=root)
    reading = IngestConfig(text="headline")
    written = export_model("films", tmp_path / "made", "numpy", rows=tmp_path / "rows.csv", reading=reading, data_root=root)
    assert written["test"]["rows"] == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_loss": 1.0}, "--max-loss is what --max-size may cost"),
        ({"text": "headline"}, "--text says how --rows is read"),
        ({"header": False}, "--no-header says how --rows is read"),
    ],
)
def test_an_option_that_nothing_reads_is_refused(options: dict[str, Any], said: str, root: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=said):
        export("films", tmp_path / "made", "numpy", data_root=root, **options)
