"""The report's figures, drawn by matplotlib without its global state.

Colours are those of Okabe and Ito (2008), which stay apart for colour-blind readers; in print, lines differ in dash and
marker too. Label names are text from outside: never read as mathematics, shortened, and replaced by the numbers of the
report's table where no installed font can draw them.
"""

from __future__ import annotations

import functools
import io
import itertools
import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.shown import shortened, visible
from tasks.wording.sentence import said
from tasks.wording.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

BLUE, VERMILLION, GREEN, PURPLE, ORANGE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#666666"
VIEW_STYLES = ((BLUE, "o"), (VERMILLION, "s"), (GREEN, "^"), (PURPLE, "D"), (ORANGE, "v"))
DPI = 160
MAX_NAMED = 30  # labels; the ticks of more would overlap
MAX_COUNTED = 20  # labels; smaller cells hold no readable number
FONT = "DejaVu Sans"  # comes with matplotlib
IN_ENGLISH = Wording()


def draw_figures(
    metrics: Mapping[str, Any], history: Mapping[str, Sequence[Mapping[str, Any]]], words: Wording = IN_ENGLISH
) -> dict[str, Figure]:
    """Confusion, reliability and risk_coverage of metrics.json, and yardstick and history where there is something to draw."""
    from tasks.evaluate.selective_figure import draw_risk_coverage

    drawn = {
        "confusion": draw_confusion(metrics["labels"], np.array(metrics["confusion"]), words),
        "reliability": draw_reliability(metrics["reliability"], metrics["ece"], words),
        "risk_coverage": draw_risk_coverage(metrics["risk_coverage"], 1 - metrics["accuracy"], words),
    }
    if metrics["yardstick"]:
        drawn["yardstick"] = draw_comparison(metrics, metrics["yardstick"], words)
    if any(history.values()):
        drawn["history"] = draw_history(history, words)
    return drawn


def drawable_words(words: Wording) -> Wording:
    """The words of figures: the same, or English where no installed font can draw all their characters."""
    characters = frozenset("".join(words.patterns.values()))
    if _families(characters) is None:
        log.warning(
            "no installed font has the characters of the page's language, so its figures are in English; install "
            "fonts-noto-cjk or fonts-wqy-zenhei"
        )
        return IN_ENGLISH
    return words


def png(figure: Figure) -> bytes:
    """The figure as a PNG file's bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(DPI)
    _set_fonts(figure)
    if (layout := figure.get_layout_engine()) is not None:
        layout.execute(figure)
        figure.set_layout_engine("none")  # drawing would lay it out anew
    buffer = io.BytesIO()
    canvas.print_png(buffer, metadata={"Software": None})  # savefig draws all of it twice
    return buffer.getvalue()


def _set_fonts(figure: Figure) -> None:
    """Give each text the fonts that its characters need."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        shown = text.get_text()
        if not shown.isascii() and (families := _families(frozenset(shown) - {"\n"})):
            text.set_fontfamily(list(families))


