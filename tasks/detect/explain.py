"""Show what stands behind a surge: its most negative headlines, and the words that its negative news has more of than before.

Words are ranked by their log-odds ratio with an informative Dirichlet prior; see tasks/log_odds.py. A document counts with its
probability of being negative, and a word once in a document. The prior is the words of all documents.

Shapes: N documents, T words of them, V distinct words.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.log_odds import log_odds
from tasks.monitor.schema import ALL, NAME, SCORED_SCHEMA, TOPIC
from tasks.prepare.scripts import UNSPACED
from tasks.prepare.tokenize import TextToTokens

if TYPE_CHECKING:
    from tasks.config import DetectConfig
    from tasks.detect.surges import Surge
    from tasks.monitor.state import MonitorState

MAX_DOCUMENTS = 20_000  # whose words are counted, in the window and in the baseline: more say the same, and take seconds
PRIOR_WORDS = 500.0  # size of the prior in words
MIN_DOCUMENTS = 3  # of the window that a word must stand in
MAX_CHARS = 500  # of a headline that is shown
COLUMNS = ["id", "time", "text", "negative", "topics", "names"]
MOST_NEGATIVE = [("negative", "descending"), ("time", "descending"), ("id", "ascending")]
_WORD, _UNSPACED = re.compile(r"[^\W\d_][\w'\u2019-]*[^\W_]"), re.compile(f"[{UNSPACED}]")


def evidence(state: MonitorState, surge: Surge, config: DetectConfig) -> dict[str, Any]:
    """The headlines and words of a surge, as `Alert.evidence` holds them (JSON values).

    headlines: id (hex), time (ISO), text, probability; the most negative first, each text once. words: word, deviate, and the
    documents of the window it stands in. Reads the window's documents and a sample of the baseline's days.
    """
    window = gather(state, _days(surge, 0, config.window_days), surge.series, 10 * config.num_headlines)
    before = gather(state, _baseline_days(state, surge, config), surge.series, 0)
    words = _words(window.sample, before.sample, config.num_words)
    return {"headlines": _headlines(window.top, config.num_headlines), "words": words}


def _days(surge: Surge, back: int, number: int) -> list[str]:
    """`number` days that end `back` days before the surge's last, newest first."""
    return [(surge.window_end - timedelta(days=back + day)).isoformat() for day in range(number)]


def _baseline_days(state: MonitorState, surge: Surge, config: DetectConfig) -> list[str]:
    """Days of the baseline, evenly spread, that hold about MAX_DOCUMENTS documents of any series."""
    days = _days(surge, config.window_days, config.baseline_days)
    counts = state.counts(ALL)
    held = counts.filter(pc.is_in(counts["day"], value_set=pa.array(days)))
    total = pc.sum(held["documents"]).as_py() or 0
    return days[:: max(1, -(-total // MAX_DOCUMENTS))]


class Gathered(NamedTuple):
    """Documents of a series: the most negative ones, that first, and an evenly spread sample of all."""

    top: pa.Table
    sample: pa.Table


def gather(state: MonitorState, days: list[str], series: str, num_top: int) -> Gathered:
    """The `num_top` most negative documents of these days, and about MAX_DOCUMENTS of all; holds no others in memory."""
    counts = state.counts(series)
    total = pc.sum(counts.filter(pc.is_in(counts["day"], value_set=pa.array(days)))["documents"]).as_py() or 0
    step = max(1, -(-total // MAX_DOCUMENTS))
    schema = pa.schema([SCORED_SCHEMA.field(name) for name in COLUMNS])
    top, num_seen = schema.empty_table(), 0
    sample: list[pa.RecordBatch] = []
    for batch in state.documents(set(days), COLUMNS):
        rows = batch.filter(_belongs(batch, series))
        sample.append(rows.take(pa.array(np.arange(-num_seen % step, rows.num_rows, step))))
        num_seen += rows.num_rows
        if num_top:
            top = pa.concat_tables([top, pa.Table.from_batches([rows], schema)]).sort_by(MOST_NEGATIVE).slice(0, num_top)
    return Gathered(top, pa.Table.from_batches(sample, schema))


def _belongs(batch: pa.RecordBatch, series: str) -> pa.Array:
    """Which documents count in a series: bool [N]."""
    if series.startswith(TOPIC):
        model, _, label = series.removeprefix(TOPIC).partition("/")
        return pc.fill_null(pc.equal(pc.map_lookup(batch.column("topics"), pa.scalar(model), "first"), label), False)
    member_N = np.full(batch.num_rows, series == ALL)
    if series.startswith(NAME):
        names = batch.column("names")
        named = pc.equal(names.flatten(), series.removeprefix(NAME)).to_numpy(zero_copy_only=False)
        member_N[pc.list_parent_indices(names).to_numpy(zero_copy_only=False)[named]] = True
    return pa.array(member_N)


def _headlines(window: pa.Table, number: int) -> list[dict[str, Any]]:
    shown: dict[str, dict[str, Any]] = {}
    for row in window.to_pylist():
        text = " ".join(row["text"].split())[:MAX_CHARS]
        shown.setdefault(
            text.casefold(),
            {
                "id": row["id"].hex(),
                "time": row["time"].isoformat(),
                "text": text,
                "probability": round(float(row["negative"]), 4),
            },
        )
    return list(shown.values())[:number]


def _words(window: pa.Table, before: pa.Table, number: int) -> list[dict[str, Any]]:
    if not window.num_rows or not before.num_rows:
        return []
    (words_of_window, weight_of_window), (words_before, weight_before) = _counted(window), _counted(before)
    vocabulary = pa.chunked_array([words_of_window, words_before]).unique()
    here, there = (pc.index_in(words, value_set=vocabulary).to_numpy() for words in (words_of_window, words_before))
    size = len(vocabulary)
    in_documents_V = np.bincount(here, minlength=size)
    all_V = in_documents_V + np.bincount(there, minlength=size)
    prior_V = PRIOR_WORDS * all_V / all_V.sum()
    deviate_V = log_odds(
        np.bincount(here, weight_of_window, minlength=size), np.bincount(there, weight_before, minlength=size), prior_V
    )
    deviate_V[in_documents_V < MIN_DOCUMENTS] = -np.inf
    order_V = np.lexsort((np.array(vocabulary.to_pylist()), -deviate_V))[:number]
    return [
        {"word": vocabulary[int(v)].as_py(), "deviate": round(float(deviate_V[v]), 2), "documents": int(in_documents_V[v])}
        for v in order_V
        if deviate_V[v] > 0
    ]


def _counted(documents: pa.Table) -> tuple[pa.Array, np.ndarray]:
    """The words of the documents, each once a document, and the weight of each: strings [T], float64 [T]."""
    weights_N = documents["negative"].to_numpy().astype(np.float64)
    words = [sorted(_distinct_words(text.lower())) for text in documents["text"].to_pylist()]
    weights_T = np.repeat(weights_N, [len(each) for each in words])
    return pa.array([word for each in words for word in each], pa.string()), weights_T


def _distinct_words(text: str) -> set[str]:
    if _UNSPACED.search(text):  # Chinese shows no borders of words, and a whole clause would pass for one
        text = " ".join(_words_of_jieba().tokens(text))
    return set(_WORD.findall(text))


@cache
def _words_of_jieba() -> TextToTokens:
    settings = {"html": False, "lowercase": True, "numbers": "keep", "punctuation": "drop", "width": "keep", "han": "keep"}
    return TextToTokens(settings | {"tokenizer": "jieba", "stop_words": [], "user_dictionary": []})
