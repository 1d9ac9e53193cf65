from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.documents.archive import MAX_MEMBERS, Placed, archive_kind, archive_records
from tasks.documents.layouts.texts import is_text_member
from tasks.documents.tar import MAX_HEADER_BYTES, TarError, read_tar
from tasks.errors import RequestError
from tests.examples import examples
from tests.writers import write_tar

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 1000


def place_text(name: bytes) -> Placed | None:
    return Placed(name, None, "unlabelled") if is_text_member(name) else None


def everything(data: bytes, limit: int = 1 << 20) -> list:
    return list(read_tar(io.BytesIO(data), limit, lambda name: True))


def packed(members: dict[str, bytes], form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


NAMES = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="/"), min_size=1, max_size=90)


@examples(60)
@given(st.dictionaries(NAMES, st.binary(max_size=1500), max_size=5), st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
def test_reads_what_tarfile_wrote(members: Any, form: int) -> None:
    found = everything(packed(members, form))
    assert {member.name.decode(): member.data for member in found} == members
    assert {member.kind for member in found} <= {"file"}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names(form: int) -> None:
    name = "a" * 90 + "/" + "b" * 90 + ("" if form == tarfile.USTAR_FORMAT else "/" + "c" * 120) + ".txt"
    assert [(m.name.decode(), m.data) for m in everything(packed({name: b"x", "y": b"z"}, form))] == [
        (name, b"x"),
        ("y", b"z"),
    ]


def test_only_the_limit_of_a_member_is_kept_and_the_next_is_found() -> None:
    found = everything(packed({"a": b"x" * 5000, "b": b"y"}, tarfile.GNU_FORMAT), limit=10)
    assert [(m.name, m.data) for m in found] == [(b"a", b"x" * 10), (b"b", b"y")]


@examples(60)
@given(st.integers(0, 4 * 512 - 1), st.integers(0, 255))
def test_a_changed_byte_is_an_error_or_a_member_never_a_crash(at: int, byte: Any) -> None:
    whole = bytearray(packed({"a.txt": b"one", "b.txt": b"two"}, tarfile.GNU_FORMAT))
    whole[at] = byte
    with contextlib.suppress(TarError):
        assert len(everything(bytes(whole))) == 2


@pytest.mark.parametrize("keep", [100, 600, 1024, 1100, 2048])
def test_an_archive_that_is_cut_off_is_an_error_even_between_members(keep: int) -> None:
    whole = packed({"a.txt": b"one", "b.txt": b"two"}, tarfile.GNU_FORMAT)
    with pytest.raises(TarError):
        everything(whole[:keep])


def test_a_damaged_header_is_an_error_and_not_the_end() -> None:
    whole = bytearray(packed({"a.txt": b"one", "b.txt": b"two"}, tarfile.GNU_FORMAT))
    whole[1024 + 3] ^= 1
    with pytest.raises(TarError, match="checksum"):
        everything(bytes(whole))


def header(name: bytes, size: int, kind: bytes) -> bytes:
    info = tarfile.TarInfo(name.decode())
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_an_extended_header_cannot_fill_the_memory(kind: bytes) -> None:
    with pytest.raises(TarError, match="extended header"):
        everything(header(b"bomb", MAX_HEADER_BYTES + 1, kind))


@pytest.mark.parametrize("pax", [b"9 path=a", b"x path=a\n", b"999999999999 path=a\n", b"10 size=-1\n", b"5 ab\n"])
def test_malformed_pax_headers(pax: bytes) -> None:
    with pytest.raises(TarError):
        everything(header(b"h", len(pax), b"x") + pax.ljust(512, b"\0") + header(b"a", 0, b"0") + bytes(1024))


def test_hostile_members_are_counted_and_nothing_is_written(tmp_path: Path) -> None:
    def special(name: str, kind: bytes, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        return info, b""

    outside = tmp_path / "escaped.txt"
    path = write_tar(
        tmp_path / "hostile.tar.gz",
        [
            ("ok.txt", b"fine"),
            ("../escaped.txt", b"up"),
            (str(outside), b"absolute"),
            special("link.txt", tarfile.SYMTYPE, "/etc/passwd"),
            special("chain.txt", tarfile.LNKTYPE, "link.txt"),
            special("pipe.txt", tarfile.FIFOTYPE),
            special("device.txt", tarfile.CHRTYPE),
            special("folder.txt", tarfile.DIRTYPE),
            ("ok.txt", b"again"),
            ("README.md", b"no record"),
            ("bomb.txt", b"x" * 100_000),
        ],
    )
    before = sorted(tmp_path.iterdir())
    records = list(archive_records(path, LIMIT, place_text))
    assert [(record.source, record.reason) for record in records] == [
        ("ok.txt", None),
        ("../escaped.txt", "unsafe_name"),
        (str(outside), "unsafe_name"),
        ("link.txt", "link"),
        ("chain.txt", "link"),
        ("pipe.txt", "special"),
        ("device.txt", "special"),
        ("ok.txt", "repeated_name"),
        ("bomb.txt", "too_long"),
    ]
    assert max(len(record.data) for record in records) == LIMIT + 1
    assert sorted(tmp_path.iterdir()) == before


def test_sparse_members_are_special(tmp_path: Path) -> None:
    data = bytearray(header(b"sparse.txt", 0, b"S"))
    data[148:156] = b"%06o\0 " % (256 + sum(data[:148]) + sum(data[156:]))
    path = tmp_path / "sparse.tar"
    path.write_bytes(bytes(data) + header(b"a.txt", 0, b"0") + bytes(1024))
    assert [(record.source, record.reason) for record in archive_records(path, LIMIT, place_text)] == [
        ("sparse.txt", "special"),
        ("a.txt", None),
    ]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2"])
def test_compressions(tmp_path: Path, mode: str) -> None:
    path = write_tar(tmp_path / "any-name", {"./a.txt": b"one", "b/._a.txt": b"hidden"}, mode)
    assert archive_kind(path) == "tar"
    assert [(record.id, record.data) for record in archive_records(path, LIMIT, place_text)] == [("a.txt", b"one")]


@pytest.mark.parametrize("part", [0.3, 0.7, 0.99])
def test_a_cut_off_download_is_a_clear_error(tmp_path: Path, part: float) -> None:
    path = write_tar(tmp_path / "a.tar.gz", {f"{n}.txt": bytes(str(n) * 50, "ascii") for n in range(200)})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(RequestError, match=r"a\.tar\.gz: the archive is damaged or cut off after"):
        list(archive_records(path, LIMIT, place_text))


def test_a_wrong_checksum_at_the_end_is_an_error(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "a.tar.gz", {"a.txt": b"one"})
    whole = bytearray(path.read_bytes())
    whole[-6] ^= 0xFF  # of the CRC-32
    path.write_bytes(whole)
    with pytest.raises(RequestError, match="CRC"):
        list(archive_records(path, LIMIT, place_text))


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_MEMBERS == 5_000_000
    monkeypatch.setattr("tasks.documents.archive.MAX_MEMBERS", 3)
    path = write_tar(tmp_path / "a.tar.gz", {f"{n}.txt": b"x" for n in range(4)})
    with pytest.raises(RequestError, match="more than 3 members"):
        list(archive_records(path, LIMIT, place_text))


def test_what_is_no_archive(tmp_path: Path) -> None:
    text, packed_text = tmp_path / "a.txt", tmp_path / "a.tar.gz"
    text.write_bytes(b"plain text " * 100)
    packed_text.write_bytes(gzip.compress(b"plain text " * 100))
    cut = tmp_path / "b.tar.gz"
    cut.write_bytes(packed_text.read_bytes()[:20])
    assert [archive_kind(path) for path in (text, packed_text, cut, tmp_path / "absent", tmp_path)] == [None] * 5


def test_sizes_in_base_256_and_members_that_have_none() -> None:
    data = bytearray(header(b"a", 3, b"0"))
    data[124:136] = b"\x80" + (3).to_bytes(11, "big")
    data[148:156] = b"%06o\0 " % (256 + sum(data[:148]) + sum(data[156:]))
    folder = header(b"f/", 512, b"5")  # a folder's size is no data
    old = header(b"old/", 0, b"\0")
    found = everything(bytes(data) + b"one".ljust(512, b"\0") + folder + old + header(b"b", 0, b"0") + bytes(1024))
    assert [(m.name, m.kind, m.data) for m in found] == [
        (b"a", "file", b"one"),
        (b"f/", "folder", None),
        (b"old/", "folder", None),
        (b"b", "file", b""),
    ]


def test_memory_stays_small_for_a_bomb(tmp_path: Path) -> None:
    import tracemalloc

    path = write_tar(tmp_path / "bomb.tar.gz", {"a.txt": bytes(100 << 20), "b.txt": b"fine"})
    tracemalloc.start()
    try:
        assert [record.reason for record in archive_records(path, LIMIT, place_text)] == ["too_long", None]
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
