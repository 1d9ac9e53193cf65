"""The verbs on the data root of a trained model: one JSON object, or one line that says what is wrong."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from tasks.checkout import CHECKOUT
from tests.command_line import run_here

if TYPE_CHECKING:
    from subprocess import CompletedProcess


class Loaded(NamedTuple):
    """What a command in a process of its own printed, how many modules it loaded, and of which packages."""

    printed: str
    number: int
    packages: set[str]


class Trained(NamedTuple):
    """A data root with one model, what `train --json` said and loaded, and the words of that command after the verb."""

    root: Path
    result: dict[str, Any]
    words: tuple[str, ...]
    loaded: Loaded


def command(root: Path, *arguments: str, given: bytes = b"") -> CompletedProcess[str]:
    return run_here(*arguments, "--runtime.data-root", str(root), given=given)


def speak_json(root: Path, *arguments: str) -> dict[str, Any]:
    said = command(root, *arguments, "--json")
    assert said.returncode == 0, said.stderr
    return json_of(said.stdout)


def json_of(printed: str) -> dict[str, Any]:
    assert len(printed.strip().splitlines()) == 1
    value = json.loads(printed)
    assert isinstance(value, dict)
    return value


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Trained:
    corpus, root = tmp_path_factory.mktemp("in") / "corpus", tmp_path_factory.mktemp("root") / "data"
    for label in ("good", "bad"):
        (corpus / label).mkdir(parents=True)
        for number in range(30):
            (corpus / label / f"{number}.txt").write_text(f"Sentence {number} of {label} stands here.")
    words = ("--ingest.path", str(corpus), "--evaluate.yardstick", "false")
    loaded = load(root, root.parent, "train", *words, "--json")
    return Trained(root, json_of(loaded.printed), words, loaded)


@pytest.fixture
def copy(trained: Trained, tmp_path: Path) -> Path:
    """A data root of one's own, to spoil."""
    return Path(shutil.copytree(trained.root, tmp_path / "copy"))


def test_train_speaks_json(trained: Trained) -> None:
    assert trained.result["model"]["name"] == "corpus"
    assert trained.result["decision"] == "first"


def test_a_line_of_the_input_that_is_not_utf8_is_named(trained: Trained) -> None:
    broken = command(trained.root, "predict", given=b"good\ncaf\xe9\n")
    assert (broken.returncode, broken.stdout) == (2, "")
    assert ": text 2 is not UTF-8; it reads as " in broken.stderr.splitlines()[-1]


def test_predict_and_score_explain(trained: Trained, tmp_path: Path) -> None:
    text = "Sentence <b>3</b> of GOOD stands here."
    (predicted,) = speak_json(trained.root, "predict", "--explain", text)["predictions"]
    why = predicted["explanation"]
    assert why["label"] == predicted["label"] == "good"
    assert why["log_odds"] == pytest.approx(why["bias"] + sum(word["share"] for word in why["words"]))
    assert max(why["words"], key=lambda word: word["share"])["word"] == "good"
    assert [text[word["start"] : word["end"]].lower() for word in why["words"]] == [word["word"] for word in why["words"]]
    said = command(trained.root, "predict", "--explain", text, "\x1b[31mqqq").stdout
    assert "\x1b" not in said
    assert "\n  for: good +" in said
    source, output = tmp_path / "texts.txt", tmp_path / "scored.parquet"
    source.write_text(f"{text}\n\n...\n", encoding="utf-8")
    speak_json(trained.root, "score", str(source), str(output), "--explain")
    rows = pq.read_table(output).to_pylist()
    assert [(word["word"], word["start"]) for word in rows[0]["explanation"]] == [
        (word["word"], word["start"]) for word in why["words"]
    ]


def test_predict_and_score_tell_the_sentiment_towards_each_name(trained: Trained, tmp_path: Path) -> None:
    companies, text = (
        tmp_path / "companies.csv",
        "Corvane: sentence 3 of good stands here; Ostby: sentence 3 of bad stands here",
    )
    companies.write_text("name,codes\nCorvane,CRV\nOstby,OST\n", encoding="utf-8")
    asked = ["predict", text, "--companies", str(companies)]
    (predicted,) = speak_json(trained.root, *asked)["predictions"]
    assert [(each["name"], each["label"], each["from"]) for each in predicted["towards"]] == [
        ("Corvane", "good", "clause"),
        ("Ostby", "bad", "clause"),
    ]
    assert "\n    Corvane\tgood\t" in command(trained.root, *asked).stdout
    source, output = tmp_path / "texts.txt", tmp_path / "scored.parquet"
    source.write_text(f"{text}\n", encoding="utf-8")
    speak_json(trained.root, "score", str(source), str(output), "--companies", str(companies))
    assert [each["label"] for each in pq.read_table(output).to_pylist()[0]["towards"]] == ["good", "bad"]
    companies.write_text("firm\nCorvane\n", encoding="utf-8")
    refused = command(trained.root, *asked)
    assert refused.returncode == 2
    assert "no column name" in refused.stderr


def test_predict_says_why_a_text_has_no_label(trained: Trained) -> None:
    predicted = speak_json(trained.root, "predict", "Sentence 3 of good stands here.", "a, b\x1b[31m")
    known, unknown = predicted["predictions"]
    assert known["label"] in {"good", "bad"}
    assert (unknown["label"], unknown["reason"]) == (None, "no_known_word")


def test_models_list_speaks_json(trained: Trained) -> None:
    rows = speak_json(trained.root, "models", "list")["models"]
    assert [(row["name"], row["version"], row["aliases"]) for row in rows] == [("corpus", 1, ["champion"])]


