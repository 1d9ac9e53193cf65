"""No record disappears: found = kept + duplicates + quarantined, whatever the input holds.

A case puts one bad document, file name, file or row among sixty good documents, in one layout, and reads the corpus as
`ingest` and `prepare` do. Right is: what was put there is found, the equation holds in both reports and in the rows of their
files, and every good document is kept. Where the whole input is refused, it is in one line.
"""

from __future__ import annotations

import base64
import functools
import gzip
import io
import json
import os
import socket
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.checkout import CHECKOUT
from tasks.errors import RequestError
from tasks.ingest.corpus import write_corpus
from tasks.ingest.settings import IngestConfig
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

NUMBER = 9
PROMISE = (
    "No record disappears: `found = kept + duplicates + quarantined` over encodings, byte order marks, surrogates, NUL, "
    "`__label__`, `</s>`, lines of 10 MB, ANSI and bidirectional controls, formulas, binary, strange and non-UTF-8 names, "
    "link loops, pipes, broken rows, in every layout; every good record beside them is kept; no crash, no hang"
)
TAKEN_OUT = "the row of a refused record not written to quarantine: 67 of 110 trials fail"

DOCUMENTS: dict[str, bytes] = {
    "latin-1": "naïve café".encode("latin-1"),
    "windows-1252": "price “up” \u2013 5 €".encode("cp1252"),
    "gbk": "财经新闻".encode("gbk"),
    "utf-16 with a mark": "good news".encode("utf-16"),
    "utf-16 without": "good news".encode("utf-16-be"),
    "utf-32 with a mark": "good news".encode("utf-32"),
    "utf-8 with a mark": b"\xef\xbb\xbfgood news of the day",
    "two marks": b"\xef\xbb\xbf\xef\xbb\xbfgood news of the week",
    "a mark in the middle": "good \ufeffnews of the month".encode(),
    "a mark alone": b"\xef\xbb\xbf",
    "cut character": "a good caf\u00e9".encode()[:-1],
    "overlong character": b"good \xc0\xaf news",
    "encoded surrogates": b"good \xed\xa0\xbd\xed\xb8\x80 news",
    "beyond Unicode": b"good \xf7\xbf\xbf\xbf news",
    "noncharacters": "good \uffff\U0010ffff news of the year".encode(),
    "private use": "good \ue000\U000f0000 news of the hour".encode(),
    "NUL": b"good \0 news",
    "NUL alone": b"\0",
    "fastText label": b"__label__neg good news __label__0 today",
    "fastText end": b"good news </s> bad news </s>",
    "fastText end alone": b"</s>",
    "10 MB of words": b"good news " * 1_000_000,
    "10 MB of one word": b"x" * 10_000_000,
    "10 MB of blanks": b" " * 10_000_000,
    "1 MB of words": b"profits rose again " * 50_000,
    "empty": b"",
    "blank": b" \t \x0b\x0c ",
    "ideographic blanks": "\u3000\u2003\xa0".encode(),
    "invisible": "\u200b\u200d\u2060\ufe0f".encode(),
    "ANSI": b"\x1b[2J\x1b]0;title\x07\x1b[31mgood news in red\x1b[0m",
    "C1 controls": "\x9b31mgood\x85news\x90 of late".encode(),
    "right to left": "\u202egood\u202d \u2066news\u2069 \u200fof old".encode(),
    "formula": b"=cmd|'/C calc'!A0 and =1+1",
    "formula sum": b"@SUM(1+1)*cmd|' /C calc'!A0",
    "formula signs": b"+2+5+cmd and -2+3",
    "random bytes": bytes(range(256)) * 4,
    "gzip": gzip.compress(b"good news"),
    "an image": base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    ),
    "a program": b"\x7fELF\2\1\1\0" + bytes(100),
    "carriage returns": b"good\rnews\rof\rApple",
    "line separators": "good\u2028news\u2029of\x1c\x1d\x1e files".encode(),
    "many lines": b"good\r\nnews\n\n\r\nin lines\n",
    "quotes": b'good "news" ""in"" quotes " and \' one',
    "delimiters": b"good,news;in\tparts|and, more",
    "html": b"<script>alert(1)</script><b>good</b> &lt;news&gt; of script",
    "deep html": b"<b>" * 20_000 + b"good news deep" + b"</b>" * 20_000,
    "entities": b"&#0;&#xD800;&#x110000;&bogus;&amp;amp; good news of entities &#",
    "open tag": b"good news <" + b"a" * 100_000,
    "accents": ("g" + "\u0301" * 50_000 + "ood news").encode(),
    "family": "👩\u200d👩\u200d👧\u200d👦🏽 good news of family".encode(),
    "digits": b"1234567890",
    "one letter": b"x",
    "punctuation": b"... !!! ???",
    "ligature": "\ufdfa \ufb03 good \u0130\u0131\u00df news".encode(),
    "template": b"{{7*7}} ${7*7} %s%n %(x)s {0.__class__} good news",
    "shell": b"$(touch escaped) `touch escaped`; rm -rf / | good news",
    "a path": b"../../../../etc/passwd is good news",
    "JSON": b'{"text": "good news", "label": "neg"}',
}
GOOD = 60


