"""fastText's own classifier is exported as a file that fastText reads, with the names of the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import RequestError
from tasks.export.fasttext_file import label_names
from tasks.export.reader import open_reader
from tasks.export.write import write_export
from tests.export.conftest import TEXTS
from tests.register.conftest import BAD, GOOD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks.export.rows import Rows
    from tasks.export.write import Exported
    from tests.register.conftest import Train, Trained

LABELS = {"<b>bad\u202e": BAD, "very good": GOOD}


def test_fasttext_itself_gives_the_packages_labels_by_their_names(
    tmp_path: Path, train_tiny: Train, exported_of: Callable[[Trained], Exported], rows: Rows
) -> None:
    import fasttext

    exported = exported_of(train_tiny(tmp_path / "trained", model="fasttext", labels=LABELS))
    served: Any = exported.model
    certificate = write_export(exported, tmp_path / "made", "fasttext", rows)
    assert certificate["test"]["same_label"] == len(rows.texts)
    assert certificate["test"]["largest_difference"] < 1e-6
    texts = [*TEXTS, *rows.texts[:40]]
    reader = open_reader(tmp_path / "made", "fasttext")
    found, expected = reader.predict(texts), served.predict(texts)
    assert [each["label"] for each in found] == [each["label"] for each in expected]
    assert {each["label"] for each in found} == {*LABELS, None}
    model = fasttext.load_model(str(tmp_path / "made" / "model.bin"))
    assert set(model.labels) == {f"__label__{name}" for name in label_names(list(LABELS))}
    for line, each in zip(reader.lines(texts), expected, strict=True):
        if each["label"] is not None:
            (name,), _ = model.predict(line)
            assert name == f"__label__{label_names(served.labels)[served.labels.index(each['label'])]}"


def test_other_models_are_told_what_to_do(
    exported: Exported, rows: Rows, tmp_path: Path, train_tiny: Train, exported_of: Callable[[Trained], Exported]
) -> None:
    with pytest.raises(RequestError, match=r"the view bag, which --format fasttext cannot hold; .*finetune.model fasttext"):
        write_export(exported, tmp_path / "made", "fasttext", rows)
    own = exported_of(train_tiny(tmp_path / "trained", model="fasttext", num_documents=60))
    with pytest.raises(RequestError, match=r"--format numpy cannot hold; take --format fasttext"):
        write_export(own, tmp_path / "made", "numpy", rows)


@given(st.lists(st.text(max_size=6), unique=True, min_size=1, max_size=6))
def test_names_of_labels_are_words_and_differ(labels: list[str]) -> None:
    names = label_names(labels)
    assert len(set(names)) == len(labels)
    assert all(name and not any(character.isspace() or character < " " for character in name) for name in names)
