"""Hostile archives write nothing outside and stay within bounds.

Each archive is read as unlabelled text and as IMDB's, in a process that is watched: every file that it opens for writing (by an
audit hook), what stands around its own folder afterwards, and its anonymous memory, a hundred times a second.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import multiprocessing
import os
import stat
import struct
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.errors import RequestError
from tasks.ingest.corpus import write_corpus
from tasks.ingest.settings import IngestConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

NUMBER = 8
PROMISE = (
    "A hostile archive (names that leave the folder, links and chains of them, pipes, devices, bombs, a million members, "
    "repeated or endless headers, cuts, nonsense) writes nothing outside, is refused in one line or read with a reason for "
    "each record that is left out, and takes less than 300 MB of memory (RssAnon)"
)
TAKEN_OUT = "the bound on what is kept of a member: the gzip bomb takes 1,102 MB (1 of 26 trials fails)"
MAX_MB = 300
GOOD = {"train/pos/1_9.txt": b"a good film", "train/neg/2_1.txt": b"a bad film"}
OPENED: list[str] = []


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int | None = None, data: bytes = b"x") -> bytes:
    """A header and its data; `size` may lie."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    info.size = len(data) if size is None and kind == tarfile.REGTYPE else (size or 0)
    block = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    return block + (data.ljust(-(-len(data) // 512) * 512, b"\0") if kind == tarfile.REGTYPE else b"")


def tar(*members: bytes, end: bytes = bytes(1024)) -> bytes:
    return b"".join([member(name, data=data) for name, data in GOOD.items()] + list(members)) + end


def pax(records: bytes, name: str = "train/pos/5_9.txt", kind: bytes = tarfile.XHDTYPE) -> bytes:
    info = tarfile.TarInfo("pax")
    info.type, info.size = kind, len(records)
    return info.tobuf() + records.ljust(-(-len(records) // 512) * 512, b"\0") + member(name)


def record(key: str, value: bytes) -> bytes:
    body = key.encode() + b"=" + value + b"\n"
    length = len(body) + 3
    while len(b"%d " % length + body) != length:
        length += 1
    return b"%d " % length + body


def zipped(members: dict[str, bytes], modes: dict[str, int] | None = None, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in {**GOOD, **members}.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o644) << 16
            info.compress_type = compression
            archive.writestr(info, data)
    return out.getvalue()


def zip_bomb(size: int) -> bytes:
    """Many entries of a zip file that share one run of zeros (Fifield, "A better zip bomb", WOOT 2019, the plain kind)."""
    return zipped({f"train/pos/{number}_9.txt": bytes(size) for number in range(10, 30)})


def gzip_of(pieces: Iterator[bytes], path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        for piece in pieces:
            file.write(piece)


def big_member(path: Path, random: Random) -> None:
    """One review of a gigabyte of zeros, in a megabyte."""
    zeros = bytes(1 << 20)
    gzip_of(iter([tar(end=b""), member("train/pos/7_9.txt", size=1 << 30, data=b""), *[zeros] * 1024, bytes(1024)]), path)


def many_members(path: Path, random: Random) -> None:
    """A million members of different names: half of them reviews, half of them links."""

    def blocks() -> Iterator[bytes]:
        review, link = (
            bytearray(member("train/pos/0000000_9.txt", data=b"")),
            bytearray(member("train/neg/0000000_1.txt", tarfile.SYMTYPE, "x")),
        )
        yield tar(end=b"")
        base = {id(block): sum(block[:148]) + sum(block[156:512]) + 256 - 7 * 48 for block in (review, link)}
        for start in range(0, 1_000_000, 1000):
            out = bytearray()
            for number in range(start, start + 1000):
                block, digits = (review, link)[number % 2], b"%07d" % number
                block[10:17] = digits
                block[148:156] = b"%06o\0 " % (base[id(block)] + sum(digits))
                out += block
            yield bytes(out)
        yield bytes(1024)

    gzip_of(blocks(), path)


def endless(path: Path, random: Random) -> None:
    """Headers that describe the next header, and never a file."""
    one = pax(record("path", b"train/pos/8_9.txt"))[:1024]
    gzip_of(iter([tar(end=b""), *[one * 1000] * 300]), path)


def long_links(path: Path, random: Random) -> None:
    """A gigabyte announced as a name."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    gzip_of(iter([tar(end=b""), info.tobuf(tarfile.GNU_FORMAT), *[b"a" * (1 << 20)] * 64]), path)


def directory_of_gigabytes(path: Path, random: Random) -> None:
    """A zip file whose end says that its directory has 4 GB."""
    data = bytearray(zipped({}))
    at = data.rfind(b"PK\5\6")
    data[at + 8 : at + 16] = struct.pack("<HHL", 65535, 65535, 0xFFFFFFF0)
    path.write_bytes(data)


def cut(path: Path, random: Random) -> None:
    whole = gzip.compress(tar(*[member(f"train/pos/{n}_9.txt", data=random.randbytes(900)) for n in range(20, 60)]))
    path.write_bytes(whole[: random.randrange(10, len(whole) - 1)])


def changed(path: Path, random: Random) -> None:
    whole = bytearray(tar(*[member(f"train/pos/{n}_9.txt", data=b"word " * 100) for n in range(20, 40)]))
    for _ in range(random.randint(1, 20)):
        whole[random.randrange(1024, len(whole))] = random.randrange(256)
    path.write_bytes(whole)


def noise(path: Path, random: Random) -> None:
    head = random.choice([b"\x1f\x8b\x08\0", b"BZh9", b"PK\3\4", b"PK\5\6", b"ustar"])
    path.write_bytes(head + random.randbytes(random.randrange(20_000)))


def outside(random: Random) -> str:
    """A name that leaves the folder, or means to."""
    here = [
        "../escaped.txt",
        "a/../../escaped.txt",
        "train/pos/../../../escaped.txt",
        "./../escaped.txt",
        "..",
        "~/escaped.txt",
    ]
    there = ["/tmp/escaped.txt", "//escaped.txt", "/", "C:\\escaped.txt", "train/pos/..\\..\\escaped.txt"]
    return random.choice([*here, *there, "train/pos/\udce9scaped/../../../x.txt"])


def chain(random: Random) -> list[bytes]:
    """A link to a folder, a link through it, then a file through both: what tarfile's filters were escaped by."""
    up = "/".join([".."] * random.randint(1, 9))
    return [
        member("train/pos/l", tarfile.SYMTYPE, up),
        member("train/pos/l/m", tarfile.SYMTYPE, "../" * 3),
        member("train/pos/l/m/escaped.txt"),
        member("train/pos/9_9.txt", tarfile.LNKTYPE, "train/pos/l/m/escaped.txt"),
        member("train/pos/9_9.txt", data=b"through the link"),
    ]


def special(random: Random) -> list[bytes]:
    kinds = [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, b"S", b"M", b"V", b"Z"]
    return [
        member(f"train/pos/{number}_9.txt", random.choice(kinds), random.choice(["/etc/passwd", "../x", ""]))
        for number in range(10, 20)
    ]


def plain(make: Callable[[Random], list[bytes]]) -> Callable[[Path, Random], object]:
    """An archive of these members, packed in one of three ways."""

    def write(path: Path, random: Random) -> None:
        packers: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, bz2.compress]
        path.write_bytes(random.choice(packers)(tar(*make(random))))

    return write


def zip_file(make: Callable[[Random], bytes]) -> Callable[[Path, Random], object]:
    return lambda path, random: path.write_bytes(make(random))


ARCHIVES: dict[str, Callable[[Path, Random], object]] = {
    "names that leave the folder": plain(lambda r: [member(outside(r)) for _ in range(9)]),
    "links": plain(lambda r: [member(f"train/pos/{n}_9.txt", tarfile.SYMTYPE, outside(r)) for n in range(9)]),
    "hard links": plain(lambda r: [member(f"train/pos/{n}_9.txt", tarfile.LNKTYPE, outside(r)) for n in range(9)]),
    "chains of links": plain(chain),
    "pipes and devices": plain(special),
    "repeated names": plain(lambda r: [member("train/pos/1_9.txt", data=b"again") for _ in range(50)]),
    "pax path": plain(lambda r: [pax(record("path", outside(r).encode("utf-8", "surrogateescape"))) for _ in range(5)]),
    "pax link": plain(lambda r: [pax(record("linkpath", b"/etc/passwd") + record("path", b"train/pos/3_9.txt"))]),
    "pax size": plain(lambda r: [pax(record("size", r.choice([b"-1", b"9" * 20, b"1e9", b"", b"0x10"])))]),
    "pax nonsense": plain(lambda r: [pax(r.randbytes(r.randrange(1, 2000)))]),
    "pax for all": plain(lambda r: [pax(record("path", b"../escaped.txt"), kind=tarfile.XGLTYPE)]),
    "sizes that lie": plain(lambda r: [member("train/pos/4_9.txt", size=r.choice([1 << 40, 7, 8**11 - 1]), data=b"x" * 600)]),
    "names with control characters": plain(
        lambda r: [member(f"train/pos/{c}_9.txt") for c in ("\n", "\x1b[2J", "\u202e", "\udcff", "a" * 90)]
    ),
    "a folder as a file": plain(lambda r: [member("train/pos/3_9.txt", tarfile.DIRTYPE), member("train/pos/3_9.txt/4_9.txt")]),
    "no end": lambda path, random: path.write_bytes(tar(end=b"")),
    "cut": cut,
    "changed bytes": changed,
    "noise": noise,
    "zip: names that leave the folder": zip_file(lambda r: zipped({outside(r).replace("\udce9", "e"): b"x" for _ in range(5)})),
    "zip: links and pipes": zip_file(
        lambda r: zipped(
            dict.fromkeys(["train/pos/3_9.txt", "train/pos/4_9.txt"], b"/etc/passwd"),
            {"train/pos/3_9.txt": stat.S_IFLNK | 0o777, "train/pos/4_9.txt": stat.S_IFIFO},
        )
    ),
    "zip: bomb": zip_file(lambda r: zip_bomb(20 << 20)),
    "zip: directory of 4 GB": directory_of_gigabytes,
    "zip: LZMA and bzip2 bombs": zip_file(
        lambda r: zipped({"train/pos/3_9.txt": bytes(30 << 20)}, compression=r.choice([zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2]))
    ),
    "a name of a gigabyte": long_links,
    "headers without end": endless,
    "gzip bomb": big_member,
    "a million members": many_members,
}
COUNT = 2 * len(ARCHIVES)
HEAVY = 2  # at the end: left out of the short version


def trial(make: Callable[[Path, Random], object], random: Random, folder: Path) -> str | None:
    """Read a hostile archive in both ways."""
    archive, good = folder / "hostile.tar.gz", folder / "good.csv"
    make(archive, random)
    good.write_text("text,label\na good film,pos\na bad film,neg\n")
    before = seen(folder.parent)
    for name, options in (("as-text", {"path": good, "unlabelled": archive}), ("as-imdb", {"archive": archive})):
        own = folder / name
        own.mkdir()
        wrong = watched(options, own)
        if wrong:
            return f"{name}: {wrong}"
    left = seen(folder.parent) - before
    strange = [name for name in left if not name.startswith((f"{folder.name}/as-text", f"{folder.name}/as-imdb"))]
    if strange or Path("/tmp/escaped.txt").exists():
        return f"{strange or '/tmp/escaped.txt'} was written"
    return None


def seen(folder: Path) -> set[str]:
    """What stands there, with sizes; a change shows."""
    return {
        f"{path.relative_to(folder)} {path.lstat().st_size if not path.is_dir() else 0}"
        for path in folder.rglob("*")
        if not path.name.endswith(".sock")
    }


def watched(options: dict[str, Any], own: Path) -> str | None:
    """Read in the child; what it opened, what it took and what it said are judged here."""
    connection, _ = CHILD[0]
    connection.send((options, own))
    if not connection.poll(280):
        return "it hangs"
    outcome, opened, megabytes = connection.recv()
    strange = [path for path in opened if not path.startswith(str(own))]
    if strange:
        return f"it opened {strange} for writing"
    if megabytes > MAX_MB:
        return f"it took {megabytes:.0f} MB"
    if isinstance(outcome, str):
        return None if outcome.startswith("refused: ") and "\n" not in outcome else outcome
    if outcome["found"] != outcome["kept"] + outcome["duplicates"] + outcome["quarantined"]:
        return f"records were lost: {outcome}"
    return None if sum(outcome["reasons"].values()) == outcome["quarantined"] else "a record has no reason"


CHILD: list[tuple[Any, Any]] = []


@contextlib.contextmanager
def prepare(folder: Path) -> Iterator[None]:
    """Start the process that reads."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=read_all, args=(there,), daemon=True)
    child.start()
    CHILD.append((here, child))
    try:
        yield
    finally:
        CHILD.clear()
        child.kill()
        child.join()


def read_all(connection: Any) -> None:
    """The child: read what comes, watched by an audit hook and a thread."""
    sys.dont_write_bytecode = True  # what an import compiles is not the archive's doing
    sys.addaudithook(note_writes)
    peak = [0.0]
    threading.Thread(target=watch_memory, args=(peak,), daemon=True).start()
    while True:
        options, own = connection.recv()
        OPENED.clear()
        peak[0] = 0.0
        try:
            outcome: Any = write_corpus(IngestConfig(**options), own)
        except RequestError as error:
            outcome = f"refused: {error}"
        except BaseException as error:  # noqa: BLE001 anything else is wrong
            outcome = f"{type(error).__name__}: {error}"
        peak[0] = max(peak[0], anonymous_mb())
        connection.send((outcome, list(OPENED), peak[0]))


def note_writes(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str | bytes):
        path, mode, flags = arguments
        if (mode and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
            OPENED.append(os.fsdecode(path))
    elif event in (
        "os.symlink",
        "os.link",
        "os.mkdir",
        "os.rename",
        "os.remove",
        "os.chmod",
        "os.chown",
        "os.truncate",
        "subprocess.Popen",
    ):
        OPENED.append(f"{event} {arguments[0]!r}")


def watch_memory(peak: list[float]) -> None:
    while True:
        peak[0] = max(peak[0], anonymous_mb())
        time.sleep(0.01)


def anonymous_mb() -> float:
    """RssAnon of this process."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def case(make: Callable[[Path, Random], object]) -> Callable[[Random, Path], str | None]:
    return lambda random, folder: trial(make, random, folder)


CASES = {name: case(make) for name, make in ARCHIVES.items()}
