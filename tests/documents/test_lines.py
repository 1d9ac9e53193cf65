from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tasks.documents.lines import MAX_UNCLOSED, Line, Lines, UnclosedQuotesError, plain_rows, quoted_rows
from tests.examples import examples


def lines_of(data: bytes, encoding: str = "utf-8", limit: int = 1000) -> Lines:
    return Lines(io.BytesIO(data), encoding, start=0, limit=limit)


def quoted(data: bytes, limit: int = 1000) -> list[tuple]:
    return [(row.number, row.fields or row.reason) for row in quoted_rows(lines_of(data, limit=limit), ",")]


def test_lines_end_at_line_feeds_alone() -> None:
    data = "a\x85b\u2028c\x0cd\re\r\nf\n\ng".encode()
    lines = list(iter(lines_of(data).take, None))
    assert [line.data.decode() for line in lines] == ["a\x85b\u2028c\x0cd\re", "f", "", "g"]
    assert [data[line.offset :][: len(line.data)] for line in lines] == [line.data for line in lines]


@example(b"\0\0\0\0\nx", 3, 9)
@given(st.binary(max_size=300), st.integers(1, 20), st.integers(1, 9))
def test_lines_are_those_of_split_in_any_chunks(data: Any, limit: int, chunk: int) -> None:
    expected = data.split(b"\n")
    expected = expected[:-1] if not expected[-1] else expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.documents.lines._CHUNK", chunk)
        found = list(iter(lines_of(data, limit=limit).take, None))
    assert [line.number for line in found] == list(range(1, len(expected) + 1))
    for line, whole in zip(found, expected, strict=True):
        assert line.data == (whole if line.long else whole.removesuffix(b"\r"))[: len(line.data)]
        assert data[line.offset :].startswith(whole[:1])
        # A carriage return at the very end may or may not count.
        assert line.long == (len(whole) > limit) or len(whole) == limit + 1


def test_a_long_line_is_skipped_to_its_end() -> None:
    data = b"a\n" + b"x" * 3_000_000 + b"\nb\n" + b"y" * 2000
    found = [(line.number, line.offset, len(line.data), line.long) for line in iter(lines_of(data).take, None)]
    assert found == [(1, 0, 1, False), (2, 2, 4096, True), (3, 3_000_003, 1, False), (4, 3_000_005, 2000, True)]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_wide_characters_that_hold_the_byte_of_a_line_feed(encoding: str) -> None:
    text = "\u0a0a\u010a\r\nno\u0a00\nend"
    found = [line.data.decode(encoding) for line in iter(lines_of(text.encode(encoding), encoding).take, None)]
    assert found == ["\u0a0a\u010a", "no\u0a00", "end"]


def test_lines_given_back_are_taken_again() -> None:
    lines = lines_of(b"a\nb\nc")
    taken = [lines.take(), lines.take()]
    lines.give_back([line for line in taken if line])
    assert [line.data for line in iter(lines.take, None)] == [b"a", b"b", b"c"]
    assert isinstance(taken[0], Line)


CELLS = st.text(st.sampled_from(list('ab,"\n é\u2028\x85')), max_size=8)


@examples(200)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_quoted_rows_read_what_csv_writes(rows: Any, end: str) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    found = list(quoted_rows(lines_of(out.getvalue().encode()), ","))
    assert [row.fields for row in found] == rows


def test_a_quote_that_never_closes_costs_its_line() -> None:
    assert quoted(b'a,b\n"open,c\nd,e\n"f\ng",h\n') == [
        (1, ["a", "b"]),
        (2, "malformed_row"),
        (3, ["d", "e"]),
        (4, ["f\ng", "h"]),
    ]


def test_a_quote_that_never_closes_before_the_limit() -> None:
    data = b'"open,c\n' + b"d,e\n" * 1000
    assert quoted(data, limit=100)[:3] == [(1, "malformed_row"), (2, ["d", "e"]), (3, ["d", "e"])]
    assert len(quoted(data, limit=100)) == 1001


def test_bad_bytes_cost_one_record() -> None:
    rows = list(quoted_rows(lines_of(b'a,b\nc\xff,d\n"e\n\xfe",f\n"g"x,h\ni,j\n'), ","))
    assert [(row.fields or row.reason, row.offset) for row in rows] == [
        (["a", "b"], 0),
        ("undecodable", 5),
        ("undecodable", 12),
        ("malformed_row", 17),
        (["i", "j"], 24),
    ]


def test_quotes_that_make_work_quadratic_are_refused() -> None:
    data = b'a","c\n' * 20_000  # closes the quote before it, opens one of its own
    with pytest.raises(UnclosedQuotesError, match=str(MAX_UNCLOSED + 1)):
        quoted(data, limit=1 << 20)


def test_plain_rows() -> None:
    data = b'a@b@c\n"x@y\n\nlone\n'
    last = [row.fields for row in plain_rows(lines_of(data), "@", last=True, first=False)]
    first = [row.fields for row in plain_rows(lines_of(data), "@", last=False, first=True)]
    every = [row.fields for row in plain_rows(lines_of(data), "@", last=False, first=False)]
    assert last == [["a@b", "c"], ['"x', "y"], ["lone"]]
    assert first == [["a", "b@c"], ['"x', "y"], ["lone"]]
    assert every == [["a", "b", "c"], ['"x', "y"], ["lone"]]


@examples(300)
@given(st.binary(max_size=200) | st.lists(st.sampled_from([b'"', b",", b"\n", b"a", b"\xff", b"\r", b"\0"])).map(b"".join))
def test_any_bytes_give_rows_and_use_up_every_line(data: Any) -> None:
    rows = list(quoted_rows(lines_of(data, limit=50), ","))
    numbers = [row.number for row in rows]
    assert numbers == sorted(set(numbers))
    assert all((row.fields is None) == (row.reason is not None) for row in rows)
