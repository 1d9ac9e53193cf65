"""The learning curve: means, intervals, the power law, its figure and its place on the page."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.text import Text
from scipy import stats

from tasks.evaluate.curve import learning_curve, mean_interval, next_doubling
from tasks.evaluate.figures import draw_learning, png
from tasks.evaluate.learning import Given, gather, measure_draw
from tasks.evaluate.report import CATALOGUE, render_report
from tasks.evaluate.says import LEARNING_CURVE
from tasks.evaluate.settings import CurveConfig, DrawConfig, EvaluateConfig
from tasks.finetune.settings import FinetuneConfig
from tasks.wording.wording import wording_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.evaluate.conftest import Corpus

WHOLE = {"accuracy": 0.9, "macro_f1": 0.85, "rows": 640}


def law(size: int, draw: int, exponent: float = 0.5) -> float:
    return 1 - (1 + 0.1 * draw) * size**-exponent


def draws(exponent: float = 0.5, numbers: int = 5, sizes: tuple[int, ...] = (8, 16, 32, 64)) -> list[dict[str, Any]]:
    return [
        {"per_class": size, "draw": draw, "rows": 2 * size, "accuracy": (value := law(size, draw, exponent)), "macro_f1": value}
        for size in sizes
        for draw in range(numbers)
    ]


def test_the_next_doubling_of_a_power_law_is_found() -> None:
    curve = learning_curve(draws(), WHOLE, 1000)
    gains = [law(128, draw) - law(64, draw) for draw in range(5)]
    assert curve["next"]["per_class"] == 128
    assert curve["next"]["accuracy"]["gain"] == pytest.approx(np.mean(gains))
    assert curve["next"]["accuracy"]["exponent"] == pytest.approx(0.5)
    assert curve["next"]["accuracy"]["interval"] == pytest.approx(mean_interval(np.array(gains)))


def test_a_curve_that_falls_promises_a_loss() -> None:
    assert learning_curve(draws(-0.05), WHOLE, 1000)["next"]["accuracy"]["gain"] < 0


def test_the_law_is_fitted_to_the_last_sizes_alone() -> None:
    bent = draws() + [{**each, "per_class": 4, "accuracy": 0.0, "macro_f1": 0.0} for each in draws(sizes=(8,))]
    curve = learning_curve(bent, WHOLE, 1000)
    assert curve["next"]["sizes"] == [8, 16, 32, 64]
    assert curve["next"]["accuracy"]["exponent"] == pytest.approx(0.5)


def test_no_error_at_all_counts_as_half_a_row() -> None:
    found = next_doubling([8, 16], np.ones((2, 2)), 0.5 / 100)
    assert found["gain"] == pytest.approx(0)
    assert np.isfinite(found["interval"]).all()


def test_means_have_students_intervals() -> None:
    values = np.array([0.5, 0.6, 0.8, 0.7, 0.65])
    low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    assert mean_interval(values) == pytest.approx([low, high])
    assert mean_interval(values[:1]) is None


def test_one_draw_or_one_size_has_no_interval_or_no_next() -> None:
    curve = learning_curve(draws(numbers=1), WHOLE, 1000)
    assert curve["points"][0]["accuracy"]["interval"] is None
    assert curve["next"]["accuracy"]["interval"] is None
    assert learning_curve(draws(sizes=(8,)), WHOLE, 1000)["next"] is None
    png(draw_learning(curve))


def test_a_size_that_could_not_be_measured_is_left_out_with_the_reason() -> None:
    failed = [*draws(), {"per_class": 4, "draw": 0, "rows": 8, "reason": "there are no tokens"}]
    curve = learning_curve(failed, WHOLE, 1000)
    assert [each["per_class"] for each in curve["points"]] == [8, 16, 32, 64]
    assert LEARNING_CURVE.warnings(curve, None) == [  # type: ignore[arg-type]
        "the learning curve has no point at 4 rows a class: there are no tokens"
    ]


def test_the_line_of_the_step_says_where_it_begins_ends_and_may_go() -> None:
    said = LEARNING_CURVE.says(learning_curve(draws(), WHOLE, 1000))
    assert said == "accuracy 0.576 at 8 to 0.850 at 64 rows a class; twice as many: +4.4 points (+3.7 to +5.1)"
    assert LEARNING_CURVE.says(learning_curve([], WHOLE, 1000)) == "too few rows a class for a curve"


def test_the_figure_speaks_the_language_of_the_page() -> None:
    figure = draw_learning(learning_curve(draws(), WHOLE, 1000), wording_in("zh", CATALOGUE))
    words = [text.get_text() for text in figure.findobj(Text) if any(map(str.isalpha, text.get_text()))]
    assert "本模型，全部 640 行" in words
    assert [word for word in words if not re.search("[\u4e00-\u9fff]", word)] == []


def test_the_figure_has_the_draws_the_mean_and_what_is_expected() -> None:
    figure = draw_learning(learning_curve(draws(), WHOLE, 1000))
    png(figure)
    above = figure.axes[0]
    shown = {line.get_label(): np.asarray(line.get_xydata()) for line in above.get_lines()}
    assert shown["mean of 5 draws"][:, 0].tolist() == [8, 16, 32, 64]
    assert shown["expected"][-1, 0] == 128
    assert [tick.get_text() for tick in figure.axes[1].get_xticklabels()] == ["8", "16", "32", "64", "128"]
    assert "this model, all 640 rows" in shown


@pytest.fixture
def given(reviews: Corpus) -> Given:
    return Given(reviews.dataset, reviews.holdout, reviews.texts)


def drawn(**values: Any) -> DrawConfig:
    finetune = FinetuneConfig(model="tfidf", threads=1)
    return DrawConfig(**{"finetune": finetune, "per_class": 8, "draw": 0, "seed": 13} | values)


def measure(config: DrawConfig, given: Given, folder: Path) -> dict[str, Any]:
    for place in (folder, scratch := folder.parent / f"{folder.name}-scratch"):
        place.mkdir()
    return measure_draw(config, given, folder, scratch)


def test_draws_are_trained_scored_and_gathered_into_a_page(
    given: Given, evaluated: tuple[dict[str, Any], Path, Path], tmp_path: Path
) -> None:
    folders = []
    for size in (8, 16):
        for draw in range(2):
            folders.append(tmp_path / f"{size}-{draw}")
            report = measure(drawn(per_class=size, draw=draw), given, folders[-1])
            assert report["rows"] == 2 * size
            assert 0 < report["accuracy"] <= 1
    (made := tmp_path / "curve").mkdir()
    report = gather(CurveConfig(rows=320), folders, evaluated[1], made)
    assert json.loads((made / "curve.json").read_text()) == report
    assert report["whole"]["accuracy"] == evaluated[0]["accuracy"]
    page = render_report(evaluated[1], {**LEARNING_CURVE.page(report, made)}, tmp_path / "report.html").read_text()
    assert "From 16 to 32 rows a class accuracy is expected to change by" in page
    assert ">Learning curve</h2>" in page
    assert page.count("data:image/png;base64,") == 6


def test_a_recipe_that_so_few_rows_do_not_suffice_for_gives_the_reason(given: Given, tmp_path: Path) -> None:
    from tests.writers import write_dataset

    one = write_dataset(tmp_path / "one", [("1", "train", "a", ["x"]), ("2", "valid", "a", ["y"])])
    report = measure(drawn(), Given(one, given.holdout, given.holdout_texts), tmp_path / "draw")
    assert "a classifier needs at least two" in report["reason"]


def test_the_curve_is_no_part_of_what_evaluate_is_asked() -> None:
    plain, asked = EvaluateConfig(), EvaluateConfig(learning_curve=True, curve_draws=3)
    assert plain.measures.model_dump() == asked.measures.model_dump()
    assert plain.measures.model_dump().keys() == {"yardstick", "bootstrap", "bins", "num_errors", "seed"}
    with pytest.raises(ValueError, match="curve_most is for learning_curve true; set that too"):
        EvaluateConfig(curve_most=64)
