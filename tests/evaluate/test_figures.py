import io
import re
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, findSystemFonts, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.image import imread
from matplotlib.text import Text

from tasks.evaluate import figures
from tasks.evaluate.figures import (
    IN_ENGLISH,
    MAX_NAMED,
    draw_comparison,
    draw_confusion,
    draw_figures,
    draw_history,
    draw_reliability,
    drawable,
    drawable_words,
    png,
)
from tasks.evaluate.report import CATALOGUE
from tasks.wording.wording import Wording, wording_in

UNDRAWABLE = "\U0010fffd"  # private use: no font has it but the one of boxes


def texts(figure: Figure) -> list[str]:
    """What the figure says, as its artists hold it once drawn."""
    png(figure)
    return [text.get_text() for axes in figure.axes for text in [*axes.get_xticklabels(), *axes.get_yticklabels(), *axes.texts]]


def pixels(figure: Figure) -> np.ndarray:
    return imread(io.BytesIO(png(figure)))


@pytest.mark.parametrize("num", [2, 7, 30, 60])
def test_confusion_of_few_and_many_labels(num: int) -> None:
    names = [f"label number {number}" for number in range(num)]
    figure = draw_confusion(names, np.arange(num * num).reshape(num, num))
    said = texts(figure)
    height, width = pixels(figure).shape[:2]
    assert 300 < height <= 1700
    assert 300 < width <= 1800
    assert (names[0] in said) == (num <= MAX_NAMED)
    if num <= 6:
        assert str(num * num - 1) in said


@pytest.mark.parametrize(
    "name", ["$x_1$", "a_b", "$\\frac{", "%d {0}", "<b>", "", " ", "_hidden", "a\nb\tc", "\x00\x1b[31m", "\u202eevil"]
)
def test_labels_are_drawn_as_they_are_never_as_mathematics(name: str) -> None:
    figure = draw_confusion([name, "other"], np.array([[3, 1], [0, 2]]))
    png(figure)
    labels = [label for axes in figure.axes for label in axes.get_yticklabels() if label.get_text() == drawable([name])[0][0]]
    assert labels
    assert not any(label.get_parse_math() for label in labels)
    assert "\u202e" not in drawable([name])[0][0]


def test_long_labels_are_shortened() -> None:
    assert drawable(["w" * 500])[0] == ["w" * 17 + "…"]


def test_labels_no_font_can_draw_become_numbers() -> None:
    shown, families = drawable(["plain", UNDRAWABLE])
    assert shown == ["1", "2"]
    assert families == ["DejaVu Sans"]
    assert "2" in texts(draw_confusion(["plain", UNDRAWABLE], np.array([[3, 1], [0, 2]])))


