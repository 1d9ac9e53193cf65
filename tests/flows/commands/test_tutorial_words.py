"""Words of tutorials are answered with the knob that is meant, and with its value where the word itself is one."""

from pathlib import Path
from typing import Any

import pytest

from flows.commands.settings import knobs, resolve
from flows.commands.tutorial_words import VALUES, WORDS
from tasks.config import PipelineConfig
from tasks.errors import RequestError

KNOBS = [flag.removeprefix("--") for flag, *_ in knobs()]


@pytest.mark.parametrize("word", WORDS)
def test_every_word_leads_to_knobs_that_exist(word: str) -> None:
    assert word == word.lower().replace("_", "-")
    assert all(target.partition(" ")[0] in KNOBS for target in WORDS[word])


TAKEN = {target for targets in WORDS.values() for target in targets if " " in target}
TAKEN |= {f"{knob} {value}" for knob, values in VALUES.items() for value in values.values()}


@pytest.mark.parametrize("target", sorted(TAKEN))
def test_every_value_that_is_proposed_is_taken(target: str) -> None:
    knob, _, value = target.partition(" ")
    *sections, name = knob.replace("-", "_").split(".")
    model = "cnn" if sections[-1] in ("network", "pretrain") else "auto"
    arguments = [
        "--ingest.path",
        "a.csv",
        *(() if knob == "finetune.model" else ("--finetune.model", model)),
        f"--{knob}",
        value,
    ]
    part: Any = resolve(arguments)
    for section in sections:
        part = getattr(part, section)
    assert getattr(part, name) == value


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("--freeze", "--finetune.network.embedding frozen"),
        ("--filter_sizes", "--finetune.cnn.widths"),
        ("--finetune.filter-sizes", "--finetune.cnn.widths"),
        ("--num_filters", "--finetune.cnn.filters"),
        ("--warmup_ratio", "--finetune.network.warmup-share"),
        ("--finetune.warmup-ratio", "--finetune.network.warmup-share"),
        ("--textcnn", "--finetune.model cnn"),
        ("--lstm", "--finetune.model bilstm"),
        ("--vector_size", "--pretrain.dim"),
        ("--window", "--pretrain.ws"),
        ("--iter", "--pretrain.epoch"),
        ("--sg", "--pretrain.model skipgram"),
        ("--hs", "--pretrain.loss hs"),
        ("--min_n", "--pretrain.minn"),
        ("--max_n", "--pretrain.maxn"),
        ("--hidden_size", "--finetune.bilstm.hidden"),
        ("--max_length", "--finetune.network.max-len"),
        ("--padding", "--finetune.network.max-len"),
        ("--embedding_dim", "--pretrain.dim or --align.dim"),
        ("--num_epochs", "--finetune.epochs"),
        ("--early_stopping", "--finetune.patience"),
        ("--test_size", "--prepare.test-share"),
        ("--random_state", "--prepare.seed or --finetune.seed"),
        ("--learning_rate", "--finetune.network.lr or --pretrain.lr or --finetune.fasttext.lr"),
    ],
)
def test_a_tutorials_option_is_answered_with_ours(word: str, meant: str) -> None:
    with pytest.raises(RequestError, match=rf"unknown option {word}; did you mean {meant}\?"):
        resolve([word, "5"])


def test_in_a_file_the_value_is_spelled_as_files_spell_it(tmp_path: Path) -> None:
    (file := tmp_path / "run.toml").write_text("[finetune]\nfreeze = true\n")
    with pytest.raises(
        RequestError, match=r'run.toml: finetune.freeze is not a setting; did you mean finetune.network.embedding = "frozen"\?'
    ):
        resolve([], file=file)


@pytest.mark.parametrize(
    ("knob", "value", "meant"),
    [
        ("finetune.model", "TextCNN", "cnn"),
        ("finetune.model", "lstm", "bilstm"),
        ("pretrain.model", "sg", "skipgram"),
        ("prepare.tokenizer", "basic-english", "basic_english"),
    ],
)
def test_a_tutorials_value_is_answered_with_ours(knob: str, value: str, meant: str) -> None:
    with pytest.raises(RequestError, match=rf"--{knob} '{value}': .*; did you mean {meant}\?"):
        resolve(["--ingest.path", "a.csv", f"--{knob}", value])


def test_a_tutorials_variable_is_answered_with_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_FINETUNE__WARMUP_RATIO", "0.1")
    with pytest.raises(RequestError, match=r"did you mean TEXTMILL_FINETUNE__NETWORK__WARMUP_SHARE\?"):
        resolve([])


def test_all_knobs_are_those_of_a_training_run() -> None:
    assert {knob.partition(".")[0] for knob in KNOBS} == set(PipelineConfig.model_fields)
