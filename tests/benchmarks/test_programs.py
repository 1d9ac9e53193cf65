"""The micro-benchmarks' own parts: what they generate, and that both sides do the same work."""

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import companies, subset, tables
from benchmarks.micro import ablation, optimizer, scaling, vectors
from benchmarks.peers.corpus import Columns, Document, read_corpus
from tasks.ingest.settings import IngestConfig
from tasks.prepare.dataset import write_dataset
from tasks.prepare.settings import PrepareConfig
from tasks.score.watch import WatchList

pytestmark = pytest.mark.long


def test_both_readers_give_the_same_matrix(tmp_path: Path) -> None:
    path = tmp_path / "vectors.vec"
    vectors.generate(path, 250, 20)
    wanted = vectors.wanted_words(path, 50)
    assert len(set(wanted)) == 50
    assert wanted[-1] == "word245"  # spread over the whole file
    ours, theirs = (reader()(path, wanted) for reader in (vectors.textmill_reader, vectors.gensim_reader))
    assert ours.shape == (50, 20)
    np.testing.assert_array_equal(ours, theirs)
    assert (ours < 0).any()
    assert (ours > 0).any()


def test_sparse_and_dense_steps_learn_the_same() -> None:
    given = optimizer.batches(300, 4)
    pair = [optimizer.Contender(300, sparse=sparse) for sparse in (True, False)]
    for contender in pair:
        contender.train(given[0])
    # After one step from zero moments a row without a gradient stands still under dense Adam too.
    ours, theirs = (contender.embedding.weight.detach().numpy() for contender in pair)
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def reviews(count: int) -> list[Document]:
    random = np.random.default_rng(1)
    return [Document(" ".join(f"w{n}" for n in random.zipf(1.3, 80) % 5000), ("neg", "pos")[at % 2]) for at in range(count)]


def write_lines(path: Path, documents: list[Document]) -> Path:
    path.write_text("".join(f"{text}\t{label}\n" for text, label in documents))
    return path


def test_no_copy_duplicates_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "read_corpus", lambda *_: argparse.Namespace(train=reviews(60)))
    rows = scaling.write_corpus(tmp_path / "unused", 4, tmp_path / "corpus", None)
    (tmp_path / "prepared").mkdir()
    report = write_dataset(PrepareConfig(), tmp_path / "corpus", tmp_path / "prepared")
    assert rows == report["found"] == report["kept"] == 240


def test_subset_of_lines_spans_the_file(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "a.txt", reviews(100))
    subset.write_lines(source, tmp_path / "b.txt", 20)
    small = read_corpus(tmp_path / "b.txt", source, Columns())
    assert small.train == small.test[::5]


def test_tables_part_the_corpus_without_duplicates(tmp_path: Path) -> None:
    documents = reviews(120)
    source = tmp_path / "corpus.jsonl"
    rows = [{"body": text, "stars": label} for text, label in [*documents, documents[0]]]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    counts = tables.write_tables(IngestConfig(path=source, text="body", label="stars"), tmp_path)
    found = read_corpus(tmp_path / "train.jsonl", tmp_path / "test.jsonl", Columns())
    assert counts == {"train": len(found.train), "test": len(found.test)}
    assert sorted(found.train + found.test) == sorted(documents)
    assert 5 < len(found.test) < 60


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    from tasks.ingest.corpus import write_corpus

    source = write_lines(tmp_path / "a.tsv", reviews(300))
    for name in ("corpus", "prepared"):
        (tmp_path / name).mkdir()
    write_corpus(IngestConfig(path=source, text="0", label="1"), tmp_path / "corpus")
    write_dataset(PrepareConfig(), tmp_path / "corpus", tmp_path / "prepared")
    return tmp_path / "prepared" / "dataset"


def test_reduced_dataset_is_balanced_and_nested(prepared: Path, tmp_path: Path) -> None:
    known = {row["id"] for row in pq.read_table(prepared / "dataset.parquet").to_pylist() if row["split"] == "train"}
    chosen = {}
    for count in (20, 60):
        ablation.write_reduced(prepared, tmp_path / str(count), count)
        rows = pq.read_table(tmp_path / str(count) / "dataset.parquet").to_pylist()
        assert len(rows) == count
        for label in ("neg", "pos"):
            splits = [row["split"] for row in rows if row["label"] == label]
            assert (splits.count("valid"), splits.count("train")) == (count // 10, 4 * count // 10)
        chosen[count] = {row["id"] for row in rows}
    assert chosen[20] < chosen[60] < known


def test_reduced_dataset_keeps_unlabelled_rows_where_asked(prepared: Path, tmp_path: Path) -> None:
    table = pq.read_table(prepared / "dataset.parquet")
    rows = table.to_pylist()
    extra = [{"id": f"u{number}", "split": "unlabelled", "label": None, "tokens": ["the", "film"]} for number in range(3)]
    pq.write_table(pa.Table.from_pylist([*rows, *extra], table.schema), prepared / "dataset.parquet")
    for unlabelled in (False, True):
        ablation.write_reduced(prepared, tmp_path / str(unlabelled), 20, unlabelled=unlabelled)
        found = pq.read_table(tmp_path / str(unlabelled) / "dataset.parquet").to_pylist()
        assert [row for row in found if row["split"] == "unlabelled"] == extra * unlabelled
        assert len(found) == 20 + 3 * unlabelled


def test_telling_words_are_those_that_the_labels_differ_in(prepared: Path, tmp_path: Path) -> None:
    table = pq.read_table(prepared / "dataset.parquet")
    marks = {("train", "neg"): "sinking", ("train", "pos"): "rising", ("valid", "neg"): "unread"}
    tokens = [[*row["tokens"], marks.get((row["split"], row["label"]), "of")] for row in table.to_pylist()]
    place = table.schema.get_field_index("tokens")
    pq.write_table(
        table.set_column(place, "tokens", pa.array(tokens, table.schema.field("tokens").type)), tmp_path / "dataset.parquet"
    )
    path = ablation.write_words(tmp_path, tmp_path / "words.txt", 2)
    assert sorted(path.read_text(encoding="utf-8").splitlines()) == ["rising", "sinking"]


def test_misspelt_words_hold_the_same_letters() -> None:
    document = ["interesting", "film", "a", "the"] * 500
    (changed,) = ablation.misspelt([document])
    differing = [(old, new) for old, new in zip(document, changed, strict=True) if old != new]
    assert 50 < len(differing) < 150  # a tenth of 1,000, less the swaps of equal letters
    assert all(sorted(old) == sorted(new) and old[0] == new[0] and old[-1] == new[-1] for old, new in differing)
    assert {old for old, _ in differing} == {"interesting", "film"}
    assert ablation.swapped("film", 1) == "flim"


def test_the_stream_about_companies_has_as_many_names_as_it_says(tmp_path: Path) -> None:
    names = companies.invented(300)
    companies.write_list(tmp_path / "list.csv", names)
    texts = [text for _, text in companies.named(4000, names)]
    found = [
        len({mention.name for mention in each.mentions}) for each in WatchList.load(None, tmp_path / "list.csv").mentions(texts)
    ]
    assert len(set(texts)) == 4000
    assert 0.2 < np.mean([number == 1 for number in found]) < 0.3
    assert 0.02 < np.mean([number == 2 for number in found]) < 0.06
