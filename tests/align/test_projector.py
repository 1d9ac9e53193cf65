"""The Embedding Projector is given files that it reads back as the words and vectors they were."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.align.export import list_embedding
from tasks.align.projector import write_projector
from tasks.align.readers import Listed
from tasks.errors import RequestError
from tasks.model.vocabulary import Vocabulary
from tasks.shown import in_cell

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = ["film", "a\tb", "a\nb", "a\r", "word", "\u2028", "\\n", "", "电影", "\x00", '"quoted"', "=1+1", "\ud800", "<script>"]


def listed(words: list[str], counts: list[int] | None = None) -> Listed:
    matrix = np.random.default_rng(1).normal(size=(len(words), 5)).astype(np.float32)
    return Listed(words, matrix, counts, 100, "text")


@pytest.mark.parametrize("counted", [True, False])
def test_every_word_has_one_line_and_every_number_comes_back(counted: bool, tmp_path: Path) -> None:
    made = listed(HOSTILE, list(range(len(HOSTILE))) if counted else None)
    report = write_projector(made, tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    assert report == {"source": "text", "words": len(HOSTILE), "of": 100, "dim": 5, "folder": str(folder)}
    lines = (folder / "metadata.tsv").read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    header, *rows = [line.split("\t") for line in lines]
    assert header == ["word", "rank", "count"][: 2 + counted]  # several columns: their first line is always names
    assert [len(row) for row in rows] == [2 + counted] * len(HOSTILE)
    assert [row[0] for row in rows] == [in_cell(word) for word in HOSTILE]
    assert [row[1] for row in rows] == [str(rank) for rank in range(1, len(HOSTILE) + 1)]
    assert len({row[0] for row in rows}) == len(HOSTILE)
    numbers = [line.split("\t") for line in (folder / "tensors.tsv").read_text().removesuffix("\n").split("\n")]
    assert np.array_equal(np.array(numbers, np.float32), made.vectors)


def test_a_word_is_shown_as_it_is_unless_it_would_part_a_line() -> None:
    assert [in_cell(word) for word in ("film", "电影", "naïve", "\U0001f642", "<b>")] == [
        "film",
        "电影",
        "naïve",
        "\U0001f642",
        "<b>",
    ]
    assert in_cell("a\tb\nc\\") == r"a\tb\nc\\"
    assert in_cell("\u2028\ud800") == r"\u2028\ud800"


def test_tensorboard_and_the_page_are_told_where_the_files_are(tmp_path: Path) -> None:
    write_projector(listed(["film", "plot"]), tmp_path)
    config = (tmp_path / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "tensors.tsv"' in config
    assert 'metadata_path: "metadata.tsv"' in config
    (named,) = json.loads((tmp_path / "projector_config.json").read_text())["embeddings"]
    assert named == {
        "tensorName": "words",
        "tensorShape": [2, 5],
        "tensorPath": "tensors.tsv",
        "metadataPath": "metadata.tsv",
    }


def test_what_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no vectors to write"):
        write_projector(listed([]), tmp_path / "empty")
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match=r"file cannot be made \(.*\); give another folder"):
        write_projector(listed(["film"]), tmp_path / "file")


def test_a_models_words_come_with_their_counts_and_without_the_reserved_rows(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    Vocabulary(("<pad>", "<unk>", "film", "plot", "dull"), (0, 9, 7, 5, 2)).save(tmp_path)
    matrix = np.arange(20, dtype=np.float32).reshape(5, 4)
    save_file({"cnn.embedding.weight": matrix}, tmp_path / "weights.safetensors")
    made = list_embedding(tmp_path, None, 2)
    assert (made.words, made.counts, made.num_vectors) == (["film", "plot"], [7, 5], 3)
    assert np.array_equal(made.vectors, matrix[2:4])
