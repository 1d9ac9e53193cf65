"""The tables that refresh's rooms exchange, the names of series, and the bins of the histograms.

Shapes: N documents. Depends on NumPy and Arrow alone, so that a packaged model can bin its training data in the same way.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

# One scored document. id: SHA-256 of its time and text; day: the calendar day of `time` in the collector's time zone;
# model: NAME/VERSION; negative: probability of the negative label; topics: model name -> label; names: watch-list entries;
# fields: other fields of its record, such as its id and link; probabilities: of the model's labels, in its order; towards: the
# sentiment towards each of `names`, in their order, and what it is from (pair, clause or text). They are null where nothing
# was kept, as before version 0.2.
TOWARDS = pa.list_(
    pa.struct([("name", pa.string()), ("label", pa.string()), ("negative", pa.float32()), ("from", pa.string())])
)
SCORED_SCHEMA = pa.schema(
    [
        ("id", pa.binary(32)),
        ("time", pa.timestamp("us", "UTC")),
        ("day", pa.date32()),
        ("text", pa.string()),
        ("source", pa.string()),
        ("model", pa.string()),
        ("label", pa.string()),
        ("confidence", pa.float32()),
        ("negative", pa.float32()),
        ("tokens", pa.int32()),
        ("unseen", pa.int32()),
        ("topics", pa.map_(pa.string(), pa.string())),
        ("names", pa.list_(pa.string())),
        ("fields", pa.map_(pa.string(), pa.string())),
        ("probabilities", pa.list_(pa.float32())),
        ("towards", TOWARDS),
    ]
)

# Aggregates hold integers only, so that any order of additions gives the same bytes. day: YYYY-MM-DD;
# negative_millionths: sum of round(1e6 * probability of the negative label).
COUNTS_SCHEMA = pa.schema(
    [
        ("series", pa.string()),
        ("day", pa.string()),
        ("documents", pa.int64()),
        ("negative", pa.int64()),
        ("negative_millionths", pa.int64()),
    ]
)
HISTOGRAMS_SCHEMA = pa.schema([("feature", pa.string()), ("day", pa.string()), ("bin", pa.int64()), ("documents", pa.int64())])

ALL = "all"
TOPIC, NAME = "topic:", "name:"
LABEL, CONFIDENCE, LENGTH, UNSEEN = "label", "confidence", "length", "unseen"
TOKENS, UNSEEN_TOKENS = "tokens", "unseen_tokens"  # totals, in bin 0
NUM_CONFIDENCE_BINS = 20
NUM_UNSEEN_BINS = 10


def confidence_bins(confidence_N: np.ndarray) -> np.ndarray:
    """Twentieths of the confidence, 0 to 19: int64 [N]."""
    bins_N = np.floor(confidence_N.astype(np.float64) * NUM_CONFIDENCE_BINS).astype(np.int64)
    return np.clip(bins_N, 0, NUM_CONFIDENCE_BINS - 1)


def length_bins(tokens_N: np.ndarray) -> np.ndarray:
    """How many binary digits the number of tokens has (0: no token, 1: one, 2: two or three, ...): int64 [N]."""
    return np.frexp(tokens_N.astype(np.float64))[1].astype(np.int64)


def unseen_bins(tokens_N: np.ndarray, unseen_N: np.ndarray) -> np.ndarray:
    """Tenths of the share of words that the model has not seen, 0 to 9; 0 for a text without tokens: int64 [N]."""
    tokens_N, unseen_N = tokens_N.astype(np.int64), unseen_N.astype(np.int64)
    return np.minimum(unseen_N * NUM_UNSEEN_BINS // np.maximum(tokens_N, 1), NUM_UNSEEN_BINS - 1)
