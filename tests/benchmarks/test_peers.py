"""The peers on small corpora that any of them can learn."""

import argparse
import json
import random
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import fasttext_supervised, nbsvm, peer, tfidf, tutorial
from benchmarks.peers.corpus import Columns, Corpus, Document, read_corpus
from benchmarks.peers.words import line, words
from tests.writers import write_tar

pytestmark = pytest.mark.long

WORDS = {
    "pos": ["good", "lovely", "great", "fun"],
    "neg": ["bad", "dull", "poor", "boring"],
    "other": ["tax", "law", "court", "tariff"],
}


def documents(count: int, labels: Any) -> list[Document]:
    source = random.Random(5)
    every = ["film", "plot", "actor", "scene", "music", "end"]
    return [
        Document(" ".join(source.choices(every, k=6) + source.choices(WORDS[label], k=3)), label)
        for _ in range(count)
        for label in labels
    ]


@pytest.mark.parametrize("labels", [("neg", "pos"), ("neg", "other", "pos")])
@pytest.mark.parametrize(
    ("module", "options"),
    [
        (tfidf, {"characters": False}),
        (tfidf, {"characters": True}),
        (nbsvm, {}),
        (fasttext_supervised, {"autotune": 0, "save": None}),
        (tutorial, {}),
    ],
)
def test_every_peer_learns(
    module: Any, options: dict[str, Any], labels: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tutorial, "LEARNING_RATE", 0.05)  # a few dozen steps, not thousands
    monkeypatch.setitem(tutorial.PRETRAIN, "bucket", 1000)
    monkeypatch.setitem(fasttext_supervised.SETTINGS, "epoch", 50)
    monkeypatch.setitem(fasttext_supervised.SETTINGS, "bucket", 1000)
    corpus = Corpus(documents(150, labels), documents(30, labels))
    stages = peer.Stages()
    predicted = module.classify(corpus, stages, argparse.Namespace(**options))
    found = peer.scores([document.label for document in corpus.test], predicted)
    assert found["accuracy"] > 0.9
    assert found["test_rows"] == 30 * len(labels)
    assert "train" in stages.seconds


def test_scores_of_a_constant_answer() -> None:
    found = peer.scores(["a", "a", "a", "b"], ["a"] * 4)
    assert found == {"accuracy": 0.75, "macro_f1": pytest.approx(0.42857), "test_rows": 4}


def archive(path: Path, names: list[str]) -> Path:
    return write_tar(path, {name: f"text of {name}".encode() for name in names})


def test_imdb_archive_and_folder_alike(tmp_path: Path) -> None:
    names = [f"aclImdb/{part}/{kind}/{n}_7.txt" for part in ("train", "test") for kind in ("neg", "pos") for n in range(2)]
    others = ["aclImdb/train/unsup/0_0.txt", "aclImdb/test/urls_pos.txt", "aclImdb/imdb.vocab", "aclImdb/README"]
    path = archive(tmp_path / "aclImdb_v1.tar.gz", names + others)
    for name in names + others[:1]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"text of {name}")
    packed, unpacked = (read_corpus(found, None, Columns()) for found in (path, tmp_path / "aclImdb"))
    assert sorted(packed.train) == sorted(unpacked.train)
    assert sorted(packed.test) == sorted(unpacked.test)
    assert not any("unsup" in document.text for document in [*packed.train, *unpacked.train])
    assert [document.label for document in packed.test] == ["neg", "neg", "pos", "pos"]


def test_lines_of_text_and_label(tmp_path: Path) -> None:
    path = tmp_path / "sentences.txt"
    path.write_bytes("Mail to a@b.c rose\x85 by 5 @ 6@positive\r\n1\nFell @negative\n".encode("latin-1"))
    corpus = read_corpus(path, path, Columns(encoding="latin-1"))
    assert corpus.train == [("Mail to a@b.c rose\x85 by 5 @ 6", "positive"), ("Fell ", "negative")]
    path.write_text("标题@1\t3\n二\t4\n", encoding="utf-8")
    assert read_corpus(path, path, Columns()).test == [("标题@1", "3"), ("二", "4")]


@pytest.mark.parametrize(
    ("name", "content", "columns"),
    [
        ("a.csv", 'stars,body\n5,"two\nlines, one field"\n1,dull\n', Columns("body", "stars")),
        ("a.tsv", "two\nlines, one field".join(['5\t"', '"\n1\tdull\n']), Columns("1", "0")),
        ("a.jsonl", '{"s": 5, "t": "two\\nlines, one field"}\n\n{"s": 1, "t": "dull"}\n', Columns("t", "s")),
    ],
)
def test_tables(tmp_path: Path, name: str, content: str, columns: Any) -> None:
    (tmp_path / name).write_text(content)
    corpus = read_corpus(tmp_path / name, tmp_path / name, columns)
    assert corpus.train == corpus.test == [("two\nlines, one field", "5"), ("dull", "1")]


def test_a_test_part_is_needed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label\na,b\n")
    with pytest.raises(SystemExit, match="--test"):
        read_corpus(tmp_path / "a.csv", None, Columns())


def test_words_set_punctuation_apart_and_lines_hold_no_label() -> None:
    assert words("Don't miss it!<br /><br>Great...") == ["don't", "miss", "it", "!", "great", ".", ".", "."]
    assert "\n" not in line("a\n__label__pos b")
    assert "__label__" not in line("a\n__label__pos b")


def test_the_program_prints_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for part in ("train", "test"):
        rows = [f"{text}\t{label}" for text, label in documents(20, ("neg", "pos"))]
        (tmp_path / f"{part}.txt").write_text("\n".join(rows))
    arguments = peer.parser().parse_args([str(tmp_path / "train.txt"), "--test", str(tmp_path / "test.txt")])
    arguments.characters = False
    peer.run_peer(tfidf.classify, arguments)
    printed = json.loads(capsys.readouterr().out)
    assert printed["accuracy"] == 1.0
    assert set(printed["stages"]) == {"read", "vectorize", "train", "predict"}
