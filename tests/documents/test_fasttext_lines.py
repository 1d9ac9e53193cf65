"""fastText's own format: `__label__x text`."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.documents.fasttext_lines import labels_and_text
from tasks.errors import RequestError
from tasks.ingest.corpus import check_request
from tasks.ingest.settings import IngestConfig

BY_HAND = {"delimiter": " ", "text": "1", "label": "0"}
LINES = [f"__label__{'pos' if n % 2 else 'neg'} text number {n} of __label__x kind" for n in range(20)]


def put(path: Path, lines: Any) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("line", "labels", "text"),
    [
        ("__label__a good text", ["a"], "good text"),
        ("__label__a\tgood\ttext", ["a"], "good\ttext"),
        ("  __label__a __label__b  good ", ["a", "b"], "good"),
        ("__label__a __label__a good", ["a"], "good"),
        ("__label__a", ["a"], ""),
        ("__label__ good", [], "good"),
        ("good __label__a", [], "good __label__a"),
        ("__label__类 好", ["类"], "好"),
    ],
)
def test_labels_are_the_words_before_the_text(line: str, labels: list[str], text: str) -> None:
    assert labels_and_text(line) == (labels, text)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("train.txt", {}),
        ("train", {}),
        ("cooking.train", {}),
        ("a.tsv", {}),
        ("a.txt", BY_HAND),
    ],
)
def test_lines_with_labels_are_read_as_such(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace], name: str, options: Any
) -> None:
    out = ingest(path=put(tmp_path / name, LINES), **options)
    assert out.report["labels"] == {"neg": 10, "pos": 10}
    assert next(iter(out.texts.values())) == "text number 0 of __label__x kind"


def test_a_line_with_several_labels_is_refused_and_says_which(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    out = ingest(path=put(tmp_path / "a.txt", [*LINES, "__label__pos __label__urgent both"]))
    assert out.report["reasons"] == {"several_labels": 1}
    assert out.report["kept"] == 20


def test_a_file_in_which_most_lines_have_several_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", [line.replace("__label__", "__label__all __label__", 1) for line in LINES])
    with pytest.raises(RequestError, match=r"20 of the first 20 lines have several labels.*it has the labels all, neg"):
        check_request(IngestConfig(path=path))


def test_lines_without_a_label_are_unlabelled_text(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    out = ingest(path=put(tmp_path / "a.txt", [*LINES, "no label here"]))
    assert (out.report["unlabelled"], out.texts["a.txt:21"]) == (1, "no label here")


def test_it_meets_tables_of_other_kinds(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    (tmp_path / "t.csv").write_text("text,label\none,__label__pos\ntwo,neg\n")
    out = ingest(path=put(tmp_path / "a.txt", LINES), test_path=tmp_path / "t.csv")
    assert out.report["labels"] == {"neg": 11, "pos": 11}
    out = ingest(path=tmp_path / "t.csv", test_path=tmp_path / "a.txt", unlabelled=tmp_path / "a.txt")
    assert out.report["labels"] == {"neg": 11, "pos": 11}
    assert out.texts["unlabelled:a.txt:1"] == "text number 0 of __label__x kind"


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_compressed_tables_are_read(tmp_path: Path, ingest: Callable[..., SimpleNamespace], suffix: str, pack: Any) -> None:
    plain = ("\n".join(LINES) + "\n").encode()
    (tmp_path / f"a.txt{suffix}").write_bytes(pack(plain))
    (tmp_path / f"a.csv{suffix}").write_bytes(pack(b'text,label\n"two\nlines",p\nbad,n\n'))
    out = ingest(path=tmp_path / f"a.txt{suffix}", unlabelled=tmp_path / f"a.txt{suffix}")
    assert out.report["splits"] == {"unlabelled": 20, "unsplit": 20}
    assert list(ingest(path=tmp_path / f"a.csv{suffix}").texts.values()) == ["two\nlines", "bad"]
    (tmp_path / f"cut.txt{suffix}").write_bytes(pack(plain * 50)[:-12])
    with pytest.raises(RequestError, match="the compressed file is damaged or cut off"):
        ingest(path=tmp_path / f"cut.txt{suffix}")


def test_a_text_with_the_prefix_inside_is_text(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    rows = ["text\tlabel", "__label__x is what fastText writes\tpos", "bad\tneg"]
    assert list(ingest(path=put(tmp_path / "a.tsv", rows)).texts.values()) == ["__label__x is what fastText writes", "bad"]
