from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from tasks.documents.layout import Asked, Notes
from tasks.documents.layouts.folder import FolderLayout
from tasks.documents.seen import Names
from tasks.documents.walk import read_head
from tasks.errors import RequestError
from tasks.ingest.corpus import check_request, write_corpus
from tasks.ingest.says import says
from tasks.ingest.settings import IngestConfig
from tasks.shown import file_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import SimpleNamespace
    from typing import Any


def plant(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def test_one_folder_per_label(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    files = {
        "pos/b.txt": b"good",
        "pos/a.txt": b"\xef\xbb\xbfbetter\r\n",
        "pos/deep/er/x": b"best",
        "neg/1.html": b"bad",
        "unlabelled/u.txt": b"open",
        "README.md": b"no record",
        ".git/config": b"hidden",
        "neg/.DS_Store": b"\0\xff",
    }
    out = ingest(path=plant(tmp_path, files))
    assert out.texts == {
        "neg/1.html": "bad",
        "pos/a.txt": "better\r\n",
        "pos/b.txt": "good",
        "pos/deep/er/x": "best",
        "unlabelled/u.txt": "open",
    }
    assert list(out.texts) == sorted(out.texts)
    assert out.report["labels"] == {"neg": 1, "pos": 3}
    assert out.report["splits"] == {"unsplit": 4, "unlabelled": 1}


@pytest.mark.parametrize("unlabelled", ["unlabelled", "unlabeled", "unsup"])
def test_train_and_test_above(tmp_path: Path, ingest: Callable[..., SimpleNamespace], unlabelled: str) -> None:
    files = {f"{split}/{label}/1.txt": b"text" for split in ("train", "test") for label in ("a", "b")}
    files |= {f"train/{unlabelled}/1.txt": b"x", f"{unlabelled}/1.txt": b"y", "train/notes.txt": b"no record"}
    out = ingest(path=plant(tmp_path, files), source="folder")
    assert out.splits == {
        "test/a/1.txt": "test",
        "test/b/1.txt": "test",
        "train/a/1.txt": "train",
        "train/b/1.txt": "train",
        f"train/{unlabelled}/1.txt": "unlabelled",
        f"{unlabelled}/1.txt": "unlabelled",
    }


def test_a_label_may_be_called_train(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    out = ingest(path=plant(tmp_path, {"train/1.txt": b"Zug", "plane/1.txt": b"Flugzeug"}))
    assert out.report["labels"] == {"plane": 1, "train": 1}
    assert out.report["splits"] == {"unsplit": 2}


def test_a_folder_beside_train_is_refused(tmp_path: Path) -> None:
    plant(tmp_path, {"train/a/1": b"x", "train/b/1": b"x", "validation/a/1": b"x"})
    with pytest.raises(RequestError, match="validation/ is beside train/"):
        check_request(IngestConfig(path=tmp_path))


def test_what_is_no_readable_file_goes_to_quarantine(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = plant(
        tmp_path / "corpus", {"pos/1.txt": b"good", "neg/1.txt": b"bad", "neg/nul.txt": b"a\0b", "neg/white.txt": b" \n"}
    )
    plant(corpus, {"neg/none.txt": b"", "neg/utf.txt": b"abc\xff", "pos/long.txt": b"x" * 101, "pos/huge.txt": b"x" * 10_000})
    (corpus / "pos" / "link.txt").symlink_to("1.txt")
    (corpus / "pos" / "loop").symlink_to(corpus, target_is_directory=True)
    (corpus / "extra").symlink_to(corpus / "pos", target_is_directory=True)
    os.mkfifo(corpus / "pos" / "pipe.txt")  # opening it would hang
    monkeypatch.chdir(corpus / "pos")
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind("socket.txt")
        out = ingest(path=corpus, max_chars=100)
    assert out.texts == {"neg/1.txt": "bad", "pos/1.txt": "good"}
    assert out.reasons == {
        "extra": "link",
        "neg/none.txt": "empty",
        "neg/nul.txt": "nul",
        "neg/utf.txt": "undecodable",
        "neg/white.txt": "empty",
        "pos/huge.txt": "too_long",
        "pos/link.txt": "link",
        "pos/long.txt": "too_long",
        "pos/loop": "link",
        "pos/pipe.txt": "special",
        "pos/socket.txt": "special",
    }
    rows = {row["source"]: row for row in out.quarantine}
    assert rows["neg/utf.txt"]["offset"] == 3
    assert rows["neg/utf.txt"]["bytes"] == b"abc\xff"
    assert rows["pos/link.txt"]["bytes"] == b"1.txt"
    assert len(rows["pos/huge.txt"]["bytes"]) <= 4096


def test_files_that_vanish_or_change_after_listing(tmp_path: Path) -> None:
    plant(tmp_path, {"a/1": b"x", "a/2": b"x", "a/3": b"x", "a/4": b"x", "b/1": b"x"})
    records = FolderLayout(Asked(tmp_path)).records(Notes())
    assert next(records).id == "a/1"
    (tmp_path / "a" / "2").unlink()
    (tmp_path / "a" / "3").unlink()
    (tmp_path / "a" / "3").symlink_to("4")
    assert [(record.id, record.reason) for record in records] == [
        ("a/2", "unreadable"),
        ("a/3", "link"),
        ("a/4", None),
        ("b/1", None),
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become nobody")
def test_files_without_permission_as_nobody(tmp_path: Path) -> None:
    plant(tmp_path, {"a/1": b"x", "a/secret": b"x", "b/1": b"x", "b/closed/1": b"x"})
    (tmp_path / "a" / "secret").chmod(0)
    (tmp_path / "b" / "closed").chmod(0)
    opened = [tmp_path, *list(tmp_path.parents)[:-2]]
    modes = {folder: folder.stat().st_mode for folder in opened}
    for folder in opened:
        folder.chmod(0o755)
    os.seteuid(65534)
    try:
        found = [(record.id, record.reason) for record in FolderLayout(Asked(tmp_path)).records(Notes())]
    finally:
        os.seteuid(0)
        for folder, mode in modes.items():
            folder.chmod(mode)
    assert found == [("a/1", None), ("a/secret", "unreadable"), ("b/1", None), ("b/closed", "unreadable")]


def test_names_of_any_bytes_survive(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    plant(tmp_path, {"b/1.txt": b"text"})
    names = [b"\xff.txt", b"\\xff.txt", b"new\nline.txt", "é😀.txt".encode(), b"<b>.txt", b"%41.txt", b"-rf"]
    (tmp_path / "ä").mkdir()
    for name in names:
        (tmp_path / "ä" / os.fsdecode(name)).write_bytes(b"text")
    out = ingest(path=tmp_path)
    assert sorted(out.texts) == sorted(
        [
            "b/1.txt",
            *(f"ä/{n}" for n in (r"\xff.txt", r"\\xff.txt", r"new\x0aline.txt", "é😀.txt", "<b>.txt", "%41.txt", "-rf")),
        ]
    )
    assert out.report["labels"] == {"b": 1, "ä": 7}


def test_printable_is_one_to_one() -> None:
    names = [b"\xff", b"\\xff", b"\\\\xff", b"\n", b"\\x0a", "\u2028".encode(), b"\\u2028", b"\xc3\xbf"]
    assert len({file_name(name) for name in names}) == len(names)
    assert all(file_name(name).isprintable() for name in names)


def test_rows_do_not_depend_on_the_order_of_creation(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    files = {f"{label}/{n}.txt": f"{label} {n}".encode() for label in "ab" for n in range(30)}
    first = ingest(path=plant(tmp_path / "one", files))
    second = ingest(path=plant(tmp_path / "two", dict(reversed(files.items()))))
    assert (first.folder / "corpus.parquet").read_bytes() == (second.folder / "corpus.parquet").read_bytes()
    assert (first.folder / "quarantine.parquet").read_bytes() == (second.folder / "quarantine.parquet").read_bytes()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no folder of a label"),
        ({"README.md": b"x"}, "no folder of a label"),
        ({"unlabelled/1": b"x"}, "no folder of a label"),
        ({"pos/1": b"x"}, r"one class only \(pos\)"),
    ],
)
def test_folders_that_cannot_be_a_corpus(tmp_path: Path, files: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        check_request(IngestConfig(path=plant(tmp_path, files)))


def test_folders_of_labels_that_hold_too_little(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    (tmp_path / "pos").mkdir()
    (tmp_path / "neg").mkdir()
    with pytest.raises(RequestError, match="no record in it"):
        ingest(path=tmp_path)
    plant(tmp_path, {"pos/1": b"x"})
    with pytest.raises(RequestError, match="one class only"):
        ingest(path=tmp_path)


def test_accepted_labels(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    plant(tmp_path, {"a/1": b"x", "b/1": b"y", "c/1": b"z"})
    out = ingest(path=tmp_path, labels=("a", "b"))
    assert out.reasons == {"c/1": "unknown_label"}


def test_a_test_folder(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    plant(tmp_path / "train", {"a/1": b"x", "b/1": b"y"})
    plant(tmp_path / "held", {"a/1": b"x"})
    out = ingest(path=tmp_path / "train", test_path=tmp_path / "held")
    assert out.splits == {"a/1": "train", "b/1": "train", "test:a/1": "test"}


def test_wrong_encoding_of_files(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    plant(tmp_path, {f"{label}/{n:02}": "schön".encode("latin-1") if n > 4 else b"ok" for label in "ab" for n in range(20)})
    with pytest.raises(RequestError, match=r"byte 3 of a/05 is not utf-8.*cp1252"):
        ingest(path=tmp_path)
    assert ingest(path=tmp_path, encoding="latin-1").report["kept"] == 40


def test_read_head_refuses_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "absent"):
        with pytest.raises(OSError, match=r"not a regular file|Is a directory|No such file"):
            read_head(os.fsencode(tmp_path / name), 10)


def test_names_remember_across_their_runs() -> None:
    names = Names()
    keys = [str(n).encode() for n in range(3 * Names.RUN)]
    assert all(names.add(key) for key in keys)
    assert not any(names.add(key) for key in keys)


def test_the_line_of_the_step_is_the_equation_with_its_reasons(tmp_path: Path) -> None:
    plant(tmp_path / "in", {"a/1": b"x", "b/1": b"y", "b/2": b""})
    (tmp_path / "out").mkdir()
    report = write_corpus(IngestConfig(path=tmp_path / "in"), tmp_path / "out")
    assert says(report) == "found 3 = kept 2 + duplicates 0 + quarantined 1 (1 empty)"
