"""A text is found in whatever format it lies, and only where it is."""

from __future__ import annotations

import json
import random
import zipfile
from typing import TYPE_CHECKING

import pytest

from tasks.errors import RequestError
from tasks.forget.asked import read_list
from tasks.forget.forms import FEW, Wanted
from tasks.forget.search import held_by_file, inputs_of_runs
from tests.forget.planted import OTHER, PLANTED, TEXT

if TYPE_CHECKING:
    from pathlib import Path

UNLIKE = "A third text, by Frau Meier, is about something else: nothing of the 40 % that are late, or of 張先生."


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_text_is_found(name: str, tmp_path: Path) -> None:
    PLANTED[name](tmp_path / name)
    assert held_by_file(tmp_path / name, Wanted([UNLIKE, TEXT])) == {1}


def test_many_texts_are_looked_for_as_one_is(tmp_path: Path) -> None:
    source = random.Random(1)
    texts = [" ".join(source.choices(OTHER.split(), k=12)) + f" {number}" for number in range(4 * FEW)]
    wanted = Wanted([*texts, TEXT])
    for name, plant in PLANTED.items():
        plant(tmp_path / name)
        assert held_by_file(tmp_path / name, wanted) == {len(texts)}
    assert wanted.rows([f"And so: {texts[3]}.", OTHER, TEXT.upper(), UNLIKE]) == [0, 2]


def test_what_blocks_part_is_found_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.forget.contents.BLOCK", 5000)
    (tmp_path / "a.log").write_text("x" * 4980 + TEXT + "y" * 9000)
    assert held_by_file(tmp_path / "a.log", Wanted([TEXT])) == {0}


def test_neighbours_in_a_table_are_not_read_as_one_text(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table({"text": ["the loan of forty", "is late again"], "more": [["the loan", "of forty"], ["is late"]]}),
        tmp_path / "a.parquet",
    )
    assert held_by_file(tmp_path / "a.parquet", Wanted(["the loan of forty is late"])) == set()
    assert held_by_file(tmp_path / "a.parquet", Wanted(["The loan of forty!"])) == {0}


def test_a_piece_that_another_text_has_too_tells_nothing(tmp_path: Path) -> None:
    begun = "The annual report is on the pages of the company, as every year: "
    text, other = f"{begun}Frau Meier left it.", f"{begun}it is the same as ever."
    (tmp_path / "a.html").write_text(f"<p>{other}</p>")
    alone = Wanted([text])
    assert held_by_file(tmp_path / "a.html", alone) == {0}
    assert held_by_file(tmp_path / "a.html", Wanted([text], shared=alone.judged([other])[1])) == set()


@pytest.mark.parametrize("text", ["", "too short", "不行", "—!?—!?—!?—!?"])
def test_a_text_that_chance_would_find_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="too short"):
        Wanted([TEXT, text])
    assert Wanted(["张三欠债"]).held_by("说“张三 欠债”。") == {0}


def test_files_that_are_not_what_their_names_say_stop_no_search(tmp_path: Path) -> None:
    (tmp_path / "pointer.safetensors").write_bytes(b"version https://git-lfs.example/spec/v1\n" + TEXT.encode())
    (tmp_path / "deep.json").write_text("[" * 5000 + json.dumps(TEXT) + "]" * 5000)
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY\x01\x00\x10\x00{'descr': ((((" + TEXT.encode())
    for path in tmp_path.iterdir():
        assert held_by_file(path, Wanted([TEXT])) == {0}, path.name
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "hello")
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[6] |= 1  # the flag of an encrypted member, in both of its headers
    data[data.find(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    faults: list[str] = []
    assert held_by_file(tmp_path / "a.zip", Wanted([TEXT]), faults) == set()
    assert faults == ["encrypted"]


@pytest.mark.parametrize("kind", ["string_view", "fixed", "list_view", "run_end"])
def test_columns_of_other_types_of_arrow_are_read(kind: str, tmp_path: Path) -> None:
    import pyarrow as pa

    columns = {
        "string_view": pa.array([TEXT]).cast(pa.string_view()),
        "fixed": pa.FixedSizeListArray.from_arrays(pa.array([TEXT, OTHER]), 2),
        "list_view": pa.array([[TEXT]], pa.list_view(pa.string())),
        "run_end": pa.RunEndEncodedArray.from_arrays([1], [TEXT]),
    }
    table = pa.table({"text": columns[kind]})
    packed = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema, options=packed) as file:
        file.write_table(table)
    assert held_by_file(tmp_path / "a.arrow", Wanted([TEXT])) == {0}


def test_a_list_holds_long_texts_and_signs_that_part_lines(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(
        "one sentence that goes\u2028over a line\r\nand another one\n", encoding="utf-8", newline=""
    )
    assert read_list(tmp_path / "list.txt").texts == ["one sentence that goes\u2028over a line", "and another one"]
    long = "a long text " * 20_000
    (tmp_path / "list.csv").write_text(f'text\n"{long}"\n', encoding="utf-8")
    assert read_list(tmp_path / "list.csv").texts == [long]


def test_files_that_a_pattern_of_a_run_matches_are_its_inputs(tmp_path: Path) -> None:
    (root := tmp_path / "data" / "runs").mkdir(parents=True)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("text,label\n")
    for number, path in enumerate((str(tmp_path / "*.csv"), str(tmp_path / "none-*.csv"))):
        (root / f"{number}.json").write_text(json.dumps({"config": {"ingest": {"path": path}}}))
    assert inputs_of_runs(root.parent) == [tmp_path / "a.csv", tmp_path / "b.csv"]
