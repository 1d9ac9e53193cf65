import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.engine.local import LocalPool
from tasks.errors import RequestError
from tasks.prepare.dataset import write_dataset
from tasks.prepare.minhash import SHINGLE
from tasks.prepare.read import iter_with_texts
from tasks.prepare.schema import SCHEMA
from tasks.prepare.settings import PrepareConfig

CHECKOUT = Path(__file__).resolve().parents[2]


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "side" not in path.parts
    }


def prepare(corpus: Path, folder: Path, *, workers: int = 1, progress: Any = None, **options: Any) -> dict[str, Any]:
    folder.mkdir()
    more = {} if progress is None else {"progress": progress}
    return write_dataset(PrepareConfig(**options), corpus, folder, engine=LocalPool(workers), many=0, **more)


def rows_of(folder: Path) -> dict[str, Any]:
    tables = [pq.read_table(folder / "dataset" / "dataset.parquet"), pq.read_table(folder / "holdout" / "holdout.parquet")]
    return {row["id"]: row for table in tables for row in table.to_pylist()}


def ordinary(
    make_text: Callable[..., str], count: int, split: Any = None, prefix: str = "r"
) -> list[tuple[str, str, str | None, str | None]]:
    return [(f"{prefix}{i:04}", make_text(), ("neg", "pos")[i % 2], split) for i in range(count)]


@pytest.fixture
def mixed(make_text: Callable[..., str]) -> list[tuple[str, str, str | None, str | None]]:
    """A corpus with everything at once: an official test split, duplicates of every kind, rejects, unlabelled text."""
    rows = ordinary(make_text, 150, "train", "train") + ordinary(make_text, 60, "test", "test")
    rows += [(f"un{i:04}", make_text(), None, "unlabelled") for i in range(80)]
    train, test, unlabelled = rows[0], rows[150], rows[210]
    rows += [
        ("d0", train[1].upper() + "<br />!", "neg", "train"),  # equal once cleaned
        ("d1", train[1], "pos", "train"),  # and with another label
        ("d2", train[1], None, "unlabelled"),
        ("d3", test[1], "neg", "train"),
        ("d4", test[1] + " more", "neg", "train"),
        ("d5", test[1] + " again", None, "unlabelled"),
        ("d6", test[1], "neg", "test"),
        ("d7", unlabelled[1], None, "unlabelled"),
        ("d8", train[1] + " more", "neg", "train"),
        ("e0", "<br /> ... ", "neg", "train"),
        ("e1", "", "neg", "test"),
        ("e2", " ", None, "unlabelled"),
        ("f0", "short", "neg", "train"),
        ("f1", "brief", "neg", "test"),
    ]
    return rows


