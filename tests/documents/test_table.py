from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from tasks.errors import RequestError
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import SimpleNamespace

GOOD = b"text,label\ngood news,pos\nbad news,neg\n"


def put(path: Path, data: Any) -> Path:
    path.write_bytes(data)
    return path


def test_csv_with_everything_that_quotes_allow(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    rows = [
        b"id,label,text",
        b'1,pos,"two',
        b'lines, and ""quotes"""',
        b"",
        b"2,neg, plain \xe2\x80\xa8same line\x0c ",
        b"3,,no label",
    ]
    data = b"\xef\xbb\xbf" + b"\r\n".join(rows)
    out = ingest(path=put(tmp_path / "a.csv", data))
    assert out.texts == {
        "a.csv:2": 'two\nlines, and "quotes"',
        "a.csv:5": " plain \u2028same line\x0c ",
        "a.csv:6": "no label",
    }
    assert list(out.splits.values()) == [None, None, "unlabelled"]
    assert out.report["splits"] == {"unsplit": 2, "unlabelled": 1}
    assert out.report["unlabelled"] == 1


@pytest.mark.parametrize(
    ("name", "data", "options"),
    [
        ("a.csv", b"good,pos\nbad,neg\n", {"text": "0", "label": "1"}),
        ("a.csv", b"good,pos\nbad,neg\n", {"header": False}),
        ("a.csv", b"x,good,y,pos\nx,bad,y,neg\n", {"text": "1", "label": "3"}),
        ("a.csv", b"a;b\ngood;pos\nbad;neg\n", {"text": "a", "label": "b", "delimiter": ";"}),
        ("a.csv", b"a,b\ngood,pos\nbad,neg\n", {"text": "0", "label": "1", "header": True}),
        ("a.tsv", b"label\ttext\npos\tgood\nneg\tbad\n", {}),
        ("a.txt", b"good\tpos\nbad\tneg\n", {}),
        ("a.txt", b"good@pos\nbad@neg\n", {"delimiter": "@"}),
        ("a.txt", b"good@pos\nbad@neg\n", {"delimiter": "@", "text": "0", "label": "1"}),
        ("a.txt", b"pos\tgood\nneg\tbad\n", {"text": "1", "label": "0"}),
        ("a.txt", b"good ||| pos\nbad ||| neg\n", {"delimiter": " ||| "}),
        ("a.txt", b"label|text\npos|good\nneg|bad\n", {"delimiter": "|", "header": True}),
        ("a.txt", b"good\tpos\nbad\tneg\n", {"delimiter": "\\t"}),
        ("a.jsonl", b'{"text":"good","label":"pos"}\n\n{"text":"bad","label":"neg"}\n', {}),
        ("a.jsonl", b'{"x":"good","y":"pos"}\n{"x":"bad","y":"neg"}', {"text": "x", "label": "y"}),
        ("a.jsonl", b'["good","pos"]\n["bad","neg"]', {"text": "0", "label": "1"}),
        ("a.dat", b"good\tpos\nbad\tneg\n", {}),
    ],
)
def test_forms_and_columns(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], name: str, data: bytes, options: dict[str, Any]
) -> None:
    out = ingest(path=put(tmp_path / name, data), **options)
    assert list(out.texts.values()) == ["good", "bad"]
    assert list(out.labels.values()) == ["pos", "neg"]
    assert out.report["quarantined"] == 0


