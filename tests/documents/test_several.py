"""A corpus in several files: they are read in the order of their names, and each row says which file it is from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from flows.commands.settings import resolve
from flows.fetched import with_files
from flows.record import command
from tasks.errors import RequestError
from tasks.ingest.corpus import check_request
from tasks.ingest.settings import IngestConfig
from tasks.places import matched, names_of
from tasks.store.artifact import Fingerprints, section_values

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace


@pytest.fixture
def news(tmp_path: Path) -> Path:
    """Three files of one folder, of three forms and headers, and one of another."""
    folder = tmp_path / "news"
    folder.mkdir()
    (folder / "b.csv").write_text("label,text\ngood,profit rose\nbad,sales fell\n")
    (folder / "a.csv").write_text("day,text,label\n2024-01-02,orders grew,good\n")
    (folder / "~$a.csv").write_text("an office program's lock")
    (folder / "c.jsonl").write_text(json.dumps({"text": "costs soared", "label": "bad"}) + "\n")
    (tmp_path / "old").mkdir()
    (tmp_path / "old/b.csv").write_text("text,label\nshares sank,bad\n")
    return folder


def test_files_of_a_pattern_are_read_by_their_own_headers(news: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    found = ingest(path=news / "*.csv")
    assert [(row["id"], row["source"], row["text"]) for row in found.rows] == [
        ("a.csv:2", "a.csv", "orders grew"),
        ("b.csv:2", "b.csv", "profit rose"),
        ("b.csv:3", "b.csv", "sales fell"),
    ]


def test_several_paths_may_have_several_forms_and_files_of_one_name(news: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    paths = (news / "c.jsonl", news / "b.csv", news.parent / "old/b.csv", news / "*.csv")
    found = ingest(path=paths)
    assert [row["id"] for row in found.rows] == [
        "news/a.csv:2",
        "news/b.csv:2",
        "news/b.csv:3",
        "news/c.jsonl:1",
        "old/b.csv:2",
    ]
    again = ingest(path=tuple(reversed(paths)))
    assert again.rows == found.rows


def test_a_part_without_a_row_is_warned_of(news: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    (news / "d.csv").write_text("text,label\n")
    (warning,) = ingest(path=news / "*.csv").report["warnings"]
    assert "d.csv: the header is its only line" in warning


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("news/*.txt", r"--ingest\.path .*news/\*\.txt: no file matches; correct the pattern"),
        (("news/a.csv", "news/absent.csv"), r"--ingest\.path .*absent\.csv: No such file"),
        (("news/a.csv", "news/odd.csv"), r"odd\.csv: no column 'label' for the label; there are: 'text', 'mood'"),
        (("news/a.csv", "set.tar.gz"), r"set\.tar\.gz"),
    ],
)
def test_what_is_wrong_names_the_file(
    news: Path, monkeypatch: pytest.MonkeyPatch, path: str | tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(news.parent)
    (news / "odd.csv").write_text("text,mood\na,b\n")
    Path("set.tar.gz").write_bytes(b"")
    with pytest.raises(RequestError, match=said) as raised:
        check_request(IngestConfig.model_validate({"path": path}))
    assert "\n" not in str(raised.value)


def test_the_key_follows_the_names_and_bytes_of_the_files(news: Path, tmp_path: Path) -> None:
    fingerprints = Fingerprints(tmp_path / "memory.sqlite")

    def key(*paths: Path) -> object:
        return section_values(IngestConfig(path=matched(paths, "")), fingerprints)["path"]

    before = key(news / "*.csv")
    assert key(news / "b.csv", news / "a.csv") == before
    assert key(news / "b.csv") == fingerprints.of(news / "b.csv")
    moved = news.rename(tmp_path / "moved")
    assert key(moved / "*.csv") == before
    (moved / "a.csv").rename(moved / "e.csv")
    assert key(moved / "*.csv") != before
    assert "sheet" not in IngestConfig(path=moved).model_dump()


def test_a_name_with_marks_of_a_pattern_is_a_name_if_it_is_there(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_text("")
    assert matched([tmp_path / "a[1].csv"], "") == (tmp_path / "a[1].csv",)
    assert names_of([Path("/x/y/a"), Path("/x/z/a")]) == ["y/a", "z/a"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--ingest.path", "b.csv", "--ingest.path", "a,1.csv"],
        ["--ingest.path", "b.csv", "a,1.csv", "--name", "n"],
        ["--ingest.path", '["b.csv", "a,1.csv"]'],
        ["--ingest.path=b.csv", "--ingest.path=a,1.csv"],
    ],
)
def test_the_command_line_takes_several_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a,1.csv", "b.csv"):
        Path(name).write_text("text,label\n")
    config = resolve(arguments)
    assert config.ingest.path == (tmp_path / "b.csv", tmp_path / "a,1.csv")
    assert with_files(config).ingest.path == (tmp_path / "a,1.csv", tmp_path / "b.csv")
    assert resolve(["--ingest.path", "a,1.csv"]).ingest.path == tmp_path / "a,1.csv"
    said = command(config)
    assert f"--ingest.path {tmp_path}/b.csv --ingest.path {tmp_path}/a,1.csv" in said


def test_other_doors_take_several_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv"):
        Path(name).write_text("text,label\n")
    (tmp_path / "run.toml").write_text('[ingest]\npath = ["b.csv", "a.csv"]\n')
    both = (tmp_path / "b.csv", tmp_path / "a.csv")
    assert resolve([], file=tmp_path / "run.toml").ingest.path == both
    monkeypatch.setenv("TEXTMILL_INGEST__PATH", "b.csv,a.csv")
    assert resolve([]).ingest.path == both
    monkeypatch.setenv("TEXTMILL_INGEST__PATH", "b.csv")
    assert resolve([]).ingest.path == tmp_path / "b.csv"
    monkeypatch.delenv("TEXTMILL_INGEST__PATH")
    pattern = resolve(["--ingest.path", "news-*/*.csv"])
    assert (pattern.ingest.path, pattern.name) == (tmp_path / "news-*/*.csv", tmp_path.name)
    with pytest.raises(ValidationError, match="the list is empty"):
        IngestConfig(path=())


def test_a_folder_of_parquet_files_is_one_table_with_the_columns_of_its_folders(
    tmp_path: Path, ingest: Callable[..., SimpleNamespace]
) -> None:
    folder = tmp_path / "table"
    for year, label, text in (
        (2024, "pos", "profit rose"),
        (2023, "neg", "sales fell"),
        (2023, "__HIVE_DEFAULT_PARTITION__", "x y"),
    ):
        part = folder / f"year={year}" / f"label={label}"
        part.mkdir(parents=True)
        pq.write_table(pa.table({"text": [text]}), part / "part-0.snappy.parquet")
    (folder / "_SUCCESS").write_text("")
    (folder / "_metadata").write_bytes(b"PAR1")
    (folder / "year=2023" / ".part-0.crc").write_text("")
    (folder / "notes.md").write_text("notes")
    found = ingest(path=folder, keep=("year",))
    assert [(row["source"], row["text"], row["label"]) for row in found.rows] == [
        ("year=2023/label=__HIVE_DEFAULT_PARTITION__/part-0.snappy.parquet", "x y", None),
        ("year=2023/label=neg/part-0.snappy.parquet", "sales fell", "neg"),
        ("year=2024/label=pos/part-0.snappy.parquet", "profit rose", "pos"),
    ]
    assert found.report["columns"] == {"year": "number"}
    assert found.report["passed_over"] == {"_...": 2, "hidden files": 1}
    assert found.report["warnings"] == [f"{folder}: not Parquet files, so not read: notes.md"]
    assert [row["label"] for row in ingest(path=folder / "**/*.parquet").rows] == [None, "neg", "pos"]
    pq.write_table(pa.table({"words": ["a"]}), folder / "year=2024" / "label=pos" / "part-1.parquet")
    with pytest.raises(RequestError, match=r"part-1\.parquet: no column 'text'"):
        check_request(IngestConfig(path=folder))


def test_splits_of_a_set_of_the_hub_are_its_splits(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    (tmp_path / "set/data").mkdir(parents=True)
    for split in ("train", "test", "validation"):
        rows = pa.table({"text": [f"{split} {n}" for n in range(4)], "label": [0, 1, 0, 1]})
        pq.write_table(rows, tmp_path / f"set/data/{split}-00000-of-00001.parquet")
    (tmp_path / "set/README.md").write_text("a card")
    found = ingest(path=tmp_path / "set")
    assert found.report["splits"] == {"train": 4, "test": 4, "valid": 4}
    with pytest.raises(RequestError, match=r"has a test split, data/test-00000-of-00001\.parquet; leave the option out"):
        check_request(IngestConfig(path=tmp_path / "set", test_path=tmp_path / "set"))


def test_splits_of_a_set_that_the_hub_converted_are_its_splits(tmp_path: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    for name in ("train/0000", "train/part-1", "test/0000", "more"):
        (path := tmp_path / f"set/default/{name}.parquet").parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"text": [f"{name} {n}" for n in range(4)], "label": [0, 1, 0, 1]}), path)
    assert ingest(path=tmp_path / "set").report["splits"] == {"train": 12, "test": 4}


def test_a_parquet_file_that_is_a_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "set/data").mkdir(parents=True)
    (tmp_path / "set/data/train-00000-of-00001.parquet").symlink_to(tmp_path / "blob")
    with pytest.raises(RequestError, match=r"data/train-00000-of-00001\.parquet is a link, and links are not followed"):
        check_request(IngestConfig(path=tmp_path / "set"))


def test_validation_rows_of_ones_own_are_beside_the_corpus(news: Path, ingest: Callable[..., SimpleNamespace]) -> None:
    valid = news.parent / "valid.csv"
    valid.write_text("text,label\nmargins rose,good\nno label,\n")
    found = ingest(path=news / "b.csv", valid_path=valid)
    assert found.splits == {"b.csv:2": None, "b.csv:3": None, "valid:valid.csv:2": "valid"}
    assert found.report["reasons"] == {"missing_label": 1}
    found = ingest(path=news / "b.csv", test_path=news / "a.csv", valid_path=valid)
    assert list(found.splits.values()) == ["train", "train", "test", "valid"]
    valid.write_text("words,label\na,b\n")
    with pytest.raises(RequestError, match=r"but --ingest\.text holds for --ingest\.path too"):
        check_request(IngestConfig(path=news / "b.csv", valid_path=valid))
