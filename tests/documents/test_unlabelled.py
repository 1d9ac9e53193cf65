from __future__ import annotations

import stat
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tasks.errors import RequestError
from tasks.ingest.corpus import check_request
from tasks.ingest.settings import IngestConfig
from tests.writers import write_tar, write_zip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import SimpleNamespace


@pytest.fixture
def corpus(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "corpus.txt"
    path.write_bytes("schön@pos\nbad@neg\n".encode("latin-1"))
    return {"path": path, "delimiter": "@", "encoding": "latin-1"}


def more(out: Any) -> dict[str, str]:
    """Texts of the unlabelled rows."""
    return {name.removeprefix("unlabelled:"): text for name, text in out.texts.items() if out.splits[name] == "unlabelled"}


def test_a_document_a_line(tmp_path: Path, ingest: Callable[..., SimpleNamespace], corpus: dict[str, Any]) -> None:
    (tmp_path / "u.txt").write_bytes("\ufefföne \u2028 @ x\n\n \ntwo\r\n".encode() + b"\xff bad\nn\0ul\n" + b"x" * 200)
    out = ingest(**corpus, unlabelled=tmp_path / "u.txt", max_chars=150)
    assert more(out) == {"u.txt:1": "öne \u2028 @ x", "u.txt:4": "two"}
    assert [row["reason"] for row in out.quarantine] == ["undecodable", "nul", "too_long"]
    assert out.report["splits"] == {"unsplit": 2, "unlabelled": 2}


def test_a_folder(tmp_path: Path, ingest: Callable[..., SimpleNamespace], corpus: dict[str, Any]) -> None:
    (tmp_path / "u" / "deep").mkdir(parents=True)
    for name in ("b.txt", "deep/a.TXT", "notes.md"):
        (tmp_path / "u" / name).write_text(name)
    (tmp_path / "u" / "link").symlink_to("deep")
    out = ingest(**corpus, unlabelled=tmp_path / "u")
    assert more(out) == {"b.txt": "b.txt", "deep/a.TXT": "deep/a.TXT"}
    assert out.reasons == {"unlabelled:link": "link"}


@pytest.mark.parametrize("name", ["u.tar.gz", "u.tar", "u.zip", "without-suffix"])
def test_an_archive(tmp_path: Path, ingest: Callable[..., SimpleNamespace], corpus: dict[str, Any], name: str) -> None:
    members = {"train/a.txt": b"one", "README.md": b"no", "b.txt": "zwö".encode(), "long.txt": b"x" * 5000}
    path = tmp_path / name
    if name == "u.zip":
        write_zip(path, members)
    else:
        write_tar(path, members, "w" if name == "u.tar" else "w:gz")
    out = ingest(**corpus, unlabelled=path, max_chars=1000)
    assert more(out) == {"train/a.txt": "one", "b.txt": "zwö"}
    assert out.reasons == {"unlabelled:long.txt": "too_long"}


def test_a_hostile_zip(tmp_path: Path, ingest: Callable[..., SimpleNamespace], corpus: dict[str, Any]) -> None:
    path = tmp_path / "u.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ok.txt", b"fine")
        archive.writestr("../up.txt", b"x")
        archive.writestr("/abs.txt", b"x")
        archive.writestr("bomb.txt", b"\0" * 50_000_000)
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, b"/etc/passwd")
        archive.writestr("folder/", b"")
        archive.writestr("damaged.txt", b"some text that is compressed " * 20)
    whole = bytearray(path.read_bytes())
    at = whole.index(b"damaged.txt") + len("damaged.txt")
    whole[at + 2] ^= 0xFF
    path.write_bytes(whole)
    out = ingest(**corpus, unlabelled=path, max_chars=1000)
    assert more(out) == {"ok.txt": "fine"}
    assert {name.removeprefix("unlabelled:"): reason for name, reason in out.reasons.items()} == {
        "../up.txt": "unsafe_name",
        "/abs.txt": "unsafe_name",
        "bomb.txt": "too_long",
        "link.txt": "link",
        "damaged.txt": "unreadable",
    }
    assert max(len(row["bytes"]) for row in out.quarantine) <= 4096
    path.write_bytes(whole[:-30])
    with pytest.raises(RequestError, match=r"u\.zip"):
        ingest(**corpus, unlabelled=path)


def test_a_zip_whose_directory_is_too_large_to_hold(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], corpus: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_zip(tmp_path / "u.zip", {f"{number}.txt": b"x" for number in range(10)})
    monkeypatch.setattr("tasks.documents.archive.MAX_ZIP_DIRECTORY_BYTES", 100)
    with pytest.raises(RequestError, match=r"pack them as \.tar\.gz"):
        ingest(**corpus, unlabelled=path)


def test_a_table_has_its_own_column_and_encoding(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], corpus: dict[str, Any]
) -> None:
    (tmp_path / "news.csv").write_text('Time,Headlines\n1,"line\nbreak"\n2,Ünï\n')
    out = ingest(**corpus, unlabelled=tmp_path / "news.csv", unlabelled_text="Headlines")
    assert more(out) == {"news.csv:2": "line\nbreak", "news.csv:4": "Ünï"}
    with pytest.raises(RequestError, match="there are: 'Time', 'Headlines'"):
        ingest(**corpus, unlabelled=tmp_path / "news.csv")


def test_its_wrong_encoding_names_its_own_option(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], corpus: dict[str, Any]
) -> None:
    (tmp_path / "u.txt").write_bytes("schön\n".encode("latin-1") * 5)
    with pytest.raises(RequestError, match=r"byte 3 of u.txt is not utf-8.*--ingest.unlabelled-encoding cp1252"):
        ingest(**corpus, unlabelled=tmp_path / "u.txt")
    assert ingest(**corpus, unlabelled=tmp_path / "u.txt", unlabelled_encoding="latin-1").report["unlabelled"] == 5
    (tmp_path / "u.txt").write_bytes("schön\n".encode("utf-16"))
    with pytest.raises(RequestError, match="byte order mark of utf-16"):
        ingest(**corpus, unlabelled=tmp_path / "u.txt")


def test_what_cannot_be_read(tmp_path: Path, corpus: dict[str, Any]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.tar.gz").write_bytes(b"no archive")
    for name, message in [("absent", "No such file"), ("empty", r"no \.txt file"), ("a.tar.gz", "not a readable archive")]:
        with pytest.raises(RequestError, match=message):
            check_request(IngestConfig(**corpus, unlabelled=tmp_path / name))