def test_plain_lines_take_the_label_after_the_last_delimiter(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    data = b'"Quotes" @ home@pos\n1\na \x85 b@neg\n@pos\nlast "one@ neg '
    out = ingest(path=put(tmp_path / "S.txt", data), delimiter="@", encoding="latin-1")
    assert out.texts == {"S.txt:1": '"Quotes" @ home', "S.txt:3": "a \x85 b", "S.txt:5": 'last "one'}
    assert list(out.labels.values()) == ["pos", "neg", "neg"]
    assert [(row["offset"], row["reason"], row["bytes"]) for row in out.quarantine] == [
        (20, "malformed_row", b"1"),
        (32, "empty", b"@pos"),
    ]


def test_every_reason_of_a_table(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    rows = [
        b"fine,pos",
        b"fine too,neg",
        b"bad \xff byte,pos",
        b" ,pos",
        b"n\0ul,pos",
        b"long " + b"x" * 100 + b",pos",
        b"other,maybe",
        b"too,many,fields",
        b'"never closed,pos',
        b"few",
        b"x" * 1_100_000 + b",pos",
    ]
    path = put(tmp_path / "a.csv", b"text,label\n" + b"\n".join(rows))
    out = ingest(path=path, labels=("pos", "neg"), max_chars=100)
    reasons = ["undecodable", "empty", "nul", "too_long", "unknown_label"] + ["malformed_row"] * 3 + ["too_long"]
    assert [row["reason"] for row in out.quarantine] == reasons
    whole = path.read_bytes()
    assert whole[out.quarantine[0]["offset"]] == 0xFF
    for row, data in zip(out.quarantine[1:], rows[3:], strict=True):
        assert whole[row["offset"] :].startswith(data)
        assert row["bytes"] == data[:4096]
    assert out.report["reasons"] == {reason: reasons.count(reason) for reason in sorted(set(reasons))}


def test_json_lines_with_bad_records(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    lines = [
        json.dumps({"text": "good\nnews \u2028", "label": 1}),
        json.dumps({"text": "bad", "label": 0.0}),
        json.dumps({"text": "none", "label": None}),
        json.dumps({"text": "absent"}),
        '{"text": "half \\ud800 pair", "label": 1}',
        '{"text": "cut',
        '{"text": 5, "label": 1}',
        '{"text": "list", "label": [1]}',
        '{"label": 1}',
        "[" * 100_000,
        '{"text": "big", "label": ' + "9" * 5000 + "}",
        '"text"',
        '{"text": "\\u0000", "label": 1}',
    ]
    out = ingest(path=put(tmp_path / "a.jsonl", "\n".join(lines).encode()))
    assert list(out.labels.values()) == ["1", "0", None, None]
    assert [row["reason"] for row in out.quarantine] == ["surrogate"] + ["malformed_row"] * 3 + ["empty"] + [
        "malformed_row"
    ] * 3 + ["nul"]


def test_parquet(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    table = pa.table(
        {
            "text": pa.array(["good", None, "bad", "open"]).dictionary_encode(),
            "label": pa.array([1, 1, 2, None], pa.int64()),
            "other": [[1], [2], [3], [4]],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    out = ingest(path=tmp_path / "a.parquet", encoding="latin-1")
    assert out.labels == {"a.parquet:0": "1", "a.parquet:2": "2", "a.parquet:3": None}
    assert [(row["offset"], row["reason"]) for row in out.quarantine] == [(1, "empty")]


def test_parquet_with_one_text_that_is_no_utf8(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    texts = pa.array([b"good \xc3\xa9", b"\xff", b"bad"]).view(pa.string())
    pq.write_table(pa.table({"text": texts, "label": pa.array(["p", "p", "n"], pa.large_string())}), tmp_path / "a.parquet")
    out = ingest(path=tmp_path / "a.parquet")
    assert out.texts == {"a.parquet:0": "good é", "a.parquet:2": "bad"}
    assert out.report["reasons"] == {"undecodable": 1}


def test_parquet_that_is_damaged(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"text": ["good news"] * 500, "label": ["p"] * 500}), path, write_page_checksum=True, use_dictionary=False
    )
    whole = bytearray(path.read_bytes())
    whole[60] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(RequestError, match=r"a\.parquet: (damaged|not a readable)"):
        ingest(path=path)
    path.write_bytes(whole[:100])
    with pytest.raises(RequestError, match="not a readable Parquet file"):
        ingest(path=path)


def test_label_names(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    names = put(tmp_path / "class.txt", b"finance\nsports")
    table = put(tmp_path / "a.txt", "好消息\t0\n坏消息\t1\n其他\t7\n".encode())
    out = ingest(path=table, label_names=names)
    assert list(out.labels.values()) == ["finance", "sports"]
    assert out.report["reasons"] == {"unknown_label": 1}
    for bad in (b"finance\n\nsports", b"finance\nfinance", b"\xff\xfe", b"", b"\n \r\n"):
        names.write_bytes(bad)
        with pytest.raises(RequestError, match=r"class\.txt"):
            ingest(path=table, label_names=names)


@pytest.mark.parametrize(
    "written", [b"\nfinance\nsports", b" \r\nfinance\r\nsports \r\n\r\n", "\ufeff\nfinance\nsports".encode()]
)
def test_an_empty_first_line_leaves_number_0_without_a_name(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], written: bytes
) -> None:
    """Sets that count from 1 are named so."""
    names = put(tmp_path / "class.txt", written)
    table = put(tmp_path / "a.txt", b"shares fell\t1\nthey won\t2\nnobody\t0\n")
    out = ingest(path=table, label_names=names)
    assert list(out.labels.values()) == ["finance", "sports"]
    assert out.report["reasons"] == {"unknown_label": 1}


def test_an_official_test_split(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    path = put(tmp_path / "a.csv", GOOD)
    test = put(tmp_path / "b.csv", b"text,label\nnew,pos\nopen,\n")
    out = ingest(path=path, test_path=test)
    assert out.splits == {"a.csv:2": "train", "a.csv:3": "train", "test:b.csv:2": "test"}
    assert [(row["source"], row["reason"]) for row in out.quarantine] == [("test:b.csv", "missing_label")]
    assert ingest(path=path, test_path=path).report["splits"] == {"train": 2, "test": 2}


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("text,label\n利好消息,pos\n利空消息,neg\n".encode("gbk"), "--ingest.encoding"),
        (("text,label\n" + "news,pos\n" * 150 + "利好消息,pos\n" * 20).encode("gbk"), "--ingest.encoding"),
        ("text,label\nnew,pos\n".encode("utf-16"), "--ingest.encoding"),
        (b"sentence,class\nnew,pos\n", "--ingest.text"),
        (b"text;label\nnew;pos\n", "--ingest.delimiter"),
    ],
)
def test_what_the_test_split_lacks_is_not_asked_of_the_corpus_too(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], test: bytes, told: str
) -> None:
    path = put(tmp_path / "a.csv", GOOD)
    with pytest.raises(RequestError, match=rf"t\.csv: .*{told}.*; but {told} holds for --ingest.path too, so write both files"):
        ingest(path=path, test_path=put(tmp_path / "t.csv", test))
    with pytest.raises(RequestError) as error:
        ingest(path=tmp_path / "t.csv")
    assert "holds for" not in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "gb18030", "cp037"])
def test_encodings(tmp_path: Path, ingest: Callable[..., SimpleNamespace], encoding: str) -> None:
    text = "text,label\n好消息 ā,pos\nbad,neg\n" if encoding != "cp037" else "text,label\né,pos\nbad,neg\n"
    out = ingest(path=put(tmp_path / "a.csv", text.encode(encoding)), encoding=encoding)
    assert list(out.texts.values()) == [text.split("\n")[1].partition(",")[0], "bad"]


def test_a_delimiter_inside_a_character_does_not_part(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    text = "丂@pos\n丅坏@neg\n"  # in GB18030 the first has 0x40, which is @, as its second byte
    assert text.encode("gb18030").count(b"@") == 3
    out = ingest(path=put(tmp_path / "a.txt", text.encode("gb18030")), encoding="gb18030", delimiter="@")
    assert list(out.texts.values()) == ["丂", "丅坏"]


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            "é,pos\n" * 20 + "a,neg\n",
            {"encoding": "utf-8"},
            r"a\.csv: byte 11 of a\.csv is not utf-8.*--ingest.encoding cp1252",
        ),
        ("a,pos\n" + "é,neg\n" * 3, {"encoding": "utf-8"}, "byte 17 of"),
        ("a,neg\né,pos\n", {"wrote": "utf-8", "encoding": "latin-1"}, r"byte 17 of a\.csv .*--ingest.encoding utf-8"),
        ("a,pos\nb,neg\n", {"wrote": "utf-16", "encoding": "utf-8"}, "byte order mark of utf-16.*--ingest.encoding utf-16"),
        ("a,pos\nb,neg\n", {"wrote": "utf-8-sig", "encoding": "latin-1"}, "byte order mark of utf-8"),
        ("a,pos\nb,neg\n", {"wrote": "utf-16-le", "encoding": "utf-8"}, "use --ingest.encoding utf-16-le"),
        ("a,pos\nb,neg\n", {"wrote": "utf-16-le", "encoding": "utf-8", "header": False}, "utf-16"),
    ],
)
def test_a_wrong_encoding_is_a_clear_error(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], data: str, options: dict[str, Any], message: str
) -> None:
    options = dict(options)
    wrote = options.pop("wrote", "latin-1")
    with pytest.raises(RequestError, match=message):
        ingest(path=put(tmp_path / "a.csv", ("text,label\n" + data).encode(wrote)), **options)


