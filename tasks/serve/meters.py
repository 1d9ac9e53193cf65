"""What Prometheus reads of a server: requests and their seconds, batches, labels, unseen words, and the version that answers.

Several processes keep their numbers in files of one folder, PROMETHEUS_MULTIPROC_DIR, and any of them answers for all
(https://prometheus.github.io/client_python/multiprocess/). That variable is read when prometheus_client is imported.
"""

from __future__ import annotations

import os
from collections import Counter as Tally
from functools import cache
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from tasks.serve.predictions import Labelled

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Meters:
    """The numbers of one process, in a registry of their own."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        several = FOLDER_VARIABLE in os.environ
        self._own = own
        self._requests = Counter("textmill_requests", "Requests answered.", ["path", "status"], registry=own)
        self._seconds = Histogram(
            "textmill_request_seconds",
            "Seconds from a request's headers to its answer.",
            ["path"],
            registry=own,
            buckets=SECONDS,
        )
        self._batch = Histogram("textmill_batch_texts", "Texts labelled in one batch.", registry=own, buckets=TEXTS)
        self._labels = Counter(
            "textmill_labels", "Texts by the label they got; an empty one: no label.", ["label"], registry=own
        )
        self._tokens = Counter("textmill_tokens", "Tokens of the texts.", registry=own)
        self._unseen = Counter("textmill_unseen_tokens", "Tokens that the model has no place for.", registry=own)
        how: Any = {"multiprocess_mode": "livemin" if several else "all"}
        self._version = Gauge("textmill_model_version", "The version that answers.", ["name"], registry=own, **how)
        self._current = Gauge(
            "textmill_model_current", "1 while the version that is wanted answers, else 0.", ["name"], registry=own, **how
        )
        self._request = cache(lambda path, status: self._requests.labels(path, status))
        self._took = cache(lambda path: self._seconds.labels(path))
        self._label = cache(lambda label: self._labels.labels(label))

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Note an answer."""
        self._request(path, str(status)).inc()
        self._took(path).observe(seconds)

    def labelled(self, batch: Labelled) -> None:
        """Note a batch."""
        self._batch.observe(len(batch.predictions))
        for label, count in Tally(prediction["label"] for prediction in batch.predictions).items():
            self._label(label or "").inc(count)
        self._tokens.inc(batch.tokens)
        self._unseen.inc(batch.unseen)

    def serves(self, name: str, version: int, *, current: bool) -> None:
        """Note which version answers, and whether it is the one that is wanted."""
        self._version.labels(name).set(version)
        self._current.labels(name).set(int(current))

    def page(self) -> bytes:
        """The numbers of all processes, in the text format of Prometheus."""
        if FOLDER_VARIABLE not in os.environ:
            return bytes(generate_latest(self._own))
        every = CollectorRegistry()
        MultiProcessCollector(every)
        return bytes(generate_latest(every))
