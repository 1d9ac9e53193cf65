from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.align import text
from tasks.align.readers import VectorFile, read_vectors
from tasks.errors import RequestError

WANTED = ["film", "电影", "absent", "good"]


def read(tmp_path: Path, data: str | bytes, wanted: list[str] = WANTED) -> Any:
    path = tmp_path / "vectors.txt"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_vectors(VectorFile(path), wanted, tmp_path).found


@pytest.mark.parametrize("header", ["", "4 3\n"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
@pytest.mark.parametrize("block", [5, 1 << 20])
def test_wanted_words_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: str, end: str, block: int) -> None:
    monkeypatch.setattr(text, "BLOCK_BYTES", block)
    rows = ["good 1 2 3", "other 9 9 9", "电影 -1e-3 .5 0.25", "film 4 5 6"]
    found = read(tmp_path, header + "".join(row + end for row in rows))
    assert [WANTED[position] for position in found.positions] == ["good", "电影", "film"]
    assert np.array_equal(found.vectors, np.array([[1, 2, 3], [-1e-3, 0.5, 0.25], [4, 5, 6]], dtype=np.float32))
    assert (found.dim, found.num_vectors, found.num_duplicates) == (3, 4, 0)


def test_the_first_of_two_counts(tmp_path: Path) -> None:
    found = read(tmp_path, "good 1 2\ngood 3 4\nx 0 0\nx 0 0\ngood 5 6\n")
    assert found.vectors.tolist() == [[1, 2]]
    assert found.num_duplicates == 2


def test_words_may_hold_spaces(tmp_path: Path) -> None:
    found = read(tmp_path, "good 1 2\n. . . 3 4\nat name@domain.com 5 6\n", ["good", ". . .", "at name@domain.com"])
    assert found.vectors.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_nothing_found_keeps_the_dimension(tmp_path: Path) -> None:
    found = read(tmp_path, "1 4\nother 1 2 3 4\n")
    assert found.vectors.shape == (0, 4)


def test_every_float32_survives(tmp_path: Path) -> None:
    values = np.random.default_rng(1).standard_normal((300, 5)).astype(np.float32) * np.float32(1e-20)
    text = "".join(f"w{row} {' '.join(map(str, values[row]))}\n" for row in range(300))
    assert np.array_equal(read(tmp_path, text, [f"w{row}" for row in range(300)]).vectors, values)


def test_spellings_that_only_python_reads_are_numbers_too(tmp_path: Path) -> None:
    assert read(tmp_path, "good +1 2\n").vectors.tolist() == [[1, 2]]


def test_words_that_are_not_utf8_are_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, b"caf\xe9 1 2\ngood 3 4\n").vectors.tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("3 2\ngood 1 2\nfilm 3 4\n", r"announces 3 vectors and holds 2"),
        ("1 2\ngood 1 2\nfilm 3 4\n", r"announces 1 vectors and holds 2"),
        ("good 1 2\nfilm 3\n", r"line 2: 1 numbers in place of 2"),
        ("good 1 2\nother 3\n", r"line 2: 1 numbers in place of 2"),
        ("good 1 2\nfilm 3 4 5\n", r"line 2: 3 numbers in place of 2"),
        ("good 1 2\n\nfilm 3 4\n", r"line 2: 0 numbers in place of 2"),
        ("2 2\ngood 1 2\nfilm 3 nan\n", r"line 3: 'nan' is not a finite number"),
        ("good 1 2\nfilm 3 inf\n", r"line 2: 'inf' is not a finite number"),
        ("good 1 1e39\nfilm 3 4\n", r"line 1: '1e39' is not a finite number"),
        ("good 1 2\nfilm 3 x\n", r"line 2: 'x' is not a finite number"),
        ("good 1 2\nfilm 3 4", r"does not end with a line break"),
        ("", r"holds no vectors"),
        ("2 2\n", r"holds no vectors"),
        ("words\nonly\n", r"line 1: no word with numbers"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, data: str | bytes, message: str) -> None:
    with pytest.raises(RequestError, match=message) as raised:
        read(tmp_path, data)
    assert "vectors.txt" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_without_lines_is_not_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "BLOCK_BYTES", 100)
    monkeypatch.setattr(text, "MAX_LINE_BYTES", 1000)
    with pytest.raises(RequestError, match="no line breaks"):
        read(tmp_path, "1 " * 5000)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"no vectors file .*nowhere\.vec"):
        read_vectors(VectorFile(tmp_path / "nowhere.vec"), WANTED, tmp_path)