def test_report_and_files(
    mixed: list[tuple[str, str, str | None, str | None]], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    report = prepare(write_corpus(mixed, quarantined=3), tmp_path / "out", min_tokens=2)
    assert report["found"] == len(mixed) + 3 == report["kept"] + report["duplicates"] + report["quarantined"]
    assert report["dropped"] == {
        "contradiction": 3,
        "unlabelled_duplicate": 1,
        "labelled_duplicate_of_test": 1,
        "labelled_near_duplicate_of_test": 1,
        "unlabelled_near_duplicate_of_test": 1,
    }
    counts = {name: value for name, value in report["contradictions"].items() if name != "examples"}
    assert counts == {
        "rule": "drop",
        "texts": 1,
        "rows": 3,
        "left_out": 3,
        "texts_of_test": 0,
        "near_rows": 0,
        "near_groups": 0,
    }
    assert report["duplicates_in_test"] == 1
    assert report["quarantined"] == 6
    assert report["splits"]["test"] == 63
    assert report["splits"]["train"] + report["splits"]["valid"] == 150
    assert report["splits"]["unlabelled"] == 81  # the text of the contradiction, without a label
    json.dumps(report, allow_nan=False)

    out = tmp_path / "out"
    names = {
        "dataset/dataset.parquet",
        "dataset/labels.json",
        "dataset/split.json",
        "dataset/text.json",
        "contradictions.parquet",
        "holdout/holdout.parquet",
        "holdout_texts/texts.parquet",
        "quarantine.parquet",
        "texts/texts.parquet",
    }
    assert set(files_of(out)) == names
    assert sorted(path.name for path in out.iterdir()) == [
        "contradictions.parquet",
        "dataset",
        "holdout",
        "holdout_texts",
        "quarantine.parquet",
        "side",
        "texts",
    ]
    assert set(json.loads((out / "side" / "timing.json").read_text())) == {
        "seconds",
        "documents_per_second",
        "tokens_per_second",
    }
    assert json.loads((out / "dataset" / "labels.json").read_text()) == {"labels": ["neg", "pos"]}
    assert pq.read_schema(out / "dataset" / "dataset.parquet").equals(SCHEMA)
    quarantine = pq.read_table(out / "quarantine.parquet").to_pylist()
    assert [(row["source"], row["offset"], row["reason"], row["bytes"]) for row in quarantine] == [
        ("e0", 0, "empty_after_cleaning", b"<br /> ... "),
        ("e2", 0, "empty_after_cleaning", b" "),
        ("f0", 0, "too_few_tokens", b"short"),
    ]


def test_rows_keep_order_labels_and_tokens(
    mixed: list[tuple[str, str, str | None, str | None]], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    report = prepare(write_corpus(mixed), tmp_path / "out")
    rows = rows_of(tmp_path / "out")
    given = {row[0]: row for row in mixed}
    for name, part in (("dataset", ("train", "valid", "unlabelled")), ("holdout", ("test",))):
        ids = [row["id"] for row in rows.values() if row["split"] in part]
        assert ids == pq.read_table(tmp_path / "out" / name / f"{name}.parquet")["id"].to_pylist()
        assert ids == [row[0] for row in mixed if row[0] in set(ids)]
    for row in rows.values():
        assert row["label"] == given[row["id"]][2]
    assert rows["train0001"]["tokens"] == given["train0001"][1].split()
    assert rows["e1"] == {"id": "e1", "split": "test", "label": "neg", "tokens": []}
    assert report["tokens"] == sum(len(row["tokens"]) for row in rows.values())


def test_each_row_has_its_text_as_it_was_ingested(
    mixed: list[tuple[str, str, str | None, str | None]], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    mixed = [(id_, f"<b>{text}</b>\r\n\tÄ&amp;", label, split) for id_, text, label, split in mixed]
    prepare(write_corpus(mixed), tmp_path / "out", min_tokens=2)
    text_of = {row[0]: row[1] for row in mixed}
    for part, texts in (("dataset", "texts"), ("holdout", "holdout_texts")):
        rows = pq.read_table(tmp_path / "out" / part / f"{part}.parquet").to_pylist()
        beside = pq.read_table(tmp_path / "out" / texts / "texts.parquet", page_checksum_verification=True).to_pylist()
        assert beside == [{"id": row["id"], "split": row["split"], "text": text_of[row["id"]]} for row in rows]
        assert len(rows) > 60


def test_a_text_that_changes_while_its_tokens_stay_changes_the_texts_alone(
    mixed: list[tuple[str, str, str | None, str | None]], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    changed = [
        (row[0], row[1].replace(" ", "  ", 1) if row[0] in ("test0007", "un0005") else row[1], *row[2:]) for row in mixed
    ]
    for name, rows in (("before", mixed), ("after", changed)):
        prepare(write_corpus(rows, name=f"{name}-corpus"), tmp_path / name)
    before, after = files_of(tmp_path / "before"), files_of(tmp_path / "after")
    differing = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert differing == {"texts/texts.parquet", "holdout_texts/texts.parquet"}


def test_every_row_of_an_official_test_split_stays(
    mixed: list[tuple[str, str, str | None, str | None]], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    prepare(write_corpus(mixed), tmp_path / "out", min_tokens=5)
    holdout = pq.read_table(tmp_path / "out" / "holdout" / "holdout.parquet")
    assert holdout["id"].to_pylist() == [row[0] for row in mixed if row[3] == "test"]


def jaccard(one: Any, two: Any) -> float:
    first, second = ({tuple(t[i : i + SHINGLE]) for i in range(max(len(t) - SHINGLE + 1, 1))} for t in (one, two))
    return len(first & second) / len(first | second)


@pytest.mark.parametrize("official", [True, False])
def test_no_near_duplicate_is_on_two_sides(
    make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path, official: bool
) -> None:
    rows = ordinary(make_text, 120)
    for i in range(0, 120, 2):  # a copy, a near copy by another end, and one without a label
        text, label = rows[i][1], rows[i][2]
        rows += [(f"c{i}", text, label, None), (f"n{i}", f"{text} x{i}", label, None), (f"u{i}", f"y{i} {text}", None, None)]
    if official:
        rows = [(name, text, label, "test" if i % 7 == 0 and label else None) for i, (name, text, label, _) in enumerate(rows)]
    prepare(write_corpus(rows), tmp_path / "out")
    kept = list(rows_of(tmp_path / "out").values())
    assert {row["split"] for row in kept} == {"train", "valid", "test", "unlabelled"}
    side = {"unlabelled": "train"}
    for number, one in enumerate(kept):
        for two in kept[:number]:
            if side.get(one["split"], one["split"]) != side.get(two["split"], two["split"]):
                assert jaccard(one["tokens"], two["tokens"]) < 0.8
    near = [row for row in kept if row["id"].startswith("n")]
    assert len(near) > 10  # they are kept, beside what they resemble


def test_near_duplicates_can_be_left_alone(
    make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    rows = ordinary(make_text, 100, "train") + ordinary(make_text, 20, "test", "t")
    rows += [("near", rows[100][1] + " more", "neg", "train"), ("exact", rows[100][1], "neg", "train")]
    report = prepare(write_corpus(rows), tmp_path / "out", near_duplicates=False)
    assert report["dropped"] == {"labelled_duplicate_of_test": 1}
    assert "near" in rows_of(tmp_path / "out")


def test_split_is_stable_as_the_corpus_grows(
    make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path
) -> None:
    rows = ordinary(make_text, 400)
    more = ordinary(make_text, 20, prefix="new")
    prepare(write_corpus(rows, name="before"), tmp_path / "one")
    prepare(write_corpus(more[:10] + rows + more[10:], name="after"), tmp_path / "two")
    before, after = rows_of(tmp_path / "one"), rows_of(tmp_path / "two")
    assert len(before) == 400
    assert len(after) == 420
    assert {name: row["split"] for name, row in before.items()} == {name: after[name]["split"] for name in before}


def test_workers_and_batches_do_not_change_a_byte(
    mixed: list[tuple[str, str, str | None, str | None]],
    write_corpus: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    corpus = write_corpus(mixed, row_group_size=70)
    report = prepare(corpus, tmp_path / "one")
    expected = files_of(tmp_path / "one")
    monkeypatch.setattr("tasks.prepare.partitions._READ_ROWS", 30)
    monkeypatch.setattr("tasks.prepare.partitions._BATCH_ROWS", 50)
    assert prepare(corpus, tmp_path / "two", workers=2) == report
    assert files_of(tmp_path / "two") == expected
    prepare(corpus, tmp_path / "three")
    assert files_of(tmp_path / "three") == expected
    monkeypatch.setattr("tasks.prepare.partitions.PIECE_ROWS", 1)
    monkeypatch.setattr("tasks.prepare.partitions.PART_ROWS", 100)  # rows are the same, in more row groups
    for name, workers in (("four", 1), ("five", 2)):
        assert prepare(corpus, tmp_path / name, workers=workers) == report
    assert files_of(tmp_path / "four") == files_of(tmp_path / "five")
    assert rows_of(tmp_path / "four") == rows_of(tmp_path / "one")
    assert pq.read_metadata(tmp_path / "four" / "texts" / "texts.parquet").num_row_groups > 2


def test_row_groups_are_bounded(
    make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = write_corpus(ordinary(make_text, 200))
    monkeypatch.setattr("tasks.prepare.schema._GROUP_ROWS", 50)
    prepare(corpus, tmp_path / "out", test_share=0.1)
    for name in ("dataset/dataset.parquet", "texts/texts.parquet"):
        metadata = pq.read_metadata(tmp_path / "out" / name)
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        assert len(sizes) > 2
        assert set(sizes[:-1]) == {50}


def test_row_groups_of_long_texts_are_bounded_in_bytes(
    make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = write_corpus(ordinary(make_text, 200))
    monkeypatch.setattr("tasks.prepare.schema._GROUP_BYTES", 1000)
    monkeypatch.setattr("tasks.prepare.partitions._READ_ROWS", 2)
    monkeypatch.setattr("tasks.prepare.partitions._BATCH_ROWS", 2)
    prepare(corpus, tmp_path / "out", test_share=0.1)
    assert pq.read_metadata(tmp_path / "out" / "texts" / "texts.parquet").num_row_groups > 10
    rows = list(iter_with_texts(tmp_path / "out" / "dataset", tmp_path / "out" / "texts", ("train",), ["id"], 64))
    text_of = dict(zip(*pq.read_table(corpus / "corpus.parquet", columns=["id", "text"]).to_pydict().values(), strict=True))
    assert all(row["text"] == text_of[row["id"]] for batch in rows for row in batch.to_pylist())


def test_progress_is_reported(make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path) -> None:
    calls = []

    class Listener:
        def advance(self, done: int, total: int, unit: str, note: str = "") -> None:
            calls.append((done, total, unit, note))

        def log(self, metrics: dict[str, float], at: int) -> None: ...

    prepare(write_corpus(ordinary(make_text, 100)), tmp_path / "out", progress=Listener())
    assert calls == [(100, 100, "documents", "tokenizing"), (100, 100, "documents", "writing")]


def test_long_rejects_are_cut(make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path) -> None:
    rows = [*ordinary(make_text, 100), ("long", "é" * 10_000, "neg", None)]
    prepare(write_corpus(rows), tmp_path / "out", min_tokens=3)
    assert [len(row["bytes"]) for row in pq.read_table(tmp_path / "out" / "quarantine.parquet").to_pylist()] == [4096]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "train has 0 label"),
        ([("a", "one two", "pos", None), ("b", "three", "pos", None)], r"train has 1 label\(s\).*'pos'"),
        ([("a", "one", "pos", "train"), ("b", "two", None, "test")], "test row b has no label"),
    ],
)
def test_corpora_that_cannot_work(rows: list[Any], message: str, write_corpus: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=message):
        prepare(write_corpus(rows), tmp_path / "out")
    assert not list((tmp_path / "out").glob(".tokens-*"))


def test_damaged_corpus_is_not_read(make_text: Callable[..., str], write_corpus: Callable[..., Path], tmp_path: Path) -> None:
    corpus = write_corpus(ordinary(make_text, 100))
    data = bytearray((corpus / "corpus.parquet").read_bytes())
    data[len(data) // 4] ^= 1
    (corpus / "corpus.parquet").write_bytes(data)
    with pytest.raises(OSError, match="CRC"):
        prepare(corpus, tmp_path / "out")


def test_workers_import_only_what_they_need() -> None:
    code = "import sys, tasks.engine.worker, tasks.prepare.partitions; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"prefect", "mlflow", "torch", "scipy", "pandas", "pydantic", "sklearn"} & set(loaded)
