from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, BinaryIO, cast

import pytest

from tasks.documents.layouts.imdb import place
from tasks.documents.tar import read_tar
from tasks.errors import RequestError
from tests.writers import write_tar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import SimpleNamespace

pytestmark = pytest.mark.long


def test_the_first_reviews_of_the_imdb_archive(tmp_path: Path, data: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    chosen: dict[str, bytes] = {}
    with gzip.open(data / "imdb" / "aclImdb_v1.tar.gz") as stream:
        for member in read_tar(cast("BinaryIO", stream), 1 << 20, lambda name: place(name) is not None):
            if member.data is not None and len(chosen) < 500:
                chosen[member.name.decode()] = member.data
            if len(chosen) == 500:
                break
    out = ingest(
        archive=write_tar(tmp_path / "a.tar.gz", {**chosen, "aclImdb/train/pos/x.txt": b"a", "aclImdb/train/neg/x.txt": b"b"})
    )
    assert out.report["found"] == out.report["kept"] == 502
    assert out.texts["test/neg/0_2.txt"].startswith("Once again Mr. Costner")


@pytest.mark.parametrize(("name", "kept", "quarantined"), [("All", 2263, 1), ("75", 3453, 0), ("66", 4217, 0), ("50", 4846, 0)])
def test_financial_phrasebank(
    data: Path, ingest: Callable[..., SimpleNamespace], name: str, kept: int, quarantined: int
) -> None:
    path = data / "financial_phrasebank" / f"Sentences_{name}Agree.txt"
    out = ingest(path=path, delimiter="@", encoding="latin-1")
    assert (out.report["kept"], out.report["quarantined"]) == (kept, quarantined)
    assert set(out.report["labels"]) == {"positive", "neutral", "negative"}
    assert [(row["bytes"], row["reason"]) for row in out.quarantine] == [(b"1", "malformed_row")] * quarantined
    with pytest.raises(RequestError, match=r"byte \d+ of Sentences_\w+\.txt is not utf-8.*cp1252"):
        ingest(path=path, delimiter="@")


def test_phrasebank_with_transcripts_as_unlabelled_text(data: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    path = data / "financial_phrasebank" / "Sentences_AllAgree.txt"
    archive = data / "ectsum" / "ectsum_transcripts.tar.gz"
    out = ingest(path=path, delimiter="@", encoding="latin-1", unlabelled=archive)
    assert out.report["splits"] == {"unsplit": 2263, "unlabelled": 2425}


def test_thucnews(data: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    folder = data / "thucnews"
    out = ingest(path=folder / "dev.txt", test_path=folder / "test.txt", label_names=folder / "class.txt")
    assert out.report["splits"] == {"train": 10_000, "test": 10_000}
    assert set(out.report["labels"].values()) == {2000}
    assert "realty" in out.report["labels"]
    with pytest.raises(RequestError, match="are UTF-8, not latin-1"):
        ingest(path=folder / "dev.txt", encoding="latin-1")


def test_headlines_have_line_breaks_and_no_label(data: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    path = data / "headlines" / "guardian.csv"
    with pytest.raises(RequestError, match="there are: 'Time', 'Headlines'"):
        ingest(path=path, text="Headlines")
    out = ingest(path=path, text="Headlines", label="Time")
    assert (out.report["found"], out.report["kept"]) == (17_800, 17_800)
    assert sum("\n" in text for text in out.texts.values()) == 1246
