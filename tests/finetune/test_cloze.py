"""The kind `cloze`: words that a masked language model puts into a prompt, as scores of labels."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tasks.errors import RequestError
from tasks.finetune.kinds.cloze.train import label_by_words
from tasks.finetune.settings import FinetuneConfig
from tasks.finetune.train import write_model
from tasks.model.classifier import Classifier

if TYPE_CHECKING:
    from collections.abc import Callable

LABELS = """
template = "the plot: {text} it was {mask}."
[labels.bad]
words = ["awful", "dull"]
[labels.fine]
words = ["average"]
[labels.good]
words = ["great", "superb"]
"""


def labels(folder: Path, text: str = LABELS) -> Path:
    (path := folder / "labels.toml").write_text(text)
    return path


@pytest.fixture
def make(dataset: Path, aligned: Path, read: dict[str, Path], tmp_path: Path, masked: Path) -> Callable[..., Any]:
    def run(name: str = "model", text: str = LABELS, weights: Path | None = None, model: str = "cloze", **cloze: Any) -> Any:
        for folder in (made := tmp_path / name, scratch := tmp_path / f"{name}-scratch"):
            folder.mkdir()
        how = {"model": Path("weights"), "labels": labels(tmp_path, text), "max_len": 32} | cloze
        config = FinetuneConfig(model=model, threads=1, cloze=how)
        given: Any = {"texts": read["texts"], "weights": weights or masked}
        return made, write_model(config, dataset, aligned, made, scratch, **given)

    return run


def texts_of(rows: list) -> tuple[list[list[str]], list[str]]:
    chosen = [row for row in rows if row[1] == "valid"]
    return [row[3] for row in chosen], [" ".join(row[3]) for row in chosen]


def test_scores_are_the_networks_logits_at_the_mask_less_those_without_a_text(make: Any, rows: list, masked: Path) -> None:
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForMaskedLM

    folder, report = make()
    assert report["trainable_parameters"] == 0
    view: Any = Classifier.load(folder).views["cloze"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network: Any = AutoModelForMaskedLM.from_pretrained(masked).eval()
    tokenizer = Tokenizer.from_file(str(masked / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def theirs(text: str) -> np.ndarray:
        ids: list[Any] = tokenizer.encode(f"the plot: {text} it was Q .").ids
        at = len(ids) - 3
        ids[at] = tokenizer.token_to_id("[MASK]")
        with torch.inference_mode():
            logits_V = network(input_ids=torch.tensor([ids])).logits[0, at].numpy()
        words = [["awful", "dull"], ["average"], ["great", "superb"]]
        return np.array([np.mean([logits_V[tokenizer.token_to_id(word)] for word in each]) for each in words])

    _, texts = texts_of(rows)
    ours_NC = view.scorer.scores(texts[:5]) @ view.weights_WC + view.bias_C
    np.testing.assert_allclose(ours_NC, [theirs(text) - theirs("") for text in texts[:5]], atol=1e-4)


def test_it_is_served_as_it_was_measured_alone_and_in_a_sum(make: Any, rows: list) -> None:
    folder, report = make()
    model = Classifier.load(folder)
    truth = [row[2] for row in rows if row[1] == "valid"]
    answers_NC = model.probabilities(*texts_of(rows))
    right = np.mean([model.labels[number] == label for number, label in zip(answers_NC.argmax(1), truth, strict=True)])
    assert right == pytest.approx(report["valid_accuracy"])
    both, report = make("both", model="tfidf+cloze")
    assert report["views"].keys() == {"tfidf", "cloze"}
    assert np.isfinite(Classifier.load(both).probabilities(*texts_of(rows))).all()


def test_without_a_model_the_answers_are_the_same(make: Any, rows: list, masked: Path, tmp_path: Path) -> None:
    folder, _ = make()
    view: Any = Classifier.load(folder).views["cloze"]
    _, texts = texts_of(rows)
    config = FinetuneConfig(model="cloze", cloze={"labels": labels(tmp_path), "max_len": 32})
    names, answers_NC = label_by_words(texts, config, masked)
    assert names == ["bad", "fine", "good"]
    logits_NC = view.scorer.scores(texts) @ view.weights_WC + view.bias_C
    assert (answers_NC.argmax(1) == logits_NC.argmax(1)).all()


def test_a_long_text_is_cut_and_the_mask_stays(make: Any) -> None:
    view: Any = Classifier.load(make()[0]).views["cloze"]
    pieces, at = view.scorer.prompt.of("film " * 100)
    assert len(pieces) == 32
    assert pieces[at] == view.scorer.prompt.mask


def test_the_mask_may_come_before_the_text(make: Any, rows: list) -> None:
    view: Any = Classifier.load(make(text=LABELS.replace("the plot: {text} it was {mask}.", "{mask} film: {text}"))[0]).views[
        "cloze"
    ]
    _, at = view.scorer.prompt.of("the plot")
    assert at == 1
    assert np.isfinite(view.scorer.scores(texts_of(rows)[1][:3])).all()


@pytest.mark.parametrize(
    ("text", "how", "words"),
    [
        (
            LABELS.replace("average", "ordinary"),
            {},
            "label word 'ordinary' is 8 pieces of this tokenizer, and a mask takes one",
        ),
        (LABELS.replace('words = ["average"]', "description = 'x'"), {}, "label 'fine' has no words"),
        (LABELS, {"max_len": 10}, "max_len 10 leaves no room for a text beside the template; raise it"),
        (LABELS, {"max_len": 64}, "max_len 64 is above the 48 pieces that these weights read; lower it"),
    ],
)
def test_what_cannot_be_filled_is_one_line(make: Any, text: str, how: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        make(text=text, **how)


def test_weights_without_a_masked_head_are_named(make: Any, weights: Path) -> None:
    with pytest.raises(RequestError, match=r"its tokenizer has no mask|these weights have no masked head"):
        make(weights=weights)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model": "cloze"}, "cloze has no weights to start from; give --finetune.cloze.model"),
        ({"model": "cloze", "cloze": {"model": "w"}}, "needs words for each label; give --finetune.cloze.labels FILE"),
    ],
)
def test_what_is_missing_is_said_before_a_run(values: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.finetune.kinds.cloze.find_spec", lambda name: object())
    with pytest.raises(RequestError, match=words):
        FinetuneConfig(**values).check()


def test_a_model_starts_from_one_set_of_weights(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the extra `encoder` is not installed")
    cloze = {"model": Path("a"), "labels": labels(tmp_path)}
    FinetuneConfig(model="encoder+cloze", cloze=cloze, encoder={"model": Path("a")}).check()
    with pytest.raises(RequestError, match=r"--finetune.encoder.model b and --finetune.cloze.model a are two sets of weights"):
        FinetuneConfig(model="encoder+cloze", cloze=cloze, encoder={"model": Path("b")}).check()
