"""Explain a surge: its most negative headlines, and the words that its negative news has more of than before.

Negative documents of the window are compared with negative documents of the baseline: with all documents, the words of good and
neutral news that happened to be frequent would come first. A word counts once in a document.

Fisher's exact test decides whether a word stands out: were the documents that have it drawn from both samples alike, how
often would the window have so many of them? The threshold holds for all words together (Bonferroni, without the words that are
too rare to ever pass it: Tarone 1990, "A modified Bonferroni method for discrete data"), so that of 100 surges without a cause
of their own at most five show a word. Words that stand out are ranked by their log-odds ratio with an informative Dirichlet
prior, the words of the negative documents of both samples; see tasks/log_odds.py.

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

from tasks.detect.read_days import ReadDays
from tasks.log_odds import PRIOR_WORDS, log_odds
from tasks.model.text.scripts import UNSPACED
from tasks.model.text.tokenize import TextToTokens
from tasks.monitor.stories import story_figures
from tasks.monitor.tables import ALL, NAME, SCORED_SCHEMA, TOPIC
from tasks.monitor.towards import about
from tasks.prepare.word_lists import LISTS, listed_stop_words

if TYPE_CHECKING:
    from tasks.detect.settings import DetectConfig
    from tasks.detect.surges import Surge
    from tasks.monitor.state import MonitorState

MAX_DOCUMENTS = 20_000  # whose words are counted, in the window and in the baseline: more say the same, and take seconds
MIN_DOCUMENTS = 3  # negative ones of the window that have a word which is shown
MIN_NEGATIVE = 20  # documents of the baseline that the label calls negative; of fewer nothing can be told
CHANCE = 0.05  # that any word at all is shown of a surge without a cause of its own
EVEN = 0.5
MAX_CHARS = 500  # of a headline that is shown
COLUMNS = ["id", "time", "text", "negative", "topics", "names", "fields", "towards"]
LINKS = ("link", "url", "href", "uri", "permalink")  # names of the field with the address of a document
MOST_NEGATIVE = [("negative", "descending"), ("time", "descending"), ("id", "ascending")]
# Words that the lists for classifiers keep, since they carry a sentiment, and that name no cause.
_NO_CAUSE = """
but nor not no never none cannot shall may might must more most very over under up down out off only too now
few against between per via amid despite upon within without among across however yet still even ever else
since though although says said say
没有 不是 不会 不能 未能 并未 今天 今日 昨日 昨天 目前 近日 日前 表示 称 为何 如何 以来 之后 之前
"""
_WORD, _UNSPACED = re.compile(r"[^\W\d_][\w'\u2019-]*[^\W_]"), re.compile(f"[{UNSPACED}]")


def evidence(state: MonitorState, surge: Surge, config: DetectConfig, documents: ReadDays | None = None) -> dict[str, Any]:
    """The headlines and words of a surge, as `Alert.evidence` holds them (JSON values).

    headlines: id (hex), time (ISO), text, probability, and a link if there is one; the most negative first, each story once,
    with its `copies`, `sources` and `first_seen` (ISO) where it came more than once by then.
    words: word, deviate, the documents of the window that have it, the negative ones among these, and those of the baseline;
    none where no word stands out. Reads the window's documents and a sample of the baseline's days; `documents`, with COLUMNS,
    spares that to whoever explains many surges.
    """
    stories = config.count == "stories"
    days = _days(surge, 0, surge.num_days)
    documents = documents or ReadDays(state, COLUMNS)
    window = gather_documents(state, days, surge.series, 10 * config.num_headlines, stories=stories, documents=documents)
    earlier = _baseline_days(state, surge, config)
    before = gather_documents(state, earlier, surge.series, 0, stories=stories, documents=documents)
    words = telling_words(window.sample, before.sample, config.num_words)
    shown = headlines_of(state, window.top, config.num_headlines, until=surge.window_end.isoformat())
    return {"headlines": shown, "words": words}


def _days(surge: Surge, back: int, number: int) -> list[str]:
    """`number` days that end `back` days before the surge's last, newest first."""
    return [(surge.window_end - timedelta(days=back + day)).isoformat() for day in range(number)]


