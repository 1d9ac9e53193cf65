"""Networks that read words are exported too: their arithmetic in NumPy and in ONNX is torch's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tasks.export.reader import open_reader
from tasks.export.write import write_export
from tests.export.conftest import TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.export.rows import Rows
    from tasks.export.write import Exported
    from tests.register.conftest import Train, Trained


@pytest.mark.parametrize("model", ["mean", "cnn", "bag+bilstm"])
def test_a_network_answers_as_the_package_does(
    model: str, tmp_path: Path, train_tiny: Train, exported_of: Callable[[Trained], Exported], rows: Rows
) -> None:
    exported = exported_of(train_tiny(tmp_path / "trained", model=model, num_documents=120))
    served: Any = exported.model
    # Words without a row are read by their character n-grams; a batch has short texts and one that is cut.
    texts = [*TEXTS, "profit", "profitable unprofitably rose", "loss " * 700, *rows.texts[:50]]
    expected = served.predict(texts)
    for form in ("numpy", "onnx"):
        certificate = write_export(exported, tmp_path / form, form, rows)
        assert certificate["test"]["same_label"] == len(rows.texts)
        assert certificate["test"]["largest_difference"] < 1e-5
        found = open_reader(tmp_path / form, form).predict(texts)
        assert [each["label"] for each in found] == [each["label"] for each in expected]
        assert [each["reason"] for each in found] == [each["reason"] for each in expected]
    assert not list((tmp_path / "onnx").glob("*embedding*"))
