"""A review takes doubted labels of a run, texts that teach and some at random, and leaves out what people have labelled."""

from __future__ import annotations

import datetime
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.certainty.wrong_labels import ISSUES, SCHEMA
from tasks.labels.content import content_key
from tasks.monitor.state import MonitorState
from tasks.monitor.tables import SCORED_SCHEMA
from tasks.register.models import LoadedModel
from tasks.review.candidates import Candidates, candidates, labelled_keys, of_monitor, of_run
from tasks.review.doubted import doubted
from tasks.review.review import Wanted, review
from tests.writers import write_texts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Reader:
    """A model of two labels that is as sure as a text is long, and reads nothing in one without a letter."""

    labels = ("bad", "good")

    def answer(self, texts: Sequence[str]) -> Any:
        sure = np.array([min(0.5 + len(text) / 100, 0.99) for text in texts])
        tokens = np.array([len(text.split()) if any(map(str.isalpha, text)) else 0 for text in texts])
        answer = type("Answer", (), {})()
        answer.probabilities = np.stack([1 - sure, sure], axis=1).astype(np.float32)
        answer.tokens, answer.blank = tokens, tokens == 0
        return answer


MODEL = LoadedModel("news", 4, Reader())
TEXTS = [f"headline {number} {'x' * number}" for number in range(20)]


def of(texts: Sequence[str], labelled: Sequence[str] = ()) -> Candidates:
    return candidates(((text, f"t/{at}", None) for at, text in enumerate(texts)), set(map(content_key, labelled)), 1)


def ranked(folder: Path) -> tuple[Path, Path]:
    """Folders as the steps wrong_labels and prepare write them: eight rows, of which the first four are issues."""
    rows = [
        {"id": f"r/{at}", "label": "bad", "suggested": "good", "probability": 0.1 * at, "suggested_probability": 1 - 0.1 * at}
        | {"rank": at + 1, "issue": at < 4}
        for at in range(8)
    ]
    (folder / "wrong").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / "wrong" / ISSUES)
    write_texts(
        folder / "prepared/texts", [(f"r/{at}", "train", f"row {at}") for at in range(8)] + [("u/1", "unlabelled", "new")]
    )
    return folder / "wrong", folder / "prepared"


def test_doubts_come_first_and_each_row_once(tmp_path: Path) -> None:
    wrong = ranked(tmp_path)
    found = review(Wanted(rows=10), MODEL, of([*TEXTS, "..."]), wrong=wrong, people={content_key("row 1")})
    assert [each.why for each in found.chosen] == ["wrong_label"] * 3 + ["uncertain"] * 6 + ["random"]
    assert [each.row for each in found.chosen][:3] == ["r/0", "r/2", "r/3"]
    assert (found.chosen[0].label, found.chosen[0].suggested) == ("bad", "good")
    assert len({each.key for each in found.chosen}) == 10
    assert found.report()["unread"] == 1
    assert found.chosen[3].label is None


def test_a_run_without_other_texts_has_its_random_rows_among_the_labelled(tmp_path: Path) -> None:
    found = review(Wanted(rows=5, random_share=0.4), MODEL, of([]), wrong=ranked(tmp_path))
    assert [each.why for each in found.chosen] == ["wrong_label"] * 3 + ["random"] * 2
    assert len({each.row for each in found.chosen}) == 5


def test_few_doubts_leave_their_places_to_texts(tmp_path: Path) -> None:
    found = review(Wanted(rows=14, random_share=0.0), MODEL, of(TEXTS), wrong=ranked(tmp_path))
    assert [each.why for each in found.chosen] == ["wrong_label"] * 4 + ["uncertain"] * 10
    assert not doubted(*ranked(tmp_path / "again"), 0, ())


def test_what_is_labelled_is_no_candidate() -> None:
    found = of(TEXTS, [TEXTS[0], f" {TEXTS[1]}"])
    assert (len(found.texts), found.found, found.labelled) == (18, 20, 2)


def test_of_many_texts_a_random_sample_is_judged(monkeypatch: Any) -> None:
    monkeypatch.setattr("tasks.review.candidates.MOST", 5)
    found = of(TEXTS)
    assert (len({each.key for each in found.texts}), found.found) == (5, 20)
    assert found.texts == of(TEXTS).texts


def test_texts_of_a_run_and_of_a_monitor(tmp_path: Path) -> None:
    assert list(of_run(ranked(tmp_path)[1])) == [("new", "u/1", None)]
    rows = []
    for day in (1, 5, 30):
        time = datetime.datetime(2026, 1, day, 12, tzinfo=datetime.UTC)
        row = {"time": time, "day": time.date(), "text": f"on {day}", "source": "feed", "model": "news/3", "label": "bad"}
        row |= {"confidence": 0.5, "negative": 0.5, "tokens": 2, "unseen": 0, "topics": [], "names": [], "fields": []}
        rows.append(row | {"id": hashlib.sha256(f"{day}".encode()).digest()})
    with MonitorState.open(tmp_path, "desk") as state, state.refresh(model="news/3", labels=["bad"], negative="bad") as refresh:
        refresh.add(pa.RecordBatch.from_pylist(rows, SCORED_SCHEMA))
    with MonitorState.read(tmp_path, "desk") as state:
        assert [text for text, _, _ in of_monitor(state, 30)] == ["on 30", "on 5", "on 1"]
        assert [(text, source) for text, _, source in of_monitor(state, 2)] == [("on 30", "feed")]


def test_the_keys_of_labelled_rows_are_those_of_their_texts(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["One ", "Two"], "label": ["good", None]}), tmp_path / "corpus.parquet")
    assert labelled_keys(tmp_path) == {content_key("One")}