def draw_confusion(names: Sequence[str], confusion_KK: np.ndarray, words: Wording = IN_ENGLISH) -> Figure:
    """Rows: true label, columns: predicted label; shade is the share of the row, numbers are counts."""
    num = len(names)
    shares_KK = confusion_KK / np.maximum(confusion_KK.sum(axis=1, keepdims=True), 1)
    side = min(10.0, 2.2 + max(2.0, 0.9 * num if num < 6 else 2.4 + 0.25 * num))
    figure = _figure(side + 0.6, side)
    axes = figure.add_subplot()
    image = axes.imshow(shares_KK, cmap="Blues", vmin=0, vmax=1, extent=(0.5, num + 0.5, num + 0.5, 0.5))
    colours = figure.colorbar(image, ax=axes, shrink=0.8, label=words(said("share of the true label's rows")))
    colours.outline.set_visible(False)
    if num <= MAX_COUNTED:
        size = 10 if num <= 6 else 8 if num <= 12 else 6
        for (row, column), count in np.ndenumerate(confusion_KK):
            if count or num <= 6:
                ink = "white" if shares_KK[row, column] > 0.55 else "black"
                axes.text(column + 1, row + 1, _count(count, num), ha="center", va="center", color=ink, fontsize=size)
    if num <= MAX_NAMED:
        shown, family = drawable(names, words)
        style: dict[str, Any] = {"parse_math": False, "family": family, "fontsize": 9 if num <= 12 else 7}
        turned: dict[str, Any] = (
            {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if max(map(len, shown)) * num > 24 else {}
        )
        axes.set_xticks(range(1, num + 1), labels=shown, **style, **turned)
        axes.set_yticks(range(1, num + 1), labels=shown, **style)
    axes.tick_params(length=0)
    axes.set(xlabel=words(said("predicted")), ylabel=words(said("true")))
    return figure


def draw_reliability(reliability: Sequence[Mapping[str, Any]], ece: float, words: Wording = IN_ENGLISH) -> Figure:
    """Accuracy by confidence, beside the diagonal of a calibrated classifier, above the number of rows in each bin."""
    from matplotlib.ticker import NullFormatter, StrMethodFormatter

    filled = [entry for entry in reliability if entry["count"]]
    confidence = [entry["confidence"] for entry in filled]
    accuracy = [entry["accuracy"] for entry in filled]
    middles = [(entry["low"] + entry["high"]) / 2 for entry in filled]
    width = 0.9 / len(reliability)
    figure = _figure(5.0, 5.4)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label=words(said("calibrated")))
    above.bar(middles, accuracy, width=width, color=BLUE, alpha=0.3)
    model = words(said("model (ECE {ece:.3f})", ece=ece))
    above.plot(confidence, accuracy, color=BLUE, marker="o", markersize=5, linewidth=1.2, label=model)
    above.set(ylim=(0, 1.02), ylabel=words(said("accuracy")))
    above.legend(loc="upper left", frameon=False, fontsize=9)
    below.bar(middles, [entry["count"] for entry in filled], width=width, color=BLUE)
    below.set(xlim=(0, 1), xlabel=words(said("confidence")), ylabel=words(said("rows")))
    below.set_yscale("log")
    below.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    below.yaxis.set_minor_formatter(NullFormatter())
    below.set_ylim(bottom=0.7)  # a bin of one row still shows
    for axes in (above, below):
        _plain(axes)
    return figure


def draw_history(history: Mapping[str, Sequence[Mapping[str, float]]], words: Wording = IN_ENGLISH) -> Figure:
    """Loss and validation accuracy by epoch, for each view by name; the members of a view (`cnn`, `cnn#2`) share its style."""
    from matplotlib.ticker import MaxNLocator

    figure = _figure(5.6, 5.0)
    loss, accuracy = figure.subplots(2, 1)
    views = dict.fromkeys(name.partition("#")[0] for name in history)
    styles = dict(zip(views, itertools.cycle(VIEW_STYLES), strict=False))
    for name, epochs in history.items():
        view, _, further = name.partition("#")
        colour, marker = styles[view]
        style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4, "linewidth": 1.4}
        shown = "_" if further else ""  # matplotlib leaves names that begin so out of the legend
        of_train, of_valid = words(said("{name}, train", name=name)), words(said("{name}, valid", name=name))
        _line(loss, epochs, "train_loss", label=f"{shown}{of_train}", linestyle="--", markerfacecolor="white", **style)
        _line(loss, epochs, "valid_loss", label=f"{shown}{of_valid}", **style)
        _line(accuracy, epochs, "valid_accuracy", label=f"{shown}{name}", **style)
    for axes, name in ((loss, said("loss")), (accuracy, said("validation accuracy"))):
        last = max((len(epochs) for epochs in history.values()), default=1)
        axes.set(xlabel=words(said("epoch")), ylabel=words(name), xlim=(0.7, last + 0.3))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
        _plain(axes)
    return figure


