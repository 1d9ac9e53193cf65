import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.evaluate.compare import Comparison, compare
from tasks.register.shortfall import find_shortfall


def evaluation(folder: Path, right: int, wrong: int, *, yardstick: Comparison | None, majority: int) -> Path:
    """Evaluate's folder of a model with so many rows right and wrong; `majority` rows have the most frequent label."""
    labels = ["neutral"] * majority + ["good"] * (right + wrong - majority)
    correct = [True] * right + [False] * wrong
    pq.write_table(pa.table({"label": labels, "correct": correct}), folder / "predictions.parquet", write_page_checksum=True)
    comparison = None if yardstick is None else {"accuracy": vars(yardstick)}
    metrics = {"comparison": comparison, "train_rows": {"good": 300, "neutral": 700}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def against(only_model: int, only_yardstick: int, both: int = 200) -> Comparison:
    ours = np.array([True] * only_model + [False] * only_yardstick + [True] * both)
    theirs = np.array([False] * only_model + [True] * only_yardstick + [True] * both)
    return compare(ours, theirs)


def test_a_model_below_the_yardstick_says_by_how_much_and_what_to_try(tmp_path: Path) -> None:
    found = find_shortfall(evaluation(tmp_path, 230, 20, yardstick=against(20, 40), majority=100), "bag")
    assert found.clause == "worse than TF-IDF by 7.7 points; try --finetune.model tfidf"
    assert found.figures["yardstick_mid_p"] < 0.05
    # The model that is made as the yardstick is has other settings to try.
    other = find_shortfall(tmp_path, "tfidf")
    assert other.clause == ("worse than TF-IDF by 7.7 points; try --finetune.ngrams 2 --finetune.tfidf.min-documents 1")


def test_a_difference_that_may_be_chance_is_not_called_worse(tmp_path: Path) -> None:
    found = find_shortfall(evaluation(tmp_path, 230, 20, yardstick=against(20, 30), majority=100), "bag")
    assert found.clause == ""
    assert found.figures["yardstick_difference"] < 0


def test_a_model_below_the_most_frequent_label_says_so(tmp_path: Path) -> None:
    folder = evaluation(tmp_path, 100, 150, yardstick=against(50, 50), majority=180)
    assert find_shortfall(folder, "bag").clause == (
        "worse than always answering 'neutral' by 32.0 points; try more rows, or correct the labels; TF-IDF does not do better"
    )
    both = find_shortfall(evaluation(tmp_path, 100, 150, yardstick=against(20, 90), majority=180), "bag").clause
    assert both.startswith("worse than TF-IDF by 22.6 points; worse than always answering 'neutral' by 32.0 points; try --fine")


def test_without_a_yardstick_the_one_answer_is_still_compared(tmp_path: Path) -> None:
    folder = evaluation(tmp_path, 100, 150, yardstick=None, majority=180)
    assert find_shortfall(folder, "bag").clause == (
        "worse than always answering 'neutral' by 32.0 points; try --finetune.model tfidf"
    )
