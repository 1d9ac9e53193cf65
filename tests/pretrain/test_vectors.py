import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models.fasttext import load_facebook_vectors

from tasks.errors import RequestError
from tasks.pretrain.model_file import read_model_file
from tasks.pretrain.settings import PretrainConfig
from tasks.pretrain.vectors import Watcher, choose_bucket, model_megabytes, train_vectors

SMALL = {"dim": 10, "epoch": 2, "min_count": 1, "bucket": 500, "threads": 1, "minn": 2, "maxn": 4}


class Heard:
    def __init__(self) -> None:
        self.calls: list[tuple[float, float | None, str, str]] = []
        self.metrics: dict[str, float] = {}

    def advance(self, done: float, total: float | None, unit: str, note: str = "") -> None:
        self.calls.append((done, total, unit, note))

    def log(self, metrics: Mapping[str, float], at: int) -> None:
        self.metrics |= metrics


def train(config: PretrainConfig, dataset: Path, folder: Path, **options: Any) -> dict[str, Any]:
    folder.mkdir()
    return train_vectors(config, dataset, folder, **options)


def test_one_thread_is_reproducible_byte_for_byte(
    make_dataset: Callable[..., Path], documents: list[list[str]], tmp_path: Path
) -> None:
    dataset = make_dataset({"train": documents})
    for name in ("one", "two"):
        train(PretrainConfig(**SMALL), dataset, tmp_path / name)
    train(PretrainConfig(**SMALL, seed=14), dataset, tmp_path / "other")
    one, two, other = ((tmp_path / name / "vectors.bin").read_bytes() for name in ("one", "two", "other"))
    assert one == two != other
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["side", "vectors.bin"]


def test_options_reach_fasttext_and_gensim_reads_its_vectors(
    make_dataset: Callable[..., Path], documents: list[list[str]], tmp_path: Path
) -> None:
    dataset = make_dataset({"train": documents, "unlabelled": [["only", "here"] * 3], "valid": [["hidden"] * 9]})
    options = {"model": "cbow", "ws": 3, "neg": 7, "loss": "hs", "lr": 0.02, "t": 0.001} | SMALL
    heard = Heard()
    report = train(PretrainConfig(**options), dataset, tmp_path / "out", progress=heard)
    expected = {name: value for name, value in options.items() if name not in ("min_count", "threads")}
    assert report["parameters"] == expected | {"minCount": 1, "thread": 1, "seed": 13}
    model = read_model_file(tmp_path / "out" / "vectors.bin")
    keyed = load_facebook_vectors(str(tmp_path / "out" / "vectors.bin"))
    words = [word for word in keyed.index_to_key if word != "</s>"]
    assert words == list(model.index)
    np.testing.assert_allclose(keyed[words], model.vectors(words), atol=1e-7)
    counts = [model.counts[model.index[word]] for word in words]
    assert counts == sorted(counts, reverse=True)
    assert "only" in words
    assert "hidden" not in words
    assert (report["vocabulary"], report["tokens"]) == (len(words), sum(map(len, documents)) + 6)
    assert (tmp_path / "out" / "vectors.bin").stat().st_size == pytest.approx(report["model_mb"] * 1e6, rel=0.2, abs=6e4)
    assert heard.calls[-1][0] == heard.calls[-1][1] == 2 * report["tokens"]
    assert "words/s" in heard.calls[-1][3]
    assert heard.metrics["pretrain/words_per_second"] > 0
    assert json.dumps(report, allow_nan=False)


def test_without_unlabelled_only_train_is_read(
    make_dataset: Callable[..., Path], documents: list[list[str]], tmp_path: Path
) -> None:
    dataset = make_dataset({"train": documents, "unlabelled": [["only", "here"] * 3]})
    report = train(PretrainConfig(**SMALL, unlabelled=False), dataset, tmp_path / "out")
    assert report["tokens"] == sum(map(len, documents))
    assert "only" not in read_model_file(tmp_path / "out" / "vectors.bin").index


def test_a_document_cannot_inject_a_label_or_a_line(
    make_dataset: Callable[..., Path], documents: list[list[str]], tmp_path: Path
) -> None:
    hostile = ["__label__spam", "</s>", "a\nb", "nul\0nul", "\ufeffbom", "__label__"] * 3
    report = train(PretrainConfig(**SMALL), make_dataset({"train": [*documents, hostile]}), tmp_path / "out")
    model = read_model_file(tmp_path / "out" / "vectors.bin")
    assert model.counts[model.words.index("</s>")] == len(documents) + 1
    assert {"--label--spam", "<-s>", "a-b", "nul-nul", "-bom", "--label--"} <= set(model.index)
    assert report["tokens"] == sum(map(len, documents)) + len(hostile)