def draw_perplexity(epochs: Sequence[Mapping[str, float]]) -> Figure:
    """Perplexity of train and validation by epoch, on a logarithmic scale."""
    from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

    figure = _figure(5.6, 3.0)
    axes = figure.add_subplot()
    style: dict[str, Any] = {"color": BLUE, "marker": "o", "markersize": 4, "linewidth": 1.4}
    _line(axes, epochs, "perplexity", label="train", linestyle="--", markerfacecolor="white", **style)
    _line(axes, epochs, "valid_perplexity", label="validation", **style)
    axes.set_yscale("log")
    axes.set(xlabel="epoch", ylabel="perplexity", xlim=(0.7, max(len(epochs), 1) + 0.3))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    values = [epoch[name] for epoch in epochs for name in ("perplexity", "valid_perplexity")]
    if values and max(values) < 10 * min(values):  # else no number may be at the axis
        axes.yaxis.set_minor_formatter(StrMethodFormatter("{x:,.0f}"))
    else:
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.legend(frameon=False, fontsize=8)
    _plain(axes)
    return figure


def draw_comparison(model: Mapping[str, Any], yardstick: Mapping[str, Any], words: Wording = IN_ENGLISH) -> Figure:
    """Accuracy and macro-F1 of the model and the yardstick, with their 95% intervals."""
    figure = _figure(5.6, 2.2)
    axes = figure.add_subplot()
    for row, metric in enumerate(("accuracy", "macro_f1")):
        for shift, scores, colour, marker, name in (
            (-0.15, model, BLUE, "o", words(said("model"))),
            (0.15, yardstick, VERMILLION, "s", words(said("yardstick"))),
        ):
            low, high = scores["intervals"][metric]
            axes.plot([low, high], [row + shift] * 2, color=colour, linewidth=2)
            axes.plot(scores[metric], row + shift, color=colour, marker=marker, linestyle="", label=name if row == 0 else None)
    axes.set_yticks([0, 1], labels=[words(said("accuracy")), words(said("macro-F1"))])
    axes.set(ylim=(1.6, -0.6), xlabel=words(said("score, with 95% interval")))
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    _plain(axes)
    return figure


def draw_learning(curve: Mapping[str, Any], words: Wording = IN_ENGLISH) -> Figure:
    """Accuracy and macro-F1 by rows a class on a scale of doublings, what twice as many may bring, and the run's own model."""
    from matplotlib.ticker import NullFormatter

    points, following = curve["points"], curve["next"]
    figure = _figure(5.6, 5.6)
    panels = figure.subplots(2, 1, sharex=True)
    sizes = [each["per_class"] for each in points]
    styles = (("accuracy", said("accuracy"), BLUE, "o"), ("macro_f1", said("macro-F1"), VERMILLION, "s"))
    mean_of = words(said("mean of {draws} draws", draws=curve["draws"]))
    of_all = words(said("this model, all {rows:,} rows", rows=int(curve["whole"]["rows"])))
    for axes, (name, shown, colour, marker) in zip(panels, styles, strict=True):
        for each in points:
            axes.plot(
                [each["per_class"]] * len(each[name]["draws"]), each[name]["draws"], ".", color=GREY, markersize=4, alpha=0.6
            )
        means = [each[name]["mean"] for each in points]
        axes.plot(sizes, means, color=colour, marker=marker, markersize=5, linewidth=1.4, label=mean_of)
        bars = [(each["per_class"], *each[name]["interval"]) for each in points if each[name]["interval"]]
        for size, low, high in bars:
            axes.plot([size, size], [low, high], color=colour, linewidth=2)
        if following is not None:
            last, expected = means[-1], following[name]
            ahead = last + expected["gain"]
            style: dict[str, Any] = {"color": colour, "linestyle": "--", "linewidth": 1.2}
            axes.plot([sizes[-1], following["per_class"]], [last, ahead], label=words(said("expected")), **style)
            axes.plot(following["per_class"], ahead, color=colour, marker=marker, markersize=5, markerfacecolor="white")
            if expected["interval"]:
                low, high = (last + end for end in expected["interval"])
                axes.plot([following["per_class"]] * 2, [low, high], color=colour, linewidth=1.2, linestyle=":")
        axes.axhline(curve["whole"][name], color=GREY, linestyle=":", linewidth=1, label=of_all)
        axes.set(ylabel=words(shown))
        axes.legend(frameon=False, fontsize=8, loc="lower right")
        _plain(axes)
    ticks = [*sizes, *([following["per_class"]] if following is not None else [])]
    panels[-1].set_xscale("log", base=2)
    panels[-1].set_xticks(ticks, labels=[f"{size:,}" for size in ticks])
    panels[-1].xaxis.set_minor_formatter(NullFormatter())
    panels[-1].set(xlabel=words(said("labelled rows a class")))
    return figure


