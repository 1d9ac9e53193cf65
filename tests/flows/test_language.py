"""A language model through the whole flow: cached by content, registered, and let write."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flows.commands.settings import check_language, preset_names, resolve_language
from tasks.config import LanguageConfig
from tasks.errors import RequestError
from tests.command_line import TEXTMILL, run_here
from tests.pages import words_of_page

CHECKOUT = Path(__file__).parents[2]
STEPS = ["ingest", "prepare", "tokenizer", "train_language", "evaluate_language", "package_language", "register"]
TINY = {"layers": 1, "heads": 2, "dim": 16, "context": 16, "epochs": 2, "lr": 0.01, "threads": 1}


def config(corpus: Path, data_root: Path, **sections: Any) -> LanguageConfig:
    values: dict[str, Any] = {
        "name": "calls",
        "ingest": {"path": corpus},
        "train": TINY,
        "evaluate": {"samples": 2, "sample_tokens": 8},
        "runtime": {"data_root": data_root, "workers": 1},
    }
    return LanguageConfig.model_validate({**values, **sections})


@pytest.mark.usefixtures("prefect_server")
def test_a_run_is_cached_and_only_what_changed_is_built(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the extra `encoder` is not installed")
    from flows.language import language
    from tasks.register.models import load_language_model
    from tasks.tracking.tracker import open_to_read

    root = tmp_path / "data"
    first = language(config(corpus, root))
    assert list(first["stages"]) == STEPS
    assert first["decision"] == "first"
    assert first["test_documents"] > 10
    assert first["kneser_ney"]["bits_per_byte"] > 0
    page = Path(first["report"]).read_text(encoding="utf-8")
    assert "Texts that it wrote" in page
    assert "textmill language train" in words_of_page(first["report"])

    other = language(config(corpus, root, evaluate={"samples": 1, "kneser_ney": 2}))
    assert [name for name, stage in other["stages"].items() if not stage["cached"]] == ["evaluate_language"]
    assert (other["decision"], other["model"]["version"]) == ("unchanged", first["model"]["version"])

    answer = load_language_model(open_to_read(None, root, CHECKOUT), "calls@champion").model.generate("Sales rose", {"seed": 2})
    assert answer["text"].startswith("Sales rose")


def test_presets_resolve_and_say_what_they_are() -> None:
    assert preset_names(LanguageConfig) == ["language", "language-ectsum", "language-titles-zh"]
    for name in preset_names(LanguageConfig):
        assert resolve_language([], preset=name).name == name
    assert resolve_language([]).name == "language"


def test_a_name_of_its_own_and_what_is_wrong_is_said_before_it_starts(tmp_path: Path) -> None:
    (tmp_path / "calls.txt").write_text("one\ntwo\n")
    resolved = resolve_language(["--ingest.path", str(tmp_path / "calls.txt")])
    assert resolved.name == "calls-language"
    check_language(resolved)
    with pytest.raises(RequestError, match=r"unknown option --train\.depth.*textmill language train --help lists"):
        resolve_language(["--train.depth", "3"])
    with pytest.raises(RequestError, match="No such file"):
        check_language(resolve_language(["--ingest.path", str(tmp_path / "nothing")]))
    with pytest.raises(RequestError, match=r"tokenizer\.kind weights takes the pieces of train\.weights"):
        resolve_language(["--ingest.path", str(tmp_path / "calls.txt"), "--tokenizer.kind", "weights"])


def test_help_lists_its_knobs_and_generate_complains_in_one_line(tmp_path: Path) -> None:
    def said(*words: str) -> tuple[int, str]:
        done = run_here(*words)
        return done.returncode, done.stdout + done.stderr

    code, out = said("language", "train", "--help")
    assert code == 0
    assert "--train.layers" in out
    assert "--finetune" not in out
    code, out = said("generate", "Sales", "--top-p", "2", "--runtime.data-root", str(tmp_path))
    assert (code, out) == (2, "textmill: top_p 2.0 is out of bounds; give a value above 0, up to 1\n")


@pytest.mark.long  # two runs of the command, each with a server's start
@pytest.mark.usefixtures("prefect_server")
def test_a_killed_run_is_taken_up_again_and_ends_the_same(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the extra `encoder` is not installed")
    from tasks.store.artifact import Store

    knobs = [word for name, value in TINY.items() for word in (f"--train.{name}", str(value))]

    def train(root: Path, **environment: str) -> tuple[int, str]:
        command = [
            *TEXTMILL,
            "language",
            "train",
            "--ingest.path",
            str(corpus),
            "--runtime.data-root",
            str(root),
            "--json",
            *knobs,
        ]
        command += ["--evaluate.samples", "0"]
        done = subprocess.run(command, cwd=CHECKOUT, env=os.environ | environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout or done.stderr

    def weights(root: Path, result: dict[str, Any]) -> tuple[str, int]:
        artifact = Store(root).verify("train_language", result["stages"]["train_language"]["key"])
        return artifact.digest, artifact.report["resumed_from_epoch"]

    assert train(tmp_path / "killed", TEXTMILL_CRASH_AT="train_language.epoch.1")[0] == -9
    code, out = train(tmp_path / "killed")
    assert code == 0, out
    digest, resumed = weights(tmp_path / "killed", json.loads(out))
    assert resumed == 1
    code, out = train(tmp_path / "whole")
    assert code == 0, out
    assert weights(tmp_path / "whole", json.loads(out)) == (digest, 0)