def test_divergence_halves_the_learning_rate_and_is_recorded(
    make_dataset: Callable[..., Path], documents: list[list[str]], tmp_path: Path
) -> None:
    report = train(PretrainConfig(**SMALL, lr=10.0), make_dataset({"train": documents * 5}), tmp_path / "out")
    assert report["nan_retries"] >= 1
    assert report["parameters"]["lr"] == 10.0 / 2 ** report["nan_retries"]
    assert np.isfinite(read_model_file(tmp_path / "out" / "vectors.bin").matrix).all()


def test_a_model_too_large_is_refused_before_training(
    make_dataset: Callable[..., Path], documents: list[list[str]], tmp_path: Path
) -> None:
    config = PretrainConfig(**(SMALL | {"dim": 1000, "bucket": 1_000_000}), max_model_mb=100)
    with pytest.raises(RequestError, match=r"4,000 MB .*1,000,000 buckets.*max_model_mb 100.*--pretrain\.bucket"):
        train(config, make_dataset({"train": documents}), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_subword_buckets_cannot_be_none() -> None:
    with pytest.raises(ValueError, match="set maxn 0 too"):
        PretrainConfig(bucket=0)


def test_a_corpus_below_min_count_names_the_remedy(make_dataset: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"0 of 3 distinct tokens occur at least 5 times.*--pretrain\.min-count 1"):
        train(PretrainConfig(), make_dataset({"train": [["a", "b", "c"]]}), tmp_path / "out")


@pytest.mark.parametrize("texts", [[], [[]], [["same"] * 40]])
def test_a_text_of_one_word_is_refused_not_trained_for_ever(
    make_dataset: Callable[..., Path], tmp_path: Path, texts: list[list[str]]
) -> None:
    with pytest.raises(RequestError, match=r"distinct tokens.*--pretrain\.enabled false"):
        train(PretrainConfig(**SMALL), make_dataset({"train": texts, "valid": [["x"]]}), tmp_path / "out")


@pytest.mark.parametrize(
    ("bucket", "maxn", "num_words", "expected"),
    [
        ("auto", 6, 2, 10_000),
        ("auto", 6, 28_702, 230_000),
        ("auto", 6, 10**6, 2_000_000),
        (777, 6, 10, 777),
        ("auto", 0, 10, 0),
    ],
)
def test_buckets_follow_the_vocabulary(bucket: int | str, maxn: int, num_words: int, expected: int) -> None:
    assert choose_bucket(PretrainConfig(bucket=bucket, maxn=maxn, minn=min(3, maxn)), num_words) == expected


def test_the_estimate_counts_input_and_output_rows() -> None:
    assert model_megabytes(1000, 500, 100) == pytest.approx(2500 * 100 * 4 / 1e6)


def test_progress_is_read_across_pieces() -> None:
    heard = Heard()
    watcher = Watcher(1000, 2, heard)
    for piece in ("Read 0M words\nProg", "ress:  25.0% words/sec/thr", "ead:   10000 lr:  0.05 avg.loss:  4.1 ETA: 0h\r"):
        watcher(piece)
    assert heard.calls == [(250.0, 1000, "words", "20,000 words/s")]


def said(percent: float, rate: float, loss: str) -> str:
    return f"\rProgress: {percent:5.1f}% words/sec/thread:   10000 lr: {rate:9.6f} avg.loss: {loss} ETA:   0h 0m 0s"


def test_the_curve_has_the_loss_by_words_with_points_some_way_apart() -> None:
    watcher = Watcher(1000, 2, Heard())
    for number in range(1001):
        watcher(said(number / 10, 0.05 * (1 - number / 1000), f"{4 - number / 500:9.6f}"))
    curve = watcher.curve()
    assert len(curve["words"]) == len(curve["loss"]) == len(curve["learning_rate"]) == 201
    assert (curve["words"][0], curve["words"][-1]) == (0, 1000)
    assert curve["loss"] == pytest.approx([4 - words / 500 for words in curve["words"]], abs=1e-3)
    assert curve["learning_rate"] == pytest.approx([0.05 * (1 - words / 1000) for words in curve["words"]], abs=1e-6)


def test_a_number_that_is_cut_and_one_that_is_none_are_no_points() -> None:
    watcher = Watcher(1000, 2, Heard())
    for piece in (
        "\rProgress:  25.0% words/sec/thread:   10000 lr:  0.050000 avg.loss:  4.",
        "125000 ETA:   0h",
        said(50, 0.1, "nan"),
    ):
        watcher(piece)
    assert watcher.curve() == {"words": [250], "learning_rate": [0.05], "loss": [4.125]}


def test_training_anew_begins_the_curve_anew() -> None:
    watcher = Watcher(1000, 2, Heard())
    for percent, rate in ((10, 0.9), (90, 0.1), (10, 0.45), (100, 0.0)):
        watcher(said(percent, rate, " 3.000000"))
    assert watcher.curve()["words"] == [100, 1000]
    assert watcher.curve()["learning_rate"] == [0.45, 0.0]
