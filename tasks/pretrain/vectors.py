"""Word vectors by fastText: estimate the size, train in a child process, write `.bin`.

Shapes: V words, B bucket rows, D dimensions.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from tasks.crash import crash_point
from tasks.durable import num_cores
from tasks.errors import RequestError
from tasks.isolation import run_isolated
from tasks.pretrain.model_file import ModelFile, all_finite, read_model_file
from tasks.pretrain.report import FILE as VECTORS_REPORT
from tasks.pretrain.report import report_on_vectors
from tasks.pretrain.text import TrainingText, write_text
from tasks.progress import SILENT, Progress

if TYPE_CHECKING:
    import numpy as np

    from tasks.pretrain.settings import PretrainConfig

log = logging.getLogger(__name__)

MODEL_FILE = "vectors.bin"
SIDE, TIMING = "side", "timing.json"
CURVE_FILE = "side/curve.json"

NAN_RETRIES = 4
BUCKETS_PER_WORD = 8
MIN_BUCKETS, MAX_BUCKETS, BUCKET_STEP = 10_000, 2_000_000, 10_000

PROGRESS = re.compile(r"Progress:\s*([\d.]+)%\s+words/sec/thread:\s*(\d+)")
# Up to ETA, since a piece of output may end inside a number.
LOSS = re.compile(r"Progress:\s*([\d.]+)%[^\r\n]*\slr:\s*([\d.]+)\s+avg\.loss:\s*([\d.]+)\s+ETA")
CURVE_STEP = 0.5  # per cent of the training between two points of the curve


def train_vectors(config: PretrainConfig, dataset: Path, folder: Path, *, progress: Progress = SILENT) -> dict[str, Any]:
    """Train on the train (and unlabelled) documents of `dataset`; write `vectors.bin` into `folder`.

    Returns the report: effective parameters, sizes, speed, and the report on the vectors, which is also written to
    `side/vectors.json`. Raises RequestError if the text is too small for `min_count` or the model would exceed `max_model_mb`.
    """
    splits = ("train", "unlabelled") if config.unlabelled else ("train",)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".training-") as temporary:
        text_path = Path(temporary) / "text"
        text = write_text(dataset, splits, text_path, progress=progress)
        num_words = count_words(text, config.min_count)
        bucket = choose_bucket(config, num_words)
        megabytes = model_megabytes(num_words, bucket, config.dim)
        if megabytes > config.max_model_mb:
            raise RequestError(_too_large(config, num_words, bucket, megabytes))
        options = fasttext_options(config, bucket)
        watcher = Watcher(config.epoch * text.num_tokens, options["thread"], progress)
        lr, num_retries, train_seconds = train_until_finite(options, text_path, folder / MODEL_FILE, watcher)
    crash_point("pretrain.trained")
    model = read_model_file(folder / MODEL_FILE)
    words, matrix_VD = word_vectors(model)
    words_per_second = config.epoch * text.num_tokens / train_seconds
    timing = {"train_seconds": train_seconds, "words_per_second": words_per_second}
    (folder / SIDE).mkdir(exist_ok=True)
    (folder / SIDE / TIMING).write_text(json.dumps(timing, indent=2), encoding="utf-8")
    (folder / CURVE_FILE).write_text(json.dumps(watcher.curve()), encoding="utf-8")
    progress.log({"pretrain/words_per_second": words_per_second}, at=config.epoch)
    judged = report_on_vectors(words, matrix_VD, dataset)
    (folder / VECTORS_REPORT).write_text(json.dumps(judged, ensure_ascii=False, indent=1), encoding="utf-8")
    return {
        "parameters": {**options, "lr": lr},
        "nan_retries": num_retries,
        "documents": text.num_documents,
        "tokens": text.num_tokens,
        "vocabulary": len(words),
        "model_mb": round(megabytes, 1),
        "words_per_second": round(words_per_second),
        **judged,
    }


def count_words(text: TrainingText, min_count: int) -> int:
    """Count the words that get a row of their own; RequestError if they are too few to train on."""
    num_words = pc.sum(pc.greater_equal(text.counts["count"], min_count)).as_py() or 0
    # With a single word fastText would look for a negative sample for ever.
    if num_words >= 2:
        return num_words
    if text.counts.num_rows < 2:
        raise RequestError(
            f"pretraining: the text of {text.num_documents} documents has {text.counts.num_rows} distinct tokens, which is too "
            "few to learn from; add text, or use --pretrain.enabled false"
        )
    raise RequestError(
        f"pretraining: {num_words} of {text.counts.num_rows} distinct tokens occur at least {min_count} times in "
        f"{text.num_documents} documents; use --pretrain.min-count 1"
    )


def choose_bucket(config: PretrainConfig, num_words: int) -> int:
    """Hash buckets for subwords; `auto` gives BUCKETS_PER_WORD for each word of the vocabulary, within bounds.

    On IMDB a word of the vocabulary brings 5 distinct n-grams of 3 to 6 characters and 3 of 4 to 5, in a vocabulary of 20,000
    words as in one of 80,000, so that at most two thirds of the buckets are in use.
    """
    if not config.maxn:
        return 0
    if config.bucket != "auto":
        return config.bucket
    rounded = -(-num_words * BUCKETS_PER_WORD // BUCKET_STEP) * BUCKET_STEP
    return min(max(rounded, MIN_BUCKETS), MAX_BUCKETS)


def model_megabytes(num_words: int, bucket: int, dim: int) -> float:
    """Estimate a model: float32 input rows of words and buckets, and output rows of words, in MB (10^6 bytes)."""
    return (2 * num_words + bucket) * dim * 4 / 1e6


def fasttext_options(config: PretrainConfig, bucket: int) -> dict[str, Any]:
    """Every option of `fasttext.train_unsupervised` that is set, by fastText's own name, and the seed."""
    return {
        "model": config.model,
        "dim": config.dim,
        "ws": config.ws,
        "epoch": config.epoch,
        "neg": config.neg,
        "loss": config.loss,
        "minCount": config.min_count,
        "minn": config.minn if config.maxn else 0,
        "maxn": config.maxn,
        "bucket": bucket,
        "lr": config.lr,
        "t": config.t,
        "thread": num_cores() if config.threads == "auto" else config.threads,
        "seed": config.seed,
    }