def test_few_bad_bytes_are_no_wrong_encoding(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    data = GOOD * 1 + b"x\xe9,pos\n" * 10 + b"y,neg\n" * 20
    assert ingest(path=put(tmp_path / "a.csv", data)).report["reasons"] == {"undecodable": 10}


@pytest.mark.parametrize(
    ("name", "data", "options", "message"),
    [
        ("a.csv", b"", {}, "empty"),
        ("a.csv", b"\n\n", {}, "empty"),
        (
            "a.csv",
            b"Time,Headlines\n1,x\n",
            {"text": "Headlines"},
            "no column 'label' for the label; there are: 'Time', 'Headlines'",
        ),
        ("a.csv", GOOD, {"label": "7"}, "no column '7'"),
        ("a.csv", GOOD, {"text": "title", "header": False}, "a position from 0"),
        ("a.csv", b"text,label\na,pos\nb,pos\n", {}, r"one class only \('pos'\)"),
        ("a.csv", b"text,label\na,\nb,\n", {}, "no labelled record"),
        ("a.csv", GOOD, {"labels": ("x", "y")}, r"none of 2 records can be used \(2 unknown_label\)"),
        ("a.csv", b"text,label\n", {}, "no record in it"),
        ("a.csv", GOOD, {"delimiter": "\n"}, "cannot separate columns"),
        ("a.csv", b"\x1f\x8b\x08 packed", {}, "compressed"),
        ("a.txt", b"good@pos\nbad@neg\n", {}, "--ingest.delimiter @"),
        ("a.jsonl", b"[1, 2", {}, "one object a line"),
        ("a.jsonl", b'{"a": 1}', {}, "no column 'text' for the text; there are: 'a'"),
        ("a.parquet", b"text", {}, "not a readable Parquet file"),
        ("a.csv", b'text,label\n"open,pos\n', {"header": False}, "none of|one class only|no labelled"),
    ],
)
def test_requests_that_cannot_be_met(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], name: str, data: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        ingest(path=put(tmp_path / name, data), **options)
    assert "\n" not in str(caught.value)


def test_a_column_of_texts_is_no_label(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.ingest.writer.MAX_LABELS", 50)
    data = b"text,label\n" + b"".join(b"a,%d\n" % n for n in range(60))
    with pytest.raises(RequestError, match=r"more than 50 different labels.*--ingest\.label"):
        ingest(path=put(tmp_path / "a.csv", data))


def test_a_non_text_column_of_parquet(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    pq.write_table(pa.table({"text": [1, 2], "label": ["a", "b"]}), tmp_path / "a.parquet")
    with pytest.raises(RequestError, match="holds int64, not text"):
        ingest(path=tmp_path / "a.parquet")


@examples(150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b'"', b",", b"\n", b"a", b"\xff", b"\r", b"\0", b"@", b"{}", b"\t"])).map(b"".join),
    st.sampled_from([".csv", ".tsv", ".txt", ".jsonl"]),
    st.sampled_from(["utf-8", "latin-1", "utf-16", "gb18030"]),
)
def test_no_bytes_crash_and_no_record_is_lost(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], data: Any, suffix: str, encoding: str
) -> None:
    if suffix == ".jsonl":
        data = b'{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n' + data
        options = {}
    else:
        data, options = b"good@pos\nbad@neg\n" + data, {"delimiter": "@", "header": False}
    with contextlib.suppress(RequestError):
        ingest(path=put(tmp_path / f"a{suffix}", data), encoding=encoding, **options)  # asserts the equation
