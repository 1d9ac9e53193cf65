"""A planted change is named first and the same documents give the same bytes, in whatever order they came."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from tasks.forget.forms import Wanted
from tasks.forget.monitors import forget_documents
from tasks.monitor.state import MonitorState
from tasks.store.digests import canonical
from tasks.today.change import change_in_words, find_change
from tasks.today.kept import CHANGE, read_kept
from tasks.today.settings import TodayConfig
from tasks.today.traits import source_of
from tests.today.stream import DAYS, START, add, documents

CONFIG = TodayConfig()


def changed(root: Path, planted: str) -> dict[str, Any]:
    with MonitorState.open(root, planted or "quiet") as state:
        add(state, documents(planted))
        found = find_change(state, CONFIG)
    assert found is not None
    return found


def test_where_nothing_has_changed_nothing_is_named(tmp_path: Path) -> None:
    found = changed(tmp_path, "")
    assert found["causes"] == []
    assert found["interval"][0] < 0.55
    assert change_in_words(found).startswith("nothing that is more than usual: old and new texts are told apart with AUC 0.")
    assert (found["window_end"], found["documents"]) == ((START + datetime.timedelta(DAYS - 1)).isoformat(), 560)


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("source", "a new source appeared, The Newcomer: 3"),
        ("topic", "topic energy of model sections appeared: 3"),
        ("encoding", "texts with damaged encoding appeared: 3"),
        ("world", "the world changed: the same sources write of other things (quarantine)"),
    ],
)
def test_what_was_planted_is_named_first(planted: str, said: str, tmp_path: Path) -> None:
    found = changed(tmp_path, planted)
    assert change_in_words(found).startswith(said)
    assert len(found["causes"]) == 1
    assert len(found["causes"][0]["headlines"]) == 3


def test_day_by_day_comes_to_the_same_and_forgotten_texts_are_not_quoted(tmp_path: Path) -> None:
    whole = changed(tmp_path, "world")
    with MonitorState.open(tmp_path, "slowly") as state:
        for first in range(DAYS - 10, -1, -10):  # the latest days first
            add(state, documents("world", days=range(first, first + 10)))
        found = find_change(state, CONFIG)
        assert canonical(found) == canonical(whole)
        state.keep_setting(CHANGE, canonical(found))
        assert find_change(state, CONFIG) == read_kept(state, CHANGE)
        text = whole["causes"][0]["headlines"][0]["text"]
        assert forget_documents(state, Wanted([text])) == 2  # the document, and what quotes it
        assert read_kept(state, CHANGE) is None
        again = find_change(state, CONFIG)
        assert text not in json.dumps(again)


def test_too_few_documents_tell_nothing(tmp_path: Path) -> None:
    with MonitorState.open(tmp_path, "young") as state:
        assert find_change(state, CONFIG) is None
        add(state, documents(days=range(DAYS - 20, DAYS)))
        assert find_change(state, CONFIG) is None


def test_a_source_is_its_publisher_or_its_file_without_dates() -> None:
    assert source_of("inbox/2023-01-05.csv", None) == "inbox/#-#-#.csv"
    assert source_of("inbox/a.csv", [("Link", "x"), ("Publisher", " Reuters ")]) == "Reuters"