def test_a_font_installed_after_matplotlib_first_looked_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its list of fonts is made once for all and kept in the home folder."""
    stix = next(font for font in fontManager.ttflist if font.name == "STIXGeneral" and font.style == "normal")
    only_stix = chr(min(set(FT2Font(stix.fname).get_charmap()) - set(FT2Font(findfont("DejaVu Sans")).get_charmap())))
    monkeypatch.setattr(fontManager, "ttflist", [font for font in fontManager.ttflist if font.name == "DejaVu Sans"])
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: [stix.fname, "/nowhere/broken.ttf"])
    figures._families.cache_clear()
    shown, families = drawable([only_stix])
    figures._families.cache_clear()
    assert shown == [only_stix]
    assert families == ["DejaVu Sans", "STIXGeneral"]


def test_labels_become_numbers_with_a_word_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    figures._families.cache_clear()
    drawable([UNDRAWABLE])
    assert "no installed font has all characters" in caplog.text
    assert "fonts-noto-cjk" in caplog.text


def has_characters(path: Any, characters: str) -> bool:
    """Whether a font file can draw them; a font of boxes says of all that it can, and one of emoji is pictures."""
    try:
        font = FT2Font(path)
    except (RuntimeError, OSError):
        return False
    return not {"Resort", "Emoji"} & set(font.family_name.split()) and set(map(ord, characters)) <= set(font.get_charmap())


def test_chinese_labels_are_drawn_where_a_font_has_them_and_never_warn() -> None:
    labels = ["财经", "体育"]
    figures._families.cache_clear()
    shown, families = drawable(labels)
    if any(has_characters(path, "".join(labels)) for path in findSystemFonts()):
        assert shown == labels
        assert families[0] == "DejaVu Sans"
        assert has_characters(findfont(families[1], fallback_to_default=False), "".join(labels))
    else:
        assert (shown, families) == (["1", "2"], ["DejaVu Sans"])
    said = texts(draw_confusion(labels, np.array([[3, 1], [0, 2]])))  # a missing glyph warns, and warnings are errors
    assert set(shown) <= set(said)


def test_labels_without_rows_leave_their_row_blank() -> None:
    png(draw_confusion(["a", "b"], np.array([[0, 0], [1, 2]])))


def entry(low: float, high: float, count: int, confidence: float | None, accuracy: float | None) -> dict[str, Any]:
    return {"low": low, "high": high, "count": count, "confidence": confidence, "accuracy": accuracy}


@pytest.mark.parametrize("filled", [1, 2])
def test_reliability_with_empty_bins(filled: int) -> None:
    bins = [entry(0, 0.5, 0, None, None), entry(0.5, 1, 3, 0.9, 0.8)]
    if filled == 2:
        bins[0] = entry(0, 0.5, 1, 0.4, 0.0)
    figure = draw_reliability(bins, 0.1)
    assert any("0.100" in str(axes.get_legend_handles_labels()[1]) for axes in figure.axes)
    png(figure)


def test_history_of_several_views_with_gaps() -> None:
    history: dict[str, Any] = {
        "bag": [{"epoch": 1, "train_loss": 0.5, "valid_loss": 0.4, "valid_accuracy": 0.8}],
        "cnn": [{"epoch": 1, "train_loss": 0.7}, {"epoch": 2, "train_loss": 0.3, "valid_accuracy": None}],
        "empty": [],
    }
    figure = draw_history(history)
    loss, accuracy = figure.axes
    assert [line.get_label() for line in loss.get_lines()] == ["bag, train", "bag, valid", "cnn, train"]
    assert [line.get_label() for line in accuracy.get_lines()] == ["bag"]
    png(figure)


def test_history_draws_each_member_in_its_views_colour_and_names_a_view_once() -> None:
    epochs = [{"epoch": 1, "train_loss": 0.5, "valid_loss": 0.4, "valid_accuracy": 0.8}]
    figure = draw_history(dict.fromkeys(("tfidf", "cnn", "cnn#2", "cnn#3", "bag", "mean", "bilstm", "ca"), epochs))
    _, accuracy = figure.axes
    lines = accuracy.get_lines()
    assert len(lines) == 8
    assert len({line.get_color() for line in lines[1:4]}) == 1
    assert len({line.get_color() for line in lines[:2]}) == 2
    assert accuracy.get_legend_handles_labels()[1] == ["tfidf", "cnn", "bag", "mean", "bilstm", "ca"]
    png(figure)


def test_comparison_spans_the_intervals() -> None:
    model = {"accuracy": 0.9, "macro_f1": 0.8, "intervals": {"accuracy": [0.85, 0.95], "macro_f1": [0.7, 0.9]}}
    figure = draw_comparison(model, model)
    low, high = figure.axes[0].get_xlim()
    assert low <= 0.7 < 0.95 <= high
    png(figure)


def test_figures_speak_the_language_of_the_page() -> None:
    scores = {"accuracy": 0.9, "macro_f1": 0.8, "ece": 0.05, "intervals": {"accuracy": [0.85, 0.95], "macro_f1": [0.7, 0.9]}}
    bins = [{"low": 0.5, "high": 1.0, "count": 3, "confidence": 0.8, "accuracy": 0.7}]
    curve = {"points": [{"answered": share, "error": 0.1 * share} for share in (0.5, 1.0)], "aurc": 0.06}
    metrics = {**scores, "labels": ["a", "b"], "confusion": [[2, 1], [0, 3]], "reliability": bins, "risk_coverage": curve}
    history = {"cnn": [{"train_loss": 1.0, "valid_loss": 1.1, "valid_accuracy": 0.5}]}
    drawn = draw_figures({**metrics, "yardstick": scores}, history, wording_in("zh", CATALOGUE))
    assert list(drawn) == ["confusion", "reliability", "risk_coverage", "yardstick", "history"]
    for name, figure in drawn.items():
        labels = [text.get_text() for text in figure.findobj(Text) if any(map(str.isalpha, text.get_text()))]
        words = [label for label in labels if label not in ("a", "b", "cnn")]
        assert words, name
        assert [label for label in words if not re.search("[\u4e00-\u9fff]", label)] == [], name


def test_an_empty_label_is_named_in_the_language_of_the_page() -> None:
    assert drawable(["", "a"])[0] == ["(empty)", "a"]
    assert drawable(["", "a"], Wording("zh", {"(empty)": "none"}))[0] == ["none", "a"]


def test_a_text_is_drawn_by_a_font_that_has_its_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_families", lambda characters: ("STIXGeneral",))
    figure = draw_reliability([{"low": 0.5, "high": 1.0, "count": 3, "confidence": 0.8, "accuracy": 0.7}], 0.1)
    figure.axes[0].set_ylabel("précision")
    png(figure)
    assert figure.axes[0].yaxis.label.get_fontfamily() == ["STIXGeneral"]
    assert figure.axes[1].yaxis.label.get_fontfamily() != ["STIXGeneral"]


def test_without_a_font_for_it_figures_stay_english(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    chinese = wording_in("zh", CATALOGUE)
    monkeypatch.setattr(figures, "_families", lambda characters: None)
    assert drawable_words(chinese) is IN_ENGLISH
    assert "its figures are in English; install fonts-noto-cjk" in caplog.text
    monkeypatch.setattr(figures, "_families", lambda characters: ("DejaVu Sans", "of all characters"))
    assert drawable_words(chinese) is chinese


def test_drawing_leaves_no_global_state() -> None:
    import sys

    png(draw_confusion(["a", "b"], np.eye(2, dtype=int)))
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
