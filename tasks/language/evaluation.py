"""Measure a language model on the test documents, beside an n-gram model of the same pieces. Out comes a folder with

metrics.json        bits per byte, perplexities, the yardstick, the mixture of both, and the epochs
documents.parquet   bytes and bits of each test document, which the gate pairs
samples.json        texts that the model wrote
side/history.png    perplexity by epoch

Bits per byte compare models of any vocabulary: the bits of all pieces of a document, of its end, and of the spelling of each
<unk>, by the bytes of the document as it was ingested. Without the spelling, a vocabulary of a few words would win.

Shapes: N documents, T pieces of them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import RequestError
from tasks.finetune.history import read_history
from tasks.finetune.loop import num_threads
from tasks.language.kneser_ney import KneserNey
from tasks.language.vocabulary import iter_train
from tasks.model.language.network import piece_bits, text_bits
from tasks.model.language.pieces import num_words
from tasks.model.language.sampling import Sampling
from tasks.model.language.serving import LanguageModel
from tasks.prepare.read import iter_texts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tasks.language.settings import MeasureConfig
    from tasks.model.language.pieces import Encoded, Pieces
    from tasks.progress import Progress

METRICS, DOCUMENTS, SAMPLES, FIGURE = "metrics.json", "documents.parquet", "samples.json", "side/history.png"
SCHEMA = pa.schema(
    [("id", pa.string()), ("bytes", pa.int64()), ("pieces", pa.int64()), ("unknown", pa.int64()), ("bits", pa.float64())]
)
PROMPT_WORDS, PROMPT_CHARS = 4, 8  # of a test document that a sample goes on from
SHARES = np.linspace(0.05, 0.95, 19)  # of the network in the mixture
LEVEL = 0.95


@dataclass(frozen=True)
class Documents:
    """Documents as they were ingested, and cut into pieces; `word` says how many words each has."""

    ids: list[str]
    texts: list[str]
    encoded: Encoded

    @property
    def num_bytes(self) -> np.ndarray:
        """The bytes of each document: int64 [N]."""
        return np.array([len(text.encode()) for text in self.texts], np.int64)

    @property
    def words(self) -> int:
        """Words of all documents."""
        return sum(map(num_words, self.texts))


def write_measures(
    config: MeasureConfig, model: Path, texts: Path, holdout: Path, folder: Path, *, progress: Progress
) -> dict[str, Any]:
    """Measure the model in `model` (what `write_language_model` wrote); the report holds what metrics.json does.

    `texts` are those of train and validation, `holdout` those of the test. One thread does it, so that the figures are the same
    on every number of cores. RequestError if no test document has a byte.
    """
    with num_threads(1):
        return _write_measures(config, model, texts, holdout, folder, progress)


def _write_measures(
    config: MeasureConfig, model: Path, texts: Path, holdout: Path, folder: Path, progress: Progress
) -> dict[str, Any]:
    served = LanguageModel(model, part="")
    pieces, network = served.pieces, served.network
    test = _documents(
        pieces, ((row["id"], row["text"]) for batch in iter_texts(holdout, ("test",)) for row in batch.to_pylist())
    )
    if not test.num_bytes.sum():
        raise RequestError("the test documents are empty, so there is nothing to measure; give other ones")
    progress.advance(1, 4, "parts", "test documents")
    bits = piece_bits(network, test.encoded, pieces.end)
    spelled, unknown = served.spelled(test.encoded)
    measures: dict[str, Any] = {"model": _measure(bits, spelled, test)}
    if config.kneser_ney:
        progress.advance(2, 4, "parts", "n-grams")
        train = pieces.encode(iter_train(texts))
        ngrams = KneserNey.fit(train.ids, train.offsets, config.kneser_ney, pieces.num, pieces.end)
        other = -np.log2(ngrams.probabilities(test.encoded.ids, test.encoded.offsets))
        share = _best_share(network, pieces, ngrams, pieces.encode(iter_train(texts, "valid")))
        mixed = -np.log2(share * np.exp2(-bits) + (1 - share) * np.exp2(-other))
        measures["kneser_ney"] = {**_measure(other, spelled, test), "order": config.kneser_ney}
        measures["mixture"] = {**_measure(mixed, spelled, test), "share": share}
        ours, theirs = (text_bits(each, test.encoded.offsets) for each in (bits, other))
        measures["comparison"] = compare(ours, theirs, test.num_bytes)
    progress.advance(3, 4, "parts", "samples")
    samples = _samples(config, served, test)
    lengths = np.diff(test.encoded.offsets)
    totals = text_bits(bits, test.encoded.offsets) + spelled
    table = pa.table([pa.array(test.ids), pa.array(test.num_bytes), pa.array(lengths + 1), pa.array(unknown), totals], SCHEMA)
    pq.write_table(table, folder / DOCUMENTS, compression="zstd", write_page_checksum=True)
    metrics = {
        **measures,
        "documents": len(test.texts),
        "bytes": int(test.num_bytes.sum()),
        "words": test.words,
        "pieces": int(lengths.sum()),
        "unknown": float(unknown.sum() / max(lengths.sum(), 1)),
        "tokenizer": pieces.kind,
        "vocabulary": pieces.num,
        "history": next(iter(read_history(model).values()), []),
    }
    _write_json(folder / METRICS, metrics)
    _write_json(folder / SAMPLES, samples)
    _draw(metrics, folder / FIGURE)
    return metrics


def compare(bits_N: np.ndarray, other_N: np.ndarray, bytes_N: np.ndarray) -> dict[str, Any]:
    """Bits per byte of one model minus another's on the same documents, with its 95% interval.

    A ratio of sums over documents, which are drawn and not bytes: its error is that of the linearised ratio (Cochran 1977,
    2.9), with Student's t. Its bounds are None where there are fewer than two documents.
    """
    from scipy.special import stdtrit

    number, total = len(bytes_N), float(bytes_N.sum())
    differences_N = bits_N - other_N
    difference = float(differences_N.sum() / total)
    if number < 2:
        return {"difference": difference, "lower_95": None, "upper_95": None, "documents": number}
    left_N = differences_N - difference * bytes_N
    error = math.sqrt(number / (number - 1) * float(np.square(left_N).sum())) / total
    half = float(stdtrit(number - 1, (1 + LEVEL) / 2)) * error
    return {"difference": difference, "lower_95": difference - half, "upper_95": difference + half, "documents": number}


def read_documents(evaluation: Path) -> pa.Table:
    """The table documents.parquet of a measured model."""
    return pq.read_table(evaluation / DOCUMENTS, page_checksum_verification=True)


def _documents(pieces: Pieces, rows: Iterable[tuple[str, str]]) -> Documents:
    ids, texts = list[str](), list[str]()
    for name, text in rows:
        ids.append(name)
        texts.append(text)
    return Documents(ids, texts, pieces.encode(texts))


def _measure(bits: np.ndarray, spelled: np.ndarray, documents: Documents) -> dict[str, float]:
    """Bits per byte, with and without spelling; perplexity of a piece, <unk> a piece like others, and of a word, spelled."""
    total, size = float(bits.sum() + spelled.sum()), float(documents.num_bytes.sum())
    return {
        "bits_per_byte": total / size,
        "spelling_bits_per_byte": float(spelled.sum()) / size,
        "perplexity": 2.0 ** (float(bits.sum()) / len(bits)),
        "word_perplexity": 2.0 ** min(total / max(documents.words, 1), 1000.0),
    }


def _best_share(network: Any, pieces: Pieces, ngrams: KneserNey, valid: Encoded) -> float:
    """The share of the network in a mixture with the n-grams that the validation texts like best."""
    own = np.exp2(-piece_bits(network, valid, pieces.end))
    other = ngrams.probabilities(valid.ids, valid.offsets)
    losses = [-np.log2(share * own + (1 - share) * other).sum() for share in SHARES]
    return round(float(SHARES[int(np.argmin(losses))]), 2)


def _samples(config: MeasureConfig, served: LanguageModel, test: Documents) -> list[dict[str, Any]]:
    """Texts that go on from the beginnings of test documents, the first one from nothing."""
    made = []
    for number in range(config.samples):
        prompt = "" if number == 0 or not test.texts else _beginning(test.texts[(number - 1) % len(test.texts)])
        sampling = Sampling(max_tokens=config.sample_tokens, temperature=config.temperature, seed=config.seed + number)
        made.append({"prompt": prompt, **served.generate(prompt, sampling)})
    return made


def _beginning(text: str) -> str:
    words = text.split()
    return " ".join(words[:PROMPT_WORDS]) if len(words) > PROMPT_WORDS else text.strip()[:PROMPT_CHARS]


def _draw(metrics: dict[str, Any], path: Path) -> None:
    from tasks.evaluate.figures import draw_perplexity, png

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(draw_perplexity(metrics["history"])))


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False), encoding="utf-8")