def test_models_verify_names_a_file_that_was_changed(copy: Path) -> None:
    (packed,) = (copy / "mlflow" / "artifacts").rglob("text.json")
    packed.write_text(f"{packed.read_text()} ")
    tampered = command(copy, "models", "verify")
    assert tampered.returncode == 1
    assert tampered.stdout == f"FAIL  corpus version 1: {packed} was changed; it will not be loaded\n"


def test_doctor_is_content_with_a_root_that_has_just_been_trained(trained: Trained) -> None:
    healthy = speak_json(trained.root, "doctor")
    assert healthy["healthy"], healthy


def test_doctor_finds_a_damaged_artifact(copy: Path, trained: Trained) -> None:
    (copy / "store" / "prepare" / trained.result["stages"]["prepare"]["key"] / "manifest.json").write_text("{}")
    sick = command(copy, "doctor")
    assert sick.returncode == 1
    assert "FAIL  artifact store" in sick.stdout


def test_gc_removes_what_no_run_uses_and_the_model_stays(copy: Path, trained: Trained) -> None:
    assert speak_json(copy, "gc", "--keep-runs", "0")["removed"] == len(trained.result["stages"]) - 1
    assert speak_json(copy, "predict", "Sentence 3 of good stands here.")["predictions"]


LOADED = """
import sys
from flows.commands.main import main
try:
    main()
finally:
    print(len(sys.modules), *{name.partition(".")[0] for name in sys.modules}, file=sys.stderr)
"""
SERVERS = {
    "prefect",
    "mlflow",
    "sqlalchemy",
    "fastapi",
    "torch",
    "gensim",
    "sklearn",
    "matplotlib",
    "dask",
    "distributed",
    "obstore",
}


@pytest.mark.parametrize(
    ("arguments", "most", "never"),
    [
        (("models", "list"), 500, SERVERS | {"numpy", "pandas", "pyarrow"}),
        (("models", "verify"), 500, SERVERS | {"numpy", "pandas", "pyarrow"}),
        (("predict", "Sentence 3 of good stands here."), 650, SERVERS | {"pandas", "scipy"}),
        (("score", "texts.txt", "scored.parquet"), 1160, SERVERS),
    ],
    ids=["list", "verify", "predict", "score"],
)
def test_a_verb_loads_no_more_modules_than_it_needs(
    trained: Trained, tmp_path: Path, arguments: tuple[str, ...], most: int, never: set[str]
) -> None:
    (tmp_path / "texts.txt").write_text("Sentence 3 of good stands here.\n")
    loaded = load(trained.root, tmp_path, *arguments)
    assert never.isdisjoint(loaded.packages), never.intersection(loaded.packages)
    assert loaded.number <= most


def test_a_run_whose_steps_are_all_cached_imports_no_mlflow(trained: Trained, tmp_path: Path) -> None:
    loaded = load(trained.root, tmp_path, "train", *trained.words)
    assert {"mlflow", "sqlalchemy", "alembic", "pandas", "torch", "sklearn"}.isdisjoint(loaded.packages)
    assert {"dask", "distributed", "obstore"}.isdisjoint(loaded.packages)
    assert loaded.number <= 2300
    assert speak_json(trained.root, "models", "list")["models"]


def test_a_run_whose_model_is_chosen_and_has_no_network_imports_no_torch(trained: Trained) -> None:
    assert trained.result["kind"] == "tfidf"
    assert {"torch", "sklearn"}.isdisjoint(trained.loaded.packages)


def load(root: Path, folder: Path, *arguments: str) -> Loaded:
    """What a verb prints and loads."""
    words = [sys.executable, "-c", LOADED, *arguments, "--runtime.data-root", str(root)]
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    number, *packages = done.stderr.splitlines()[-1].split()
    return Loaded(done.stdout, int(number), set(packages))


@pytest.mark.long
def test_what_people_label_is_used_by_the_next_training_until_it_is_undone(
    copy: Path, trained: Trained, tmp_path: Path
) -> None:
    texts, handed_out = tmp_path / "texts.txt", tmp_path / "review.csv"
    texts.write_text("Sentence 31 of good stands here.\nSentence 3 of good stands here.\n=Sentence of bad\n", encoding="utf-8")
    chosen = speak_json(copy, "review", str(texts), "--output", str(handed_out))
    assert (chosen["rows"], chosen["labelled_already"], chosen["model"]) == (2, 1, "corpus/1")
    with handed_out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["text"] for row in rows} == {"Sentence 31 of good stands here.", "'=Sentence of bad"}
    for row in rows:
        row["new_label"] = "bad" if "bad" in row["text"] else "good"
    rows += [
        {**rows[0], "text": f"Sentence {number} of good stands here.", "key": "", "new_label": "bad"} for number in range(10)
    ]
    with handed_out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    made = speak_json(copy, "label", str(handed_out), "--annotator", "ann")
    assert (made["labels"], made["annotators"], made["new"]) == (12, {"ann": 12}, True)
    corrected = speak_json(copy, "train", *trained.words)
    assert corrected["equation"].startswith("found 62 = kept 62")
    assert corrected["labels_given"]["labels"] == 12
    tested = corrected["test_labels"]["corrected"]
    assert tested
    assert any(f"{tested} test row" in line for line in corrected["warnings"])
    assert [each["labels"] for each in speak_json(copy, "label", "list")["imports"]] == [12]
    speak_json(copy, "label", "undo", made["id"])
    again = speak_json(copy, "train", *trained.words)
    assert again["stages"]["ingest"] == {
        **again["stages"]["ingest"],
        "cached": True,
        "key": trained.result["stages"]["ingest"]["key"],
    }
    assert "labels_given" not in again
