from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import RequestError
from tasks.ingest.corpus import check_request, write_corpus
from tasks.ingest.kept import kept_columns, read_kept
from tasks.ingest.settings import IngestConfig
from tasks.store.artifact import Store

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [("good one", "p", "ACME", "14/02/2019"), ("bad, bad", "n", "", "3/2/2019"), ("\0", "n", "Refused", "1/1/2019")]


def csv(path: Path, *rows: tuple[str, ...], header: str = "text,label,company,date") -> Path:
    path.write_text("\n".join([header, *(",".join(f'"{cell}"' for cell in row) for row in rows)]) + "\n", encoding="utf-8")
    return path


def ingest(folder: Path, **options: Any) -> tuple[Path, dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    return folder, write_corpus(IngestConfig(**options), folder)


def kept(folder: Path, *ids: str) -> dict[str, list[str | None]]:
    names = list(kept_columns(folder / "kept"))
    return {name: values.to_pylist() for name, values in read_kept(folder / "kept", pa.array(ids), names).items()}


def test_kept_columns_lie_beside_the_corpus_which_has_the_same_bytes_as_without_them(tmp_path: Path) -> None:
    path = csv(tmp_path / "a.csv", *ROWS)
    plain, _ = ingest(tmp_path / "plain", path=path)
    folder, report = ingest(tmp_path / "kept", path=path, keep=("company", "date"))
    assert not (plain / "kept").exists()
    for name in ("corpus.parquet", "quarantine.parquet"):
        assert (folder / name).read_bytes() == (plain / name).read_bytes()
    # 14/02 proves that the day comes first.
    assert report["columns"] == {"company": "text", "date": "date"}
    assert kept(folder, "a.csv:3", "a.csv:2") == {"company": [None, "ACME"], "date": ["2019-02-03", "2019-02-14"]}
    ids = pq.read_table(folder / "kept/kept.parquet").column("id").to_pylist()
    assert ids == pq.read_table(folder / "corpus.parquet").column("id").to_pylist() == ["a.csv:2", "a.csv:3"]
    with pytest.raises(OSError, match="lacks 1 of 1 rows"):
        kept(folder, "a.csv:4")


def test_every_form_of_a_table_keeps_its_columns(tmp_path: Path) -> None:
    rows = [{"text": f"a {n}", "label": "pn"[n % 2], "id": n, "on": f"2020-01-0{n + 1}"} for n in range(3)]
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    (tmp_path / "a.tsv").write_text("".join("\t".join(map(str, row.values())) + "\n" for row in rows))
    named = {"keep": ("id", "on")}
    for name, options in (("a.jsonl", named), ("a.parquet", named), ("a.tsv", {"keep": ("2", "3"), "header": False})):
        folder, report = ingest(tmp_path / f"of {name}", path=tmp_path / name, **options)
        ids = pq.read_table(folder / "corpus.parquet").column("id").to_pylist()
        assert list(kept(folder, *ids).values()) == [["0", "1", "2"], [row["on"] for row in rows]], name
        assert list(report["columns"].values()) == ["number", "date"]


def test_rows_of_other_inputs_are_there_too(tmp_path: Path) -> None:
    path, test = csv(tmp_path / "a.csv", *ROWS), csv(tmp_path / "b.csv", ("fine", "p", "B", "2020-05-05"))
    (tmp_path / "more.txt").write_text("no label\n")
    options = {"path": path, "keep": ("company",), "unlabelled": tmp_path / "more.txt"}
    folder, _ = ingest(tmp_path / "out", test_path=test, **options)
    ids = pq.read_table(folder / "corpus.parquet").column("id").to_pylist()
    assert kept(folder, *ids) == {"company": ["ACME", None, "B", None]}
    csv(tmp_path / "b.csv", ("fine", "p"), header="text,label")
    with pytest.raises(RequestError, match=r"no column 'company'.*--ingest.keep holds for --ingest.path too"):
        check_request(IngestConfig(test_path=test, **options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"path": "a.csv", "keep": ("firm",)},
            r"a.csv: no column 'firm' for the column to keep.*Choose one with --ingest.keep",
        ),
        ({"path": "folder", "keep": ("firm",)}, r"folder: folder has no columns.*leave --ingest.keep out"),
        ({"path": "a.fasttext", "keep": ("2",), "source": "table"}, r"fastText's lines have no further columns"),
        ({"path": "a.parquet", "keep": ("many",)}, r"'many' holds list.*leave it out of --ingest.keep"),
        ({"unlabelled": "a.txt", "keep": ("firm",)}, r"--ingest.keep names columns of the table"),
    ],
)
def test_what_cannot_be_kept_is_one_line_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    csv(tmp_path / "a.csv", *ROWS)
    for label in ("p", "n"):
        (tmp_path / "folder" / label).mkdir(parents=True)
        (tmp_path / "folder" / label / "a.txt").write_text("text")
    (tmp_path / "a.fasttext").write_text("__label__p good\n__label__n bad\n")
    (tmp_path / "a.txt").write_text("a text\n")
    pq.write_table(pa.table({"text": ["a"], "label": ["p"], "many": [[1]]}), tmp_path / "a.parquet")
    with pytest.raises(RequestError, match=message) as caught:
        check_request(IngestConfig(**options))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "kind", "shown"),
    [
        (["03/04/2020", "05/06/2020"], "text", ["03/04/2020", "05/06/2020"]),  # which is the month?
        (["2019年2月14日", "2018年12月1日"], "date", ["2019-02-14", "2018-12-01"]),
        (["18-Jul-20", "1-Aug-20"], "date", ["2020-07-18", "2020-08-01"]),
        (["2020-01-02 10:30:00+02:00", "2020-01-02"], "date", ["2020-01-02T08:30:00", "2020-01-02"]),
        (["20200102", "20191231"], "date", ["2020-01-02", "2019-12-31"]),
        (["1577923200", "603528"], "number", ["1577923200", "603528"]),
        (["1.5", "-2e3"], "number", ["1.5", "-2e3"]),
        (["May", "June 5"], "text", ["May", "June 5"]),
        (["\ud800", "b" * 2000], "text", ["?", "b" * 1000]),
    ],
)
def test_dates_are_written_alike_and_all_else_as_it_is(tmp_path: Path, values: list[str], kind: str, shown: list[str]) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"text": f"t {n}", "label": "pn"[n], "value": value} for n, value in enumerate(values)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    folder, report = ingest(tmp_path / "out", path=path, keep=("value",))
    assert report["columns"] == {"value": kind}
    assert kept(folder, "a.jsonl:1", "a.jsonl:2") == {"value": shown}


def test_keep_is_in_the_settings_only_if_it_names_something() -> None:
    assert "keep" not in IngestConfig().model_dump()
    assert IngestConfig(keep=(" company ",)).model_dump()["keep"] == ("company",)
    with pytest.raises(ValueError, match="name each column once"):
        IngestConfig(keep=("a", "a "))


def test_a_step_that_is_handed_the_rest_notices_nothing(tmp_path: Path) -> None:
    store, path = Store(tmp_path / "data"), tmp_path / "a.csv"
    artifacts = []
    for key, company, keep in (("1", "A", ()), ("2", "A", ("company",)), ("3", "B", ("company",))):
        csv(path, ("good", "p", company, ""), ("bad", "n", company, ""))
        with store.locked("ingest", key), store.building("ingest", key) as build:
            report = write_corpus(IngestConfig(path=path, keep=keep), build.folder)
            artifacts.append(store.commit(build, "ingest", key, report=report, seconds=0, inputs={}))
    plain, first, second = artifacts
    assert len({each.digest for each in artifacts}) == 3
    assert plain.without("kept") == plain
    assert {each.without("kept").digest for each in artifacts} == {plain.digest}
    assert first.narrow("kept").digest != second.narrow("kept").digest
