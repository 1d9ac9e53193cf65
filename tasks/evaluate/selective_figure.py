"""The figure of a risk-coverage curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks.evaluate.figures import BLUE, GREY, IN_ENGLISH
from tasks.wording.sentence import said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

    from tasks.wording.wording import Wording


def draw_risk_coverage(curve: Mapping[str, Any], error: float, words: Wording = IN_ENGLISH) -> Figure:
    """The error among the surest answers by the share of texts that is answered, below the error of all answers."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    answered = [each["answered"] for each in curve["points"]]
    errors = [each["error"] for each in curve["points"]]
    figure = Figure(figsize=(5.6, 3.0), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    of_all = words(said("all answered: {percent:.1f}% wrong", percent=100 * error))
    of_surest = words(said("the surest alone (AURC {aurc:.4f})", aurc=curve["aurc"]))
    axes.axhline(error, color=GREY, linestyle="--", linewidth=1, label=of_all)
    axes.plot(answered, errors, color=BLUE, linewidth=1.6, label=of_surest)
    axes.set(xlim=(0, 1.01), ylim=(0, None))
    axes.set(xlabel=words(said("share of the test rows that is answered")), ylabel=words(said("wrong of the answers")))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure
