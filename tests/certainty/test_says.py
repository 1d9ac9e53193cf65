"""What is said of promises."""

from __future__ import annotations

from pathlib import Path

from tasks.certainty.promise import SHOWN_ERRORS
from tasks.certainty.says import too_few


def test_rows_that_can_promise_nothing_are_told_so_in_plain_words() -> None:
    promises = [{"max_error": error, "answered": 0.0} for error in SHOWN_ERRORS]
    (said,) = too_few({"rule": "held", "rows": 32, "promises": promises}, Path())
    assert said.startswith("32 rows cannot promise that at most 0.05 of the answers are wrong, nor at most 0.2; raise prepare.")
    promises[-1]["answered"] = 0.5
    (said,) = too_few({"rule": "folds", "rows": 32, "promises": promises}, Path())
    assert said.endswith("are wrong; the least error of those tried that they can promise is 0.2; label more texts")
