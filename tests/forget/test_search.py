"""A text is found in whatever format it lies, and only where it is."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tasks.errors import RequestError
from tasks.forget.forms import FEW, Wanted
from tasks.forget.search import held_by_file
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
