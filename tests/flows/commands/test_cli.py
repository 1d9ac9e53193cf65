"""The command: exit codes, one line for what is wrong, one JSON object for machines."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.commands import registry
from flows.commands.main import main
from tasks.register import models
from tests.command_line import train_command
from tests.patience import until

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def textmill(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command in this process; returns exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["textmill", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


def folder(root: Path, **labels: int) -> Path:
    for label, count in labels.items():
        (root / label).mkdir(parents=True)
        for number in range(count):
            (root / label / f"{number}.txt").write_text(f"Sentence {number} of {label} stands here.")
    return root


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--ingest.path", "absent.csv"], ["absent.csv"]),
        (["train", "--ingest.pth", "absent.csv"], ["--ingest.pth", "did you mean --ingest.path"]),
        (["train", "--preset", "imbd"], ["unknown preset 'imbd'", "did you mean imdb"]),
        (["train", "--config", "absent.toml"], ["absent.toml"]),
        (["train", "--finetune.epochs", "-1"], ["--finetune.epochs", "greater than or equal to 1"]),
        (["train", "--preset", "phrasebank"], ["--ingest.path"]),
        (["train", "--align.vectors", "absent.vec"], ["--align.vectors", "absent.vec"]),
        (["train", "--prepare.stop-words", "absent.txt"], ["--prepare.stop-words", "absent.txt"]),
        (
            ["train", "--ingest.dataset", "AG_NEWS", "--ingest.path", "root"],
            ["root/datasets/AG_NEWS/train.csv", "fetch it from https"],
        ),
        (["train", "--ingest.dataset", "QQP", "--ingest.path", "root"], ["--ingest.dataset", "pairs of texts"]),
        (["train", "--prepare.tokenizer", "moses"], ["--prepare.tokenizer", "package of its own", "basic_english"]),
        (["trian"], ["trian"]),
        (["predict", "text", "--modle", "x"], ["--modle"]),
        (["score", "in.csv", "out.csv"], ["out.csv", ".parquet"]),
        (["score", "in.csv", "out.parquet"], ["in.csv", "no such file"]),  # not: there is no model yet
        (["score", "news.csv", "out.parquet", "--text", "body"], ["news.csv", "'body'", "'headline'"]),
        (["score", "news.csv", "out.parquet", "--text", "headline", "--encoding", "utf9"], ["--encoding 'utf9'", "utf-8"]),
        (["score", "news.csv", "absent/out.parquet", "--text", "headline"], ["absent", "no such folder"]),
        (["refresh", "--collect.source", "news.csv"], ["--collect.text", "'headline', 'day'"]),
        (["refresh", "--collect.source", "news.csv", "--collect.text", "headline"], ["--collect.time", "'headline', 'day'"]),
        (
            ["refresh", "--collect.source", "good.csv", "--score.watch-list", "watch.toml"],
            ["watch.toml", 'write the name in line 2 in quotes: "茅台"'],
        ),
        (["refresh", "--collect.source", "good.csv", "--notify.channels", "watch.toml"], ["watch.toml", "is not TOML"]),
        (["models", "promote", "one"], ["version", "integer"]),
        (["vectors", "report", "absent.vec"], ["no file of vectors absent.vec", "NAME@ALIAS"]),
        (["vectors", "projector", "absent.npy", "out"], ["no file of vectors absent.npy"]),
    ],
)
def test_a_wrong_request_ends_with_2_and_one_line(
    textmill: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "news.csv").write_text("headline,day\nprofit rose,2020-03-09\n")
    (tmp_path / "good.csv").write_text("text,time\nprofit rose,2020-03-09\n")
    (tmp_path / "watch.toml").write_text("[names]\n茅台 = ['茅台']\n", encoding="utf-8")
    code, out, err = textmill(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("textmill: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err


def test_an_empty_folder_is_refused_before_anything_starts(
    textmill: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = textmill("train", "--ingest.path", str(tmp_path / "empty"), "--runtime.data-root", str(tmp_path / "root"))
    assert code == 2
    assert str(tmp_path / "empty") in err
    assert not (tmp_path / "root").exists()


def test_what_a_refresh_could_not_do_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    from flows.commands.refresh import print_refresh

    counts = {"found": 3, "scored": 3, "duplicates": 0, "quarantined": 0, "reasons": {}, "alerts": [], "drift": []}
    ends = {"model": {"name": "news", "version": 1}, "seconds": 1.0, "startup_seconds": 2.0, "report": "page.html"}
    quiet = {"passed_over": 0, "undelivered": 0, "channels_down": [], "training_runs": []}
    ends |= {"warnings": []}
    ends |= {"today": {"expected": None, "changed": {"auc": 0.5, "interval": [0.4, 0.6], "rest_auc": 0.5, "causes": []}}}
    quiet |= {"not_judged": {"summary": "", "series": []}, "watch_list": {"entries": 2, "not_found": []}}
    print_refresh(counts | ends | quiet)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 6
    assert "changed  nothing that is more than usual: old and new texts are told apart with AUC 0.50 (0.40 to 0.60)\n" in out
    print_refresh(
        counts
        | ends
        | {"passed_over": 7, "undelivered": 2, "channels_down": ["desk\x1b"], "training_runs": ["run-1"]}
        | {"not_judged": {"summary": "1 of 2 series are not judged", "series": []}}
        | {"watch_list": {"entries": 2, "not_found": [{"entry": "腾讯", "since": "2022-03-01", "documents": 3}]}}
    )
    out = capsys.readouterr().out
    assert "passed   7 documents of other days" in out
    assert "waiting  2 deliveries; channels that failed: desk\\x1b" in out
    assert "train    started run-1" in out
    assert "mute     1 of 2 series are not judged\n" in out
    assert "watch    1 of 2 entries found in none of the 3 documents since 2022-03-01: 腾讯\n" in out


def test_predict_without_a_model_says_how_to_get_one(textmill: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    code, _, err = textmill("predict", "a text", "--runtime.data-root", str(tmp_path))
    assert code == 2
    assert "textmill train" in err


@pytest.mark.parametrize("whole", [True, False])
def test_models_verify_ends_with_1_if_a_version_is_not_whole(
    textmill: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    rows = [
        models.VerifiedModel("news", 1, ("champion",), True, None),
        models.VerifiedModel("news", 2, (), whole, "2 is\x1b[31m"),
    ]
    monkeypatch.setattr(registry, "open_to_read", lambda data_root: data_root)
    monkeypatch.setattr(models, "verify_models", lambda *asked: rows if asked == (None, "news", "champion") else None)
    code, out, _ = textmill("models", "verify", "news", "champion")
    assert (code, out) == (not whole, "ok    news/1\n" + ("ok    news/2\n" if whole else "FAIL  2 is\\x1b[31m\n"))
    code, out, _ = textmill("models", "verify", "news", "champion", "--json")
    assert (code, json.loads(out)["whole"], json.loads(out)["models"][1]["whole"]) == (not whole, whole, whole)


def test_help_lists_every_verb_and_every_knob(textmill: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = textmill("--help")
    assert code == 0
    for verb in ("train", "predict", "score", "models", "doctor", "gc", "up", "down"):
        assert verb in out
    code, out, _ = textmill("train", "--help")
    assert code == 0
    assert "--finetune.epochs" in out
    assert "--runtime.data-root" in out


def test_help_imports_nothing_heavy() -> None:
    heavy = ("prefect", "mlflow", "torch", "pandas", "pydantic")
    code = f"import sys, flows.commands.main; print([m for m in {heavy} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_without_arguments_only_the_help_is_shown(textmill: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = textmill()
    assert code == 2
    assert "Commands" in out + err
    assert not [line for line in err.splitlines() if line.startswith("textmill:")]


@pytest.mark.usefixtures("prefect_server")
def test_one_class_only_ends_with_2_and_one_line(tmp_path: Path) -> None:
    corpus = folder(tmp_path / "corpus", only=6)
    command = train_command(corpus, tmp_path / "root")
    said = subprocess.run(command, cwd=CHECKOUT, env=os.environ, capture_output=True, text=True, check=False)
    assert said.returncode == 2, said.stderr
    assert "only" in said.stderr.splitlines()[-1]
    assert "Traceback" not in said.stderr
    assert len(said.stderr.splitlines()) <= 3  # that the server starts, the resolved command, and what is wrong


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    """Forty words of WordSim-353 and a Chinese one, as text."""
    source = random.Random(2)
    words = ["tiger", "cat", "train", "car", "book", "paper", "movie", "star", "computer", "keyboard", "internet", "plane"]
    words += ["media", "radio", "television", "bread", "butter", "cucumber", "potato", "doctor", "nurse", "professor", "电影"]
    path = tmp_path / "some.vec"
    path.write_text("".join(f"{word} {' '.join(f'{source.gauss(0, 1):.4f}' for _ in range(6))}\n" for word in words))
    return path


def test_vectors_of_a_file_are_judged(textmill: Callable[..., tuple[int, str, str]], vectors: Path) -> None:
    code, out, _ = textmill("vectors", "report", str(vectors), "--json")
    report = json.loads(out)
    assert code == 0
    assert (report["words"], report["of"], report["dim"], report["source"]) == (23, 23, 6, "text")
    assert report["intrinsic"]["wordsim353"]["pairs"] >= 10
    assert -1 <= report["intrinsic"]["wordsim353"]["spearman"] <= 1
    assert report["intrinsic"]["analogies"]["accuracy"] is None
    assert {"tiger", "cat"} < report["neighbours"].keys()
    _, plain, _ = textmill("vectors", "report", str(vectors), "--words", "3")
    assert "3 of 23 vectors of 6 dimensions (text)" in plain
    assert "no figure: too little is covered" in plain


def test_vectors_of_a_file_go_to_the_projector(
    textmill: Callable[..., tuple[int, str, str]], vectors: Path, tmp_path: Path
) -> None:
    _, out, _ = textmill("vectors", "projector", str(vectors), str(tmp_path / "out"), "--words", "5", "--json")
    assert json.loads(out)["words"] == 5
    assert (tmp_path / "out" / "metadata.tsv").read_text().splitlines()[:2] == ["word\trank", "tiger\t1"]


@pytest.mark.long
@pytest.mark.usefixtures("prefect_server")
def test_ctrl_c_ends_with_130_and_one_line(corpus: Path, tmp_path: Path) -> None:
    command = train_command(corpus, tmp_path / "root")
    run = subprocess.Popen(
        [
            *command,
            "--finetune.model",
            "bag+cnn",
            "--finetune.epochs",
            "500",
            "--finetune.patience",
            "500",
            "--pretrain.enabled",
            "false",
        ],
        cwd=CHECKOUT,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    scratch = tmp_path / "root" / "store" / ".scratch"
    until(lambda: list(scratch.glob("finetune-*/*.json")) or run.poll() is not None, "an epoch")
    run.send_signal(signal.SIGINT)
    _, err = run.communicate()
    assert run.returncode == 130, err
    assert err.splitlines()[-1].startswith("textmill: stopped")
    assert "Traceback" not in err
    assert "ERROR" not in err
    (record,) = (tmp_path / "root" / "runs").glob("*.json")
    assert json.loads(record.read_text())["status"] == "failed"


def test_the_program_waits_for_threads_runs_handlers_and_is_not_taken_apart() -> None:
    code = """
import atexit, builtins, threading, time

class Kept:
    def __del__(self):
        print("taken apart", flush=True)

def later():
    time.sleep(0.5)
    atexit.register(print, "handler")

builtins.kept = Kept()
threading.Thread(target=later).start()
from flows.commands.__main__ import program
program()
"""
    command = [sys.executable, "-c", code, "models", "nothing"]
    said = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert said.returncode == 2, said.stderr
    assert said.stdout == "handler\n"


def test_a_program_that_raises_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_DEBUG", "1")
    code = "import flows.commands.main as m; m.app = lambda **_: 1 / 0; from flows.commands.__main__ import program; program()"
    said = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert said.stderr.splitlines()[-1].startswith("ZeroDivisionError")
