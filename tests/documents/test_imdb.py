from __future__ import annotations

import hashlib
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from tasks.documents.layouts.imdb import REMOTE, ImdbLayout
from tasks.errors import RequestError
from tasks.ingest.corpus import check_request, write_corpus
from tasks.ingest.settings import IngestConfig
from tests.writers import write_tar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import SimpleNamespace

REVIEWS = {
    "aclImdb/README": b"no record",
    "aclImdb/imdb.vocab": b"no record",
    "aclImdb/train/urls_pos.txt": b"no record",
    "aclImdb/train/labeledBow.feat": b"no record",
    "aclImdb/test/neg/0_2.txt": b"bad<br />film",
    "aclImdb/test/pos/0_10.txt": b"good film",
    "aclImdb/train/neg/0_3.txt": b"dull",
    "aclImdb/train/pos/0_9.txt": "très bon".encode(),
    "aclImdb/train/pos/1_7.txt": b"broken \xff",
    "aclImdb/train/unsup/0_0.txt": b"who knows",
}
KEPT = {
    "test/neg/0_2.txt": ("test", "neg"),
    "test/pos/0_10.txt": ("test", "pos"),
    "train/neg/0_3.txt": ("train", "neg"),
    "train/pos/0_9.txt": ("train", "pos"),
    "train/unsup/0_0.txt": ("unlabelled", None),
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_tar(tmp_path / "aclImdb_v1.tar.gz", REVIEWS)


@pytest.mark.parametrize("form", ["archive", "path", "folder", "folder above", "path of the folder", "repacked"])
def test_every_way_to_the_official_layout(
    tmp_path: Path, archive: Path, ingest: Callable[..., SimpleNamespace], form: str
) -> None:
    folder = tmp_path / "unpacked"
    for name, data in REVIEWS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    repacked = write_tar(
        tmp_path / "mine.tar", {"./" + name.removeprefix("aclImdb/"): data for name, data in REVIEWS.items()}, "w"
    )
    options: Any = {
        "archive": {"archive": archive},
        "path": {"path": archive},
        "folder": {"archive": folder / "aclImdb", "source": "imdb"},
        "folder above": {"archive": folder},
        "path of the folder": {"path": folder / "aclImdb"},
        "repacked": {"archive": repacked},
    }[form]
    out = ingest(**options)
    assert {name: (out.splits[name], out.labels[name]) for name in sorted(out.splits)} == KEPT
    assert out.report["reasons"] == {"undecodable": 1}
    assert out.texts["test/neg/0_2.txt"] == "bad<br />film"
    row = next(row for row in out.rows if row["id"] == "train/pos/0_9.txt")
    assert row["sha256"] == hashlib.sha256("très bon".encode()).hexdigest()
    assert out.report["labels"] == {"neg": 2, "pos": 2}
    assert out.report["unlabelled"] == 1


@pytest.mark.parametrize("unpacked", [False, True])
def test_reviews_without_a_label_can_be_passed_over(
    tmp_path: Path, archive: Path, ingest: Callable[..., SimpleNamespace], unpacked: bool
) -> None:
    folder = tmp_path / "unpacked"
    for name, data in REVIEWS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    out = ingest(archive=folder if unpacked else archive, with_unlabelled=False)
    assert set(out.splits) == set(KEPT) - {"train/unsup/0_0.txt"}
    assert out.report["unlabelled"] == 0
    assert out.report["found"] == out.report["kept"] + out.report["quarantined"] == 5


def test_hostile_members(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    link = tarfile.TarInfo("aclImdb/train/pos/2_9.txt")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    members = [*REVIEWS.items(), (link, b""), ("aclImdb/../train/pos/3_9.txt", b"x"), ("copy/train/pos/0_9.txt", b"another")]
    out = ingest(archive=write_tar(tmp_path / "a.tar.gz", members))
    assert out.report["reasons"] == {"link": 1, "repeated_name": 1, "undecodable": 1, "unsafe_name": 1}
    assert out.report["kept"] == len(KEPT)


def test_special_files_in_the_folder(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    for name, data in REVIEWS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "aclImdb/train/pos/link.txt").symlink_to("0_9.txt")
    (tmp_path / "aclImdb/train/neg/link.feat").symlink_to("0_9.txt")
    out = ingest(path=tmp_path)
    assert out.report["reasons"] == {"link": 2, "undecodable": 1}


def test_what_is_no_imdb(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    text = tmp_path / "notes.tar.gz"
    text.write_bytes(b"plain text")
    other = write_tar(tmp_path / "other.tar.gz", {"a.txt": b"x"})
    (tmp_path / "empty").mkdir()
    requests: list[tuple[dict[str, Any], str]] = [
        ({"archive": text}, "not a readable tar archive"),
        ({"path": text}, "not a readable tar archive"),
        ({"archive": tmp_path / "absent.tar.gz"}, "--ingest.archive .*absent.tar.gz: No such file"),
        ({"archive": tmp_path / "empty"}, "no train/pos"),
        ({"source": "imdb", "path": tmp_path / "empty"}, "no train/pos"),
        ({"archive": other, "path": other}, "both given"),
        ({"archive": other, "source": "table"}, "is for imdb"),
        ({"archive": other, "test_path": other}, "has its own test split"),
    ]
    for options, message in requests:
        with pytest.raises(RequestError, match=message):
            check_request(IngestConfig(**options))
    with pytest.raises(RequestError, match="no record in it"):
        ingest(archive=other)


def test_without_an_archive_it_is_downloaded_only_where_told_to(tmp_path: Path) -> None:
    config = IngestConfig(source="imdb")
    check_request(config)
    with pytest.raises(RequestError, match=r"--ingest\.archive FILE"):
        write_corpus(config, tmp_path)


def test_the_downloaded_archive_is_read(tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "aclImdb_v1.tar.gz").write_bytes(archive.read_bytes())
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(ImdbLayout, "remote", REMOTE._replace(md5=md5))
    (tmp_path / "out").mkdir()
    report = write_corpus(IngestConfig(source="imdb"), tmp_path / "out", raw=raw)
    assert report["kept"] == len(KEPT)