def fit_model(options: dict[str, Any], text: str, model: str) -> float:
    """Train on the file `text` and write the `.bin` to `model`; return the seconds of training. Runs in the child."""
    import fasttext

    # `seed` is an option of the C++ library that train_unsupervised takes from its defaults only, not as an argument.
    fasttext.FastText.unsupervised_default["seed"] = options["seed"]
    named = {name: value for name, value in options.items() if name != "seed"}
    start = time.monotonic()
    trained = fasttext.train_unsupervised(text, verbose=2, **named)
    seconds = time.monotonic() - start
    trained.save_model(model)
    return seconds


def train_until_finite(options: dict[str, Any], text: Path, model: Path, watcher: Watcher) -> tuple[float, int, float]:
    """Train, halving the learning rate after each NaN: the rate that worked, retries, and seconds of the last training."""
    lr = options["lr"]
    for num_retries in range(NAN_RETRIES + 1):
        try:
            seconds = run_isolated(fit_model, {**options, "lr": lr}, str(text), str(model), on_output=watcher)
        except RuntimeError as error:
            if "NaN" not in str(error):
                raise
        else:
            if all_finite(read_model_file(model).matrix):
                return lr, num_retries, seconds
        log.warning("pretrain: fastText diverged (NaN) at lr %g; trying half of it", lr)
        lr /= 2
    raise RequestError(
        f"pretraining diverged (NaN) at every lr from {options['lr']:g} down to {lr * 2:g}; use a smaller --pretrain.lr"
    )


class Watcher:
    """Turn fastText's progress text into progress reports."""

    def __init__(self, total_words: int, num_threads: int, progress: Progress) -> None:
        self._total_words, self._num_threads, self._progress = total_words, num_threads, progress
        self._unread = ""
        self._points: list[tuple[float, float, float]] = []  # per cent, learning rate, loss

    def curve(self) -> dict[str, list[float]]:
        """Words read so far, the learning rate and the mean loss there, of the last training begun."""
        return {
            "words": [round(self._total_words * percent / 100) for percent, _, _ in self._points],
            "learning_rate": [rate for _, rate, _ in self._points],
            "loss": [loss for _, _, loss in self._points],
        }

    def __call__(self, output: str) -> None:
        """Take the next piece of fastText's output; a line of it may come in several pieces."""
        self._unread = (self._unread + output)[-400:]
        found = PROGRESS.findall(self._unread)
        if found:
            percent, words_per_second = float(found[-1][0]), int(found[-1][1]) * self._num_threads
            done = self._total_words * percent / 100
            self._progress.advance(done, self._total_words, "words", f"{words_per_second:,} words/s")
        measured = LOSS.findall(self._unread)
        if measured:
            self._take(*map(float, measured[-1]))

    def _take(self, percent: float, rate: float, loss: float) -> None:
        """Note a point of the curve, if it is far enough from the one before."""
        if self._points and percent < self._points[-1][0]:  # training anew after a NaN
            self._points.clear()
        ends = percent == 100 and (not self._points or self._points[-1][0] < 100)
        if ends or not self._points or percent >= self._points[-1][0] + CURVE_STEP:
            self._points.append((percent, rate, loss))


def word_vectors(model: ModelFile) -> tuple[list[str], np.ndarray]:
    """Every word of the model, the most frequent first, and its vector: float32 [V, D]."""
    words = list(model.index)
    return words, model.vectors(words)


def _too_large(config: PretrainConfig, num_words: int, bucket: int, megabytes: float) -> str:
    return (
        f"pretraining: the model would take {megabytes:,.0f} MB (dim {config.dim}, {num_words:,} words, {bucket:,} buckets), "
        f"more than max_model_mb {config.max_model_mb:,}; lower --pretrain.dim or --pretrain.bucket, raise "
        "--pretrain.min-count, or raise --pretrain.max-model-mb"
    )