@functools.cache
def good() -> list[tuple[str, str]]:
    """Good documents as (label, text): all different, none with a line break, a quote or a delimiter."""
    found = []
    for label in ("positive", "negative", "neutral"):
        for path in sorted((CHECKOUT / "data/sample" / label).glob("*.txt"))[: GOOD // 3]:
            found.append((label, " ".join(path.read_text().replace('"', "").replace(",", "").split())))
    return found


def in_folder(folder: Path, data: bytes) -> tuple[dict[str, Any], int | None]:
    path = good_folder(folder)
    (path / "positive" / "bad.txt").write_bytes(data)
    return {"path": path}, 1


def in_unlabelled_folder(folder: Path, data: bytes) -> tuple[dict[str, Any], int | None]:
    path = good_folder(folder)
    (path / "unlabelled").mkdir()
    (path / "unlabelled" / "bad.txt").write_bytes(data)
    return {"path": path}, 1


def in_csv(folder: Path, data: bytes) -> tuple[dict[str, Any], int | None]:
    """Quoted as it should be; where the bytes are no text, lines may be taken for rows of their own."""
    path = folder / "corpus.csv"
    rows = [f"{text},{label}".encode() for label, text in good()]
    rows.insert(30, b'"' + data.replace(b'"', b'""') + b'",positive')
    path.write_bytes(b"text,label\n" + b"\n".join(rows) + b"\n")
    return {"path": path}, 1 if readable(data) else None


def in_lines(folder: Path, data: bytes) -> tuple[dict[str, Any], int | None]:
    """Text, tabulator, label: line breaks in the text make more rows."""
    path = folder / "corpus.txt"
    rows = [f"{text}\t{label}".encode() for label, text in good()]
    rows.insert(30, data + b"\tpositive")
    path.write_bytes(b"\n".join(rows) + b"\n")
    return {"path": path}, 1 if b"\n" not in data and b"\r" not in data and readable(data) else None


def in_json(folder: Path, data: bytes) -> tuple[dict[str, Any], int | None]:
    """One object a line; bytes that are no text are escaped as lone surrogates."""
    path = folder / "corpus.jsonl"
    rows = [{"text": text, "label": label} for label, text in good()]
    rows.insert(30, {"text": data.decode("utf-8", "surrogateescape"), "label": "positive"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"path": path}, 1


def in_parquet(folder: Path, data: bytes) -> tuple[dict[str, Any], int | None]:
    path = folder / "corpus.parquet"
    texts = [text.encode() for _, text in good()] + [data]
    column = pa.Array.from_buffers(pa.string(), len(texts), pa.array(texts, pa.binary()).buffers())  # Arrow checks no UTF-8
    pq.write_table(pa.table({"text": column, "label": [label for label, _ in good()] + ["positive"]}), path)
    return {"path": path}, 1


def in_archive(folder: Path, data: bytes) -> tuple[dict[str, Any], int | None]:
    path = folder / "more.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in (("a.txt", b"unlabelled news"), ("bad.txt", data), ("z.txt", b"more unlabelled news")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return {"path": good_folder(folder), "unlabelled": path}, 3


def in_zip(folder: Path, data: bytes) -> tuple[dict[str, Any], int | None]:
    path = folder / "more.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("a.txt", b"unlabelled news"), ("bad.txt", data), ("z.txt", b"more unlabelled news")):
            archive.writestr(name, content)
    return {"path": good_folder(folder), "unlabelled": path}, 3


def readable(data: bytes) -> bool:
    try:
        return len(data.decode()) < 4_000_000 and not data.startswith(b"\xef\xbb\xbf")
    except UnicodeDecodeError:
        return False


def good_folder(folder: Path) -> Path:
    root = folder / "corpus"
    for number, (label, text) in enumerate(good()):
        (root / label).mkdir(parents=True, exist_ok=True)
        (root / label / f"{number:03d}.txt").write_text(text)
    return root


def strange_name(name: bytes) -> Callable[[Path], tuple[dict[str, Any], int | None]]:
    def make(folder: Path) -> tuple[dict[str, Any], int | None]:
        root = good_folder(folder)
        Path(os.fsdecode(os.path.join(os.fsencode(root / "positive"), name))).write_text(f"news of a name of {len(name)} bytes")
        return {"path": root}, 1

    return make


def strange_label(name: bytes) -> Callable[[Path], tuple[dict[str, Any], int | None]]:
    def make(folder: Path) -> tuple[dict[str, Any], int | None]:
        root = good_folder(folder)
        own = os.path.join(os.fsencode(root), name)
        Path(os.fsdecode(own)).mkdir()
        for number in range(10):
            Path(os.fsdecode(os.path.join(own, b"%d.txt" % number))).write_text(
                f"news number {number} of a strange label {number * 7}"
            )
        return {"path": root}, 10

    return make


def ring(path: Path) -> None:
    """Two links, each to the other."""
    path.symlink_to("other")
    (path.parent / "other").symlink_to(path.name)


def strange_file(put: Callable[[Path], object], found: int = 1) -> Callable[[Path], tuple[dict[str, Any], int | None]]:
    def make(folder: Path) -> tuple[dict[str, Any], int | None]:
        root = good_folder(folder)
        put(root / "positive" / "strange.txt")
        return {"path": root}, found

    return make


def bind(path: Path) -> None:
    """A socket; its address may not be longer than 107 bytes, so it is bound from its folder."""
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(path.parent)
        try:
            listener.bind(path.name)
        finally:
            os.chdir(here)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def locked(path: Path) -> None:
    path.write_text("nobody may read this news")
    path.chmod(0)


def locked_folder(path: Path) -> None:
    path.mkdir()
    (path / "inside.txt").write_text("news in a folder that nobody may read")
    path.chmod(0)


def deep(path: Path) -> None:
    below = path.parent.joinpath(*["d"] * 150)
    below.mkdir(parents=True)
    (below / "deep.txt").write_text("news from a hundred and fifty folders below")


def table(name: str, rows: bytes, found: int | None) -> Callable[[Path], tuple[dict[str, Any], int | None]]:
    """Rows among good ones."""

    def make(folder: Path) -> tuple[dict[str, Any], int | None]:
        path = folder / name
        if name.endswith(".jsonl"):
            lines = [json.dumps({"text": text, "label": label}).encode() for label, text in good()]
        else:
            lines = [b"text,label", *(f"{text},{label}".encode() for label, text in good())]
        lines.insert(30, rows)
        path.write_bytes(b"\n".join(lines) + b"\n")
        return {"path": path}, found

    return make


MAKERS: dict[str, Callable[[Path], tuple[dict[str, Any], int | None]]] = {
    **{
        f"name {name[:20]!r}": strange_name(name)
        for name in [
            b"caf\xe9.txt",
            b"\xff\xfe\xfd",
            b"new\nline.txt",
            b"\x1b[31mred.txt",
            "\u202etxt.exe".encode(),
            b"-rf",
            b"a" * 255,
            b"__label__neg.txt",
            b"=1+1.txt",
            b"a\\b.txt",
            b"%s%n.txt",
            b" ",
            b"~",
            b"CON",
            "\ud7ff\ufeff".encode(),
            "e\u0301.txt".encode(),
            "é.txt".encode(),
            b"<script>.txt",
            b"'; --.txt",
        ]
    },
    **{
        f"label {name[:20]!r}": strange_label(name)
        for name in [
            b"__label__",
            b"<|s>",
            b"=cmd|'!A0",
            b"caf\xe9",
            b"a\nb",
            b"<script>alert(1)",
            "\u202e".encode(),
            b"x" * 200,
            b"{{7*7}}",
            "\u7535\u5f71".encode(),
            b"0",
            b"null",
            b"NaN",
            b"a,b",
        ]
    },
    "link to a file": strange_file(lambda path: path.symlink_to("000.txt")),
    "link to itself": strange_file(lambda path: path.symlink_to(path.name)),
    "link to the folder above": strange_file(lambda path: path.symlink_to("..")),
    "link to the root": strange_file(lambda path: path.symlink_to("/")),
    "link to nothing": strange_file(lambda path: path.symlink_to("nothing")),
    "two links in a ring": strange_file(ring, 2),
    "second name of a file": strange_file(lambda path: path.hardlink_to(path.parent / "000.txt")),
    "pipe": strange_file(os.mkfifo),
    "socket": strange_file(bind),
    "sparse gigabyte": strange_file(sparse),
    "unreadable file": strange_file(locked),
    "unreadable folder": strange_file(locked_folder),
    "deep folder": strange_file(deep),
    "empty folder": strange_file(lambda path: path.mkdir(), 0),
    "hidden file": strange_file(lambda path: (path.parent / ".hidden").write_text("no record"), 0),
    "csv: too few columns": table("a.csv", b"only one", 1),
    "csv: too many columns": table("a.csv", b"one,positive,three", 1),
    "csv: no label": table("a.csv", b"news without a label,", 1),
    "csv: blank lines": table("a.csv", b"\n\r\n   ", None),
    "csv: text after a quote": table("a.csv", b'"quoted" and more,positive', 1),
    "csv: quote that never closes": table("a.csv", b'"open,positive', None),
    "csv: field of 10 MB": table("a.csv", b'"' + b"line of news\n" * 800_000 + b'",positive', None),
    "csv: all line ends": table("a.csv", b"one news,positive\r\ntwo news,negative\rthree news,neutral", None),
    "csv: NUL row": table("a.csv", b"\0\0\0,positive", 1),
    "json: broken": table("a.jsonl", b'{"text": "cut', 1),
    "json: no object": table("a.jsonl", b'"text"', 1),
    "json: array": table("a.jsonl", b'["text", "label"]', 1),
    "json: number as text": table("a.jsonl", b'{"text": 1, "label": "positive"}', 1),
    "json: null": table("a.jsonl", b'{"text": null, "label": null}', 1),
    "json: list as label": table("a.jsonl", b'{"text": "news of a list", "label": ["positive"]}', 1),
    "json: NaN as label": table("a.jsonl", b'{"text": "news of no number", "label": NaN}', 1),
    "json: deep": table("a.jsonl", b"[" * 200_000, 1),
    "json: long number": table("a.jsonl", b'{"text": "news of a number", "label": ' + b"9" * 10_000 + b"}", 1),
    "json: lone surrogate": table("a.jsonl", b'{"text": "news \\ud83d of half", "label": "positive"}', 1),
    "json: surrogate label": table("a.jsonl", b'{"text": "news of half a label", "label": "\\ud83d"}', 1),
    "json: NUL label": table("a.jsonl", b'{"text": "news of no label", "label": "\\u0000"}', 1),
    "json: name twice": table("a.jsonl", b'{"text": "one", "text": "news of two", "label": "positive"}', 1),
    "json: undecodable": table("a.jsonl", b'{"text": "caf\xe9", "label": "positive"}', 1),
}
REFUSED = {"csv: quote that never closes", "csv: field of 10 MB"}  # the whole input may be
LAYOUTS = [in_folder, in_unlabelled_folder, in_csv, in_lines, in_json, in_parquet, in_archive, in_zip]


def trial(name: str, make: Callable[[Path], tuple[dict[str, Any], int | None]], random: Random, folder: Path) -> str | None:
    """Read one corpus; wrong is a record too few or too many, and every exception but a refusal in one line."""
    options, planted = make(folder)
    corpus, prepared = folder / "ingested", folder / "prepared"
    corpus.mkdir()
    prepared.mkdir()
    try:
        first = write_corpus(IngestConfig(**options), corpus)
    except RequestError as error:
        return None if name in REFUSED and "\n" not in str(error) else f"refused: {error}"
    if planted is not None and first["found"] != GOOD + planted:
        return f"{first['found']} records were found, {GOOD + planted} put there"
    rows = pq.read_table(corpus / "corpus.parquet", page_checksum_verification=True)
    if lost := {text for _, text in good()} - set(rows.column("text").to_pylist()):
        return f"{len(lost)} good records are gone: {sorted(lost)[0][:60]}"
    second = write_dataset(PrepareConfig(), corpus, prepared)
    return (
        adds_up(first, rows.num_rows, corpus)
        or adds_up(second, count(prepared / "dataset") + count(prepared / "holdout"), corpus, prepared)
        or (None if second["found"] == first["found"] else f"ingest found {first['found']}, prepare {second['found']}")
    )


def adds_up(report: dict[str, Any], rows: int, *quarantines: Path) -> str | None:
    refused = sum(pq.read_metadata(folder / "quarantine.parquet").num_rows for folder in quarantines)
    if report["found"] == report["kept"] + report["duplicates"] + report["quarantined"] and (rows, refused) == (
        report["kept"],
        report["quarantined"],
    ):
        return None
    said = {name: report[name] for name in ("found", "kept", "duplicates", "quarantined")}
    return f"{rows} rows and {refused} in quarantine, but {said}"


def count(folder: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in folder.glob("*.parquet"))


def made(
    layout: Callable[[Path, bytes], tuple[dict[str, Any], int | None]], data: bytes
) -> Callable[[Path], tuple[dict[str, Any], int | None]]:
    return lambda folder: layout(folder, data)


MAKERS |= {
    f"{layout.__name__.replace('_', ' ')}: {name}": made(layout, data) for name, data in DOCUMENTS.items() for layout in LAYOUTS
}
CASES: dict[str, Callable[[Random, Path], str | None]] = {
    name: functools.partial(trial, name, make) for name, make in MAKERS.items()
}
COUNT = len(CASES)