def drawable(names: Sequence[str], words: Wording = IN_ENGLISH) -> tuple[list[str], list[str]]:
    """Names as a figure shows them, and its font families; numbers from 1 instead if no font has all their characters."""
    empty = words(said("(empty)"))
    shown = [shortened(visible(name).replace("\n", " ").replace("\t", " "), 18) or empty for name in names]
    families = _families(frozenset("".join(shown)))
    if families is None:
        log.warning(
            "no installed font has all characters of the labels, so figures show the numbers that they have in the report's "
            "table; for Chinese install fonts-noto-cjk or fonts-wqy-zenhei"
        )
        return [str(number) for number in range(1, len(names) + 1)], [FONT]
    return shown, list(families)


@functools.lru_cache(maxsize=64)
def _families(characters: frozenset[str]) -> tuple[str, ...] | None:
    """DejaVu Sans, and the first installed font with all the characters it lacks; None if there is no such font."""
    from matplotlib.font_manager import findfont

    missing = {ord(character) for character in characters} - _codes(findfont(FONT))
    if not missing:
        return (FONT,)
    # matplotlib keeps a list of fonts from when it first ran: newer ones are looked for only if no font in the list will do.
    for look in (_known_fonts, _fonts_installed_since):
        found = next((name for name, file in sorted(look(), key=_simplified_first) if missing <= _codes(file)), None)
        if found:
            return (FONT, found)
    return None


def _simplified_first(font: tuple[str, str]) -> bool:
    """Fonts come in variants for regions; that of mainland China is the one for texts in simplified characters."""
    return not font[0].endswith(" SC")


def _known_fonts() -> list[tuple[str, str]]:
    """Name and file of every upright font that matplotlib knows, sorted."""
    from matplotlib.font_manager import fontManager

    return sorted({(font.name, font.fname) for font in fontManager.ttflist if font.style == "normal" and not _boxes(font.name)})


def _fonts_installed_since() -> list[tuple[str, str]]:
    """Add the fonts that matplotlib's list lacks, for this process alone, and return all."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {font.fname for font in fontManager.ttflist}
    for file in sorted(set(findSystemFonts()) - known):
        try:
            fontManager.addfont(file)
        except (RuntimeError, OSError):  # not a font that can be drawn with: a bitmap, for example
            log.debug("%s cannot be used", file)
    return _known_fonts()


def _boxes(font_name: str) -> bool:
    """Tell whether a font draws boxes for characters that it claims to have: matplotlib's fallback, and colour bitmaps."""
    return "Last Resort" in font_name or "Emoji" in font_name


def _codes(file: str) -> set[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return set(FT2Font(file).get_charmap())
    except (RuntimeError, OSError):  # the font cache names a file that is gone or is not a font
        return set()


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def _line(axes: Axes, epochs: Sequence[Mapping[str, float]], name: str, **style: Any) -> None:
    points = [(number, entry[name]) for number, entry in enumerate(epochs, 1) if entry.get(name) is not None]
    if points:
        axes.plot(*zip(*points, strict=True), **style)


def _count(count: int, num: int) -> str:
    return f"{count:,}" if num <= 6 or count < 1000 else f"{count / 1000:.1f}k"
