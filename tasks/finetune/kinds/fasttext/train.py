"""Training fastText's supervised classifier, in a child process that may crash or be interrupted alone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from tasks.align.vec_file import write_word2vec_text
from tasks.errors import RequestError
from tasks.finetune.encode import FITTED, REFITTED
from tasks.finetune.job import Job, Trained
from tasks.finetune.kinds.fasttext.settings import FasttextSettings
from tasks.finetune.rows import longest_ngram
from tasks.isolation import run_isolated
from tasks.model.classifier import Tokens
from tasks.model.fasttext_words import LABEL, plain_word
from tasks.model.views.fasttext import FASTTEXT_FILE, FasttextView, lines
from tasks.model.vocabulary import RESERVED, Vocabulary
from tasks.prepare.read import iter_batches, read_split

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

EPOCHS, DIM = 5, 10
ATTEMPTS = 4  # "Encountered NaN" means the learning rate is too high: each further one is half the last
LEAST_BUCKETS, MOST_BUCKETS = 10_000, 2_000_000  # the second is fastText's own default


def train_kind(job: Job) -> list[Trained]:
    """Write `fasttext.bin` into the job's folder; the logits are logarithms of fastText's probabilities.

    With `refit` a second model, trained on the valid rows too, takes its place once those are scored.
    """
    config, settings = job.config, job.config.settings(FasttextSettings)
    text = job.scratch / "fasttext.txt"
    num_tokens = _write_lines(job, text, FITTED)
    asked, longest = settings.epoch or config.epochs, longest_ngram(config)
    options: dict[str, Any] = {
        "dim": settings.dim or DIM,
        "epoch": EPOCHS if asked == "auto" else asked,
        "lr": settings.lr,
        "loss": settings.loss,
        "minCount": settings.min_count,
        "minn": settings.minn,
        "maxn": settings.maxn,
        "wordNgrams": longest,
        "bucket": _num_buckets(num_tokens, longest, settings),
        "thread": job.threads,
        "seed": config.seed,
    }
    if settings.vectors:
        options |= _pretrained(job, settings)
    job.progress.advance(0, options["epoch"], "epochs", "fastText")
    made = _train(text, job.folder / FASTTEXT_FILE, options)
    text.unlink()
    valid = read_split(job.dataset, "valid")
    labels_N = valid.labels_ids(job.labels)
    known = labels_N >= 0
    if not known.any():
        raise RequestError("there are no validation rows to calibrate on; raise prepare.valid_share or add documents")
    view = FasttextView(job.folder, len(job.labels))
    logits_NC = view.logits(Tokens(valid.tokens.filter(pa.array(known))))
    refit = None
    shape = {name: value for name, value in options.items() if name != "pretrainedVectors"}  # a file of this training
    if config.refit:
        _write_lines(job, text, REFITTED)
        made = _train(text, job.folder / FASTTEXT_FILE, options)
        text.unlink()
        refit = {"epochs": options["epoch"]}
    return [Trained(logits_NC, labels_N[known], {**shape, **made}, best_epoch=options["epoch"], refit=refit)]


def _num_buckets(num_tokens: int, longest: int, settings: FasttextSettings) -> int:
    """Rows of the hashed n-grams and subwords: about as many as there may be, fastText's own default at most."""
    hashed = longest - 1 + (settings.maxn - settings.minn + 1 if settings.maxn else 0)
    return min(max(LEAST_BUCKETS, num_tokens * hashed), MOST_BUCKETS) if hashed else 0


def _pretrained(job: Job, settings: FasttextSettings) -> dict[str, Any]:
    """The options that start it from align's vectors, which are written as the library reads them."""
    if job.aligned is None:
        raise ValueError("it starts from word vectors: it needs the folder that align wrote")
    matrix_VD = np.load(job.aligned / "matrix.npy", allow_pickle=False)
    dim = matrix_VD.shape[1]
    if settings.dim not in (None, dim):
        raise RequestError(
            f"finetune.fasttext.dim {settings.dim} is not the {dim} dimensions of the vectors it starts from; leave it out"
        )
    words = Vocabulary.load(job.aligned).tokens
    first, path = len(RESERVED), job.scratch / "pretrained.vec"
    write_word2vec_text([plain_word(word) for word in words[first:]], matrix_VD[first:], path)
    return {"dim": dim, "pretrainedVectors": str(path)}


def _write_lines(job: Job, path: Path, splits: Sequence[str]) -> int:
    """Write one labelled line a document of `splits` whose label is one of the job's; returns the number of tokens."""
    number, num_tokens = {label: at for at, label in enumerate(job.labels)}, 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for batch in iter_batches(job.dataset, splits, ["label", "tokens"]):
            for label, line in zip(batch.column("label").to_pylist(), lines(batch.column("tokens")), strict=True):
                if line and label in number:  # a label may occur in valid rows alone
                    file.write(f"{LABEL}{number[label]} {line}\n")
                    num_tokens += line.count(" ") + 1
    return num_tokens


def _train(text: Path, model: Path, options: dict[str, Any]) -> dict[str, Any]:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return run_isolated(train_fasttext, str(text), str(model), options)
        except RuntimeError as error:
            if "NaN" not in str(error) or attempt == ATTEMPTS:
                raise
            options["lr"] /= 2
            log.warning("fastText met NaN; training again with learning rate %g", options["lr"])
    raise AssertionError("unreachable")


def train_fasttext(text: str, model: str, options: dict[str, Any]) -> dict[str, Any]:
    """Train on a file of labelled lines and write the model; runs in a child process (fastText may take it with it)."""
    import fasttext

    trained = fasttext.train_supervised(input=text, label=LABEL, verbose=0, **options)
    trained.save_model(model)
    return {"words": len(trained.get_words(on_unicode_error="replace")), "dim": trained.get_dimension()}
