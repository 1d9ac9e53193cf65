import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.align.matrix import write_matrix
from tasks.align.settings import AlignConfig
from tasks.align.spellings import CASE, NFKC, Spellings, other_spellings
from tasks.model.vocabulary import Vocabulary


def wide(word: str) -> str:
    """The word in full-width letters."""
    return "".join(chr(ord(letter) + 0xFEE0) for letter in word)


def align(fallbacks: str, dataset: Path, vectors: Path, folder: Path) -> tuple[dict, dict[str, list[float]]]:
    folder.mkdir()
    report = write_matrix(AlignConfig(vectors=vectors, min_count=1, fallbacks=fallbacks, missing="zero"), dataset, None, folder)
    assert json.loads((folder / "coverage.json").read_text())["sources"] == report["sources"]
    matrix, has_vector = np.load(folder / "matrix.npy"), np.load(folder / "has_vector.npy")
    words = Vocabulary.load(folder).tokens
    return report, {words[row]: matrix[row].tolist() for row in np.flatnonzero(has_vector)}


@pytest.mark.parametrize(
    ("fallbacks", "more", "counts"),
    [
        ("none", {}, (0, 0, 0, 0)),
        ("case", {"paris": [1.0, 2.0], "nasa": [5.0, 6.0]}, (2, 5, 0, 0)),
        ("nfkc", {"ﬁlm": [7.0, 8.0]}, (0, 0, 1, 1)),
        ("both", {"paris": [1.0, 2.0], "nasa": [5.0, 6.0], "ﬁlm": [7.0, 8.0], wide("paris"): [1.0, 2.0]}, (2, 5, 2, 2)),
    ],
)
def test_words_are_found_under_other_spellings_and_counted(
    make_dataset: Callable[..., Path], tmp_path: Path, fallbacks: str, more: dict[str, list[float]], counts: tuple[int, ...]
) -> None:
    dataset = make_dataset({"train": [["paris", "paris", "good", "nasa", "nasa", "nasa", "ﬁlm", wide("paris"), "absent"]]})
    vectors = tmp_path / "own.vec"
    vectors.write_text("Paris 1 2\ngood 3 4\nGood 9 9\nNASA 5 6\nfilm 7 8\n")
    report, found = align(fallbacks, dataset, vectors, tmp_path / "out")
    assert found == {"good": [3.0, 4.0], **more}
    names = ("by_case", "by_case_tokens", "by_nfkc", "by_nfkc_tokens")
    assert tuple(report["sources"][0][name] for name in names) == counts
    assert (report["by_case"], report["by_nfkc"]) == counts[::2]
    assert report["vector_rows"] == report["sources"][0]["found"] == len(found)


def test_a_words_own_vector_and_lower_case_come_first() -> None:
    assert other_spellings("Apple", "case") == [("apple", CASE), ("APPLE", CASE)]
    assert other_spellings("iPhone", "case") == [("iphone", CASE), ("Iphone", CASE), ("IPHONE", CASE)]
    assert other_spellings("1,5", "both") == []
    assert other_spellings(wide("Fin"), "nfkc") == [("Fin", NFKC)]
    assert other_spellings(wide("Fin"), "both")[-3:] == [("Fin", NFKC), ("fin", NFKC), ("FIN", NFKC)]


def test_nothing_else_is_looked_for_unless_it_is_asked_for() -> None:
    assert Spellings(["a", "B"], "none").wanted == ["a", "B"]
    assert Spellings(["a", "B", "b"], "case").wanted == ["a", "B", "b", "A"]