def _baseline_days(state: MonitorState, surge: Surge, config: DetectConfig) -> list[str]:
    """Days of the baseline, evenly spread, that hold about MAX_DOCUMENTS documents of any series."""
    days = _days(surge, surge.num_days, config.baseline_days)
    counts = state.counts(ALL)
    held = counts.filter(pc.is_in(counts["day"], value_set=pa.array(days)))
    total = pc.sum(held["documents"]).as_py() or 0
    return days[:: max(1, -(-total // MAX_DOCUMENTS))]


class Gathered(NamedTuple):
    """Documents of a series: the most negative ones, that first, and an evenly spread sample of all."""

    top: pa.Table
    sample: pa.Table


def gather_documents(
    state: MonitorState,
    days: list[str],
    series: str,
    num_top: int,
    *,
    stories: bool = False,
    documents: ReadDays | None = None,
) -> Gathered:
    """The `num_top` most negative documents of these days, one of each story, and about MAX_DOCUMENTS of all.

    Of the series of a name `negative` is the probability towards it. With `stories` copies are left out of both. Holds no
    others in memory but those of `documents`, which reads them.
    """
    copies = state.copies(days) if stories else set()
    counts = state.counts(series)
    total = pc.sum(counts.filter(pc.is_in(counts["day"], value_set=pa.array(days)))["documents"]).as_py() or 0
    step = max(1, -(-total // MAX_DOCUMENTS))
    schema = pa.schema([SCORED_SCHEMA.field(name) for name in COLUMNS])
    top, num_seen = schema.empty_table(), 0
    sample: list[pa.RecordBatch] = []
    name = series.removeprefix(NAME) if series.startswith(NAME) else None
    for batch in documents.batches(days, name) if documents else state.documents(set(days), COLUMNS):
        rows = _of_series(batch, series)
        if not rows.num_rows:
            continue
        if copies:
            rows = rows.filter(pa.array([identity not in copies for identity in rows.column("id").to_pylist()], pa.bool_()))
        sample.append(rows.take(pa.array(np.arange(-num_seen % step, rows.num_rows, step))))
        num_seen += rows.num_rows
        if num_top:
            top = pa.concat_tables([top, pa.Table.from_batches([rows], schema)]).sort_by(MOST_NEGATIVE)
            top = state.one_of_each_story(top).slice(0, num_top)
    return Gathered(top, pa.Table.from_batches(sample, schema))


def _of_series(batch: pa.RecordBatch, series: str) -> pa.RecordBatch:
    """The documents that count in a series."""
    if series.startswith(NAME):
        return about(batch, series.removeprefix(NAME))
    return batch.filter(_belongs(batch, series))


def _belongs(batch: pa.RecordBatch, series: str) -> pa.Array:
    """Which documents count in the whole stream or in a topic: bool [N]."""
    if series.startswith(TOPIC):
        model, _, label = series.removeprefix(TOPIC).partition("/")
        return pc.fill_null(pc.equal(pc.map_lookup(batch.column("topics"), pa.scalar(model), "first"), label), False)
    return pa.array(np.full(batch.num_rows, series == ALL))


def headlines_of(state: MonitorState, top: pa.Table, number: int, until: str) -> list[dict[str, Any]]:
    """The first `number` texts of a table with COLUMNS, each once, with the copies that had come by the day `until`."""
    shown = _headlines(top, number)
    told = state.stories_of([bytes.fromhex(each["id"]) for each in shown], until=until)
    return [each | story_figures(told.get(bytes.fromhex(each["id"]))) for each in shown]


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
                **_link(row["fields"]),
            },
        )
    return list(shown.values())[:number]


def _link(fields: list[tuple[str, str]] | None) -> dict[str, str]:
    """The address of a document, if its source gave one."""
    found = {name.strip().casefold(): value for name, value in fields or ()}
    link = next((found[name] for name in LINKS if name in found), None)
    return {} if link is None else {"link": link}


def telling_words(window: pa.Table, before: pa.Table, number: int) -> list[dict[str, Any]]:
    """The words, at most `number`, of which the negative documents of the window have more; tables with text and negative."""
    if not window.num_rows or not before.num_rows:
        return []
    limit = _negative_from(before["negative"].to_numpy())
    bad_now, bad_before = (documents.filter(pc.greater_equal(documents["negative"], limit)) for documents in (window, before))
    words_now, words_before, words_of_window = _distinct(bad_now), _distinct(bad_before), _distinct(window)
    vocabulary = pa.chunked_array([words_now, words_before]).unique()
    now_V, before_V, window_V = (_occurrences(words, vocabulary) for words in (words_now, words_before, words_of_window))
    out_V = _stands_out(now_V, before_V, bad_now.num_rows, bad_before.num_rows)
    if not out_V.any():
        return []
    all_V = now_V + before_V
    deviate_V = log_odds(now_V, before_V, PRIOR_WORDS * all_V / all_V.sum())
    order_V = np.lexsort((np.array(vocabulary.to_pylist()), -deviate_V))
    return [
        {
            "word": vocabulary[int(v)].as_py(),
            "deviate": round(float(deviate_V[v]), 2),
            "documents": int(window_V[v]),
            "negative": int(now_V[v]),
            "negative_before": int(before_V[v]),
        }
        for v in order_V[out_V[order_V]][:number]
    ]


def _negative_from(negative_N: np.ndarray) -> float:
    """The probability from which a document counts as negative, from those of the baseline.

    One half, or less of a model that says so far more seldom than it expects: then as many documents count as it expects.
    """
    expected = max(MIN_NEGATIVE, round(float(negative_N.sum())))
    if (negative_N >= EVEN).sum() >= expected / 2:
        return EVEN
    return min(EVEN, float(np.sort(negative_N)[-min(expected, len(negative_N))]))


def _stands_out(now_V: np.ndarray, before_V: np.ndarray, num_now: int, num_before: int) -> np.ndarray:
    """Which words of both samples more of the `num_now` documents have than chance explains: bool [V]."""
    if not len(now_V):
        return np.zeros(0, bool)
    from scipy.stats import hypergeom  # most of a second, only where there is a surge

    all_V = now_V + before_V
    total = num_now + num_before
    chance_V = hypergeom.sf(now_V - 1, total, all_V, num_now)
    smallest_V = np.sort(hypergeom.sf(np.minimum(all_V, num_now) - 1, total, all_V, num_now))
    # The least number k of words for which no more than k could ever pass the threshold CHANCE / k.
    tested = np.arange(1, len(all_V) + 1)
    able = np.searchsorted(smallest_V, CHANCE / tested, side="right")
    k = tested[np.argmax(able <= tested)]
    return np.asarray((chance_V <= CHANCE / k) & (now_V >= MIN_DOCUMENTS))


def _occurrences(words: pa.Array, vocabulary: pa.Array) -> np.ndarray:
    """How often each word of the vocabulary is among `words`: int64 [V]."""
    places = pc.index_in(words, value_set=vocabulary).drop_null().to_numpy()
    return np.bincount(places, minlength=len(vocabulary))


def _distinct(documents: pa.Table) -> pa.Array:
    """The words of the documents, each once a document: strings [T]."""
    words = [sorted(distinct_words(text)) for text in documents["text"].to_pylist()]
    return pa.array([word for each in words for word in each], pa.string())


def distinct_words(text: str) -> set[str]:
    """The words of a text that may name a cause, in small letters."""
    text = text.lower()
    if _UNSPACED.search(text):  # Chinese shows no borders of words, and a whole clause would pass for one
        text = " ".join(_words_of_jieba().tokens(text))
    words = set(_WORD.findall(text.replace("\u2019", "'"))) - _stop_words()
    return {word for word in words if not word.endswith("n't")}


@cache
def _stop_words() -> set[str]:
    """Words that say nothing about a cause, of every language that has a list."""
    return {*_NO_CAUSE.split()} | {word.lower() for language in LISTS for word in listed_stop_words(language)}


@cache
def _words_of_jieba() -> TextToTokens:
    settings = {"html": False, "lowercase": True, "numbers": "keep", "punctuation": "drop", "width": "keep", "han": "keep"}
    return TextToTokens(settings | {"tokenizer": "jieba", "stop_words": [], "user_dictionary": []})
